"""Which price set a moment gets, and how it stands."""

from __future__ import annotations

import pytest

from fieldwise_allocation.core.terms import Standing, Window, in_force, look_up

FIRST, SECOND = Window(1, 10, 20, "one"), Window(2, 20, 30, "two")


@pytest.mark.parametrize(
    ("moment", "version", "standing"),
    [
        (5, 0, Standing.MISSING),
        (10, 1, Standing.FRESH),
        (19, 1, Standing.FRESH),
        (20, 2, Standing.FRESH),
        (30, 2, Standing.LAST_VALID),
        (99, 2, Standing.LAST_VALID),
    ],
)
def test_a_window_holds_from_its_start_and_ends_before_its_end(
    moment: int, version: int, standing: Standing
) -> None:
    window, found = in_force([FIRST, SECOND], moment)
    assert (window.version if window else 0, found) == (version, standing)


def test_a_newer_version_of_the_same_period_wins() -> None:
    again = Window(3, 10, 20, "three")
    assert in_force([FIRST, SECOND, again], 15)[0] is again


def test_a_customer_without_a_rep_gets_none_and_the_order_is_kept() -> None:
    terms = look_up(["b", "stranger", "a"], {"a": "reps/1", "b": "reps/2"}, [FIRST], 12)
    assert terms.reps == ("reps/2", "", "reps/1")


def test_a_window_that_ends_before_it_starts_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="valid_until 5 is not after"):
        Window(1, 10, 5, "")
