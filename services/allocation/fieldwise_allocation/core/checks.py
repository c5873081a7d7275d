"""Faults of a territory question that make it wrong whatever the solver does; knows nothing of solvers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fieldwise_allocation.core.question import Account, Place, Question, Rep
from fieldwise_runtime.errors import Violation

# Pairs of accounts and reps held at once: 30 million take about 1 GB with all that is derived from them.
MOST_PAIRS = 30_000_000


def faults(question: Question) -> list[Violation]:
    """Every fault at once, with the path of the field in the request; empty for a question that can be solved."""
    if not question.reps:
        return [Violation.of("reps", [], "give at least one rep, or add one with CreateRep")]
    found = [*_repeated("accounts", question.accounts), *_repeated("reps", question.reps)]
    found += _locked_in_the_air(question)
    found += [
        fault
        for j, a in enumerate(question.accounts)
        for fault in off_the_earth(f"accounts[{j}].place", a.place)
    ]
    found += [
        fault for i, r in enumerate(question.reps) for fault in off_the_earth(f"reps[{i}].home", r.home)
    ]
    if any(account.place for account in question.accounts):
        found += _homeless(question.reps)
    pairs = len(question.accounts) * len(question.reps)
    if pairs > MOST_PAIRS:
        remedy = f"plan by region: accounts x reps is {pairs}, at most {MOST_PAIRS} fit one plan"
        found.append(Violation.of("accounts", f"{len(question.accounts)} items", remedy))
    return found


def off_the_earth(path: str, place: Place | None) -> Iterator[Violation]:
    """Degrees that no point on the earth has."""
    if place and not -90 <= place.latitude <= 90:
        yield Violation.of(f"{path}.latitude", place.latitude, "give degrees from -90 to 90")
    if place and not -180 <= place.longitude <= 180:
        yield Violation.of(f"{path}.longitude", place.longitude, "give degrees from -180 to 180")


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


def _homeless(reps: Iterable[Rep]) -> list[Violation]:
    remedy = "a plan with places needs every rep's home: set it, or leave the places out"
    return [Violation.of(f"reps[{i}].home", "", remedy) for i, rep in enumerate(reps) if rep.home is None]
