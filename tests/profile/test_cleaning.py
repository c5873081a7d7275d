"""Cleaning gives better values beside the stored ones, and leaves right ones alone."""

from __future__ import annotations

import copy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fieldwise_profile.core.cleaning.corpus import Place
from fieldwise_profile.core.cleaning.forms import FORMS, Form, fits, key
from fieldwise_profile.core.cleaning.records import cleaned
from fieldwise_profile.core.field_quality import completeness, field_qualities

PLACES = (
    Place("Boston", "Massachusetts", "02108"),
    Place("Denver", "Colorado", "80202"),
    Place("Austin", "Texas", "73301"),
)
FIRST = ("Anna", "John", "Mary", "Peter", "Laura", "Oscar")
LAST = ("Miller", "Sanders", "Okafor", "Hughes", "Nguyen", "Bennett", "Castillo", "Fischer")


def person(number: int) -> dict[str, str]:
    """A clean record; names, towns and domains recur, as they do with people."""
    first, last = FIRST[number % len(FIRST)], LAST[number % len(LAST)]
    place = PLACES[number % len(PLACES)]
    return {
        "name": f"{first} {last}",
        "email": f"{first.lower()}.{last.lower()}{number}@example.org",
        "phone": f"{2025550100 + 9973 * number}",
        "street": f"{100 + 7 * number} Maple Street",
        "city": place.city,
        "region": place.region,
        "postcode": place.postcode,
        "birth_date": f"{1950 + number % 45}-{1 + number % 12:02}-{1 + number % 28:02}",
        "gender": "f" if first in {"Anna", "Mary", "Laura"} else "m",
    }


def company(people: int = 60) -> list[dict[str, str]]:
    """Two clean records of each person."""
    return [dict(person(number)) for number in range(people) for _ in range(2)]


def better(changed: dict[str, str]) -> dict[str, str]:
    """The first person's third record after cleaning, in the company of all others."""
    records = [*company(), person(0) | changed]
    return dict(cleaned(records, PLACES)[-1].values)


def test_right_records_are_left_alone() -> None:
    records = company()
    for record, result in zip(records, cleaned(records, PLACES), strict=True):
        assert result.values == record
        assert not result.suggestions


def test_what_was_stated_is_never_changed_in_place() -> None:
    records = [*company(), person(0) | {"name": "anan  MILLER", "city": "Bostn"}]
    before = copy.deepcopy(records)
    cleaned(records, PLACES)
    assert records == before


@pytest.mark.parametrize(
    ("field", "stated"),
    [
        ("name", "Anna Mlller"),
        ("name", "MILLER, Anna"),
        ("email", "anna.miller0@exmaple.org"),
        ("email", "anna.miller0 (at) example.org"),
        ("phone", "+1 (202) 555-0100"),
        ("phone", "2025550190"),
        ("street", "100 Maple St."),
        ("city", "Bostno"),
        ("region", ""),
        ("postcode", "02180"),
        ("birth_date", "01.01.1950"),
        ("birth_date", "1905-01-01"),
        ("gender", "Female"),
        ("gender", ""),
        ("email", "n/a"),
    ],
)
def test_a_fault_in_one_record_is_set_right_by_the_others(field: str, stated: str) -> None:
    assert better({field: stated})[field] == person(0)[field]


def test_swapped_fields_return_to_their_places() -> None:
    right = person(0)
    found = better({"email": right["phone"], "phone": right["email"]})
    assert (found["email"], found["phone"]) == (right["email"], right["phone"])
    found = better({"city": right["name"], "name": right["city"]})
    assert (found["city"], found["name"]) == (right["city"], right["name"])


def test_a_single_record_is_corrected_by_what_is_usual() -> None:
    lone = person(500) | {"name": "Laura Sandres", "email": "laura.sanders500@example.ogr", "city": "Autsin"}
    lone |= {"region": "Texas", "postcode": "73301"}
    result = cleaned([*company(), lone], PLACES)[-1]
    assert result.values["name"] == "Laura Sanders"
    assert result.values["city"] == "Austin"
    assert {each.field: each.reason for each in result.suggestions}["name"] == "TYPO"


def test_every_suggestion_has_a_reason_and_a_confidence() -> None:
    records = [*company(), person(0) | {"name": "ANNA MILLER", "phone": "2025550190", "gender": ""}]
    found = {each.field: each for each in cleaned(records, PLACES)[-1].suggestions}
    assert {field: each.reason for field, each in found.items()} == {
        "name": "FORMAT",
        "phone": "TYPO",
        "gender": "FILLED",
    }
    assert all(0.5 < each.confidence <= 1 for each in found.values())


def test_two_people_of_one_name_do_not_correct_each_other() -> None:
    stranger = person(500) | {"name": person(0)["name"]}
    result = cleaned([*company(), stranger, stranger], PLACES)
    assert result[-1].values == stranger
    assert result[-1].group != result[0].group


def test_whose_records_they_are_may_be_told() -> None:
    one, other = person(1), person(2)
    result = cleaned([one, other, one | {"phone": ""}, other | {"phone": ""}], PLACES, same=[7, 9, 7, 9])
    assert [each.values["phone"] for each in result] == [one["phone"], other["phone"]] * 2


def test_of_no_records_nothing_is_said() -> None:
    assert cleaned([]) == []


@given(
    st.lists(st.dictionaries(st.sampled_from(sorted(FORMS)), st.text(max_size=12), max_size=5), max_size=4)
)
def test_any_text_is_survived(records: list[dict[str, str]]) -> None:
    results = cleaned(records, PLACES)
    assert len(results) == len(records)
    assert all(0 < each.confidence <= 1 + 1e-9 for result in results for each in result.suggestions)


@given(st.sampled_from(list(Form)), st.text(max_size=30))
@example(Form.POSTCODE, "X{")
@example(Form.EMAIL, "A´")
def test_the_key_of_a_key_is_the_key(form: Form, text: str) -> None:
    assert key(form, key(form, text)) == key(form, text)


@pytest.mark.parametrize(
    "text",
    ["1985-05-17", "19850517", "17.05.1985", "05/17/1985", "17/05/1985", "1985年5月17日", "17 May 1985"],
)
def test_dates_of_many_forms_have_one_key(text: str) -> None:
    assert key(Form.BIRTH_DATE, text) == "1985-05-17"
    assert fits(Form.BIRTH_DATE, text)


@pytest.mark.parametrize("text", ["1985-13-45", "soon", "", "n/a"])
def test_what_is_no_date_does_not_fit(text: str) -> None:
    assert not fits(Form.BIRTH_DATE, text)


def test_each_field_is_known_valid_and_agreed_or_not() -> None:
    found = {
        each.field: each
        for each in field_qualities(
            [
                {"full_name": "John Smith", "phone": "+86 139-1234-5678", "email": "john@x"},
                {"full_name": "Smith John", "phone": "13912345678", "city": "Boston"},
                {"city": "Austin", "birth_date": "n/a"},
            ]
        )
    }
    assert found["full_name"][1:] == (True, True, True)
    assert found["phone"][1:] == (True, True, True)
    assert found["email"][1:] == (True, False, True)
    assert found["city"][1:] == (True, True, False)
    assert found["birth_date"][1:] == (False, False, True)
    assert found["number"][1:] == (False, False, True)


def test_completeness_is_the_share_of_fields_known_and_valid() -> None:
    assert completeness(field_qualities([])) == 0
    named = completeness(field_qualities([{"given_name": "John", "family_name": "Smith"}]))
    assert named == completeness(field_qualities([{"full_name": "John Smith"}])) == pytest.approx(1 / 11)
