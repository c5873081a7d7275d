"""The gate: may a challenger take the champion's place? Knows no learner, no registry and no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .evidence import Evidence, Gain

# Chosen on simulated promotions of seeds 1-3, reported on seeds 11-13 (benchmarks/forecast/gate.py).
LEVEL = 0.8
# A gain below half of what periods stray by is not worth a change: it is partly luck, and luck goes.
LEAST_SHARE = 0.5
NOTHING_YET = "no period has passed since the champion was trained on which the two could be compared"


class Action(StrEnum):
    """What is done with a challenger."""

    PROMOTE = "promote"
    KEEP = "keep"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Check:
    """One thing the gate looked at.

    Attributes:
        check: ``loss``, ``significance``, ``baseline``, ``calibration``, ``latency``, ``engines``.
        value: The challenger's figure, ``limit`` what it had to keep.
        detail: In words.
    """

    check: str
    value: float
    limit: float
    holds: bool
    detail: str

    @classmethod
    def at_most(cls, check: str, words: str, value: float, limit: float) -> Check:
        """A bound from above; ``words`` name the measure with its unit, such as ``p99 of scoring in ms``."""
        detail = f"{words} is {value:.4g}, at most {limit:.4g} is allowed"
        return cls(check, value, limit, value <= limit, detail)


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a challenger, with its figures.

    Attributes:
        checks: In the order in which they were made.
        gain: Relative gain in loss over the champion on the same rows; 0 without a champion.
        lift: By what share the loss is smaller than that of the naive forecast or the base rate.
        lift_low: Lower end of its 95 % interval, ``lift_high`` the upper one.
        periods: Periods compared.
    """

    action: Action
    checks: tuple[Check, ...]
    gain: float = 0.0
    lift: float = 0.0
    lift_low: float = 0.0
    lift_high: float = 0.0
    periods: int = 0

    @property
    def promotes(self) -> bool:
        return self.action is Action.PROMOTE

    @property
    def words(self) -> str:
        """What speaks against it; for a promotion, what speaks for it."""
        told = [check.detail for check in self.checks if self.promotes or not check.holds]
        return f"{self.action.value}: {'; '.join(told) or 'nothing speaks against it'}"


def judge(
    evidence: Evidence, bounds: Sequence[Check] = (), *, serving: bool = False, update: bool = False
) -> Verdict:
    """The verdict on a challenger; ``serving`` says that a champion serves, whether or not there are rows to compare.

    A first version has to beat the naive forecast. A later one has to be better than the champion by half of what
    periods usually stray by, and with significance; else the champion stays. An incremental update is the
    champion itself with newer data: it only must not be worse, which spares it the wait for significance. A broken
    bound, or a loss above the naive one, refuses it for good.
    """
    lift, over = evidence.gain_over(evidence.naive), evidence.gain_over(evidence.champion)
    hard = [*bounds] if update else [*bounds, baseline(lift)]
    soft: list[Check] = []
    if serving or evidence.has_champion:
        soft = [not_worse(over)] if update else better(over, LEAST_SHARE * evidence.usual_spread)
    action = Action.PROMOTE if all(check.holds for check in soft) else Action.KEEP
    if not all(check.holds for check in hard):
        action = Action.REFUSE
    return verdict(action, (*hard, *soft), over, lift)


def verdict(action: Action, checks: tuple[Check, ...], over: Gain | None, lift: Gain | None) -> Verdict:
    low, high = map(lift.of_rival, lift.interval(0.95)) if lift else (0.0, 0.0)
    return Verdict(
        action=action,
        checks=checks,
        gain=over.mean if over else 0.0,
        lift=lift.of_rival(lift.mean) if lift else 0.0,
        lift_low=low,
        lift_high=high,
        periods=over.periods if over else 0,
    )


def baseline(lift: Gain | None) -> Check:
    if lift is None:
        return Check("baseline", 0.0, 0.0, False, "there is no period that it was not fitted on")
    smaller = lift.of_rival(lift.mean)
    words = f"loss {abs(smaller):.1%} {'below' if smaller > 0 else 'above'} that of the naive forecast"
    return Check("baseline", smaller, 0.0, smaller > 0, words)


def better(over: Gain | None, least: float) -> list[Check]:
    """A full training against the champion."""
    if over is None:
        return [Check("loss", 0.0, least, False, NOTHING_YET)]
    low, high = over.interval(LEVEL)
    words = f"80 % interval of the gain reaches from {low:+.1%} to {high:+.1%}"
    return [
        Check("loss", over.mean, least, over.mean >= least and over.pooled > 0, told(over)),
        Check("significance", low, 0.0, low > 0, words),
    ]


def not_worse(over: Gain | None) -> Check:
    """An incremental update against the champion it came from."""
    if over is None:
        return Check("loss", 0.0, 0.0, True, NOTHING_YET)
    _, high = over.interval(LEVEL)
    return Check("loss", high, 0.0, high >= 0, told(over))


def told(over: Gain) -> str:
    return (
        f"gain of {over.mean:+.1%} in loss over the champion (all rows summed: {over.pooled:+.1%}), "
        f"{over.periods} periods compared"
    )
