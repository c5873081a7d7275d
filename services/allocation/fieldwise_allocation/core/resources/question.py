"""What is asked when means are shared out: cells, resources, limits; knows no solver and no wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fieldwise_allocation.core.resources.curves import Curve

VALUE = "value"
# Levels tried of a cell whose effort may be any amount; later ones are added where they matter.
GRID = 24
# Most whole levels of a cell.
MOST_LEVELS = 200


@dataclass(frozen=True)
class Level:
    """One thing that can be done with a cell.

    Args:
        level: Its amount of effort, or a number of its own such as a depth of discount.
        value: What it brings, in money.
        deviation: Standard deviation of that.
        takes: Amount of each measure by name; they add to what follows from the cell's quantities.
    """

    level: float
    value: float
    deviation: float = 0.0
    takes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Quantity:
    """How much of a measure a level takes or gives: ``per_level x level + per_value x value + once (level > 0)``."""

    measure: str
    per_level: float = 0.0
    per_value: float = 0.0
    once: float = 0.0

    def at(self, level: float, value: float) -> float:
        return self.per_level * level + self.per_value * value + (self.once if level > 0 else 0.0)


@dataclass(frozen=True)
class Cell:
    """Something that effort goes to: a segment in a channel, a product in a period.

    Args:
        response: A curve, or the levels there are.
        today: The level of today; None where there is none.
        step: Whole levels are multiples of it; 0 where any amount will do. Only with a curve.
        floor, ceiling: The level lies between them. A curve needs a ceiling.
        assumed: The levels are judged, not measured.
    """

    name: str
    response: Curve | tuple[Level, ...]
    quantities: tuple[Quantity, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    today: float | None = None
    floor: float = 0.0
    ceiling: float = float("inf")
    step: float = 0.0
    assumed: bool = False

    @property
    def is_assumed(self) -> bool:
        return self.response.assumed if isinstance(self.response, Curve) else self.assumed


@dataclass(frozen=True)
class Resource:
    """A scarce thing: people's hours, packs of material, money.

    Args:
        capacity: How much there is; infinite where only its cost counts.
        floor: How much has to be used.
        unit_cost: Money for one unit.
    """

    name: str
    capacity: float = float("inf")
    unit: str = "1"
    floor: float = 0.0
    unit_cost: float = 0.0


@dataclass(frozen=True)
class Limit:
    """A rule over some cells: the sum of a measure, or of a measure per another one, is at least and at most so much.

    Args:
        measure: A resource, a quantity, or `value`.
        where: Labels that a cell must have to count; empty means all cells.
        per: The sum is divided by this measure's: a depth of discount is discount per sales.
    """

    id: str
    measure: str
    at_least: float = float("-inf")
    at_most: float = float("inf")
    where: Mapping[str, str] = field(default_factory=dict)
    per: str = ""

    def counts(self, cell: Cell) -> bool:
        return all(cell.labels.get(key) == wanted for key, wanted in self.where.items())


@dataclass(frozen=True)
class Question:
    """Cells, what is scarce, what is demanded.

    Args:
        caution: Standard deviations that are taken off every value before it is compared: 0 plans on the mean.
        near: Plans within this share of the best count as equally good; the one nearest to today is given beside it.
    """

    cells: tuple[Cell, ...]
    resources: tuple[Resource, ...] = ()
    limits: tuple[Limit, ...] = ()
    caution: float = 0.0
    near: float = 0.01
    seconds: float = 20.0
    cost_of_capital: float = 0.0
    frontier: tuple[float, ...] = field(default=(0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5))

    def measures(self) -> tuple[str, ...]:
        """Every measure by name; `value` first."""
        named = {resource.name for resource in self.resources}
        for cell in self.cells:
            named.update(quantity.measure for quantity in cell.quantities)
            if not isinstance(cell.response, Curve):
                named.update(name for level in cell.response for name in level.takes)
        return (VALUE, *sorted(named - {VALUE}))
