"""Accuracy of attributes: what is right, what changed, what "the last value stays" gets."""

from __future__ import annotations

import pytest

from fieldwise_profile.core.accuracy.attributes import Attributes, Comparison, is_right
from fieldwise_profile.core.accuracy.scoring import ALL, AttributeAccuracy, Replayed, scores

COMPARISONS: dict[str, Comparison] = {"stage": "same", "usual_hour": "hour", "gap": "near"}


def by_name(*replayed: Replayed) -> dict[str, AttributeAccuracy]:
    return {each.name: each for each in scores(replayed, COMPARISONS)}


@pytest.mark.parametrize(
    ("shown", "true", "comparison", "right"),
    [
        ("ACTIVE", "ACTIVE", "same", True),
        ("ACTIVE", "SILENT", "same", False),
        (23.0, 0.0, "hour", True),
        (22.0, 0.0, "hour", False),
        (10.0, 11.5, "near", True),
        (10.0, 12.0, "near", False),
        (0.0, 0.0, "near", True),
        (None, None, "same", True),
        (None, "ACTIVE", "same", False),
    ],
)
def test_a_value_is_right_when_it_says_the_same(
    shown: str | float | None, true: str | float | None, comparison: Comparison, right: bool
) -> None:
    assert is_right(shown, true, comparison) is right


def test_changed_attributes_are_scored_by_themselves() -> None:
    replayed = (
        Replayed({"stage": "ACTIVE"}, {"stage": "SILENT"}, {"stage": "SILENT"}),
        Replayed({"stage": "ACTIVE"}, {"stage": "ACTIVE"}, {"stage": "SILENT"}),
        Replayed({"stage": "ACTIVE"}, {"stage": "SILENT"}, {"stage": "ACTIVE"}),
        Replayed({"stage": "NEW"}, {"stage": "NEW"}, {"stage": "NEW"}),
    )

    stage = by_name(*replayed)["stage"]

    assert (stage.overall.count, stage.overall.share, stage.overall.stays) == (4, 0.5, 0.5)
    assert (stage.changed.count, stage.changed.share, stage.changed.stays) == (2, 0.5, 0.0)


def test_what_nobody_knows_is_not_compared() -> None:
    found = by_name(Replayed({}, {}, {"gap": 7.0}), Replayed({}, {}, {}))

    assert found["gap"].overall.count == 1
    assert found["usual_hour"].overall.count == 0
    assert not found["usual_hour"].is_alarm


def test_all_is_the_share_over_every_attribute_and_alarms_under_85_percent() -> None:
    same: Attributes = {"stage": "ACTIVE", "usual_hour": 9.0}
    fine = [Replayed(same, same, same)] * 9
    wrong = Replayed(same, same, {"stage": "SILENT", "usual_hour": 20.0})

    good, bad = by_name(*fine, wrong), by_name(*fine[:4], wrong)

    assert good[ALL].overall.share == pytest.approx(0.9)
    assert not good[ALL].is_alarm
    assert bad[ALL].overall.share == pytest.approx(0.8)
    assert bad[ALL].is_alarm
