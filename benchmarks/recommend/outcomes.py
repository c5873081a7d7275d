"""A million outcomes of ten thousand decisions, some twice, some late, with the service killed in between: are the totals exact?

Protocol, fixed beforehand. The process of the service on SQLite; decisions first, then outcomes in batches of 5,000 as the jobs process
sends them: 20 % are sent twice (half of these at once, half among the last tenth), 10 % come after all others, whenever they happened; the
rest is in no order of time. Three times in the stream the process gets SIGKILL while a batch is under way and is started
again; every batch without an answer is sent again, as the jobs process does. The truth is kept here, as plain sums. Then outcomes are
read back: the count in all, and count and money of each of a sample of decisions; the same decisions are replayed.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import grpc

from benchmarks.processes import cpu_seconds
from benchmarks.recommend import shop
from benchmarks.report import Row
from fieldwise.profile.v1.event_pb2 import Event, OutcomeKind
from fieldwise.recommend.v1 import recommend_service_pb2 as wire
from fieldwise.recommend.v1.recommend_service_pb2_grpc import RecommendServiceStub

SEED: Final = 20_261_162
SENT_TWICE: Final = 0.2
LATE: Final = 0.1
BATCH: Final = 5_000
# Seconds after a batch was sent; a batch takes some tenths of a second.
KILLED_AFTER: Final = (0.03, 0.1, 0.2)
_OPTIONS: Final = [("grpc.max_receive_message_length", 64 << 20)]
_KINDS: Final = (
    OutcomeKind.OUTCOME_KIND_PURCHASED,
    OutcomeKind.OUTCOME_KIND_RESPONDED,
    OutcomeKind.OUTCOME_KIND_DECLINED,
    OutcomeKind.OUTCOME_KIND_OPENED,
)


@dataclass
class Truth:
    """What must be found: outcomes and micros of each decision."""

    count: dict[str, int] = field(default_factory=dict)
    micros: dict[str, int] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        name = event.outcome.decision
        self.count[name] = self.count.get(name, 0) + 1
        self.micros[name] = self.micros.get(name, 0) + event.outcome.amount.micros


@dataclass
class Told:
    """What the answers said, and how often a batch had none."""

    recorded: int = 0
    duplicates: int = 0
    unanswered: int = 0


def rows(*, quick: bool = False) -> Iterator[Row]:
    outcomes, decisions, sample = (50_000, 1_000, 200) if quick else (1_000_000, 10_000, 1_000)
    chance = random.Random(SEED)
    with shop.serving() as service:
        names = _decided(service, chance, decisions)
        truth = Truth()
        batches = _batches(chance, names, outcomes, truth)
        killing = {len(batches) * (k + 1) // 4: seconds for k, seconds in enumerate(KILLED_AFTER)}
        begun, told, used = time.perf_counter(), Told(), 0.0
        for number, batch in enumerate(batches):
            if number in killing:
                used += cpu_seconds([service.process.pid])
                told.unanswered += _killed_with(service, batch, killing[number])
            _send(service, batch, told)
        seconds = time.perf_counter() - begun
        used += cpu_seconds([service.process.pid])
        wrong, replayed = _read_back(service, chance.sample(names, sample), truth)
        kept, money = _totals(service)
    sent = sum(map(len, batches))
    yield Row("outcomes sent, duplicates included", sent, "count")
    yield Row(
        "batches that the kill left without an answer, sent again", told.unanswered, "count", "must", ">= 1"
    )
    yield Row("outcomes kept less outcomes that happened", abs(kept - outcomes), "count", "must", "<= 0")
    missing = abs(money - sum(truth.micros.values())) / 1e6
    yield Row("money kept less money that came in", missing, "USD", "must", "<= 0")
    yield Row(
        f"decisions of {sample} with another count or sum than the truth", wrong, "count", "must", "<= 0"
    )
    yield Row(f"decisions of {sample} that replay in every byte", replayed, "count", "must", f">= {sample}")
    yield Row("answers: recorded for the first time", told.recorded, "count")
    yield Row("answers: recorded before", told.duplicates, "count")
    yield Row("outcomes a second, kill and start included", sent / seconds, "1/s")
    yield Row("CPU of the service for an outcome", 1e6 * used / sent, "CPU-us")


def _decided(service: shop.Service, chance: random.Random, count: int) -> list[str]:
    price_set = shop.prices(chance)
    names: list[str] = []
    with grpc.insecure_channel(service.address, options=_OPTIONS) as channel:
        stub = RecommendServiceStub(channel)
        while len(names) < count:
            inputs = [shop.inputs_of(chance) for _ in range(250)]
            request = wire.BatchRecommendActionsRequest(inputs=inputs, price_set=price_set)
            names += [each.decision.name for each in stub.BatchRecommendActions(request).decided]
    return names


def _batches(chance: random.Random, names: Sequence[str], outcomes: int, truth: Truth) -> list[list[Event]]:
    """All that is sent, in order; each outcome happened once, whatever is sent."""
    in_order: list[Event] = []
    late: list[Event] = []
    for number in range(outcomes):
        event = _event(chance, chance.choice(names), number)
        truth.add(event)
        (late if chance.random() < LATE else in_order).append(event)
    stream = in_order + late
    again = [event for event in stream if chance.random() < SENT_TWICE]
    later = again[len(again) // 2 :]
    soon = {event.event_id for event in again[: len(again) // 2]}
    sent = [event for each in stream for event in ((each, each) if each.event_id in soon else (each,))]
    # Inserting one by one into a million takes minutes: those sent again later are shuffled into the last tenth.
    tail = len(sent) - len(sent) // 10
    mixed = sent[tail:] + later
    chance.shuffle(mixed)
    sent[tail:] = mixed
    return [sent[start : start + BATCH] for start in range(0, len(sent), BATCH)]


def _event(chance: random.Random, decision: str, number: int) -> Event:
    event = Event(event_id=f"o{number}", source=chance.choice(("fieldwise", "pos")), customer="customers/1")
    event.event_time.FromSeconds(shop.NOW + chance.randrange(60 * shop.DAY))
    event.outcome.decision, event.outcome.kind = decision, chance.choice(_KINDS)
    if event.outcome.kind == OutcomeKind.OUTCOME_KIND_PURCHASED:
        event.outcome.amount.currency_code = "USD"
        event.outcome.amount.micros = chance.randrange(10**6, 10**8)
    return event


def _killed_with(service: shop.Service, batch: Sequence[Event], seconds: float) -> bool:
    """SIGKILL so long after the batch was sent; whether its answer was lost."""
    lost = False
    with grpc.insecure_channel(service.address, options=_OPTIONS) as channel:
        call = RecommendServiceStub(channel).RecordOutcomes.future(wire.RecordOutcomesRequest(events=batch))
        killer = threading.Timer(seconds, service.kill)
        killer.start()
        try:
            call.result()
        except grpc.RpcError:
            lost = True
        killer.join()
    service.start()
    return lost


def _send(service: shop.Service, batch: Sequence[Event], told: Told) -> None:
    with grpc.insecure_channel(service.address, options=_OPTIONS) as channel:
        request = wire.RecordOutcomesRequest(events=batch)
        answer = RecommendServiceStub(channel).RecordOutcomes(request, wait_for_ready=True)
    told.recorded += answer.recorded
    told.duplicates += answer.duplicates


def _read_back(service: shop.Service, names: Sequence[str], truth: Truth) -> tuple[int, int]:
    """How many decisions have another count or sum than the truth, and how many replay identically."""
    wrong = replayed = 0
    with grpc.insecure_channel(service.address, options=_OPTIONS) as channel:
        stub = RecommendServiceStub(channel)
        for name in names:
            found = stub.GetDecision(wire.GetDecisionRequest(name=name)).outcomes
            sums = (len(found), sum(each.amount.micros for each in found))
            wrong += sums != (truth.count.get(name, 0), truth.micros.get(name, 0))
            replayed += stub.ReplayDecision(wire.ReplayDecisionRequest(name=name)).identical
    return wrong, replayed


def _totals(service: shop.Service) -> tuple[int, int]:
    """Outcomes and micros in the database."""
    with contextlib.closing(sqlite3.connect(service.folder / "recommend.sqlite")) as connection:
        count, micros = connection.execute("SELECT count(*), sum(amount_micros) FROM outcomes").fetchone()
    return int(count), int(micros)
