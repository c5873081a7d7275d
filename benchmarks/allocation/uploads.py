"""A million accounts uploaded to a server in a process of its own: its time, its memory, and what they take in its database.

Seconds are CPU seconds of the server, which a busy machine leaves as they are; wall seconds of the caller stand beside them.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import numpy as np
import psutil

from benchmarks.allocation.served import LARGEST, NOW, migrated
from benchmarks.report import Row
from fieldwise.allocation.v1 import account_service_pb2 as accounts_pb2
from fieldwise.allocation.v1 import account_service_pb2_grpc as accounts_grpc
from fieldwise.allocation.v1 import plan_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_runtime import health

ACCOUNTS, QUICK_ACCOUNTS, CHUNK = 1_000_000, 100_000, 10_000
SEED = 11
MIB = 2**20


def rows(*, quick: bool) -> Iterator[Row]:
    accounts = QUICK_ACCOUNTS if quick else ACCOUNTS
    with TemporaryDirectory() as folder, _server(Path(folder)) as (address, process):
        before, cpu, wall = process.memory_info().rss, _cpu(process), time.perf_counter()
        calling = _uploaded(address, accounts)
        wall, cpu = time.perf_counter() - wall, _cpu(process) - cpu
        peak = _peak(process)
        stored = sum(file.stat().st_size for file in Path(folder).rglob("*.sqlite*"))
    about = f"{accounts:,} accounts uploaded"
    yield Row(f"{about}: CPU seconds of the server", cpu, "CPU-s")
    yield Row(f"{about}: seconds in calls", calling, "s")
    yield Row(f"{about}: seconds in all, with making the accounts", wall, "s")
    yield Row(
        f"{about}: most memory of the server above what it had",
        (peak - before) / MIB,
        "MiB",
        "must",
        "<= 512",
    )
    yield Row(f"{about}: bytes of an account in the database", stored / accounts, "B")


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    migrated(folder)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    environ = os.environ | {
        "FIELDWISE_DATA": str(folder),
        "FIELDWISE_ALLOCATION_LISTEN": address,
        "FIELDWISE_LOG_LEVEL": "WARNING",
        "FIELDWISE_STANDBY_SOLVER": "0",
    }
    running = subprocess.Popen([sys.executable, "-m", "fieldwise_allocation"], env=environ)
    try:
        ends = time.monotonic() + 60
        while health.probe(address) != "SERVING":
            if time.monotonic() > ends:
                raise SystemExit("the server does not serve within a minute")
            time.sleep(0.1)
        yield address, psutil.Process(running.pid)
    finally:
        running.terminate()
        running.wait(30)


def _uploaded(address: str, accounts: int) -> float:
    """Seconds that the calls took, without making the messages."""
    options = [("grpc.max_send_message_length", LARGEST)]
    taken = 0.0
    with grpc.insecure_channel(address, options=options) as channel:
        calls = accounts_grpc.AccountServiceStub(channel)
        new = accounts_pb2.CreateAccountSetRequest(request_id="million", decision_time=NOW)
        known = calls.CreateAccountSet(new)
        for sequence in range(accounts // CHUNK):
            request = accounts_pb2.AppendAccountsRequest(
                account_set=known.name, sequence=sequence, accounts=_accounts(sequence)
            )
            began = time.perf_counter()
            known = calls.AppendAccounts(request)
            taken += time.perf_counter() - began
    if known.accounts != accounts:
        raise SystemExit(f"{known.accounts} of {accounts} accounts are there")
    return taken


def _accounts(sequence: int) -> Iterator[plan_pb2.Account]:
    """A chunk of accounts with a place, workload, value and incumbent."""
    rng = np.random.default_rng([SEED, sequence])
    places = rng.uniform((40, 0), (50, 10), (CHUNK, 2)).tolist()
    hours, values = rng.gamma(2, 0.5, CHUNK).tolist(), rng.integers(1, 10**6, CHUNK).tolist()
    for j, (place, weekly, value) in enumerate(zip(places, hours, values, strict=True)):
        account = plan_pb2.Account(
            name=f"customers/{sequence * CHUNK + j:07}",
            workload_hours=weekly,
            value=money_pb2.Money(currency_code="USD", micros=value * 10**6),
            incumbent=f"reps/{j % 5000:05}",
        )
        account.place.latitude, account.place.longitude = place
        yield account


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _peak(process: psutil.Process) -> int:
    """Most resident bytes since the process began."""
    told = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", told)
    return int(found[1]) * 1024 if found else process.memory_info().rss
