"""Noise is a tenth of the browsing, looks as its label says, and has honest neighbours that look much like it."""

from __future__ import annotations

import numpy as np
import pytest

from fieldwise_market.noise import LABELS, add_noise
from fieldwise_market.rows import BROWSING, Kind, Rows
from fieldwise_market.vocabulary import AGENTS
from tests.market.builders import noisy, of_kind, world

ROWS = noisy().world.rows
LABEL = noisy().labels


def labelled(label: str) -> Rows:
    chosen: Rows = ROWS[label == LABEL]
    return chosen


def test_a_tenth_of_the_browsing_is_noise_of_every_kind() -> None:
    browsing = np.isin(ROWS["kind"], BROWSING)
    assert 0.09 < (LABEL[browsing] != "genuine").mean() < 0.11
    assert set(LABEL[browsing]) == set(LABELS)
    assert set(LABEL[~browsing]) == {"genuine"}


def test_nothing_genuine_is_changed() -> None:
    assert np.array_equal(labelled("genuine"), world().rows)


def test_a_double_click_follows_a_click_on_the_same_target_within_a_second() -> None:
    clicks = of_kind(labelled("genuine"), Kind.CLICK)
    at: dict[tuple[int, ...], list[int]] = {}
    for each in clicks:
        at.setdefault((each["customer"], each["product"], each["category"], each["flag"]), []).append(
            each["time"]
        )
    for each in labelled("double_click"):
        after = each["time"] - np.array(at[each["customer"], each["product"], each["category"], each["flag"]])
        assert ((after >= 30_000) & (after <= 900_000)).any()


def test_a_slip_is_shorter_than_any_look_of_a_person() -> None:
    dwell = of_kind(labelled("genuine"), Kind.VIEW)["number"]
    slips = labelled("misclick")["number"]
    assert slips.min() >= 20
    assert slips.max() <= 290
    assert dwell[dwell >= 0].min() >= 350
    # Glances of 0.35 to 1 s are no slips, and there are enough of them to be taken for some.
    assert ((dwell >= 350) & (dwell <= 1000)).sum() > len(slips) / 2


def runs_of(label: str) -> list[np.ndarray]:
    """Gaps in seconds within each run of a program; a name has several runs, far apart."""
    rows = labelled(label)
    runs: list[np.ndarray] = []
    for customer in np.unique(rows["customer"]):
        gaps = np.diff(np.sort(rows["time"][rows["customer"] == customer])) / 1e6
        runs += np.split(gaps, np.flatnonzero(gaps > 600) + 1)
    return [each[each < 600] for each in runs if (each < 600).sum() > 15]


def test_metronomes_are_regular_and_bursts_faster_than_a_person() -> None:
    assert np.median([each.std() / each.mean() for each in runs_of("metronome")]) < 0.02
    assert all(np.mean(each) < 0.5 for each in runs_of("burst"))


def test_only_named_robots_name_themselves() -> None:
    assert (labelled("named_robot")["ref"] >= len(AGENTS)).all()
    others = of_kind(ROWS[LABEL != "named_robot"], Kind.VIEW, Kind.CLICK)
    assert (others["ref"] < len(AGENTS)).all()


def test_keen_shoppers_and_honest_second_clicks_are_there() -> None:
    genuine = labelled("genuine")
    views = of_kind(genuine, Kind.VIEW)
    views = views[np.lexsort((views["time"], views["customer"]))]
    forty_later = views[31:]["time"] - views[:-31]["time"]
    same = views[31:]["customer"] == views[:-31]["customer"]
    assert (same & (forty_later < 900e6)).sum() > 20
    clicks = of_kind(genuine, Kind.CLICK)
    clicks = clicks[
        np.lexsort(
            (clicks["time"], clicks["flag"], clicks["product"], clicks["category"], clicks["customer"])
        )
    ]
    alike = np.ones(len(clicks) - 1, bool)
    for name in ("customer", "category", "product", "flag"):
        alike &= clicks[name][1:] == clicks[name][:-1]
    apart = np.diff(clicks["time"])[alike] / 1e6
    assert ((apart >= 1.5) & (apart <= 5)).sum() > 100
    assert (apart < 1.4).sum() < 5


def test_a_share_of_half_is_refused() -> None:
    with pytest.raises(ValueError, match=r"share=0\.5"):
        add_noise(world(), 1, share=0.5)


def test_no_noise_leaves_the_world_as_it_was() -> None:
    assert np.array_equal(add_noise(world(), 1, share=0).world.rows, world().rows)
