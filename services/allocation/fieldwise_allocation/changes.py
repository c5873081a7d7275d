"""Changes of a question: a rep leaves, demand grows, a lock; on messages, so that fields added later come along. Knows no solver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_change_pb2, plan_pb2, rep_pb2
from fieldwise_allocation.plan_records import NAMELESS
from fieldwise_runtime.errors import InvalidRequest, Violation

# Faults kept: the first few hundred say what is wrong.
MOST_VIOLATIONS = 200


@dataclass
class _Sheet:
    """A question while it is changed, and everything in the changes that cannot be done.

    Args:
        before: The rep of each account in the parent plan.
    """

    accounts: dict[str, plan_pb2.Account]
    reps: dict[str, rep_pb2.Rep]
    rules: plan_pb2.TerritoryRules
    before: Mapping[str, str]
    wrong: list[Violation] = field(default_factory=list)

    def refuse(self, path: str, value: object, remedy: str) -> None:
        if len(self.wrong) < MOST_VIOLATIONS:
            self.wrong.append(Violation.of(path, value, remedy))

    def named(self, path: str, names: Sequence[str]) -> Iterator[plan_pb2.Account]:
        """The accounts of these names; unknown ones are faults."""
        for k, name in enumerate(names):
            if name in self.accounts:
                yield self.accounts[name]
            else:
                self.refuse(
                    f"{path}[{k}]", name, "the parent plan has no such account; ListPlanAccounts names them"
                )

    def knows_rep(self, path: str, name: str) -> bool:
        if name not in self.reps:
            self.refuse(path, name, "the parent plan has no such rep; GetPlanQuestion names them")
        return name in self.reps


def changed(
    asked: service_pb2.PlanTerritoriesRequest,
    changes: Sequence[plan_change_pb2.PlanChange],
    before: Mapping[str, str],
    incumbents: plan_change_pb2.Incumbents.ValueType,
) -> service_pb2.PlanTerritoriesRequest:
    """A question after changes.

    Args:
        asked: The parent's question with its accounts and reps.
        before: The rep of each account in the parent plan.
        incumbents: Whose reps count as incumbents.
    Raises:
        InvalidRequest: Every change that cannot be done.
    """
    sheet = _sheet(asked, before)
    if incumbents != plan_change_pb2.INCUMBENTS_TODAY:
        _take_over(sheet)
    for k, change in enumerate(changes):
        kind = change.WhichOneof("change")
        if kind is None:
            sheet.refuse(f"changes[{k}]", "", "say what changes")
        else:
            _DO[kind](sheet, f"changes[{k}].{kind}", getattr(change, kind))
    if sheet.wrong:
        raise InvalidRequest(sheet.wrong)
    return service_pb2.PlanTerritoriesRequest(
        accounts=sheet.accounts.values(), reps=sheet.reps.values(), rules=sheet.rules
    )


def in_words(changes: Sequence[plan_change_pb2.PlanChange]) -> tuple[str, ...]:
    """Each change as a planner reads it in a list of scenarios."""
    return tuple(_WORDS[change.WhichOneof("change")](change) for change in changes)


def _sheet(asked: service_pb2.PlanTerritoriesRequest, before: Mapping[str, str]) -> _Sheet:
    own = service_pb2.PlanTerritoriesRequest()
    own.CopyFrom(asked)
    return _Sheet(
        # Customers who were erased are not planned for again.
        accounts={a.name: a for a in own.accounts if not a.name.startswith(NAMELESS)},
        reps={rep.name: rep for rep in own.reps},
        rules=own.rules,
        before=before,
    )


def _take_over(sheet: _Sheet) -> None:
    """The parent plan's reps become the incumbents; a locked account stays locked to whom it was."""
    for account in sheet.accounts.values():
        if not account.locked:
            account.incumbent = sheet.before.get(account.name, "")


# ---- one change each ----------------------------------------------------------------------------------------------


def _rep_joins(sheet: _Sheet, path: str, rep: rep_pb2.Rep) -> None:
    if rep.name in sheet.reps:
        sheet.refuse(f"{path}.name", rep.name, "the parent plan has him; change his hours with rep_hours")
    elif rep.hours_per_week <= 0:
        sheet.refuse(f"{path}.hours_per_week", rep.hours_per_week, "give more than 0")
    else:
        sheet.reps[rep.name] = rep


