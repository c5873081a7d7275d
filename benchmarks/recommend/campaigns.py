"""Sixteen weeks of contacts in worlds of known truth: a learned plan behind its gate, beside nothing, cadences and greed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.recommend.campaign_world import ACTIONS, CALL, MAIL, NOTHING, WEEKS, Campaign, Nature, Seen
from benchmarks.report import Row
from fieldwise_recommend.core.arrays import Ints
from fieldwise_recommend.core.campaigns.fitted_value import Planned, fitted, q_values
from fieldwise_recommend.core.campaigns.gate import Gated, Rule, cadence, let_out
from fieldwise_recommend.core.campaigns.personal import personal
from fieldwise_recommend.core.campaigns.response import Response, Weeks, learned
from fieldwise_recommend.core.campaigns.standing import Standing, joined

# Reported on worlds 20 to 39; the method was set on worlds from 1,000 on and, once 0 to 3 had been looked at, on them too.
_FIRST_WORLD: Final = 20
_WORLDS: Final = 20
_PILOT: Final = 12_000
_JUDGED: Final = 20_000
_BOOTSTRAPS: Final = 6
_IMAGINED: Final = 3_000
_CAUTIONS: Final = (0.0, 0.01, 0.02)
_MAIL_EVERY: Final = (1, 2, 3, 4, 6, 8)
_CALL_EVERY: Final = (4, 8, 16)
_MONTHLY: Final = "mail every 4"


@dataclass(frozen=True)
class Outcome:
    """Of a way of contacting among customers it was not learned from."""

    value: float
    opted_out: float


@dataclass(frozen=True)
class Judged:
    """One world: every rival, ours among them, and what the gate said."""

    outcomes: dict[str, Outcome]
    gated: Gated
    cpu_seconds: float

    @property
    def best_simple(self) -> float:
        """The best of nothing, monthly mail and the grid of cadences, in hindsight."""
        return max(self.outcomes[name].value for name in rungs())

    @property
    def ours_over_simple(self) -> float:
        return self.outcomes["ours"].value / self.best_simple - 1.0


def rows(*, quick: bool) -> Iterator[Row]:
    """Never below the best simple way, above it where something is to be gained, and few opt-outs."""
    worlds = [judged(_FIRST_WORLD + number) for number in range(4 if quick else _WORLDS)]
    ahead = np.array([each.ours_over_simple for each in worlds])
    count = len(worlds)
    words = f"of {count} worlds"
    yield Row("ours under the best simple way, worst world", -100.0 * float(ahead.min()), "%", "must", "<= 1")
    wanted = f">= {int(0.9 * count)}"
    yield Row(f"worlds with ours above it, {words}", float((ahead > 0).sum()), "worlds", "stretch", wanted)
    yield Row(
        "worlds in which the gate let a plan out",
        float(sum("plan" in e.gated.name for e in worlds)),
        "worlds",
    )
    yield Row("ours over the best simple way, mean", 100.0 * float(ahead.mean()), "%")
    ours = float(np.mean([each.outcomes["ours"].opted_out for each in worlds]))
    myopic = float(np.mean([each.outcomes["myopic"].opted_out for each in worlds]))
    yield Row("opt-outs of ours over those of myopic", ours / myopic, "x", "stretch", "<= 0.3333")
    for name in (
        "ours",
        "plan without gate",
        "myopic",
        "nothing",
        _MONTHLY,
        "mail every 1",
        "random",
        "logged",
    ):
        value = float(np.mean([each.outcomes[name].value for each in worlds]))
        opted = 100.0 * float(np.mean([each.outcomes[name].opted_out for each in worlds]))
        yield Row(f"profit per customer, {name}", value, "currency")
        yield Row(f"opted out, {name}", opted, "%")
    yield Row(
        "CPU seconds per world to learn and gate", float(np.median([e.cpu_seconds for e in worlds])), "s"
    )


def rungs() -> dict[str, Rule]:
    """The simple ways."""
    found: dict[str, Rule] = {"nothing": cadence(NOTHING, 1)}
    found |= {f"mail every {every}": cadence(MAIL, every) for every in _MAIL_EVERY}
    return found | {f"call every {every}": cadence(CALL, every) for every in _CALL_EVERY}


def judged(seed: int) -> Judged:
    """Learns from a pilot of one world and judges all on other customers of it, on the same luck."""
    nature = Nature.of(seed)
    pilot = _pilot(nature, seed)
    begun = time.process_time()
    gated, plans, response = _learned(pilot, nature.costs, seed)
    spent = time.process_time() - begun
    simple = rungs()
    ways: dict[str, Rule] = {
        **simple,
        "ours": {**simple, **plans}[gated.name],
        "plan without gate": plans["plan, caution 0"],
        "personal plan without gate": plans["personal plan, caution 0"],
        "myopic": _myopic(response, nature.costs),
        "random": _random(seed),
        "logged": _as_logged(seed),
    }
    outcomes = {name: _outcome(nature, rule, seed) for name, rule in ways.items()}
    return Judged(outcomes, gated, spent)


def _learned(pilot: Weeks, costs: tuple[float, ...], seed: int) -> tuple[Gated, dict[str, Rule], Response]:
    """Plans from one half of the pilot's customers, the gate's models from the other: a plan is not judged by what made it."""
    draw = np.random.default_rng((63, seed))
    planners = np.arange(_PILOT) < _PILOT // 2
    response = learned(pilot, ACTIONS, planners[pilot.customers].astype(float))
    visited = [_at_week(pilot.before.at(rows), week) for week, rows in enumerate(_weeks_of(pilot))]
    values = fitted(response, costs, visited).values
    plans: dict[str, Rule] = {
        f"plan, caution {caution:g}": Planned(response, costs, values, caution).choose
        for caution in _CAUTIONS
    }
    luck = draw.random((WEEKS, 2, _IMAGINED))
    start = visited[0].at(np.arange(_IMAGINED))
    for caution in _CAUTIONS:
        chosen = personal([response], costs, start, rungs(), luck, caution)
        plans[f"personal plan, caution {caution:g}"] = chosen.choose
    judges = np.flatnonzero(~planners)
    nearly = learned(pilot, ACTIONS, (~planners)[pilot.customers].astype(float), response)
    again = []
    for _ in range(_BOOTSTRAPS):
        counts = np.bincount(draw.choice(judges, len(judges)), minlength=_PILOT)
        again.append(learned(pilot, ACTIONS, counts[pilot.customers].astype(float), nearly))
    return let_out(again, costs, start, rungs(), plans, draw.random(luck.shape)), plans, response


def _pilot(nature: Nature, seed: int) -> Weeks:
    """A randomised trial: each customer has an intensity of mails of his own, and each week its draw."""
    world = Campaign(nature)
    seen = world.reset(_PILOT, seed)
    rule = _as_logged(seed + 7)
    parts: list[Standing] = []
    actions, bought, left = [], [], []
    for _ in range(WEEKS):
        before = _standing(seen)
        done = np.where(before.reachable, rule(before), NOTHING)
        seen, _profit, reachable, did_buy = world.step(done)
        parts.append(before)
        actions.append(done)
        bought.append(did_buy)
        left.append(before.reachable & ~reachable)
    return Weeks(
        joined(parts),
        np.concatenate(actions),
        np.concatenate(bought),
        np.concatenate(left),
        np.tile(np.arange(_PILOT), WEEKS),
    )


def _weeks_of(pilot: Weeks) -> list[Ints]:
    return np.split(np.arange(len(pilot.actions)), WEEKS)


def _at_week(standing: Standing, week: int) -> Standing:
    return Standing(
        week,
        standing.rate,
        standing.traits,
        standing.worth,
        standing.idle,
        standing.contacts,
        standing.reachable,
    )


def _standing(seen: Seen) -> Standing:
    return Standing(
        seen.week, seen.traits[:, 0], seen.traits[:, 1:], seen.worth, seen.idle, seen.contacts, seen.reachable
    )


def _outcome(nature: Nature, rule: Callable[[Standing], Ints], seed: int) -> Outcome:
    world = Campaign(nature)
    seen = world.reset(_JUDGED, 10_000 + seed)
    value = 0.0
    for _ in range(WEEKS):
        seen, profit, _reachable, _bought = world.step(rule(_standing(seen)))
        value += float(profit.mean())
    return Outcome(value, 1.0 - float(seen.reachable.mean()))


def _myopic(response: Response, costs: tuple[float, ...]) -> Rule:
    """P x V: the best profit of this week."""

    def rule(standing: Standing) -> Ints:
        best: Ints = q_values(response, costs, standing, None).argmax(axis=1)
        return best

    return rule


def _random(seed: int) -> Rule:
    draw = np.random.default_rng((64, seed))
    return lambda standing: draw.integers(0, ACTIONS, len(standing.rate))


def _as_logged(seed: int) -> Rule:
    """The pilot: mails by an intensity of each customer's own between 0 and .8, most of them low, calls in 3 % of the weeks."""
    draw = np.random.default_rng((65, seed))
    intensity: list[NDArray[np.float64]] = []

    def rule(standing: Standing) -> Ints:
        rows = len(standing.rate)
        if not intensity:
            intensity.append(0.8 * draw.random(rows) ** 2)
        mailed = np.where(draw.random(rows) < intensity[0], MAIL, NOTHING)
        return np.where(draw.random(rows) < 0.03, CALL, mailed)

    return rule
