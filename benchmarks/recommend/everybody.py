"""Everybody at once: 100,000 simulated customers in a real installation, decided for in one job; the minutes it takes.

Processes, sockets and databases are those of `fieldwise up`. Customers come from `packages/market`: 17 weeks of purchases and consents each, and nothing
else of what they do, so that loading stays bearable. They get reps, budgets, models and prices as the demo does; then `decide-for-all` runs once. Only
the job is timed for the target; loading, training and pricing are shown. What was decided is counted in recommend's own database.

Loading takes a while, so the folder below the system's temporary one is kept, and a run that was stopped goes on where it was. Prices are solved anew
each time, so that everybody is decided for anew. The quick run makes a smaller company from nothing, and says beside its own figures what 100,000 would
take at the same pace: that is reckoned, not measured.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

import fieldwise_client as fw
from benchmarks.decide.company import Company, started
from benchmarks.processes import cpu_seconds
from benchmarks.report import Row
from fieldwise.allocation.v1.plan_pb2 import Account, TerritoryRules
from fieldwise.allocation.v1.price_pb2 import Budget
from fieldwise.allocation.v1.rep_pb2 import Rep
from fieldwise.gateway.v1.gateway_service_pb2 import IngestEventsRequest
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.demo import people
from fieldwise_client.demo.loading import load
from fieldwise_client.installation import Installation
from fieldwise_gateway.core.diversity import LEAVE_ALONE, Diversity, diversity
from fieldwise_market.rows import Kind
from fieldwise_market.world import make_world

CUSTOMERS: Final = 100_000
QUICK: Final = 5_000
PER_WORLD: Final = 1_000
# Models are learned from the first worlds: what they know is no matter here, and training on all takes many minutes.
LEARNED_FROM: Final = 2
DAYS: Final = 119
START: Final = date(2017, 8, 28)
PER_REP: Final = 400
_BATCH: Final = 2_000
_KEPT: Final = (Kind.PURCHASE, Kind.CONSENT)


@dataclass(frozen=True)
class Decided:
    """What stands in recommend's database after the job."""

    customers: int
    left_alone: int
    diversity: Diversity


