"""Fellegi-Sunter: what levels of agreement are worth as evidence; knows no record's other side.

Source: Fellegi & Sunter (1969), A Theory for Record Linkage; term frequencies after Winkler (2000).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import exp, log
from typing import Any, Final

from fieldwise_profile.core.identity.comparing import LEVELS, Field, Levels
from fieldwise_profile.core.identity.record import Record

# Levels whose worth depends on how common the shared value is, and the values meant.
COMMON: Final[Mapping[Field, tuple[int, ...]]] = {
    Field.GIVEN: (7, 8),
    Field.FAMILY: (5, 6),
    Field.PHONE: (4,),
    Field.EMAIL: (5,),
    Field.CITY: (3,),
    Field.POSTCODE: (3,),
    Field.STREET: (5,),
    Field.COMPANY: (3,),
}


def value_of(record: Record, field: Field) -> str:
    """The value of a field whose frequency counts."""
    return str(getattr(record, _ATTRIBUTES[field]))


_ATTRIBUTES: Final = {
    Field.GIVEN: "given_spoken",
    Field.FAMILY: "family_spoken",
    Field.PHONE: "phone",
    Field.EMAIL: "email",
    Field.CITY: "city",
    Field.POSTCODE: "postcode",
    Field.STREET: "street",
    Field.COMPANY: "company",
}


@dataclass(frozen=True)
class Kind:
    """One kind of pairs.

    Args:
        share: Probability that a candidate pair is of this kind, before any evidence.
        levels: P(level | kind) of each field, by level; level 0 (missing) is 1.
        caused: Fields in which pairs of this kind agree for a reason, not by chance.
        is_one: Both records are one person's.
    """

    name: str
    share: float
    levels: Mapping[Field, Sequence[float]]
    caused: frozenset[Field]
    is_one: bool


@dataclass(frozen=True)
class Weights:
    """What was learned.

    Args:
        kinds: Kinds of pairs, some of one person, some of two.
        chance: P(level | a pair drawn blindly) of each field.
        source: How it was learned, for people.
    """

    kinds: Sequence[Kind]
    chance: Mapping[Field, Sequence[float]]
    source: str = ""

    @property
    def version(self) -> str:
        """Names these weights: the same weights have the same."""
        return sha256(self.to_json().encode()).hexdigest()[:12]

    def to_json(self) -> str:
        """The form that is exported and read."""
        kinds = [
            {
                "name": kind.name,
                "share": kind.share,
                "is_one": kind.is_one,
                "caused": [field.name for field in sorted(kind.caused)],
                "fields": _named(kind.levels),
            }
            for kind in self.kinds
        ]
        return json.dumps({"source": self.source, "kinds": kinds, "chance": _named(self.chance)}, indent=1)


def weights_of(text: str) -> Weights:
    """Weights from their JSON.

    Raises:
        ValueError: A field or level is missing, or no probability.
    """
    read: dict[str, Any] = json.loads(text)
    kinds = [
        Kind(
            str(kind["name"]),
            float(kind["share"]),
            _levels(f"kinds.{kind['name']}", kind["fields"]),
            frozenset(Field[name] for name in kind["caused"]),
            bool(kind["is_one"]),
        )
        for kind in read["kinds"]
    ]
    return Weights(kinds, _levels("chance", read["chance"]), str(read.get("source", "")))


def _named(levels: Mapping[Field, Sequence[float]]) -> dict[str, dict[str, float]]:
    return {field.name: dict(zip(LEVELS[field][1:], levels[field][1:], strict=True)) for field in Field}


def _levels(path: str, read: Mapping[str, Mapping[str, float]]) -> dict[Field, list[float]]:
    return {field: [1.0, *(_share(path, read, field, code) for code in LEVELS[field][1:])] for field in Field}


def _share(path: str, read: Mapping[str, Mapping[str, float]], field: Field, code: str) -> float:
    value = read.get(field.name, {}).get(code)
    if value is None:
        raise ValueError(
            f"weights lack {path}.{field.name}.{code}; export them for the levels of this version"
        )
    if not 0 < value <= 1:
        raise ValueError(f"weights have {path}.{field.name}.{code} = {value}; give a number in (0, 1]")
    return float(value)


class Frequencies:
    """How often values occur among the records compared."""

    def __init__(self, counts: Mapping[Field, Mapping[str, int]], totals: Mapping[Field, int]) -> None:
        self._counts = counts
        self._totals = totals

    def of(self, field: Field, value: str) -> float:
        """Share of the records stating the field that state this value; at least one and a half of them do.

        A value seen twice only has been seen by the pair itself: what a third would say is not known.
        """
        total = self._totals.get(field, 0)
        if total == 0:
            return 1.0
        return max(self._counts.get(field, {}).get(value, 1), 1.5) / total

    def total(self, field: Field) -> int:
        """Records that state the field."""
        return self._totals.get(field, 0)

    def count(self, field: Field, value: str) -> int:
        return self._counts.get(field, {}).get(value, 0)


def frequencies(records: Sequence[Record]) -> Frequencies:
    """Counts the values of all records."""
    counts: dict[Field, dict[str, int]] = {field: {} for field in COMMON}
    for record in records:
        for field, counted in counts.items():
            value = value_of(record, field)
            if value:
                counted[value] = counted.get(value, 0) + 1
    return Frequencies(counts, {field: sum(counted.values()) for field, counted in counts.items()})


def probability(log_odds: float) -> float:
    """Of log-odds; safe for any size."""
    if log_odds >= 0:
        return 1 / (1 + exp(-log_odds))
    return exp(log_odds) / (1 + exp(log_odds))


# What a common value may take from the evidence, and a rare one add, in log-odds: e to the sixth is 400.
_MOST_SHIFT: Final = 6.0
# Records from which on their frequencies count more than those of the records that were learned from: among ten records a
# telephone seen twice is no common one.
_ENOUGH: Final = 1_000


class Scorer:
    """Weighs pairs with learned weights and the frequencies of the values.

    Args:
        most_sharing: A phone or e-mail that more records share is no evidence at all.
    """

    def __init__(self, weights: Weights, known: Frequencies, most_sharing: int = 20) -> None:
        self._is_one = [kind.is_one for kind in weights.kinds]
        self._shares = [log(kind.share) for kind in weights.kinds]
        # By field and level, what each kind makes of it.
        self._worth = [
            [
                [log(kind.levels[field][level]) for kind in weights.kinds]
                for level in range(len(LEVELS[field]))
            ]
            for field in Field
        ]
        self._by_chance = {
            field: [number for number, kind in enumerate(weights.kinds) if field not in kind.caused]
            for field in COMMON
        }
        self._same = {field: sum(weights.chance[field][level] for level in COMMON[field]) for field in COMMON}
        self._known = known
        self._most_sharing = most_sharing

    def weigh(self, one: Record, other: Record, levels: Levels) -> float:
        """Log-odds that the two are one person."""
        levels = self._protected(one, levels)
        return self._log_odds(levels, self._shifts(one, other, levels))

    def explain(self, one: Record, other: Record, levels: Levels) -> dict[Field, float]:
        """What each stated field adds to the log-odds, all others given."""
        levels = self._protected(one, levels)
        shifts = self._shifts(one, other, levels)
        whole = self._log_odds(levels, shifts)
        return {
            field: whole - self._log_odds(*_without(field, levels, shifts))
            for field, level in zip(Field, levels, strict=True)
            if level
        }

    def _log_odds(self, levels: Sequence[int], shifts: Mapping[Field, float]) -> float:
        sums = list(self._shares)
        for field, level in enumerate(levels):
            if level:
                for number, worth in enumerate(self._worth[field][level]):
                    sums[number] += worth
        for field, shift in shifts.items():
            for number in self._by_chance[field]:
                sums[number] += shift
        one = [each for each, is_one in zip(sums, self._is_one, strict=True) if is_one]
        two = [each for each, is_one in zip(sums, self._is_one, strict=True) if not is_one]
        return _log_sum(one) - _log_sum(two)

    def _protected(self, one: Record, levels: Levels) -> Levels:
        """Without a telephone or e-mail that too many share: a shop's."""
        if levels.phone == _PHONE_EQUAL and self._is_shared(Field.PHONE, one.phone):
            levels = levels._replace(phone=0)
        if levels.email == _EMAIL_EQUAL and self._is_shared(Field.EMAIL, one.email):
            levels = levels._replace(email=0)
        return levels

    def _is_shared(self, field: Field, value: str) -> bool:
        return self._known.count(field, value) > self._most_sharing

    def _shifts(self, one: Record, other: Record, levels: Levels) -> dict[Field, float]:
        """How much more often than on the average chance gives an agreement in this value, as logarithms."""
        found = {}
        for field, common in COMMON.items():
            if levels[field] in common:
                value = value_of(one, field)
                if value == value_of(other, field):
                    shift = log(self._known.of(field, value) / self._same[field])
                    trusted = self._known.total(field) / (self._known.total(field) + _ENOUGH)
                    found[field] = trusted * max(-_MOST_SHIFT, min(_MOST_SHIFT, shift))
        return found


_PHONE_EQUAL, _EMAIL_EQUAL = 4, 5


def _log_sum(logs: Sequence[float]) -> float:
    """Logarithm of the sum of what the logarithms stand for."""
    most = max(logs)
    return most + log(sum([exp(each - most) for each in logs]))


def _without(
    field: Field, levels: Levels, shifts: Mapping[Field, float]
) -> tuple[Sequence[int], dict[Field, float]]:
    """As if one side did not state the field."""
    rest = [0 if each == field else level for each, level in zip(Field, levels, strict=True)]
    return rest, {each: shift for each, shift in shifts.items() if each != field}
