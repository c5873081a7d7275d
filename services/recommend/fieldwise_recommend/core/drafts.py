"""Drafts of actions: their life, and the catalogue that comes of them; knows no store and no wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_runtime.errors import AlreadyExists, FailedPrecondition

# The subject of margins, priors and the share of coupons redeemed, which stand beside the actions.
NUMBERS: Final = "stated-numbers"
_TABLES_OF_NUMBERS: Final = ("priors", "coupons", "margins")

Document = Mapping[str, Any]


class Change(StrEnum):
    """What a draft does to the catalogue."""

    NEW = "new"
    CHANGED = "changed"
    RETIRED = "retired"
    NUMBERS = "numbers"


class State(StrEnum):
    """Where a draft stands."""

    WRITING = "writing"
    IN_REVIEW = "in review"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Draft:
    """A change of one action, or of the stated numbers; there is one of each at most.

    Args:
        subject: `actions/{id}` or NUMBERS.
        table: The action's table, or the tables of numbers; empty for a retirement.
        authors: Who wrote it, first to last.
        reviewer: Who approved or rejected it.
        created_at, changed_at: Microseconds since 1970.
        request_id: Of the call that wrote it last.
    """

    subject: str
    change: Change
    table: Document
    authors: tuple[str, ...]
    created_at: int
    changed_at: int
    base_version: str
    request_id: str
    note: str = ""
    state: State = State.WRITING
    reviewer: str = ""

    @property
    def name(self) -> str:
        return f"drafts/{self.subject.removeprefix('actions/')}"

    def rewritten(self, by: Draft) -> Draft:
        """This draft with what another one says; who wrote at it before stays among the authors.

        The same request again leaves it where it stands by now.

        Raises:
            AlreadyExists: The same request says something else.
        """
        if by.request_id == self.request_id:
            if (by.change, by.table) != (self.change, self.table):
                remedy = "it wrote something else before; give a new one"
                raise AlreadyExists(f"request_id {self.request_id!r}", remedy, reason="REQUEST_ID_REUSED")
            return self
        authors = tuple(dict.fromkeys([*self.authors, *by.authors]))
        return replace(by, authors=authors, created_at=self.created_at)

    def submitted(self, actor: str, at: int, note: str) -> Draft:
        """In review.

        Raises:
            FailedPrecondition: It is there already, or was approved.
        """
        self._must_be(State.WRITING, State.REJECTED)
        authors = tuple(dict.fromkeys([*self.authors, actor]))
        return replace(
            self, state=State.IN_REVIEW, authors=authors, changed_at=at, note=note or self.note, reviewer=""
        )

    def reviewed(self, actor: str, at: int, note: str, *, approved: bool) -> Draft:
        """Approved, or sent back.

        Raises:
            FailedPrecondition: It is not in review, or the reviewer wrote at it.
        """
        self._must_be(State.IN_REVIEW)
        if actor in self.authors:
            raise FailedPrecondition(
                "OWN_DRAFT", f"{self.name} was written by {actor}; somebody else has to review it"
            )
        state = State.APPROVED if approved else State.REJECTED
        return replace(self, state=state, reviewer=actor, changed_at=at, note=note or self.note)

    def _must_be(self, *states: State) -> None:
        if self.state not in states:
            remedy = {
                State.WRITING: "submit it first",
                State.IN_REVIEW: "approve or reject it first",
                State.APPROVED: "publish it, or write it anew",
                State.REJECTED: "write it anew, and submit it",
            }[self.state]
            raise FailedPrecondition("DRAFT_STATE", f"{self.name} is {self.state}; {remedy}")


def applied(document: Document, drafts: Sequence[Draft]) -> dict[str, Any]:
    """The catalogue's tables with the changes made; actions keep their places, new ones come last, in the order of the drafts."""
    numbers = next((draft.table for draft in drafts if draft.change is Change.NUMBERS), {})
    by_subject = {draft.subject: draft for draft in drafts if draft.change is not Change.NUMBERS}
    actions: list[Document] = []
    for table in document.get("actions", []):
        draft = by_subject.pop(table.get("name"), None)
        if draft is None:
            actions.append(table)
        elif draft.change is not Change.RETIRED:
            actions.append(draft.table)
    actions += [draft.table for draft in by_subject.values() if draft.change is not Change.RETIRED]
    return {**numbers_of(document), **numbers, "actions": actions}


def numbers_of(document: Document) -> dict[str, Any]:
    """The tables of stated numbers."""
    return {name: document[name] for name in _TABLES_OF_NUMBERS if name in document}


def table_of(document: Document, subject: str) -> Document | None:
    """The table of an action; None when there is none of the name."""
    return next((table for table in document.get("actions", []) if table.get("name") == subject), None)


def differences(before: Document, after: Document) -> list[tuple[str, Change, Document]]:
    """(subject, change, table) of everything in which one catalogue's tables differ from another's."""
    found: list[tuple[str, Change, Document]] = []
    if numbers_of(before) != numbers_of(after):
        found.append((NUMBERS, Change.NUMBERS, numbers_of(after)))
    for table in after.get("actions", []):
        subject = str(table["name"])
        old = table_of(before, subject)
        if old != table:
            found.append((subject, Change.NEW if old is None else Change.CHANGED, table))
    for table in before.get("actions", []):
        subject = str(table["name"])
        if table_of(after, subject) is None and subject != LEAVE_ALONE:
            found.append((subject, Change.RETIRED, {}))
    return found
