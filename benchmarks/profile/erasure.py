"""Erasure by canaries, and how soon a withdrawn consent is obeyed: words planted in every personal field, looked for in every file.

The fields are those of the service's own register of sealed fields, so one that is forgotten here is forgotten there as well.
Files are: database, write-ahead log, shared memory and key file of profile, the same of the traces receiver, the log of both
processes, and on PostgreSQL the whole data folder of the server. What is in the other five processes is looked for by
tests/system.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import sqlalchemy as sa

from benchmarks.processes import free_port, stop, wait_for_port
from benchmarks.profile.server import Server, postgres
from benchmarks.profile.stream import NOW, batch, moment
from benchmarks.report import Row
from fieldwise.profile.v1 import (
    consent_pb2,
    event_pb2,
    privacy_service_pb2,
    privacy_service_pb2_grpc,
    profile_service_pb2,
    profile_service_pb2_grpc,
    schema_service_pb2,
    schema_service_pb2_grpc,
)
from fieldwise_runtime import engines

_MARK: Final = "canarybird"
_SCHEMA: Final = "eventSchemas/fitting"
_SEGMENT: Final = "Segment: up to 30 days, in seconds"
_A_MONTH: Final = 30 * 86_400.0
# What a kind must have beside what is personal in it.
_NEEDED: Final[dict[str, dict[str, Any]]] = {
    "message": {"stage": event_pb2.MESSAGE_STAGE_ANSWERED, "channel": "email"},
    "review": {"rating": 4},
    "service_case": {"case": "c1"},
    "consent": {"purpose": consent_pb2.PURPOSE_DECISION, "granted": True},
}
# A day of birth and a postal code have plain parts by design; whatever is typed there is sealed as a whole.
_AS_IT_MUST_BE: Final = {
    "identification.birth_date": "1985-05-17",
    "identification.postcode": f"123{_MARK}"[:16],
}


def rows(*, quick: bool) -> Iterator[Row]:
    customers = 20 if quick else 100
    yield from _rows("SQLite", "", (), customers)
    with postgres() as url:
        yield from _rows("PostgreSQL", url, _postgres_folders(url), customers)


def _rows(database: str, url: str, folders: Sequence[Path], customers: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="fieldwise-bench-") as told, _logged(Path(told), url) as server:
        looked_at = [Path(told), *folders]
        planted, seconds, one, withdrawn = asyncio.run(_measured(server, url, looked_at, customers))
        before, keys_before, after, keys_after = planted
    yield Row(f"{database}: canaries in plain in any file before erasure", before, "files", "must", "<= 0")
    yield Row(f"{database}: customers' wrapped keys in the files before erasure", keys_before, "keys")
    yield Row(f"{database}: canaries in any file after erasure", after, "files", "must", "<= 0")
    if database == "SQLite":
        yield Row("SQLite: destroyed keys left in any file", keys_after, "keys", "must", "<= 0")
    else:
        # Its own log holds them, wrapped, until it is recycled: docs/methods/privacy.md.
        yield Row("PostgreSQL: wrapped keys left in its own log", keys_after, "keys")
    yield Row(f"{database}: seconds until {customers} customers were gone from every file",
              seconds, "s", "must", "<= 60", _SEGMENT, _A_MONTH)  # fmt: skip
    yield Row(f"{database}: one erasure, median", one * 1000, "ms")
    yield Row(
        f"{database}: a withdrawn consent refuses a read after its answer", withdrawn, "s", "must", "<= 1"
    )


@contextmanager
def _logged(folder: Path, url: str) -> Iterator[Server]:
    """Profile and the traces receiver, what both say in files."""
    port = free_port()
    traces = {
        "FIELDWISE_DATA": str(folder),
        "FIELDWISE_TRACES_LISTEN": f"127.0.0.1:{port}",
        "FIELDWISE_TRACES_DATABASE_URL": "",
        "FIELDWISE_PROFILE_KEYS": "",
        "FIELDWISE_LOG_LEVEL": "DEBUG",
    }
    with (folder / "processes.log").open("ab") as log:
        _run(["fieldwise_gateway.traces", "migrate"], traces, log)
        receiver = _started(["fieldwise_gateway.traces"], traces, log)
        server = Server(folder, url)
        profile = {
            **traces,
            "FIELDWISE_PROFILE_LISTEN": server.address,
            "FIELDWISE_PROFILE_DATABASE_URL": url,
            "FIELDWISE_TRACES_ADDRESS": f"127.0.0.1:{port}",
        }
        _run(["fieldwise_profile", "migrate"], profile, log)
        serving = _started(["fieldwise_profile"], profile, log)
        try:
            wait_for_port(port)
            wait_for_port(int(server.address.rpartition(":")[2]))
            yield server
        finally:
            stop([serving, receiver])


def _run(module: list[str], environ: dict[str, str], log: Any) -> None:
    command = [sys.executable, "-m", *module]
    subprocess.run(command, env=os.environ | environ, check=True, stdout=log, stderr=log)


def _started(module: list[str], environ: dict[str, str], log: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *module], env=os.environ | environ, stdout=log, stderr=log)


async def _measured(
    server: Server, url: str, folders: Sequence[Path], customers: int
) -> tuple[tuple[int, int, int, int], float, float, float]:
    database = url or f"sqlite:///{server.folder / 'profile.sqlite'}"
    async with server.channel() as channel:
        privacy: Any = privacy_service_pb2_grpc.PrivacyServiceStub(channel)
        await schema_service_pb2_grpc.SchemaServiceStub(channel).CreateEventSchema(_schema())
        register = await privacy.ListFields(privacy_service_pb2.ListFieldsRequest())
        sealed = [each.field for each in register.fields if each.sealed]
        for customer in range(customers):
            await _plant(channel, str(customer), sealed)
        await _use(channel, privacy, customers)
        await asyncio.to_thread(_flushed, url)
        before = _files_with([_MARK.encode()], folders)
        keys = _wrapped_keys(database)
        keys_before = sum(_files_with([key], folders) > 0 for key in keys)
        begun = time.monotonic()
        times = [await _erased(privacy, customer) for customer in range(customers)]
        await asyncio.to_thread(_flushed, url)
        after = _files_with([_MARK.encode()], folders)
        seconds = time.monotonic() - begun
        keys_after = sum(_files_with([key], folders) > 0 for key in keys)
        withdrawn = await _withdrawn(channel, privacy)
    return (before, keys_before, after, keys_after), seconds, statistics.median(times), withdrawn


def _schema() -> schema_service_pb2.CreateEventSchemaRequest:
    field = schema_service_pb2.EventSchemaField(
        name="remark",
        type=schema_service_pb2.ATTRIBUTE_TYPE_TEXT,
        purposes=[consent_pb2.PURPOSE_SERVICE],
        personal=True,
    )
    return schema_service_pb2.CreateEventSchemaRequest(
        name=_SCHEMA, fields=[field], decision_time=moment(NOW)
    )


async def _plant(channel: Any, customer: str, sealed: Sequence[str]) -> None:
    """One event of each kind that holds something personal, a refused one among them, with every sealed field set."""
    events = [*_events(customer, sealed), _refused(customer)]

    async def requests() -> Any:
        yield batch(events, 0)

    stub = profile_service_pb2_grpc.ProfileServiceStub(channel)
    (answer,) = [each async for each in stub.IngestEvents(requests())]
    if answer.accepted != len(events) - 1 or len(answer.rejected) != 1:
        raise AssertionError(f"planted wrongly: {answer}")


def _events(customer: str, sealed: Sequence[str]) -> Iterator[event_pb2.Event]:
    kinds: dict[str, list[str]] = {}
    for field in sealed:
        kind, _, name = field.rpartition(".")
        kinds.setdefault(kind, []).append(name)
    for number, (kind, names) in enumerate(sorted(kinds.items())):
        words = {name: _AS_IT_MUST_BE.get(f"{kind}.{name}", f"{_MARK} {customer} {name}") for name in names}
        if kind == _SCHEMA:
            attributes = [event_pb2.Attribute(name=name, text=word) for name, word in words.items()]
            custom = event_pb2.CustomEvent(schema=kind, attributes=attributes)
            made = _event(customer, f"{customer}-{number}", custom=custom)
            made.schema_version = 1
            yield made
            continue
        if "gender" in words:
            words["gender"] = "f"
        what = {kind: words | _NEEDED.get(kind, {})}
        yield _event(customer, f"{customer}-{number}", **what)


def _refused(customer: str) -> event_pb2.Event:
    wrong = event_pb2.Identification(phone=f"{_MARK} {customer}", gender=f"{_MARK} {customer}")
    return _event(customer, f"{customer}-refused", identification=wrong)


def _event(customer: str, event_id: str, **what: Any) -> event_pb2.Event:
    return event_pb2.Event(
        event_id=event_id,
        source="shop",
        customer=f"customers/{customer}",
        event_time=moment(NOW - 3_600),
        known_at=moment(NOW - 3_600),
        **what,
    )


async def _use(channel: Any, privacy: Any, customers: int) -> None:
    """What is personal is read in every way there is."""
    store = profile_service_pb2_grpc.ProfileServiceStub(channel)
    letters = schema_service_pb2_grpc.SchemaServiceStub(channel)
    for customer in range(customers):
        name = f"customers/{customer}"
        for purpose in (consent_pb2.PURPOSE_DECISION, consent_pb2.PURPOSE_RIGHTS):
            await store.GetProfile(_profile(name, purpose))
        await privacy.GetPersonalData(
            privacy_service_pb2.GetPersonalDataRequest(
                name=name, purpose=consent_pb2.PURPOSE_RIGHTS, decision_time=moment(NOW)
            )
        )
        request = privacy_service_pb2.ExportCustomerRequest(name=name, decision_time=moment(NOW))
        found = [line async for part in privacy.ExportCustomer(request) for line in part.lines]
        if not any(_MARK in line for line in found):
            raise AssertionError("an export shows nothing of what was planted")
    await letters.ListDeadLetters(
        schema_service_pb2.ListDeadLettersRequest(
            purpose=consent_pb2.PURPOSE_RIGHTS, decision_time=moment(NOW)
        )
    )


def _profile(name: str, purpose: Any) -> profile_service_pb2.GetProfileRequest:
    return profile_service_pb2.GetProfileRequest(name=name, as_of=moment(NOW), purpose=purpose)


async def _erased(privacy: Any, customer: int) -> float:
    begun = time.monotonic()
    await privacy.EraseCustomer(
        privacy_service_pb2.EraseCustomerRequest(
            name=f"customers/{customer}", request_id=f"letter-{customer}", decision_time=moment(NOW)
        )
    )
    return time.monotonic() - begun


async def _withdrawn(channel: Any, privacy: Any) -> float:
    """Seconds from the answer to a withdrawal to the first read that is refused."""
    store = profile_service_pb2_grpc.ProfileServiceStub(channel)
    worst = 0.0
    for number in range(20):
        name = f"customers/w{number}"
        said = privacy_service_pb2.SetConsentRequest(
            name=name, purpose=consent_pb2.PURPOSE_DECISION, proof="form", decision_time=moment(NOW - 60)
        )
        said.granted = True
        await privacy.SetConsent(said)
        await store.GetProfile(_profile(name, consent_pb2.PURPOSE_DECISION))
        said.granted, said.proof = False, ""
        said.decision_time.CopyFrom(moment(NOW - 30))
        await privacy.SetConsent(said)
        begun = time.monotonic()
        while not (await store.GetProfile(_profile(name, consent_pb2.PURPOSE_DECISION))).withheld:
            if time.monotonic() - begun > 60:
                raise AssertionError("a withdrawn consent is not obeyed")
        worst = max(worst, time.monotonic() - begun)
    return worst


def _files_with(words: Sequence[bytes], folders: Sequence[Path]) -> int:
    """Files below the folders that hold one of the words."""
    found = 0
    for folder in folders:
        for path in folder.rglob("*"):
            try:
                raw = path.read_bytes() if path.is_file() else b""
            except OSError:  # a file that was there a moment ago
                continue
            found += any(word in raw or word.hex().encode() in raw for word in words)
    return found


def _wrapped_keys(url: str) -> list[bytes]:
    engine = engines.reading(url, connections=1)
    try:
        with engine.begin() as connection:
            return list(connection.execute(sa.text("SELECT wrapped FROM customer_keys")).scalars())
    finally:
        engine.dispose()


def _postgres_folders(url: str) -> list[Path]:
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    return [Path(row[0])]


def _flushed(url: str) -> None:
    """PostgreSQL writes everything it has in memory into its files."""
    if url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
