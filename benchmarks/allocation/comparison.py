"""What a planner sees beside his plan: today, the nearest rep, K-means; and how long describing and checking a plan takes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.allocation.accounts_world import REPORTING_SEEDS, World, world
from benchmarks.report import Row
from fieldwise_allocation.core.question import Account, Place, Question, Rep, Rules
from fieldwise_allocation.core.territory.audit import audited
from fieldwise_allocation.core.territory.comparisons import compared
from fieldwise_allocation.core.territory.describe import Prepared, prepared
from fieldwise_allocation.core.territory.found import Found, Watch
from fieldwise_allocation.core.territory.plan import Compared, Plan
from fieldwise_allocation.core.territory.solve import solve
from fieldwise_allocation.core.territory.verify import faults

ACCOUNTS, REPS, BAND = 1000, 20, 0.05
# The loosest band there is; K-means is further off still.
LOOSE = 1.0
# 2 s with two workers.
SOLVE_CPU_SECONDS = 4.0
CHECKED = ((10_000, 100), (50_000, 400))


def rows(*, quick: bool) -> Iterator[Row]:
    """Balance and cost of four ways to share out the same accounts, then the seconds of a check."""
    seeds = REPORTING_SEEDS[:2] if quick else REPORTING_SEEDS
    pairs = [_planned(world(ACCOUNTS, REPS, band=BAND, seed=seed)) for seed in seeds]
    size = f"{ACCOUNTS:,} x {REPS}, {len(seeds)} seeds"
    for name, title in (("k_means", "K-means"), ("nearest", "nearest rep"), ("incumbent", "today")):
        yield from _against(size, pairs, name, title)
    loose = [
        _planned(dataclasses.replace(world(ACCOUNTS, REPS, band=BAND, seed=seed), band=LOOSE))
        for seed in seeds
    ]
    yield from _both(size, loose)
    for accounts, reps in CHECKED[:1] if quick else CHECKED:
        yield from _seconds(accounts, reps)


def _against(size: str, planned: Sequence[Planned], name: str, title: str) -> Iterator[Row]:
    plans, peers = [each.plan for each in planned], [getattr(each.beside, name) for each in planned]
    worst = _median([plan.worst_deviation for plan in plans])
    yield Row(
        f"worst balance of the plan, {size}",
        100 * worst,
        "%",
        "must",
        f"<= {100 * BAND + 1e-6:g}",
        title,
        100 * _median([peer.worst_deviation for peer in peers]),
    )
    cost = _median([plan.objective for plan in plans])
    yield Row(
        f"cost of the plan, {size}",
        cost,
        "plan units",
        "info",
        "",
        title,
        _median([p.objective for p in peers]),
    )
    broken = [float(sum(count for _, count in peer.broken)) for peer in peers]
    ours = max(each.broken for each in planned)
    yield Row(f"hard rules broken, {size}", float(ours), "rules", "must", "<= 0", title, _median(broken))


def _both(size: str, planned: Sequence[Planned]) -> Iterator[Row]:
    """K-means buys short ways with imbalance: a plan in a band that is still narrower than its own costs less as well."""
    for name, ours, theirs in (
        ("cost", [p.plan.objective for p in planned], [p.beside.k_means for p in planned]),
        ("worst balance", [p.plan.worst_deviation for p in planned], [p.beside.k_means for p in planned]),
    ):
        figures = [each.objective if name == "cost" else each.worst_deviation for each in theirs if each]
        ratio = _median([a / b for a, b in zip(ours, figures, strict=True)])
        yield Row(
            f"{name} of a plan in a band of 100 % as a part of K-means, {size}", ratio, "x", "must", "< 1"
        )


@dataclass(frozen=True)
class Planned:
    """A plan, what stands beside it, and the hard rules that an audit finds broken."""

    plan: Plan
    beside: Compared
    broken: int


def _planned(made: World) -> Planned:
    frame = prepared(question(made))
    begun = time.process_time()
    watch = Watch(lambda: SOLVE_CPU_SECONDS - (time.process_time() - begun))
    beside = compared(frame.ledger)
    plan = frame.described(solve(frame.compiled.problem, watch), beside)
    wrong = faults(frame.question, plan, frame.ledger)
    if wrong:
        raise AssertionError(wrong[0])
    return Planned(plan, beside, len(audited(frame.ledger, plan.rep_of).broken))


def _seconds(accounts: int, reps: int) -> Iterator[Row]:
    """CPU seconds after a search: everyone with the next rep in turn, which breaks rules and takes as long."""
    asked = question(world(accounts, reps, band=0.1, seed=REPORTING_SEEDS[0]))
    begun = time.process_time()
    frame = prepared(asked)
    ready = time.process_time()
    plan = frame.described(_today(frame))
    described = time.process_time()
    faults(asked, plan, frame.ledger)
    checked = time.process_time()
    compared(frame.ledger)
    size = f"{accounts:,} x {reps}"
    yield Row(f"reading a question, {size}", ready - begun, "CPU s")
    yield Row(f"describing its plan, {size}", described - ready, "CPU s")
    yield Row(f"checking its plan without a solver, {size}", checked - described, "CPU s", "must", "<= 1")
    yield Row(f"today, nearest rep and K-means beside it, {size}", time.process_time() - checked, "CPU s")


def _today(frame: Prepared) -> Found:
    problem = frame.compiled.problem
    rep_of = np.maximum(problem.incumbent, 0).astype(np.int32)
    # One in ten has moved to the next rep: reasons are most of the work.
    rep_of[::10] = (rep_of[::10] + 1) % problem.reps
    return Found(rep_of, 0.0, 0.0, np.zeros(problem.low.shape), 0.0, problem.home)


def question(made: World) -> Question:
    """The world as a planner would ask it."""
    names = [f"reps/{i:05}" for i in range(len(made.home_degrees))]
    reps = tuple(
        Rep(name, 40.0, Place(*home), frozenset({"s"}) if skilled else frozenset())
        for name, home, skilled in zip(names, made.home_degrees.tolist(), made.skilled.tolist(), strict=True)
    )
    columns = zip(
        made.hours.tolist(),
        made.value.tolist(),
        made.account_degrees.tolist(),
        made.needs.tolist(),
        made.incumbent.tolist(),
        made.locked.tolist(),
        strict=True,
    )
    accounts = tuple(
        Account(
            f"customers/{j:07}",
            hours,
            value,
            Place(*place),
            frozenset({"s"}) if needs else frozenset(),
            names[incumbent],
            locked,
        )
        for j, (hours, value, place, needs, incumbent, locked) in enumerate(columns)
    )
    return Question(accounts, reps, Rules(band=made.band, kilometre_cost=0.1, move_cost=0.001))


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))
