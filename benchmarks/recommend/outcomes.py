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
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import grpc

from benchmarks.processes import cpu_seconds
from benchmarks.recommend import shop
from benchmarks.report import Row
from fieldwise.profile.v1.event_pb2 import Event, OutcomeKind
from fieldwise.recommend.v1 import recommend_service_pb2 as wire

SEED: Final = 20_261_162
SENT_TWICE: Final = 0.2
LATE: Final = 0.1
BATCH: Final = 5_000
# Seconds after a batch was sent; a batch takes some tenths of a second.
KILLED_AFTER: Final = (0.03, 0.1, 0.2)
_KINDS: Final = (
    OutcomeKind.OUTCOME_KIND_PURCHASED,
    OutcomeKind.OUTCOME_KIND_RESPONDED,
    OutcomeKind.OUTCOME_KIND_DECLINED,
    OutcomeKind.OUTCOME_KIND_OPENED,
)
_OF_MAILS: Final = ("OUTCOME_KIND_OPENED", "OUTCOME_KIND_PURCHASED")


class Happened(NamedTuple):
    """One outcome; the message is built when it is sent, because a million messages take gigabytes."""

    number: int
    source: str
    decision: str
    kind: OutcomeKind.ValueType
    at: int
    micros: int

    @property
    def event(self) -> Event:
        event = Event(event_id=f"o{self.number}", source=self.source, customer="customers/1")
        event.event_time.FromSeconds(self.at)
        event.outcome.decision, event.outcome.kind = self.decision, self.kind
        if self.micros:
            event.outcome.amount.currency_code, event.outcome.amount.micros = "USD", self.micros
        return event


@dataclass
class Truth:
    """What must be found: outcomes and micros of each decision, and its outcomes by kind."""

    count: dict[str, int] = field(default_factory=dict)
    micros: dict[str, int] = field(default_factory=dict)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, one: Happened) -> None:
        self.count[one.decision] = self.count.get(one.decision, 0) + 1
        self.micros[one.decision] = self.micros.get(one.decision, 0) + one.micros
        self.kinds[one.decision, OutcomeKind.Name(one.kind)] += 1


@dataclass
class Told:
    """What the answers said, and how often a batch had none."""

    recorded: int = 0
    duplicates: int = 0
    unanswered: int = 0


@dataclass
class Back:
    """What was read back of a sample of decisions: how many are wrong, complete in opened and bought, and replay identically."""

    wrong: int = 0
    joined: int = 0
    replayed: int = 0


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
        back = _read_back(service, chance.sample(names, sample), truth)
        kept, money = _totals(service)
    sent = sum(map(len, batches))
    yield Row("outcomes sent, duplicates included", sent, "count")
    yield Row(
        "batches that the kill left without an answer, sent again", told.unanswered, "count", "must", ">= 1"
    )
    yield Row("outcomes kept less outcomes that happened", abs(kept - outcomes), "count", "must", "<= 0")
    missing = abs(money - sum(truth.micros.values())) / 1e6
    yield Row("money kept less money that came in", missing, "USD", "must", "<= 0")
    of = f"of {sample} decisions"
    yield Row(f"{of}, with another count or sum than the truth", back.wrong, "count", "must", "<= 0")
    joined = f"{of}, with every opened and every bought outcome joined"
    yield Row(joined, back.joined, "count", "must", f">= {sample}")
    yield Row(f"{of}, that replay in every byte", back.replayed, "count", "must", f">= {sample}")
    yield Row("answers: recorded for the first time", told.recorded, "count")
    yield Row("answers: recorded before", told.duplicates, "count")
    yield Row("outcomes a second, kill and start included", sent / seconds, "1/s")
    yield Row("CPU of the service for an outcome", 1e6 * used / sent, "CPU-us")


def _decided(service: shop.Service, chance: random.Random, count: int) -> list[str]:
    price_set = shop.prices(chance)
    with service.stub() as stub:
        return [each.name for each in shop.decided(stub, chance, count, 250, lambda: price_set)]


def _batches(
    chance: random.Random, names: Sequence[str], outcomes: int, truth: Truth
) -> list[list[Happened]]:
    """All that is sent, in order; each outcome happened once, whatever is sent."""
    in_order: list[Happened] = []
    late: list[Happened] = []
    for number in range(outcomes):
        one = _happened(chance, chance.choice(names), number)
        truth.add(one)
        (late if chance.random() < LATE else in_order).append(one)
    stream = in_order + late
    again = [one for one in stream if chance.random() < SENT_TWICE]
    later = again[len(again) // 2 :]
    soon = {one.number for one in again[: len(again) // 2]}
    sent = [one for each in stream for one in ((each, each) if each.number in soon else (each,))]
    # Inserting one by one into a million takes minutes: those sent again later are shuffled into the last tenth.
    tail = len(sent) - len(sent) // 10
    mixed = sent[tail:] + later
    chance.shuffle(mixed)
    sent[tail:] = mixed
    return [sent[start : start + BATCH] for start in range(0, len(sent), BATCH)]


def _happened(chance: random.Random, decision: str, number: int) -> Happened:
    kind = chance.choice(_KINDS)
    bought = kind == OutcomeKind.OUTCOME_KIND_PURCHASED
    source, at = chance.choice(("fieldwise", "pos")), shop.NOW + chance.randrange(60 * shop.DAY)
    return Happened(number, source, decision, kind, at, chance.randrange(10**6, 10**8) if bought else 0)


def _killed_with(service: shop.Service, batch: Sequence[Happened], seconds: float) -> bool:
    """SIGKILL so long after the batch was sent; whether its answer was lost."""
    lost = False
    with service.stub() as stub:
        call = stub.RecordOutcomes.future(_request(batch))
        killer = threading.Timer(seconds, service.kill)
        killer.start()
        try:
            call.result()
        except grpc.RpcError:
            lost = True
        killer.join()
    service.start()
    return lost


def _send(service: shop.Service, batch: Sequence[Happened], told: Told) -> None:
    with service.stub() as stub:
        answer = stub.RecordOutcomes(_request(batch), wait_for_ready=True)
    told.recorded += answer.recorded
    told.duplicates += answer.duplicates


def _request(batch: Sequence[Happened]) -> wire.RecordOutcomesRequest:
    return wire.RecordOutcomesRequest(events=[one.event for one in batch])


def _read_back(service: shop.Service, names: Sequence[str], truth: Truth) -> Back:
    back = Back()
    with service.stub() as stub:
        for name in names:
            found = stub.GetDecision(wire.GetDecisionRequest(name=name)).outcomes
            sums = (len(found), sum(each.amount.micros for each in found))
            back.wrong += sums != (truth.count.get(name, 0), truth.micros.get(name, 0))
            kinds = Counter(each.kind for each in found)
            back.joined += all(kinds[kind] == truth.kinds[name, kind] for kind in _OF_MAILS)
            back.replayed += stub.ReplayDecision(wire.ReplayDecisionRequest(name=name)).identical
    return back


def _totals(service: shop.Service) -> tuple[int, int]:
    """Outcomes and micros in the database."""
    with contextlib.closing(sqlite3.connect(service.folder / "recommend.sqlite")) as connection:
        count, micros = connection.execute("SELECT count(*), sum(amount_micros) FROM outcomes").fetchone()
    return int(count), int(micros)
