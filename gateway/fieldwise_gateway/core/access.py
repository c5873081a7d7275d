"""Who may do what: roles, their scopes, and callers who are confined to territories; knows no key, token or call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# Held by nobody: calls between services.
INTERNAL: Final = "internal"
# Held by everybody who is known: what a caller may learn of himself.
OF_CALLERS: Final = "caller.read"


class Role(StrEnum):
    """What a caller is to the company."""

    APP = "app"
    PLANNER = "planner"
    REP = "rep"
    MANAGER = "manager"
    OPS = "ops"
    PRIVACY_OFFICER = "privacy_officer"
    OPERATOR = "operator"


# Whoever has one of these acts for certain reps, and sees their customers only.
CONFINED: Final = frozenset({Role.REP, Role.MANAGER})

# What names no customer and no rep: nobody is confined in it.
COMPANY_WIDE: Final = frozenset({"actions.read", "clock.read"})

_REP: Final = frozenset(
    {
        "actions.read",
        "clock.read",
        "decisions.read",
        "decisions.write",
        "events.write",
        "outcomes.write",
        "profiles.read",
        "rep_days.read",
    }
)
_MANAGER: Final = _REP | {"reports.read", "reps.read"}
_APP: Final = frozenset(
    {
        "actions.read",
        "catalogue.read",
        "clock.read",
        "consents.read",
        "consents.write",
        "customers.read",
        "decisions.read",
        "decisions.write",
        "events.write",
        "forecasts.read",
        "operations.read",
        "outcomes.write",
        "plans.read",
        "prices.read",
        "profiles.read",
        "rep_days.read",
        "reps.read",
        "schemas.read",
        "segments.read",
    }
)
_PLANNER: Final = frozenset(
    {
        "actions.read",
        "budgets.read",
        "budgets.write",
        "catalogue.read",
        "catalogue.release",
        "catalogue.write",
        "clock.read",
        "customers.read",
        "decisions.read",
        "effects.read",
        "forecasts.read",
        "models.read",
        "operations.read",
        "operations.write",
        "plans.read",
        "plans.write",
        "policies.read",
        "prices.read",
        "profiles.read",
        "quality.read",
        "rep_days.read",
        "reports.read",
        "reports.write",
        "reps.read",
        "reps.write",
        "segments.read",
        "segments.write",
        "series.write",
    }
)
_OPS: Final = frozenset(
    {
        "access.read",
        "actions.read",
        "catalogue.read",
        "clock.read",
        "clock.write",
        "effects.read",
        "forecasts.read",
        "jobs.read",
        "jobs.write",
        "models.read",
        "models.write",
        "operations.read",
        "operations.write",
        "policies.read",
        "policies.write",
        "prices.read",
        "quality.read",
        "reports.read",
        "schemas.read",
        "schemas.write",
        "traces.read",
        "upkeep.write",
    }
)
_PRIVACY_OFFICER: Final = frozenset(
    {
        "clock.read",
        "consents.read",
        "consents.write",
        "customers.read",
        "events.read",
        "identities.read",
        "identities.write",
        "policies.read",
        "policies.write",
        "privacy.read",
        "privacy.write",
        "profiles.read",
        "quality.read",
    }
)
# What no role but the operator's has.
_OPERATORS_OWN: Final = frozenset({"access.write"})
# Every scope that a call can ask for; a new one is added to the roles that shall have it.
SCOPES: Final = _MANAGER | _APP | _PLANNER | _OPS | _PRIVACY_OFFICER | _OPERATORS_OWN
ROLES: Final = {
    Role.APP: _APP,
    Role.PLANNER: _PLANNER,
    Role.REP: _REP,
    Role.MANAGER: _MANAGER,
    Role.OPS: _OPS,
    Role.PRIVACY_OFFICER: _PRIVACY_OFFICER,
    Role.OPERATOR: SCOPES,
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, and what he may do.

    Attributes:
        name: ``apiKeys/{id}``, ``tokens/{hash of the subject}`` or ``anybody``; never a secret.
        roles: What he is.
        scopes: What he may ask for.
        unconfined: Those of his scopes that hold for every customer; in the others he is confined to his reps' customers.
        reps: ``reps/{id}`` he acts for.
        calls_per_second: How often he may call in the long run; 0 means as often as he likes.
        burst: How many calls he may save up.
        until: What he showed holds before this moment, seconds since 1970 UTC; None for ever.
    """

    name: str
    roles: frozenset[Role]
    scopes: frozenset[str]
    unconfined: frozenset[str]
    reps: frozenset[str] = frozenset()
    calls_per_second: float = 0.0
    burst: int = 0
    until: float | None = None

    @classmethod
    def of(
        cls,
        name: str,
        roles: Iterable[Role],
        reps: Iterable[str] = (),
        only: Iterable[str] = (),
        calls_per_second: float = 0.0,
        burst: int = 0,
        until: float | None = None,
    ) -> Principal:
        """A caller with these roles, confined in the scopes that come from a role of the field only.

        Args:
            only: Narrows his scopes to these; empty leaves them all.

        Raises:
            ValueError: No role, a role of the field without reps; the text is the remedy.
        """
        held, acts_for, wanted = frozenset(roles), frozenset(reps), frozenset(only)
        if not held:
            raise ValueError(f"give at least one role of {', '.join(Role)}")
        if held & CONFINED and not acts_for:
            raise ValueError("a rep or manager acts for reps; name at least one as reps/{id}")
        scopes = _scopes_of(held)
        free = _scopes_of(held - CONFINED) | (scopes & COMPANY_WIDE)
        if wanted:
            scopes, free = scopes & wanted, free & wanted
        every = scopes | {OF_CALLERS}
        return cls(name, held, every, free | {OF_CALLERS}, acts_for, calls_per_second, burst, until)

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    def is_confined(self, scope: str) -> bool:
        return scope not in self.unconfined


def _scopes_of(roles: Iterable[Role]) -> frozenset[str]:
    return frozenset(scope for role in roles for scope in ROLES[role])


# Everybody, in an installation that asks nobody who he is.
ANYBODY: Final = Principal.of("anybody", [Role.OPERATOR])


def beyond(role: Role, only: Iterable[str]) -> list[str]:
    """Scopes of a narrowing list that the role does not have, sorted."""
    return sorted(frozenset(only) - ROLES[role])
