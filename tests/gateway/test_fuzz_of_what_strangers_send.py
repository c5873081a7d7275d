"""Bytes of chance and those that were found once, on everything that reads what strangers send: a refusal or an answer, in time."""

from __future__ import annotations

import random
import time

import pytest

from benchmarks.gateway.fuzz import SECONDS, tried
from benchmarks.gateway.fuzzing.targets import TARGETS

INPUTS = 400
# An input that met a fault of ours once, by its target.
FOUND = {
    "a token whose exp has four hundred digits": ("headers", "30f2fd78787878787878787878787878781097"),
    "a token whose subject is half a surrogate pair": ("headers", "0aee31a4ee2011"),
}


@pytest.mark.parametrize("target", TARGETS)
def test_bytes_of_chance_meet_no_fault_of_ours(target: str) -> None:
    chance, slowest = random.Random(7), 0.0
    with TARGETS[target]() as one:
        for _ in range(INPUTS):
            begun = time.process_time()
            one(chance.randbytes(chance.randrange(200)))
            slowest = max(slowest, time.process_time() - begun)
    assert slowest < 1.0


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_once_is_refused(what: str) -> None:
    target, data = FOUND[what]
    with TARGETS[target]() as one:
        one(bytes.fromhex(data))


@pytest.mark.soak
@pytest.mark.parametrize("target", SECONDS)
def test_a_search_guided_by_coverage_finds_no_crash_and_no_hang(target: str) -> None:
    found = tried(target, 60.0)
    assert (found["crashes"], found["hangs"]) == ({}, {})
    assert found["inputs"] > 10_000
