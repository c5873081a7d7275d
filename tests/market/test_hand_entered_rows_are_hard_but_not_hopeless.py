"""Registries: typed unlike by each department, with strangers alike, and enough in each row to know the person by."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from fieldwise.profile.v1.event_pb2 import Identification
from fieldwise_market.registry import Registry, make_registry
from fieldwise_runtime.rules import violations

REGISTRIES = {language: make_registry(2, 600, language) for language in ("zh", "en", "mixed")}


def pairs(registry: Registry) -> list[tuple[Identification, Identification]]:
    """Every two rows of one person."""
    by_person: dict[int, list[Identification]] = {}
    for row, person in zip(registry.rows, registry.truth, strict=True):
        by_person.setdefault(int(person), []).append(row.identification)
    return [pair for rows in by_person.values() for pair in combinations(rows, 2)]


def name(card: Identification) -> str:
    return card.full_name or f"{card.family_name}{card.given_name}" or card.company


@pytest.mark.parametrize("language", REGISTRIES)
def test_rows_obey_the_contract_and_stand_in_order_of_entry(language: str) -> None:
    registry = REGISTRIES[language]
    assert [each for each in registry.events() if violations(each)] == []
    assert [row.entered for row in registry.rows] == sorted(row.entered for row in registry.rows)
    assert len({row.customer for row in registry.rows}) == len(registry.rows) == len(registry.truth)
    assert len(set(registry.truth)) == 600


@pytest.mark.parametrize("language", ["zh", "en"])
def test_many_rows_of_one_person_have_no_name_and_no_telephone_typed_alike(language: str) -> None:
    found = pairs(REGISTRIES[language])
    assert np.mean([name(a) == name(b) for a, b in found]) < 0.6
    both = [(a.phone, b.phone) for a, b in found if a.phone and b.phone]
    assert np.mean([a == b for a, b in both]) < 0.4


@pytest.mark.parametrize("language", ["zh", "en"])
def test_nearly_every_row_has_two_ways_to_know_the_person(language: str) -> None:
    known = [
        sum(map(bool, (card.phone, card.email, card.birth_date, card.address, card.number)))
        for card in (row.identification for row in REGISTRIES[language].rows)
    ]
    assert min(known) >= 1
    assert np.mean(np.array(known) >= 2) > 0.95


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)[-8:]


def test_a_shops_telephone_is_given_by_many_and_a_households_by_its_members() -> None:
    registry = make_registry(2, 1500, "zh")
    people: dict[str, set[int]] = {}
    for row, person in zip(registry.rows, registry.truth, strict=True):
        if row.identification.phone:
            people.setdefault(digits(row.identification.phone), set()).add(int(person))
    shared = Counter(len(each) for each in people.values())
    assert sum(count for size, count in shared.items() if size >= 10) == 4
    assert sum(shared[size] for size in (2, 3, 4)) >= 20


def test_namesakes_and_namesakes_in_one_town_exist() -> None:
    registry = REGISTRIES["en"]
    people: dict[tuple[str, str], set[int]] = {}
    for row, person in zip(registry.rows, registry.truth, strict=True):
        card = row.identification
        if card.city and not card.company:
            people.setdefault((name(card).lower(), card.city), set()).add(int(person))
    assert sum(len(each) > 1 for each in people.values()) >= 5


def test_chinese_names_come_in_characters_in_pinyin_and_as_nicknames() -> None:
    names = [name(row.identification) for row in REGISTRIES["zh"].rows]
    assert sum(each.isascii() and each != "" for each in names) > 20
    assert sum(bool(re.match("^[小老阿]", each)) for each in names) > 20
    assert sum(bool(re.search("[張劉陳楊黃趙吳馬鄭偉麗]", each)) for each in names) > 5


def test_an_unknown_language_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="language='fr'"):
        make_registry(1, 10, "fr")


def test_seeds_and_languages_give_different_registries() -> None:
    first = make_registry(4, 50, "en")
    assert first.rows == make_registry(4, 50, "en").rows
    assert first.rows != make_registry(5, 50, "en").rows
