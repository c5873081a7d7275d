"""What a search for an assignment asks of the world outside and hands back; knows no search and imports no solver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fieldwise_allocation.core.assignment.problem import Floats, Ints


class Infeasible(Exception):
    """No plan keeps the limits: proven."""


class NoPlanFound(Exception):
    """Time ran out before a plan was found; none was proven impossible."""


@dataclass(frozen=True)
class Found:
    """A plan and its proof.

    Args:
        agent_of: Shape (n,).
        bound: No plan costs less; equal to the plan's cost when it is proven best.
        unit: What one more unit of capacity would save by the relaxation behind the bound, shape (r,).
        item: What room for one more item would save, shape (r,).
    """

    agent_of: Ints
    objective: float
    bound: float
    unit: Floats
    item: Floats


@dataclass(frozen=True)
class Watch:
    """The time left, and somewhere to tell of progress.

    Args:
        seconds: Given in all; what is done depends on this, and on ``seconds_left`` only when it runs out.
        report: Gets the step, the best plan so far (None before the first) and the bound.
        wall: Wall seconds that some of these seconds take; for solvers that know no other clock.
    """

    seconds: float
    seconds_left: Callable[[], float]
    report: Callable[[str, Found | None, float | None], None]
    wall: Callable[[float], float] = field(default=lambda seconds: seconds)

    def over(self) -> bool:
        return self.seconds_left() <= 0
