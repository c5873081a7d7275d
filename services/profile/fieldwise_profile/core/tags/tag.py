"""A tag as it was written down, and the tags that are in force; knows no table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from fieldwise_profile.core.purposes import Purpose
from fieldwise_rules.compiler import Rule, compiled
from fieldwise_rules.faults import RuleRefused, RuleStopped
from fieldwise_rules.fields import Fields


class TagState(IntEnum):
    """Where a tag stands, numbered as on the wire."""

    ACTIVE = 1
    # It is in force until a person retires it.
    PROPOSED = 2
    RETIRED = 3


@dataclass(frozen=True)
class Tag:
    """One version of a tag.

    Attributes:
        name: `tags/{id}`.
        purposes: What it may be read for; a tag without one is refused.
        version: Rises with every change, from 1.
        changed_at: Business time of this version, microseconds; ``created_at`` of the first.
        note: Why it was changed, in words.
    """

    name: str
    expression: str
    description: str
    purposes: tuple[Purpose, ...]
    state: TagState
    version: int
    created_at: int
    changed_at: int
    note: str = ""

    @property
    def is_in_force(self) -> bool:
        return self.state is not TagState.RETIRED


# They see every tag: the customer may know what is said of him, and upkeep must.
_SEES_ALL = frozenset({Purpose.RIGHTS, Purpose.UPKEEP})


@dataclass(frozen=True)
class Ready:
    """A tag with its rule."""

    tag: Tag
    rule: Rule

    def serves(self, purpose: int) -> bool:
        return purpose in self.tag.purposes or purpose in _SEES_ALL


class TagSet:
    """The tags in force, ready to run, ascending by name.

    Attributes:
        version: Which change of tags it stands for.
        broken: Names of tags whose rules do not run any more: a field they read has gone since they were checked.
    """

    def __init__(self, tags: Iterable[Tag], fields: Fields, version: int = 0) -> None:
        self.version = version
        self.ready: tuple[Ready, ...] = ()
        self.broken: tuple[str, ...] = ()
        for tag in sorted(tags, key=lambda tag: tag.name):
            if tag.is_in_force:
                self._take(tag, fields)

    def _take(self, tag: Tag, fields: Fields) -> None:
        try:
            self.ready += (Ready(tag, compiled(tag.expression, fields)),)
        except RuleRefused:
            self.broken += (tag.name,)

    def for_purpose(self, purpose: int) -> tuple[Ready, ...]:
        return tuple(each for each in self.ready if each.serves(purpose))


def reads_of(ready: Iterable[Ready]) -> frozenset[int]:
    """Places of the fields that any of them reads."""
    return frozenset().union(*(each.rule.reads for each in ready))


def names_that_hold(ready: Iterable[Ready], values: Sequence[Any]) -> list[str]:
    """Names of the tags that hold; one that takes too many steps does not."""
    found = []
    for each in ready:
        try:
            if each.rule.verdict(values) is True:
                found.append(each.tag.name)
        except RuleStopped:
            # The other tags and the profile are worth more than this one.
            continue
    return found
