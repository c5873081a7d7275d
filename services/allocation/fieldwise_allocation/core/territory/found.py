"""What a search hands out and what it is given: better plans as they come, and the time; knows no method."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from fieldwise_allocation.core.territory.problem import Floats, Ints


@dataclass(frozen=True)
class Found:
    """A plan that keeps every hard rule, and what proves how good it is.

    Args:
        price: Plan units per unit of each band (k, r) that give ``bound``: positive where a floor binds, negative
            where a ceiling does; minus it is what one more unit of room is worth.
        move_price: Plan units that one more allowed move would save; 0 without a limit.
        home: Unit vectors of the homes, chosen where there was none, shape (r, 3). The bound holds for these homes.
    """

    rep_of: Ints
    objective: float
    bound: float
    price: Floats
    move_price: float
    home: Floats


@dataclass(frozen=True)
class Watch:
    """What the outside gives a search: the seconds that are left and an ear for better and better plans.

    Args:
        stage: Told of each stage of the search by its name, from its begin to its end.
    """

    seconds_left: Callable[[], float]
    report: Callable[[Found], None] = lambda _: None
    stage: Callable[[str], AbstractContextManager[object]] = nullcontext

    def out_of_time(self) -> bool:
        """Whether to stop with the best plan so far."""
        return self.seconds_left() <= 0


class NoPlanFound(Exception):
    """No plan was found in the time given, and none was proven impossible."""


class Impossible(Exception):
    """No plan keeps the hard rules, even with accounts divided: proven."""
