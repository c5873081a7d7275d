"""Faults of the rules of a territory question, each seen without a solver; knows nothing of accounts' own fields."""

from __future__ import annotations

from collections.abc import Iterator

from fieldwise_allocation.core.question import ACCOUNTS, VALUE, WORKLOAD, Band, Question
from fieldwise_runtime.errors import Violation

# Names that answers give to rules and costs of their own.
TAKEN = frozenset({"travel", "continuity", "balance", "contiguity", "locks", "moves"})
TAKEN_BEGINNINGS = ("lock:", "skill:", "staffing:")
# Km/h: whoever is slower would be under way for longer than solvers can count.
SLOWEST = 1.0


def rule_faults(question: Question) -> Iterator[Violation]:
    """Faults of bands, staffing and speed, with the path of the field in the request."""
    yield from _names(question)
    speed = question.rules.speed
    if speed < SLOWEST:
        yield Violation.of("rules.travel_speed", speed, "give 1 to 1,000 km/h, or 0 for 50")
    known = {WORKLOAD, VALUE, ACCOUNTS} | {name for a in question.accounts for name, _ in a.measures}
    reps = {rep.name for rep in question.reps}
    for b, band in enumerate(question.rules.bands):
        path = f"rules.bands[{b}]"
        if band.measure not in known:
            remedy = (
                f"no account has it; give one of {', '.join(sorted(known))}, or add it to accounts.measures"
            )
            yield Violation.of(f"{path}.measure", band.measure, remedy)
        for stranger in sorted(band.reps - reps)[:5]:
            yield Violation.of(f"{path}.reps", stranger, "name reps of this plan, or none for all of them")
        yield from _limits(path, band)
    yield from _staffing(question)


def _names(question: Question) -> Iterator[Violation]:
    taken = {"band:workload"} if question.rules.band else set()
    for b, band in enumerate(question.rules.bands):
        remedy = "another rule has this name; give each band an id of its own"
        if band.id in taken | TAKEN or band.id.startswith(TAKEN_BEGINNINGS):
            yield Violation.of(f"rules.bands[{b}].id", band.id, remedy)
        taken.add(band.id)


def _limits(path: str, band: Band) -> Iterator[Violation]:
    limited = band.low > 0 or band.high < float("inf")
    if band.width is not None and limited:
        yield Violation.of(f"{path}.width", band.width, "give width, or low and high, not both")
    if band.width is None and not limited:
        yield Violation.of(path, "no limit", "give width, low or high")
    if band.low > band.high:
        yield Violation.of(f"{path}.high", band.high, f"give at least low, which is {band.low:g}")


def _staffing(question: Question) -> Iterator[Violation]:
    areas = {account.area for account in question.accounts}
    seen: set[str] = set()
    for s, each in enumerate(question.rules.staffing):
        path = f"rules.staffing[{s}].area"
        if each.area not in areas:
            yield Violation.of(path, each.area, "no account has this area; name one, or drop the rule")
        if each.area in seen:
            yield Violation.of(path, each.area, "each area once")
        seen.add(each.area)
