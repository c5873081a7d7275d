"""Rules of actions: what CEL says, what a rejection tells, and what cannot be published."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise_recommend.__main__ import catalogue_file
from fieldwise_recommend.core.catalogue import LEAVE_ALONE, Action, Catalogue
from fieldwise_recommend.core.catalogue_file import document_of, parse
from fieldwise_recommend.core.catalogue_writing import written
from fieldwise_recommend.core.conditions import condition, unmet
from fieldwise_recommend.core.eligibility import Rejection, misfit
from fieldwise_recommend.core.facts import FIELDS, values_of
from fieldwise_recommend.core.reach import reach
from fieldwise_recommend.core.situation import FACTS, ShopNear, Situation
from fieldwise_recommend.definitions import definition_of, table_of
from fieldwise_rules.faults import RuleRefused
from fieldwise_runtime.errors import InvalidRequest, Violation

HEAD = """
[priors]
p_buy = 0.5
p_silent = 0.2
spend_if_buys = 100
[coupons]
redemption_share = 0.1
[margins]
default = 0.25
[[actions]]
name = "actions/leave-alone"
title = "Nothing"
channel = "none"
explorable = true
[[actions]]
name = "actions/mail"
title = "A mail"
channel = "email"
"""


def catalogue(more: str) -> Catalogue:
    return parse((HEAD + more).encode())


def faults(more: str) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        catalogue(more)
    return {violation.field: violation.remedy for violation in refused.value.violations}


def known(**facts: float) -> Situation:
    return Situation(facts, 0.5, 100_000_000, 0.25)


def with_traits(**traits: Any) -> Situation:
    return replace(known(), traits=traits)


def refusal(action: Action, situation: Situation) -> Rejection | None:
    return misfit(action, situation, values_of(situation))


def test_a_rejection_names_the_rule_and_the_comparison_that_does_not_hold() -> None:
    mail = catalogue(
        'cost = 0.01\neligibility = "purchase_days >= 3 && total_spend > 10.0"\nsuitability = "0.3 <= p_buy"'
    ).actions[1]
    told = refusal(mail, known(purchase_days=5, total_spend=7, p_buy=0.1))
    assert told == Rejection(
        "actions/mail", "CONDITION", "total_spend", 7, 10.0, "eligibility", "total_spend > 10.0"
    )
    told = refusal(mail, known(purchase_days=5, total_spend=70, p_buy=0.1))
    assert told is not None
    assert (told.rule, told.fact, told.limit, told.expression) == (
        "suitability",
        "p_buy",
        0.3,
        "0.3 <= p_buy",
    )
    assert refusal(mail, known(purchase_days=5, total_spend=70, p_buy=0.3)) is None
    unknown = refusal(mail, known(total_spend=70, p_buy=0.3))
    assert unknown is not None
    assert (unknown.fact, unknown.value) == ("purchase_days", None)


def test_a_rule_reads_traits_and_tells_the_part_that_does_not_hold() -> None:
    rule = "lifecycle == 'silent' && ('tags/loyal' in tags || place.startsWith('10'))"
    mail = catalogue(f'cost = 0\napplicability = "{rule}"').actions[1]
    assert refusal(mail, with_traits(lifecycle="silent", tags=["tags/loyal"])) is None
    assert refusal(mail, with_traits(lifecycle="silent", tags=[], place="100")) is None
    told = refusal(mail, with_traits(lifecycle="silent", tags=[]))
    assert told is not None
    assert (told.rule, told.fact, told.expression) == ("applicability", "", rule.split(" && ")[1])


def test_a_rule_may_ask_whether_a_fact_is_known() -> None:
    mail = catalogue(
        'cost = 0\neligibility = "!has(days_since_contact) || days_since_contact > 30.0"'
    ).actions[1]
    assert refusal(mail, known()) is None
    assert refusal(mail, known(days_since_contact=31)) is None
    assert refusal(mail, known(days_since_contact=5)) is not None
    assert "has(field)" in faults('cost = 0\neligibility = "has(3)"')["actions[1].eligibility"]


@settings(max_examples=150, deadline=None)
@given(
    facts=st.dictionaries(st.sampled_from(sorted(FACTS)), st.floats(-5, 50), max_size=6),
    terms=st.lists(
        st.tuples(st.sampled_from(sorted(FACTS)), st.sampled_from([">=", "<=", "=="]), st.floats(-5, 50)),
        min_size=1,
        max_size=4,
    ),
)
def test_comparisons_in_cel_hold_as_the_plain_comparisons_of_the_past_did(
    facts: dict[str, float], terms: list[tuple[str, str, float]]
) -> None:
    made = condition("eligibility", " && ".join(f"{fact} {sign} {limit!r}" for fact, sign, limit in terms))
    plain = {">=": float.__ge__, "<=": float.__le__, "==": float.__eq__}
    missed = [
        (fact, limit)
        for fact, sign, limit in terms
        if fact not in facts or not plain[sign](float(facts[fact]), limit)
    ]
    failed = unmet([made], values_of(known(**facts)))
    assert (failed[1].fact, failed[1].limit) == missed[0] if failed else not missed


def test_what_cannot_be_published_is_told_with_field_and_remedy() -> None:
    found = faults(
        'eligibility = "purchase_day >= 3"\napplicability = "gender == \'f\'"\nsuitability = "p_buy"\n'
        "explorable = true\nirreversible = true\nvalid_from = 2027-01-02T00:00:00Z\nvalid_until = 2027-01-01T00:00:00Z"
    )
    assert "number" in found["actions[1].cost"]
    assert "purchase_days" in found["actions[1].eligibility"]
    assert "rules of actions do not read it" in found["actions[1].applicability"]
    assert "needed is bool" in found["actions[1].suitability"]
    assert found.keys() >= {"actions[1].explorable", "actions[1].valid_until"}


def test_two_actions_or_treatments_of_one_id_and_a_negative_margin_are_refused() -> None:
    again = '[[actions]]\nname = "actions/mail"\ntitle = "x"\nchannel = "email"\ncost = 1\n'
    twice = '[[actions.treatments]]\nid = "a"\n[[actions.treatments]]\nid = "a"\n'
    found = faults(f"cost = 0\n{again}{twice}")
    assert found.keys() == {"actions[2].name", "actions[2].treatments[1].id"}
    with pytest.raises(InvalidRequest, match=r"margins\.default"):
        parse(HEAD.replace("default = 0.25", "default = -0.25").encode() + b"cost = 0\n")


def test_a_catalogue_whose_rules_are_too_expensive_together_is_refused() -> None:
    rule = " && ".join(f"tags.exists(t, t == 'tags/{number}')" for number in range(12))
    one = (
        '[[actions]]\nname = "actions/m{0}"\ntitle = "x"\nchannel = "email"\ncost = 1\neligibility = "{1}"\n'
    )
    cheap = catalogue("cost = 0\n" + one.format(0, rule))
    many = 20_000 // cheap.steps + 1
    found = faults("cost = 0\n" + "".join(one.format(number, rule) for number in range(many)))
    assert list(found) == ["actions"]
    assert "20000 steps" in found["actions"]


def test_treatments_are_chosen_apart_and_share_what_the_action_says() -> None:
    made = catalogue(
        'cost = 1\nplaybook = "x"\neligibility = "purchase_days >= 3"\n[[actions.treatments]]\nid = "letter"\nchannel = "mail"\n'
        '[[actions.treatments]]\nid = "inbox"\ncost = 0.01\nplacement = "inbox"\n'
    ).actions[1:]
    assert [each.name for each in made] == ["actions/mail.letter", "actions/mail.inbox"]
    assert {each.family for each in made} == {"actions/mail"}
    assert [(each.channel, each.cost) for each in made] == [("mail", 1_000_000), ("email", 10_000)]
    assert all(each.conditions[0].text == "purchase_days >= 3" for each in made)


def test_an_action_is_offered_within_its_validity_only() -> None:
    mail = catalogue(
        "cost = 0\nvalid_from = 2027-01-01T00:00:00Z\nvalid_until = 2027-01-02T00:00:00+08:00"
    ).actions[1]
    begin, end = mail.valid_from, mail.valid_until
    assert begin is not None
    assert end is not None
    assert end - begin == 16 * 3600
    for moment, code in ((begin - 1, "NOT_VALID_NOW"), (end, "NOT_VALID_NOW"), (begin, ""), (end - 1, "")):
        told = refusal(mail, replace(known(), moment=moment))
        assert (told.code if told else "") == code


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "2027-01-01T00:00:00"]
)
def test_a_moment_that_no_clock_will_show_or_without_an_offset_is_refused(moment: str) -> None:
    assert "2000 and 2100" in faults(f"cost = 0\nvalid_from = {moment}")["actions[1].valid_from"]


def test_a_catalogue_of_the_past_is_read_and_its_answers_stay_the_same() -> None:
    old = catalogue('cost = 0\nconditions = [["p_buy", ">=", 0.3], ["total_spend", "<=", 7]]').actions[1]
    assert refusal(old, known(p_buy=0.4, total_spend=8)) == Rejection(
        "actions/mail", "CONDITION", "total_spend", 8, 7.0
    )


def test_a_written_catalogue_reads_back_as_the_same_tables() -> None:
    document = document_of(catalogue_file())
    assert document_of(written(document)) == document
    assert written(document_of(written(document))) == written(document)
    odd = {
        "margins": {"by_category": {'A "b" \\ \x7f \n 中': 0.5, "x.y": 1}},
        "actions": [{"name": "n", "u": {"a b": 1e22}}],
    }
    assert document_of(written(odd)) == odd


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8),
        st.text(max_size=20)
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.booleans(),
        max_size=5,
    )
)
def test_any_texts_and_numbers_survive_being_written(table: dict[str, Any]) -> None:
    document = {"margins": {"by_category": table}, "actions": [{"name": "x", "uses": table}, {"name": "y"}]}
    assert document_of(written(document)) == document


def test_a_definition_says_all_that_the_table_says() -> None:
    document = document_of(catalogue_file())
    again = [table_of(definition_of(table, "USD")) for table in document["actions"]]
    assert parse(written({**document, "actions": again})).actions == parse(catalogue_file()).actions
    rich = document_of(
        b'name = "actions/x"\ntitle = "X"\nchannel = "email"\ncost = 0.0\ncoupon = 2.5\nirreversible = true\nowner = "o"\n'
        b'reasons = ["LOYAL"]\nvalid_until = 2027-01-01T00:00:00Z\neligibility = "has_rep == 1.0"\n'
        b'[[treatments]]\nid = "a"\nneeds_rep = true\nuses = { rep-minutes = 3.0 }\neffect = { lift = 0.5, spend_lift = 0.0 }\n'
    )
    assert table_of(definition_of(rich, "USD")) == rich


def test_leave_alone_is_always_there_and_has_no_treatments() -> None:
    text = (
        HEAD.replace("explorable = true\n", 'explorable = true\n[[actions.treatments]]\nid = "a"\n')
        + "cost = 0\n"
    )
    with pytest.raises(InvalidRequest, match="without treatments"):
        parse(text.encode())


ODD: list[Any] = [
    "", "x", -1, 1e300, True, [], [1, "a"], {}, {"a": 1}, [{"a": 1}], datetime(2030, 1, 1), datetime(2030, 1, 1, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=8))), datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-8))),
    [[["p"], ">=", 1]], [["p_buy", [], 1]], [{}], "p_buy > " * 50, "(" * 300, 2**70, float("inf"),
]  # fmt: skip


def places_of(node: Any) -> list[tuple[Any, Any]]:
    """Every (table or list, key) in it."""
    keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
    return [(node, key) for key in keys] + [place for key in keys for place in places_of(node[key])]


def test_a_catalogue_with_anything_in_any_place_is_read_or_refused_with_fields() -> None:
    chance = random.Random(6)
    text = catalogue_file() + b'valid_from = 2027-01-01T00:00:00Z\n[[actions.treatments]]\nid = "a"\n'
    faults: list[list[Violation]] = []
    for _ in range(200):
        document = document_of(text)
        document["actions"][1]["conditions"] = [["p_buy", ">=", 0.3]]
        for _ in range(chance.randrange(1, 4)):
            node, key = chance.choice(places_of(document))
            node[key] = chance.choice(ODD)
        try:
            parse(written(document))
        except InvalidRequest as refused:
            faults.append(list(refused.violations))
    assert 100 < len(faults) < 200
    assert all(each.field and each.remedy for found in faults for each in found)


def test_reach_equals_a_plain_count() -> None:
    chance = random.Random(5)
    made = parse(catalogue_file())
    situations = [
        replace(
            known(**{name: chance.uniform(0, 20) for name in FACTS if chance.random() < 0.8}),
            rep=chance.choice(["reps/1", ""]),
            cold=chance.random() < 0.2,
        )
        for _ in range(300)
    ]
    names = [action.name for action in made.actions]
    for found in reach(made, names, situations):
        action = made.by_name[found.action]
        # Nobody is near a shop here.
        fits = sum(not action.where and misfit(action, each, values_of(each)) is None for each in situations)
        assert found.share == fits / 300
        assert found.share + sum(found.kept_away.values()) == pytest.approx(1)
    assert LEAVE_ALONE not in [found.action for found in reach(made, names, situations)]


def test_an_action_reaches_whom_one_of_its_treatments_fits() -> None:
    made = catalogue(
        'cost = 1\neligibility = "purchase_days >= 3.0"\n[[actions.treatments]]\nid = "visit"\nneeds_rep = true\n'
        '[[actions.treatments]]\nid = "letter"\n'
    )
    situations = [
        known(purchase_days=5),
        known(purchase_days=1),
        replace(known(purchase_days=1), rep="reps/1"),
    ]
    (found,) = reach(made, ["actions/mail"], situations)
    assert found.share == pytest.approx(1 / 3)
    assert found.kept_away == pytest.approx({"NO_REP": 1 / 3, "CONDITION/eligibility": 1 / 3})


def test_an_invitation_to_a_shop_reaches_only_whom_a_shop_is_near() -> None:
    made = parse(catalogue_file())
    shop = ShopNear(name="shops/1", title="By the bridge", km=1.0, open=((0, 2_000_000_000),))
    there = replace(known(purchase_days=5, days_since_purchase=9), shops=(shop,))
    (found,) = reach(made, ["actions/email-near-shop"], [there, replace(there, shops=())])
    assert found.share == 0.5
    assert found.kept_away == {"NO_SHOP_OPEN": 0.5}


def test_every_personal_name_is_refused_with_its_reason() -> None:
    for name in ("phone", "birthday", "full_name", "gender"):
        with pytest.raises(RuleRefused, match=r"cannot read it|do not read it"):
            condition("eligibility", f"{name} == 'x'")
    assert not {field.path for field in FIELDS.listed} & {"phone", "email", "name", "gender"}
