"""Cleaned values of records, each with its confidence and its reason; the records themselves stay as they are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, log
from typing import Final

from fieldwise_profile.core.cleaning.choosing import chosen, scored, seen_as
from fieldwise_profile.core.cleaning.corpus import Column, Corpus, Place, Record, words
from fieldwise_profile.core.cleaning.forms import FORMS, Form, fits, key
from fieldwise_profile.core.cleaning.grouping import groups
from fieldwise_profile.core.cleaning.swaps import unswapped

# Below it a value is left alone, or left empty.
CONFIDENT: Final = 0.6
# What stands in a place's fields must agree with the place at least so well, or the list does not know the place.
_KNOWN_PLACE: Final = -9.0
_MOST_WORD_CANDIDATES: Final = 24


@dataclass(frozen=True)
class Suggestion:
    """A better value for one field.

    Args:
        confidence: Probability that the suggested value is right, among the values considered; in (0, 1].
        reason: ``FORMAT``, ``SWAPPED``, ``TYPO``, ``OTHER_RECORD`` or ``FILLED``.
    """

    field: str
    stated: str
    suggested: str
    confidence: float
    reason: str


@dataclass(frozen=True)
class Cleaned:
    """A record with its suggestions taken; ``group`` is the index of the first record of the same person."""

    values: Mapping[str, str]
    suggestions: tuple[Suggestion, ...]
    group: int


@dataclass(frozen=True)
class _Choice:
    key: str
    confidence: float


def cleaned(
    records: Sequence[Record], places: Sequence[Place] = (), same: Sequence[int] | None = None
) -> list[Cleaned]:
    """The records as they most likely should read, in their order.

    Args:
        records: Field to value, as typed; fields that `FORMS` does not name are passed on untouched.
        places: Towns that are right; without any, towns vote by number.
        same: For each record whose it is, where that is known; found out otherwise.
    """
    settled = [unswapped(record, corpus) for corpus in (Corpus(records, places),) for record in records]
    corpus = Corpus(settled, places)
    keys = [
        {name: key(FORMS[name], value) for name, value in row.items() if name in FORMS} for row in settled
    ]
    owners = list(same) if same is not None else groups(keys, corpus)
    members: dict[int, list[int]] = defaultdict(list)
    for index, owner in enumerate(owners):
        members[owner].append(index)
    genders = _genders_of_names(keys)
    choices = {
        owner: _Person([keys[index] for index in indices], corpus, genders).choices()
        for owner, indices in members.items()
    }
    return [
        _cleaned(record, moved, choices[owner], corpus, members[owner][0])
        for record, moved, owner in zip(records, settled, owners, strict=True)
    ]


def _cleaned(
    record: Record, moved: Record, choices: Mapping[str, _Choice], corpus: Corpus, group: int
) -> Cleaned:
    values, suggestions = dict(record), []
    for name, choice in choices.items():
        stated = record.get(name, "")
        better = (
            corpus.column(name).shown(choice.key) if choice.confidence >= CONFIDENT else moved.get(name, "")
        )
        if better != stated and (better or moved.get(name, "") != stated):
            values[name] = better
            reason = _reason(FORMS[name], stated, moved.get(name, ""), better)
            suggestions.append(Suggestion(name, stated, better, choice.confidence, reason))
    return Cleaned(values, tuple(suggestions), group)


def _reason(form: Form, stated: str, moved: str, better: str) -> str:
    said, meant = key(form, stated), key(form, better)
    if not stated.strip():
        return "SWAPPED" if key(form, moved) == meant else "FILLED"
    if said == meant:
        return "FORMAT"
    if moved != stated:
        return "SWAPPED"
    return "TYPO" if seen_as(form, said, meant) > seen_as(form, "", meant) else "OTHER_RECORD"


class _Person:
    """What the records of one person say together."""

    def __init__(
        self, keys: Sequence[Mapping[str, str]], corpus: Corpus, genders: Mapping[str, Counter[str]]
    ) -> None:
        self._corpus = corpus
        self._genders = genders
        self._stated = {
            name: [row[name] for row in keys if row.get(name)]
            for name in {field for row in keys for field in row}
        }
        # A person's own errors do not make a word usual, however often he repeats them.
        self._own = {
            name: Counter(word for one in stated for word in words(FORMS[name], one))
            for name, stated in self._stated.items()
        }

    def choices(self) -> dict[str, _Choice]:
        found: dict[str, _Choice] = {}
        place = self._place()
        for name in sorted(self._stated, key=_order):
            if name in place:
                found[name] = place[name]
                continue
            scores = self._scores(name, found)
            if scores:
                found[name] = _Choice(*chosen(scores))
        return found

    def _scores(self, name: str, found: Mapping[str, _Choice]) -> dict[str, float]:
        form, stated, column = FORMS[name], self._stated[name], self._corpus.column(name)
        candidates = {each for one in stated for each in _candidates(column, one, self._own[name])}
        if form is Form.GENDER:
            candidates = {"f", "m", *candidates}
        return scored(form, candidates, stated, lambda each: self._prior(name, column, each, found))

    def _prior(self, name: str, column: Column, candidate: str, found: Mapping[str, _Choice]) -> float:
        form = column.form
        unfit = 0.0 if fits(form, candidate) else -6.0
        if form is Form.GENDER:
            return unfit + self._gender_prior(candidate, found)
        if form is Form.EMAIL:
            return unfit + column.likeness(candidate) + self._mailbox_prior(candidate, found)
        if form is Form.NAME:
            return (
                unfit
                + sum(_usual(column, word, self._own[name]) for word in candidate.split())
                + self._in_mailboxes(candidate)
            )
        if form in {Form.ADDRESS, Form.CITY, Form.REGION, Form.COMPANY}:
            return unfit + sum(_usual(column, word, self._own[name]) for word in candidate.split())
        return unfit

    def _gender_prior(self, candidate: str, found: Mapping[str, _Choice]) -> float:
        names = [choice.key for field, choice in found.items() if FORMS[field] is Form.NAME]
        seen = Counter[str]()
        for word in {word for name in names for word in name.split()}:
            seen.update(self._genders.get(word, Counter()))
        return log((seen[candidate] + 0.5) / (sum(seen.values()) + 1.0))

    def _mailbox_prior(self, candidate: str, found: Mapping[str, _Choice]) -> float:
        mailbox = candidate.partition("@")[0]
        names = {
            word
            for field, choice in found.items()
            if FORMS[field] is Form.NAME
            for word in choice.key.split()
        }
        return sum(2.0 for word in names if len(word) > 1 and word in mailbox)

    def _in_mailboxes(self, candidate: str) -> float:
        mailboxes = {
            one.partition("@")[0]
            for name in self._stated
            if FORMS[name] is Form.EMAIL
            for one in self._stated[name]
        }
        return sum(
            2.0 for word in candidate.split() if len(word) > 1 and any(word in box for box in mailboxes)
        )

    def _place(self) -> dict[str, _Choice]:
        """Town, region and postal code together, where a list knows them."""
        fields = [name for name in self._stated if FORMS[name] in _PLACE_FORMS]
        if not self._corpus.places or not any(self._stated[name] for name in fields):
            return {}
        scores = {
            place: sum(
                seen_as(FORMS[name], one, _part(place, name)) for name in fields for one in self._stated[name]
            )
            for place in self._corpus.places
        }
        ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0].city, item[0].postcode))
        best, top = ranked[0]
        said = sum(len(self._stated[name]) for name in fields)
        if top / said < _KNOWN_PLACE:
            return {}
        return {name: self._part_of_place(name, scores, _part(best, name)) for name in fields}

    def _part_of_place(self, name: str, scores: Mapping[Place, float], best: str) -> _Choice:
        """The part with the summed probability of all places that share it: the region may be sure where the town is not."""
        top = max(scores.values())
        weights: dict[str, float] = defaultdict(float)
        for place, score in scores.items():
            weights[_part(place, name)] += exp(score - top)
        winner = min(weights, key=lambda each: (-weights[each], each))
        return _Choice(
            winner if weights[winner] > weights[best] else best, weights[winner] / sum(weights.values())
        )


def _usual(column: Column, word: str, own: Counter[str]) -> float:
    return log((column.words[word] - own[word] + 0.3) / column.total)


def _candidates(column: Column, stated: str, own: Counter[str]) -> Iterator[str]:
    """What was stated, and the same with rare words replaced by usual ones near them."""
    yield stated
    if column.form is Form.EMAIL:
        mailbox, at, domain = stated.partition("@")
        yield from (f"{mailbox}{at}{other}" for other in column.near(domain, own[domain]))
        return
    if column.form not in _WORDY:
        return
    options = [[word, *column.near(word, own[word])] for word in stated.split()]
    size = 1
    for option in options:
        size *= len(option)
    if 1 < size <= _MOST_WORD_CANDIDATES:
        yield from (" ".join(each) for each in product(*options))


def _genders_of_names(keys: Sequence[Mapping[str, str]]) -> dict[str, Counter[str]]:
    """How often each word of a name goes with each gender."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in keys:
        gender = row.get("gender", "")
        if gender in {"f", "m"}:
            for word in {word for name in row if FORMS[name] is Form.NAME for word in row[name].split()}:
                found[word][gender] += 1
    return found


def _part(place: Place, name: str) -> str:
    part: str = getattr(place, FORMS[name].value)
    return part


def _order(name: str) -> tuple[int, str]:
    """Names first: the mailbox and the gender are judged by them."""
    return (0 if FORMS[name] is Form.NAME else 1, name)


_PLACE_FORMS: Final = frozenset({Form.CITY, Form.REGION, Form.POSTCODE})
_WORDY: Final = frozenset({Form.NAME, Form.ADDRESS, Form.CITY, Form.REGION, Form.COMPANY})
