"""Spoiled records: two thirds right, and enough left to find most of the rest."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fieldwise_market.corruption import FIELDS, corrupted_records

RECORDS = corrupted_records(2, 300)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_60_to_70_per_cent_of_the_fields_are_right(seed: int) -> None:
    assert 0.60 < corrupted_records(seed, 200).accuracy() < 0.70


def test_the_truth_itself_is_wholly_right_and_of_one_mind_about_a_person() -> None:
    assert RECORDS.accuracy(RECORDS.truth) == 1
    by_person = {int(person): each for person, each in zip(RECORDS.person, RECORDS.truth, strict=True)}
    assert all(
        by_person[int(person)] == each for person, each in zip(RECORDS.person, RECORDS.truth, strict=True)
    )


def test_the_truth_agrees_with_the_reference() -> None:
    places = {each.postcode: (each.city, each.region) for each in RECORDS.reference}
    assert len(places) == len(RECORDS.reference)
    assert all(places[each["postcode"]] == (each["city"], each["region"]) for each in RECORDS.truth)


def test_some_row_of_a_person_is_nearly_always_right_and_the_plain_majority_is_not_enough() -> None:
    by_person: dict[int, list[dict[str, str]]] = {}
    for person, row in zip(RECORDS.person, RECORDS.rows, strict=True):
        by_person.setdefault(int(person), []).append(row)
    sure = list(zip(RECORDS.person, RECORDS.truth, strict=True))
    anywhere = [
        any(row[name] == right[name] for row in by_person[int(p)]) for p, right in sure for name in FIELDS
    ]
    voted = [
        {name: Counter(row[name] for row in by_person[int(person)]).most_common(1)[0][0] for name in FIELDS}
        for person, _ in sure
    ]
    assert np.mean(anywhere) > 0.97
    assert RECORDS.accuracy(voted) < 0.9


def test_copies_name_the_row_that_they_copy() -> None:
    copies = np.flatnonzero(RECORDS.copied >= 0)
    assert 0.08 < len(copies) / len(RECORDS.rows) < 0.2
    for place in copies:
        origin = RECORDS.copied[place]
        assert RECORDS.person[place] == RECORDS.person[origin]
        unlike = [name for name in FIELDS if RECORDS.rows[place][name] != RECORDS.rows[origin][name]]
        assert len(unlike) <= 1


def test_rows_in_another_number_than_the_truth_are_refused() -> None:
    with pytest.raises(ValueError, match="give every row, in order"):
        RECORDS.accuracy(RECORDS.rows[:5])
