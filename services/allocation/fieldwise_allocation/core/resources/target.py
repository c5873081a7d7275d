"""The cheapest plan that reaches a sales target with a stated probability; knows no wire."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fieldwise_allocation.core.resources import chance, duals
from fieldwise_allocation.core.resources.allocation import Line, RulePrice, lines_of, rule_prices
from fieldwise_allocation.core.resources.compiling import Compiled, amounts_of, compiled
from fieldwise_allocation.core.resources.programme import Floats, Ints, Programme, Rows
from fieldwise_allocation.core.resources.question import Question
from fieldwise_allocation.core.resources.solving import Found, Infeasible, NotFound, solve

# Plans drawn nearer and nearer to the probability asked for.
ROUNDS = 5


@dataclass(frozen=True)
class Target:
    """Sales to reach.

    Args:
        probability: In [0.5, 1).
        common: Standard deviation of the factor that all cells share, as a share of sales.
    """

    sales: float
    probability: float = 0.9
    common: float = 0.0


@dataclass(frozen=True)
class Reaching:
    """A plan and how likely it reaches the target.

    Args:
        lines: In the order of the question's cells; their net is before prices.
        floor: No plan that reaches the target with the probability asked for costs less.
    """

    lines: tuple[Line, ...]
    cost: float
    floor: float
    mean: float
    deviation: float
    probability: float
    totals: dict[str, float]
    prices: tuple[RulePrice, ...]

    @property
    def gap(self) -> float:
        return max(0.0, self.cost - self.floor) / max(abs(self.cost), 1e-12)


@dataclass(frozen=True)
class Answer:
    """The cheapest plan with the probability asked for, and the cheapest whose mean reaches the target."""

    plan: Reaching
    on_average: Reaching


class OutOfReach(Exception):
    """No plan within the rules reaches the target so surely; ``best`` is the likeliest found."""

    def __init__(self, best: Reaching) -> None:
        super().__init__(best.probability)
        self.best = best


def cheapest(question: Question, target: Target, seconds_left: Callable[[], float]) -> Answer:
    """The cheapest plan.

    Raises:
        OutOfReach: The likeliest plan found is less likely than asked.
        Infeasible: No plan keeps the rules, target or not.
        NotFound: None was found in the time.
    """
    asked = _Asked(compiled(question), target, seconds_left)
    likeliest = asked.likeliest()
    if likeliest.probability < target.probability:
        raise OutOfReach(likeliest)
    return Answer(asked.with_probability(likeliest), asked.on_average(likeliest))


class _Asked:
    """A question with a target: sales are the cells' values, costs follow from the resources."""

    def __init__(self, asked: Compiled, target: Target, seconds_left: Callable[[], float]) -> None:
        self.asked, self.target, self.seconds_left = asked, target, seconds_left
        programme = asked.programme
        self.mean = np.where(programme.present, asked.mean, 0.0)
        self.variance = np.where(programme.present, asked.deviation**2, 0.0)
        self.cost = np.zeros_like(self.mean)
        for resource in asked.question.resources:
            self.cost += resource.unit_cost * programme.amount[asked.measures.index(resource.name)]

    def likeliest(self) -> Reaching:
        """The plan of most certain sales: the target less the margin is climbed from the mean."""
        choice, best = None, None
        margin = chance.margin(max(self.target.probability, 0.5))
        sure = self.mean
        for _ in range(3):
            worth = np.where(self.asked.programme.present, sure, -np.inf)
            choice = solve(replace(self.asked.programme, value=worth), self.seconds_left, start=choice).choice
            plan = self._plan(choice, 0.0, self.asked, None)
            if best is None or plan.probability > best.probability:
                best = plan
            sure = self._sure(plan, margin)[0]
        assert best is not None
        return best

    def on_average(self, fallback: Reaching) -> Reaching:
        """Chance left aside: the cheapest plan whose mean reaches the target."""
        found = self._cheapest(self.mean, self.target.sales)
        if found is None:
            return fallback
        return self._plan(found.choice, -found.ceiling, self.asked, found)

    def with_probability(self, start: Reaching) -> Reaching:
        """Cheapest under ``mean - z deviation >= target``, linearised around the last plan until the two agree."""
        margin = chance.margin(self.target.probability)
        around, best, floor = start, start, 0.0
        extra = 0.0
        for _ in range(ROUNDS):
            floor = max(floor, self._floor(around, margin))
            sure, constant = self._sure(around, margin)
            found = self._cheapest(sure, self.target.sales - constant + extra)
            if found is None:
                break
            plan = self._plan(found.choice, floor, self.asked, found)
            if plan.probability >= self.target.probability:
                if best is start or plan.cost < best.cost:
                    best = plan
                if plan.lines == around.lines:
                    break
            else:  # the line lay above the curve: ask for what was missing
                extra += self.target.sales - (plan.mean - margin * plan.deviation)
            around = plan
        return replace(best, floor=min(best.cost, floor))

    def _sure(self, around: Reaching, margin: float) -> tuple[Floats, float]:
        """(a, b): the sum of a plus b is ``mean - margin x deviation``, linear around a plan."""
        length = max(around.deviation, 1e-12)
        own = around.deviation**2 - (self.target.common * around.mean) ** 2
        slope = 1 - margin * self.target.common**2 * around.mean / length
        a = slope * self.mean - margin * self.variance / (2 * length)
        return a, around.mean - margin * length - slope * around.mean + margin * own / (2 * length)

    def _floor(self, around: Reaching, margin: float) -> float:
        """No plan that is likely enough costs less: the deviation is put lower than it can be, by chords and directions.

        A length is no less than its part along any direction; a square root no less than the chord between the
        least and the greatest variance there is.
        """
        least, most = (self._sum_of(self.variance, ends) for ends in (np.min, np.max))
        root = math.sqrt(least)
        chord = 1 / (math.sqrt(most) + root) if most > 0 else 0.0
        own = math.sqrt(max(around.deviation**2 - (self.target.common * around.mean) ** 2, 0.0))
        length = max(around.deviation, 1e-12)
        along_mean, along_own = self.target.common**2 * around.mean / length, own / length
        a = (1 - margin * along_mean) * self.mean - margin * along_own * chord * self.variance
        b = -margin * along_own * (root - chord * least)
        cleared = duals.clear(self._programme(a, self.target.sales - b))
        return max(0.0, -cleared.ceiling)

    def _sum_of(self, table: Floats, ends: Callable[..., float]) -> float:
        present = self.asked.programme.present
        return float(sum(ends(row[kept]) for row, kept in zip(table, present, strict=True)))

    def _cheapest(self, counted: Floats, at_least: float) -> Found | None:
        try:
            return solve(self._programme(counted, at_least), self.seconds_left)
        except (Infeasible, NotFound):
            return None

    def _programme(self, counted: Floats, at_least: float) -> Programme:
        """Least cost under the question's rows and a floor of what is counted."""
        programme, rows = self.asked.programme, self.asked.programme.rows
        with_floor = Rows(
            measure=np.append(rows.measure, len(programme.amount)),
            sign=np.append(rows.sign, -1.0),
            limit=np.append(rows.limit, at_least),
            member=np.concatenate([rows.member, np.ones((1, len(self.mean)), dtype=np.bool_)]),
        )
        value = np.where(programme.present, -self.cost, -np.inf)
        return Programme(value, np.concatenate([programme.amount, counted[None]]), with_floor)

    def _plan(self, choice: Ints, floor: float, asked: Compiled, found: Found | None) -> Reaching:
        cells = np.arange(len(choice))
        mean = float(self.mean[cells, choice].sum())
        own = math.sqrt(float(self.variance[cells, choice].sum()))
        price = np.zeros(len(asked.rules)) if found is None else found.price[: len(asked.rules)]
        return Reaching(
            lines=lines_of(asked, choice, np.zeros(len(asked.rules))),
            cost=float(self.cost[cells, choice].sum()),
            floor=floor,
            mean=mean,
            deviation=math.hypot(own, self.target.common * mean),
            probability=chance.reach(mean, own, self.target.common, self.target.sales),
            totals=amounts_of(asked, choice),
            prices=rule_prices(asked, Found(choice, 0.0, 0.0, price)),
        )
