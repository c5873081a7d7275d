"""How much of each scarce thing a week holds; knows nothing of prices or of the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fieldwise_allocation.core.question import Rep
from fieldwise_runtime.errors import Violation

MINUTES_PER_HOUR = 60
UNITS = ("min", "{currency}", "1")


@dataclass(frozen=True, order=True)
class Budget:
    """Capacity of a resource per week, in its unit."""

    resource: str
    unit: str
    capacity: float


def minutes_of(rep: str) -> str:
    """The resource of a rep's time."""
    return f"{rep}/minutes"


def in_force(stated: Iterable[Budget], reps: Iterable[Rep]) -> tuple[Budget, ...]:
    """All budgets by resource: those stated, and the hours of every rep whose minutes are not."""
    by_resource = {
        minutes_of(rep.name): Budget(minutes_of(rep.name), "min", rep.capacity * MINUTES_PER_HOUR)
        for rep in reps
    }
    by_resource |= {budget.resource: budget for budget in stated}
    return tuple(sorted(by_resource.values()))


def faults(budgets: Iterable[Budget]) -> list[Violation]:
    """Everything wrong with budgets to be set."""
    found: list[Violation] = []
    first: dict[str, int] = {}
    for i, budget in enumerate(budgets):
        path = f"budgets[{i}]"
        if budget.resource in first:
            remedy = f"budgets[{first[budget.resource]}] has this resource already; give each once"
            found.append(Violation.of(f"{path}.resource", budget.resource, remedy))
        first.setdefault(budget.resource, i)
        if budget.unit not in UNITS:
            found.append(Violation.of(f"{path}.unit", budget.unit, f"give one of {', '.join(UNITS)}"))
        elif budget.resource.endswith("/minutes") and budget.unit != "min":
            found.append(Violation.of(f"{path}.unit", budget.unit, "minutes of a rep are counted in min"))
    return found
