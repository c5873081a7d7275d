"""Records as they are compared: the same person written in many ways comes out alike, two persons do not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise_profile.core.identity.blocking import keys_of
from fieldwise_profile.core.identity.comparing import LEVELS, Field, compare
from fieldwise_profile.core.identity.contacts import email, phone
from fieldwise_profile.core.identity.dates import born
from fieldwise_profile.core.identity.learning import start
from fieldwise_profile.core.identity.limits import contradiction, proves_itself
from fieldwise_profile.core.identity.record import Record, record_of
from fieldwise_profile.core.identity.weighing import Scorer, frequencies, probability, weights_of

FIELDS = (
    "full_name", "given_name", "family_name", "phone", "email", "address", "city", "postcode", "region", "birth_date",
    "gender", "number", "company",
)  # fmt: skip
TEXTS = st.text(alphabet="王小明歐陽 a1B-é@.,'/()号路三", max_size=12)
RECORDS = st.dictionaries(st.sampled_from(FIELDS), TEXTS, max_size=6).map(record_of)


def level(one: dict[str, str], other: dict[str, str], field: Field) -> str:
    return LEVELS[field][compare(record_of(one), record_of(other))[field]]


@pytest.mark.parametrize(
    ("one", "other", "given_name", "family_name"),
    [
        ("王小明", "王小明", "EQUAL", "EQUAL"),
        ("歐陽小明", "欧阳小明", "EQUAL", "EQUAL"),
        ("王小明", "Xiaoming Wang", "SOUNDS_EQUAL", "SOUNDS_EQUAL"),
        ("王小明", "wangxiao ming", "SOUNDS_EQUAL", "SOUNDS_EQUAL"),
        ("王晓明", "王小明", "SOUNDS_EQUAL", "EQUAL"),
        ("王小明先生", "小明 王", "EQUAL", "EQUAL"),
        ("王小明", "小王", "MISSING", "EQUAL"),
        ("王小明", "阿明", "PART", "MISSING"),
        ("Robert Smith", "Smith, Bob", "NICKNAME", "EQUAL"),
        ("Robert Smith", "R. Smith", "INITIAL", "EQUAL"),
        ("Smith R.", "Robert Smith", "INITIAL", "EQUAL"),
        ("Ashley Cooper", "Aschley Kooper", "SOUNDS_EQUAL", "SOUNDS_EQUAL"),
        ("Parker James", "Jim Parker", "NICKNAME", "EQUAL"),
        ("José García", "Jose Garcia", "EQUAL", "EQUAL"),
        ("Mary Jacks0n", "Mary Jackson", "EQUAL", "EQUAL"),
        ("王小明", "李大伟", "DIFFERENT", "DIFFERENT"),
        ("Robert Smith", "Linda Jones", "DIFFERENT", "DIFFERENT"),
    ],
)
def test_a_name_is_known_again_however_it_is_written(
    one: str, other: str, given_name: str, family_name: str
) -> None:
    assert level({"full_name": one}, {"full_name": other}, Field.GIVEN) == given_name
    assert level({"full_name": one}, {"full_name": other}, Field.FAMILY) == family_name


@pytest.mark.parametrize(
    "text", ["+86 138-0013-8000", "13800138000", "86 138 0013 8000", "008613800138000", "(138)00138000"]
)
def test_a_chinese_mobile_number_is_one_number_in_all_its_forms(text: str) -> None:
    assert phone(text) == "13800138000"


@pytest.mark.parametrize("text", ["+1 614 608 0753", "(614) 608-0753", "614.608.0753", "6146080753"])
def test_an_american_number_is_one_number_in_all_its_forms(text: str) -> None:
    assert phone(text) == "6146080753"


@pytest.mark.parametrize("text", ["", "n/a", "无", "0000000000", "123", "12345678"])
def test_what_stands_for_no_telephone_is_none(text: str) -> None:
    assert phone(text) == ""


@pytest.mark.parametrize(
    "text",
    ["1985-05-17", "19850517", "17.05.1985", "05/17/1985", "17 May 1985", "1985年5月17日", "1985/5/17"],
)
def test_a_date_of_birth_is_understood_in_all_its_forms(text: str) -> None:
    assert born(text) == (1985, 5, 17)


@pytest.mark.parametrize("text", ["", "soon", "1985-13-40", "17", "1850-01-01"])
def test_what_is_no_date_of_birth_is_none(text: str) -> None:
    assert born(text) is None


def test_one_mailbox_is_one_address() -> None:
    assert email("Jane.Doe+shop@GoogleMail.com") == email("janedoe@gmail.com") == "janedoe@gmail.com"


def test_an_address_agrees_with_what_its_writer_left_out() -> None:
    whole = {"address": "广东省深圳市南山区科技路12号3单元1201室", "city": "深圳市"}
    short = {"address": "科技路12#-3-1201", "city": "深圳"}
    assert level(whole, short, Field.NUMBERS) == "EQUAL"
    assert level(whole, short, Field.STREET) == "PART"
    assert level({"address": "12 High Street"}, {"address": "12 high st."}, Field.STREET) == "EQUAL"


@given(RECORDS, RECORDS)
@settings(max_examples=300, deadline=None)
def test_comparing_does_not_depend_on_who_comes_first(one: Record, other: Record) -> None:
    assert compare(one, other) == compare(other, one)


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=40), max_size=13))
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_a_record(stated: dict[str, str]) -> None:
    record = record_of(stated)
    keys_of(record)
    levels = compare(record, record)
    assert all(LEVELS[field][levels[field]] != "DIFFERENT" for field in Field), "a record differs from itself"


def test_what_is_missing_is_no_evidence() -> None:
    scorer = Scorer(start(), frequencies([]))
    one, other = (
        record_of({"full_name": "Jane Doe"}),
        record_of({"full_name": "Jane Doe", "phone": "6146080753"}),
    )
    plain = record_of({"full_name": "Jane Doe"})
    assert scorer.weigh(one, other, compare(one, other)) == scorer.weigh(one, plain, compare(one, plain))
    assert Field.PHONE not in scorer.explain(one, other, compare(one, other))


def test_a_common_name_says_less_than_a_rare_one() -> None:
    crowd = [record_of({"full_name": "John Smith"})] * 300 + [
        record_of({"full_name": "Zebulon Quartermain"})
    ] * 2
    scorer = Scorer(start(), frequencies(crowd))
    rare, common = crowd[-1], crowd[0]
    assert (
        scorer.weigh(rare, rare, compare(rare, rare))
        > scorer.weigh(common, common, compare(common, common)) + 1
    )


def test_a_telephone_of_many_is_no_evidence() -> None:
    shop = [
        record_of({"full_name": f"Person{chr(97 + n)} Name{chr(97 + n)}", "phone": "6146080753"})
        for n in range(25)
    ]
    one, other = record_of({"phone": "6146080753"}), record_of({"phone": "6146080753"})
    protected = Scorer(start(), frequencies(shop), most_sharing=20)
    trusting = Scorer(start(), frequencies(shop), most_sharing=30)
    assert Field.PHONE not in protected.explain(one, other, compare(one, other))
    assert trusting.explain(one, other, compare(one, other))[Field.PHONE] > 0


def test_two_numbers_that_prove_themselves_keep_two_persons_apart() -> None:
    jane = {"full_name": "Jane Doe", "phone": "6146080753", "birth_date": "1985-05-17"}
    one, other = (
        record_of(jane | {"number": "11010519491231002X"}),
        record_of(jane | {"number": "440524188001010014"}),
    )
    assert proves_itself(one.number)
    assert proves_itself(other.number)
    assert contradiction(one, other, compare(one, other)) == "DIFFERENT_NUMBERS"
    unproved = record_of(jane | {"number": "AB-1234"})
    assert contradiction(one, unproved, compare(one, unproved)) == ""


def test_a_home_with_one_telephone_has_several_persons() -> None:
    home = {"family_name": "Doe", "phone": "6146080753", "address": "12 High St"}
    father = record_of(home | {"given_name": "John", "birth_date": "1955-02-03"})
    son = record_of(home | {"given_name": "John", "birth_date": "1985-05-17"})
    twin = record_of(home | {"given_name": "Peter", "birth_date": "1985-05-17"})
    assert contradiction(father, son, compare(father, son)) == "HOUSEHOLD"
    assert contradiction(son, twin, compare(son, twin)) == "TWINS"
    assert contradiction(son, son, compare(son, son)) == ""


def test_weights_survive_their_json_and_wrong_ones_are_named() -> None:
    weights = start()
    again = weights_of(weights.to_json())
    assert again.version == weights.version
    with pytest.raises(ValueError, match=r"GIVEN\.EQUAL"):
        weights_of(weights.to_json().replace('"EQUAL"', '"SAME"', 1))


def test_probabilities_are_safe_for_any_evidence() -> None:
    assert probability(-1e6) == 0.0
    assert probability(1e6) == 1.0
    assert probability(0.0) == 0.5
