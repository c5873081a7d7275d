"""Faults of a territory question that make it wrong whatever the solver does; knows nothing of solvers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fieldwise_allocation.core.question import ACCOUNTS, VALUE, WORKLOAD, Account, Place, Question, Rep
from fieldwise_allocation.core.rule_checks import rule_faults
from fieldwise_runtime.errors import Violation

OWN_NAMES = frozenset({WORKLOAD, VALUE, ACCOUNTS})
# Where spreadsheets put what they could not find: in the Gulf of Guinea.
NOWHERE = (0.0, 0.0)


def faults(question: Question) -> list[Violation]:
    """Every fault at once, with the path of the field in the request; empty for a question that can be solved."""
    if not question.reps:
        return [Violation.of("reps", [], "give at least one rep, or add one with CreateRep")]
    return [
        *_repeated("accounts", question.accounts),
        *_repeated("reps", question.reps),
        *_locked_in_the_air(question),
        *_lost(question),
        *_powerless(question.reps),
        *_wrong_amounts(question.accounts),
        *rule_faults(question),
    ]


def off_the_earth(path: str, place: Place | None) -> Iterator[Violation]:
    """Degrees that no point on the earth has, and the point that stands for no place at all."""
    if place and not -90 <= place.latitude <= 90:
        yield Violation.of(f"{path}.latitude", place.latitude, "give degrees from -90 to 90")
    if place and not -180 <= place.longitude <= 180:
        yield Violation.of(f"{path}.longitude", place.longitude, "give degrees from -180 to 180")
    if place and (place.latitude, place.longitude) == NOWHERE:
        remedy = (
            "a place at sea that stands for none: give the real one, or leave places out of the whole plan"
        )
        yield Violation.of(path, "0, 0", remedy)


def _repeated(path: str, named: Iterable[Account | Rep]) -> list[Violation]:
    first: dict[str, int] = {}
    found = []
    for i, each in enumerate(named):
        if each.name in first:
            remedy = f"{path}[{first[each.name]}] has this name already; give each a name of its own"
            found.append(Violation.of(f"{path}[{i}].name", each.name, remedy))
        first.setdefault(each.name, i)
    return found


def _locked_in_the_air(question: Question) -> list[Violation]:
    present = {rep.name for rep in question.reps}
    return [
        Violation.of(
            f"accounts[{j}].incumbent",
            account.incumbent,
            "a locked account stays with its incumbent: name a rep of this plan, or unlock it",
        )
        for j, account in enumerate(question.accounts)
        if account.locked and account.incumbent not in present
    ]


def _lost(question: Question) -> Iterator[Violation]:
    """Places that are none, and accounts without one among others that have one."""
    travels = question.travels
    for j, account in enumerate(question.accounts):
        yield from off_the_earth(f"accounts[{j}].place", account.place)
        if travels and account.place is None:
            remedy = (
                "other accounts have a place: give this one too, or leave the places out of the whole plan"
            )
            yield Violation.of(f"accounts[{j}].place", "nothing", remedy)
    for i, rep in enumerate(question.reps):
        yield from off_the_earth(f"reps[{i}].home", rep.home)


def _powerless(reps: Iterable[Rep]) -> Iterator[Violation]:
    for i, rep in enumerate(reps):
        if not rep.hours > 0:
            yield Violation.of(
                f"reps[{i}].hours_per_week", rep.hours, "give more than 0, or leave the rep out"
            )


def _wrong_amounts(accounts: Iterable[Account]) -> Iterator[Violation]:
    for j, account in enumerate(accounts):
        if account.hours < 0:
            yield Violation.of(f"accounts[{j}].workload_hours", account.hours, "give 0 or more")
        if account.visit_hours and not account.visits_per_week:
            remedy = "say how often with visits_per_week, or put the hours into workload_hours"
            yield Violation.of(f"accounts[{j}].visit_hours", account.visit_hours, remedy)
        for name, amount in account.measures:
            path = f"accounts[{j}].measures[{name}]"
            if not amount >= 0:
                yield Violation.of(path, amount, "give 0 or more")
            if name in OWN_NAMES:
                yield Violation.of(path, amount, "every account has this measure: choose another name")
