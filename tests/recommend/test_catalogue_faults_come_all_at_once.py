"""The catalogue file: what comes with the package is sound, and a bad one tells all its faults with field and remedy."""

from __future__ import annotations

import hashlib
import tomllib

import pytest

from fieldwise_recommend.__main__ import catalogue_file
from fieldwise_recommend.core.catalogue import COUPON_MONEY, LEAVE_ALONE, RESOURCE_KINDS
from fieldwise_recommend.core.catalogue_file import parse
from fieldwise_runtime.errors import InvalidRequest

BAD = b"""
[priors]
p_buy = 1.5
p_silent = 0.2
spend_if_buys = 100

[coupons]
redemption_share = 0.12

[margins]
default = "much"
[margins.by_category]
CHEESE = 2

[[actions]]
name = "email"
title = ""
channel = "pigeon"
cost = -1
colour = "red"
uses = { petrol = 3, coupon-money = 5 }
effect = { lift = 7 }
about = "weather"
conditions = [["shoe_size", ">", 3], ["p_buy"]]
reasons = ["BECAUSE"]
explorable = "yes"

[[actions]]
name = "email"
title = "Again"
channel = "email"
"""


def test_the_catalogue_of_the_package_is_sound() -> None:
    catalogue = parse(catalogue_file())
    assert catalogue.version == hashlib.sha256(catalogue_file()).hexdigest()[:12]
    assert catalogue.actions[0].name == LEAVE_ALONE
    assert 10 <= len(catalogue.actions) <= 16
    assert {kind for action in catalogue.actions for kind, _ in action.uses} == set(RESOURCE_KINDS)
    assert all(action.effect.basis == "assumed" for action in catalogue.actions)


def test_every_fault_is_told_with_its_field() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(BAD)
    fields = [violation.field for violation in refused.value.violations]
    expected = [
        "priors.p_buy",
        "margins.default",
        "margins.by_category.CHEESE",
        "actions[0].name",
        "actions[0].title",
        "actions[0].channel",
        "actions[0].cost",
        "actions[0].colour",
        "actions[0].uses.petrol",
        "actions[0].uses.coupon-money",
        "actions[0].effect.lift",
        "actions[0].about",
        "actions[0].conditions[0]",
        "actions[0].conditions[1]",
        "actions[0].reasons",
        "actions[0].explorable",
        "actions[1].name",
        "actions",
    ]
    assert set(expected) <= set(fields)
    assert all(violation.remedy for violation in refused.value.violations)


def test_leave_alone_must_be_neutral() -> None:
    body = catalogue_file().replace(b'channel = "none"\n', b'channel = "none"\ncost = 1\n')
    with pytest.raises(InvalidRequest, match="leave alone costs, takes and changes nothing"):
        parse(body)


def test_bytes_that_are_no_toml_are_refused() -> None:
    for body in (b"[[", b"\xff\xfe", b"actions = 3", b"a = " + b"[" * 5000 + b"]" * 5000):
        with pytest.raises(InvalidRequest):
            parse(body)


def test_a_coupon_costs_what_is_redeemed_and_takes_its_face_value_of_the_budget() -> None:
    catalogue = parse(catalogue_file())
    written = {table["name"]: table for table in tomllib.loads(catalogue_file().decode())["actions"]}
    for action in catalogue.actions:
        table = written[action.name]
        face = table.get("coupon", 0.0)
        assert dict(action.uses).get(COUPON_MONEY, 0.0) == face
        assert action.cost == round((table.get("cost", 0.0) + 0.12 * face) * 1e6)
