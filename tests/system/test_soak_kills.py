"""Ten minutes of decisions with a process killed every ten seconds: all answered, full answers again, memory bounded."""

from __future__ import annotations

import itertools
import os
import random
import time

import grpc
import psutil
import pytest

from fieldwise.recommend.v1 import decision_pb2
from tests.system.installation import Running
from tests.system.small_world import CUSTOMERS, customer

MINUTES = float(os.environ.get("FIELDWISE_SOAK_MINUTES", "10"))
VICTIMS = ("profile", "forecast", "allocation", "recommend", "gateway", "jobs", "traces")


def memory(company: Running) -> float:
    return (
        sum(psutil.Process(int(each["pid"])).memory_info().rss for each in company.processes().values())
        / 2**20
    )


def decide(company: Running, number: int) -> decision_pb2.Decision | None:
    """A decision; None while the gateway itself is away."""
    try:
        return company.decide(customer(number % CUSTOMERS), timeout=3.0)
    except grpc.RpcError as error:
        if getattr(error, "code", lambda: None)() != grpc.StatusCode.UNAVAILABLE:
            raise
        return None


@pytest.mark.soak
@pytest.mark.timeout(MINUTES * 60 + 120)
def test_decisions_outlive_a_long_series_of_kills(company: Running) -> None:
    chance = random.Random(11)
    before, ends, next_kill = memory(company), time.monotonic() + MINUTES * 60, time.monotonic() + 5
    answered = unanswered = 0
    for number in itertools.count():
        if time.monotonic() > ends:
            break
        if time.monotonic() > next_kill:
            victim = chance.choice(VICTIMS)
            company.kill(victim)
            next_kill = time.monotonic() + 10
        if decide(company, number) is None:
            unanswered += 1
            time.sleep(0.05)
        else:
            answered += 1
    time.sleep(10)
    assert answered > 100 * MINUTES
    assert unanswered < answered / 10, "the gateway was away for longer than its restarts take"
    assert memory(company) < 1.5 * before + 200