def _rep_leaves(sheet: _Sheet, path: str, name: str) -> None:
    if not sheet.knows_rep(path, name):
        return
    del sheet.reps[name]
    for account in sheet.accounts.values():
        if account.locked and account.incumbent == name:
            account.locked = False


def _rep_hours(sheet: _Sheet, path: str, change: plan_change_pb2.RepHours) -> None:
    if change.hours_per_week <= 0:
        sheet.refuse(f"{path}.hours_per_week", change.hours_per_week, "give more than 0, or let him leave")
    elif sheet.knows_rep(f"{path}.rep", change.rep):
        sheet.reps[change.rep].hours_per_week = change.hours_per_week


def _demand(sheet: _Sheet, path: str, change: plan_change_pb2.DemandChange) -> None:
    if not (change.workload_factor or change.value_factor):
        sheet.refuse(f"{path}.workload_factor", 0, "give workload_factor or value_factor, above 0")
    which = (
        sheet.named(f"{path}.accounts", change.accounts) if change.accounts else iter(sheet.accounts.values())
    )
    for account in which:
        # More demand of an account that is visited is more visits, each with its way.
        account.workload_hours *= change.workload_factor or 1.0
        account.visits_per_week *= change.workload_factor or 1.0
        account.value.micros = round(account.value.micros * (change.value_factor or 1.0))


def _locks(sheet: _Sheet, path: str, change: plan_change_pb2.LockChange) -> None:
    if change.rep and not sheet.knows_rep(f"{path}.rep", change.rep):
        return
    for account in sheet.named(f"{path}.accounts", change.accounts):
        rep = change.rep or sheet.before.get(account.name, "")
        if change.free:
            account.locked = False
        elif rep not in sheet.reps:
            sheet.refuse(f"{path}.accounts", account.name, f"its rep {rep!r} is not in the plan; give rep")
        else:
            account.locked, account.incumbent = True, rep


def _account_joins(sheet: _Sheet, path: str, account: plan_pb2.Account) -> None:
    if account.name in sheet.accounts:
        sheet.refuse(f"{path}.name", account.name, "the parent plan has it; let it leave first to change it")
    else:
        sheet.accounts[account.name] = account


def _account_leaves(sheet: _Sheet, path: str, name: str) -> None:
    if sheet.accounts.pop(name, None) is None:
        sheet.refuse(path, name, "the parent plan has no such account; ListPlanAccounts names them")


def _rules(sheet: _Sheet, _path: str, rules: plan_pb2.TerritoryRules) -> None:
    sheet.rules = rules


_DO: Mapping[str, Callable[[_Sheet, str, Any], None]] = {
    "rep_joins": _rep_joins,
    "rep_leaves": _rep_leaves,
    "rep_hours": _rep_hours,
    "demand": _demand,
    "locks": _locks,
    "account_joins": _account_joins,
    "account_leaves": _account_leaves,
    "rules": _rules,
}


# ---- in words -----------------------------------------------------------------------------------------------------


def _demand_in_words(change: plan_change_pb2.DemandChange) -> str:
    whose = _accounts(change.accounts) if change.accounts else "all accounts"
    factors = [("workload", change.workload_factor), ("value", change.value_factor)]
    return f"{whose}: " + ", ".join(f"{what} x {factor:g}" for what, factor in factors if factor)


def _locks_in_words(change: plan_change_pb2.LockChange) -> str:
    if change.free:
        return f"{_accounts(change.accounts)} set free"
    return f"{_accounts(change.accounts)} locked to {change.rep or 'whom the plan gives them'}"


def _accounts(names: Sequence[str]) -> str:
    return "1 account" if len(names) == 1 else f"{len(names)} accounts"


_WORDS: Mapping[str | None, Callable[[plan_change_pb2.PlanChange], str]] = {
    "rep_joins": lambda change: f"{change.rep_joins.name} joins with {change.rep_joins.hours_per_week:g} h",
    "rep_leaves": lambda change: f"{change.rep_leaves} leaves",
    "rep_hours": lambda change: f"{change.rep_hours.rep} has {change.rep_hours.hours_per_week:g} h",
    "demand": lambda change: _demand_in_words(change.demand),
    "locks": lambda change: _locks_in_words(change.locks),
    "account_joins": lambda change: f"{change.account_joins.name} is new",
    "account_leaves": lambda change: f"{change.account_leaves} is gone",
    "rules": lambda _: "other rules",
}
