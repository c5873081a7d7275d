"""Which records are of one person, well enough to correct each other; knows no links between customers.

Identity decides who is merged; this decides only whose values may vote on a typing error, in records of one table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import log
from typing import Final

from rapidfuzz.distance import OSA

from fieldwise_profile.core.cleaning.corpus import Corpus
from fieldwise_profile.core.cleaning.forms import FORMS, Form

# A value that more records share is nobody's own: it finds no pairs.
MOST_SHARED: Final = 30
# How often a field of two records of one person is equal, nearly equal, or different, when both state it. Ours: hand-entered
# records have three fields in ten wrong.
_SAME: Final = 0.55
_NEAR: Final = 0.25
_OTHER: Final = 0.2
# How many values lie near one, compared with equal ones: near is weaker evidence by so much.
_NEIGHBOURS: Final = 5.0
# Odds beyond which two records count as of one person, once the odds of a random pair are made up for.
_SURE: Final = log(20)

Keys = Mapping[str, str]


def groups(keys: Sequence[Keys], corpus: Corpus) -> list[int]:
    """The group of each record, named by its first member; from the fields' keys."""
    parents = list(range(len(keys)))
    weights = _Weights(corpus, len(keys))
    for one, other in sorted(_pairs(keys)):
        a, b = _root(parents, one), _root(parents, other)
        if a != b and weights.of(keys[one], keys[other]) >= _SURE:
            parents[max(a, b)] = min(a, b)
    return [_root(parents, index) for index in range(len(keys))]


class _Weights:
    """Evidence that two records are of one person (Fellegi and Sunter, 1969), rare values weighing more."""

    def __init__(self, corpus: Corpus, records: int) -> None:
        self._corpus = corpus
        self._unlikely = log(max(1, records))

    def of(self, one: Keys, other: Keys) -> float:
        both = [name for name in one if name in FORMS and one[name] and other.get(name)]
        return sum(self._field(name, one[name], other[name]) for name in both) - self._unlikely

    def _field(self, name: str, one: str, other: str) -> float:
        column = self._corpus.column(name)
        shared = min(0.9, (column.keys[one] + column.keys[other]) / 2 / column.total)
        if one == other:
            return log(_SAME / max(shared, 1 / column.total))
        if is_near(FORMS[name], one, other):
            return log(_NEAR / min(0.9, _NEIGHBOURS * max(shared, 1 / column.total)))
        return log(_OTHER / (1 - shared))


def is_near(form: Form, one: str, other: str) -> bool:
    """Whether one value may be the other with typing errors."""
    if form is Form.GENDER:
        return False
    most = 1 + min(len(one), len(other)) // 6
    return OSA.distance(one, other, score_cutoff=most) <= most


def _pairs(keys: Sequence[Keys]) -> set[tuple[int, int]]:
    blocks: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, own in enumerate(keys):
        for block in set(_blocks(own)):
            blocks[block].append(index)
    return {
        pair
        for members in blocks.values()
        if len(members) <= MOST_SHARED
        for pair in combinations(members, 2)
    }


def _blocks(own: Keys) -> Iterator[tuple[str, str]]:
    """Values by which records of one person meet, each robust to errors in the others."""
    said = {FORMS[name]: value for name, value in own.items() if name in FORMS and value}
    name, birth, postcode = said.get(Form.NAME), said.get(Form.BIRTH_DATE), said.get(Form.POSTCODE)
    for form in (Form.NAME, Form.EMAIL, Form.PHONE, Form.ADDRESS, Form.NUMBER, Form.BIRTH_DATE):
        if form in said:
            yield form.value, said[form]
    if Form.EMAIL in said:
        yield "mailbox", said[Form.EMAIL].partition("@")[0]
    if Form.PHONE in said:
        half = len(said[Form.PHONE]) // 2
        yield "phone starts", said[Form.PHONE][:half]
        yield "phone ends", said[Form.PHONE][half:]
    if birth and postcode:
        yield "birth and postcode", f"{birth} {postcode}"
    if name:
        for word in name.split():
            yield "word and place", f"{word} {postcode or said.get(Form.CITY, '')}"


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index