class Steps:
    """How far the preparation of a folder is; kept in it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "everybody.json"
        self.seconds: dict[str, float] = json.loads(self._file.read_text()) if self._file.exists() else {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun
        self._file.write_text(json.dumps(self.seconds))

    def done(self, name: str) -> bool:
        return name in self.seconds


def rows(*, quick: bool) -> Iterator[Row]:
    if quick:
        with tempfile.TemporaryDirectory(prefix="fieldwise-everybody-") as scratch:
            yield from _run(Path(scratch), QUICK)
        return
    folder = Path(tempfile.gettempdir()) / f"fieldwise-everybody-{CUSTOMERS}"
    folder.mkdir(parents=True, exist_ok=True)
    yield from _run(folder, CUSTOMERS)


def _run(folder: Path, customers: int) -> Iterator[Row]:
    company = started(folder / "data")
    try:
        yield from _measured(company, Steps(folder), customers)
    finally:
        company.stop()


def _measured(company: Company, steps: Steps, customers: int) -> Iterator[Row]:
    _prepare(company, steps, customers)
    with company.doors() as doors:
        begun = time.monotonic()
        doors.run_job("solve-prices", lambda _: None)
        pricing = time.monotonic() - begun
        prices = doors.prices()
        assert prices is not None
        pids = company.pids()
        used, begun = {name: cpu_seconds([pid]) for name, pid in pids.items()}, time.monotonic()
        doors.run_job("decide-for-all", lambda _: None)
        seconds = time.monotonic() - begun
        used = {name: cpu_seconds([pid]) - used[name] for name, pid in pids.items()}
        known = doors.customers_known()
    with fw.Client(company.gateway, api_key=company.api_key) as client:
        catalogue = [action.name for action in client.actions().actions]
    found = _decided(company.data, prices.name, catalogue)
    yield Row(f"{known:,} customers decided for in one job: minutes", seconds / 60, "min")
    yield Row("  decisions a second, stored", known / seconds, "1/s")
    if known < CUSTOMERS:
        at_this_pace = seconds / 60 * CUSTOMERS / known
        yield Row("  100,000 customers at this pace (reckoned, not measured): minutes", at_this_pace, "min")
    for name, cpu in sorted(used.items(), key=lambda pair: -pair[1]):
        yield Row(f"  CPU of {name}, each decision", 1e6 * cpu / known, "CPU-us")
    yield Row(
        "  customers with an action or an explicit leave-alone",
        100 * found.customers / known,
        "%",
        "must",
        ">= 100",
    )
    yield Row("  of these with an action", 100 * (1 - found.left_alone / found.customers), "%")
    most = 100 * found.diversity.most_frequent_share
    yield Row("  most frequent action, of all actions given", most, "%", "must", "< 100")
    yield Row("  entropy of the actions given", found.diversity.entropy_bits, "bit")
    yield Row("  share of the catalogue given to somebody", 100 * found.diversity.coverage, "%")
    yield Row("  prices for the same customers: minutes", pricing / 60, "min")
    ahead = pricing / 60 * 1_000_000 / known
    yield Row("  prices for 1,000,000 at this pace (reckoned): minutes", ahead, "min", "must", "< 60")
    for name, taken in steps.seconds.items():
        if not name.startswith("load-"):
            yield Row(f"  prepared once, {name}: minutes", taken / 60, "min")
    loading = sum(taken for name, taken in steps.seconds.items() if name.startswith("load-"))
    yield Row("  prepared once, loading: minutes", loading / 60, "min")


def _prepare(company: Company, steps: Steps, customers: int) -> None:
    """Brings the installation to where prices can be solved; what is there already is not done again."""
    worlds = customers // PER_WORLD
    reps = [
        Rep(name=f"reps/r{n:03}", display_name="synthetic", hours_per_week=PER_REP / 60)
        for n in range(max(1, customers // PER_REP))
    ]
    with company.doors() as doors:
        _load(doors, steps, range(1, min(LEARNED_FROM, worlds) + 1))
        if not steps.done("staff"):
            with steps.step("staff"):
                doors.create_reps(reps)
                doors.set_budgets(_budgets(customers))
        if not steps.done("models"):
            with steps.step("models"):
                doors.run_job("train-models", lambda _: None)
        _load(doors, steps, range(LEARNED_FROM + 1, worlds + 1))
    if not steps.done("plan"):
        with steps.step("plan"), fw.Client(company.gateway, api_key=company.api_key) as client:
            plan = client.plan_territories(
                list(_accounts(customers, reps)),
                rules=TerritoryRules(time_limit_seconds=120, workload_band=1.0),
            )
            client.apply_plan(plan.name, timeout=60.0)


def _load(doors: Installation, steps: Steps, seeds: range) -> None:
    for seed in seeds:
        if not steps.done(f"load-{seed}"):
            with steps.step(f"load-{seed}"):
                load(doors.ingest, _batches(seed), lambda _: None)


def _name(seed: int, who: int) -> str:
    return f"customers/w{seed}-{who}"


def _batches(seed: int) -> Iterator[IngestEventsRequest]:
    """Purchases and consents of one world of customers, by time."""
    whole = make_world(seed, PER_WORLD, DAYS, START)
    kept = replace(whole, rows=whole.rows[np.isin(whole.rows["kind"], _KEPT)])
    events = list(kept.events())
    for number, start in enumerate(range(0, len(events), _BATCH)):
        yield IngestEventsRequest(batch_number=number, events=events[start : start + _BATCH])


def _accounts(customers: int, reps: list[Rep]) -> Iterator[Account]:
    """Everybody with the rep he is dealt to; a plan of its own is no matter of this benchmark."""
    for n in range(customers):
        name = _name(n // PER_WORLD + 1, n % PER_WORLD)
        value = Money(currency_code="USD", micros=1_000_000)
        yield Account(name=name, workload_hours=0.02, value=value, incumbent=reps[n % len(reps)].name)


def _budgets(customers: int) -> list[Budget]:
    return [
        Budget(
            resource="coupon-money",
            unit="{currency}",
            capacity=round(customers * people.COUPON_MONEY_PER_HOUSEHOLD),
        ),
        Budget(
            resource="email-slots", unit="1", capacity=round(customers * people.EMAIL_SLOTS_PER_HOUSEHOLD)
        ),
    ]


def _decided(data: Path, price_set: str, catalogue: list[str]) -> Decided:
    """Counted in the database, by the request ids that the job gives."""
    like = f"next/{price_set.replace('/', '-')}/%"
    query = (
        "select chosen_action, count(distinct customer) from decisions where request_id like ? and chosen_action <> '' "
        "group by chosen_action"
    )
    with closing(sqlite3.connect(f"file:{data / 'recommend.sqlite'}?mode=ro", uri=True)) as connection:
        counts: dict[str, int] = dict(connection.execute(query, (like,)).fetchall())
    return Decided(sum(counts.values()), counts.get(LEAVE_ALONE, 0), diversity(counts, catalogue))
