"""What rules say of customers: of some, for a try or with scores, and of all, page by page; knows no wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fieldwise_profile.core.features import Purchases
from fieldwise_profile.core.tags.fields import FIELDS, values_of
from fieldwise_profile.core.tags.tag import Ready, names_that_hold
from fieldwise_profile.showing import Look, Showing
from fieldwise_profile.store import listings
from fieldwise_profile.tagging import Tags
from fieldwise_profile.viewing import View, Viewing
from fieldwise_rules.compiler import Rule, compiled
from fieldwise_rules.faults import RuleStopped
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition

# Customers looked at for a page: about a second of them when none is in memory.
MOST_LOOKED_AT: Final = 2_000
_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Said:
    """What a rule says of one customer.

    Args:
        verdict: None when the rule has no value for him.
        missing: Fields without a value, ascending.
        reason: Why he was not judged: CUSTOMER_NOT_FOUND, CONSENT_MISSING or RULE_TOO_EXPENSIVE; empty when he was.
    """

    customer: str
    verdict: bool | None
    missing: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Page:
    """Customers of a tag; ``last`` was looked at last, empty when no one is left."""

    customers: list[str]
    last: str
    looked_at: int


class TagReading:
    """Asks rules about customers."""

    def __init__(self, database: Database, viewing: Viewing, showing: Showing, tags: Tags) -> None:
        self._database = database
        self._viewing = viewing
        self._showing = showing
        self._tags = tags

    async def tried(
        self, expression: str, customers: Sequence[str], scores: Mapping[str, float], look: Look
    ) -> tuple[Rule, list[Said]]:
        """What a rule that is not kept says of each customer.

        Raises:
            RuleRefused: With every fault.
        """
        rule = compiled(expression, FIELDS)
        views = await self._viewing.at(customers, look.moment)
        return rule, [self._said(rule, view, scores, look) for view in views]

    async def tagged(
        self, scores: Mapping[str, Mapping[str, float]], look: Look
    ) -> list[tuple[str, list[str]]]:
        """The tags of each customer, given scores of models; without those who may not be read or are not known."""
        ready, reads = self._tags.serving(look.purpose)
        found = []
        for view in await self._viewing.at(list(scores), look.moment):
            if view.state is not None and self._may(view, look):
                subject = self._tags.subject(
                    view.state, Purchases(view.state, look.moment), scores[view.customer]
                )
                found.append((view.customer, names_that_hold(ready, values_of(subject, reads))))
        return found

    async def holders(self, name: str, look: Look, after: str, most: int) -> Page:
        """Customers after ``after`` for whom a tag holds, ascending; at most so many, of at most 2,000 looked at.

        Raises:
            NotFound: Reason TAG_NOT_FOUND.
            FailedPrecondition: Reason TAG_NOT_FOR_PURPOSE.
        """
        tag = await self._tags.one(name)
        ready = Ready(tag, compiled(tag.expression, FIELDS))
        if not ready.serves(look.purpose):
            served = ", ".join(purpose.name for purpose in tag.purposes)
            message = f"{name} serves {served}; read it for one of these, or add the purpose to the tag"
            raise FailedPrecondition("TAG_NOT_FOR_PURPOSE", message)
        found: list[str] = []
        looked_at = 0
        while looked_at < MOST_LOOKED_AT:
            views = await self._viewing.at(await self._names_after(after), look.moment)
            for view in views:
                after, looked_at = view.customer, looked_at + 1
                if self._holds(ready, view, look):
                    found.append(view.customer)
                if len(found) == most:
                    return Page(found, after, looked_at)
            if len(views) < _AT_ONCE:
                return Page(found, "", looked_at)
        return Page(found, after, looked_at)

    async def _names_after(self, name: str) -> list[str]:
        return await self._database.read(
            lambda connection: listings.customers_after(connection, name, _AT_ONCE)
        )

    def _may(self, view: View, look: Look) -> bool:
        return self._showing.permitted(view, look.purpose).is_given

    def _holds(self, ready: Ready, view: View, look: Look) -> bool:
        if view.state is None or not self._may(view, look):
            return False
        subject = self._tags.subject(view.state, Purchases(view.state, look.moment))
        return bool(names_that_hold((ready,), values_of(subject, ready.rule.reads)))

    def _said(self, rule: Rule, view: View, scores: Mapping[str, float], look: Look) -> Said:
        if view.state is None:
            return Said(view.customer, None, reason="CUSTOMER_NOT_FOUND")
        if not self._may(view, look):
            return Said(view.customer, None, reason="CONSENT_MISSING")
        subject = self._tags.subject(view.state, Purchases(view.state, look.moment), scores)
        values = values_of(subject, rule.reads)
        try:
            verdict = rule.verdict(values)
        except RuleStopped as stopped:
            return Said(view.customer, None, reason=stopped.reason)
        missing = [FIELDS.listed[place].path for place in rule.reads if values[place] is None]
        return Said(view.customer, verdict, tuple(sorted(missing)) if verdict is None else ())
