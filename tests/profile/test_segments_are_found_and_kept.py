"""Segments: found where they were planted, the same people under the same id, said in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise_profile.core.segments.fitting import Occasion, chosen, fit
from fieldwise_profile.core.segments.matching import kept_ids
from fieldwise_profile.core.segments.model import Deviation, SegmentModel, Trial, from_json, to_json
from fieldwise_profile.core.segments.scaling import FURTHEST, Matrix, Measure, scale_of
from fieldwise_profile.core.segments.static import static_segment
from fieldwise_profile.core.segments.wording import words

MEASURES = (
    Measure("views_28d", is_skewed=True),
    Measure("spend_28d", is_skewed=True),
    Measure("discount_share", is_skewed=False),
    Measure("weekend_share", is_skewed=False),
)
# Views, spend, discount share, weekend share.
PLANTED = ((5.0, 200.0, 0.1, 0.3), (90.0, 15.0, 0.6, 0.3), (20.0, 60.0, 0.2, 0.8))
SIZES = (150, 100, 80)


def customers(seed: int, planted: tuple[tuple[float, ...], ...] = PLANTED) -> tuple[Matrix, np.ndarray]:
    chance = np.random.default_rng(seed)
    rows, labels = [], []
    for label, (centre, size) in enumerate(zip(planted, SIZES, strict=False)):
        counts = chance.lognormal(np.log(centre[:2]), 0.25, (size, 2))
        shares = np.clip(chance.normal(centre[2:], 0.06, (size, 2)), 0, 1)
        rows.append(np.hstack((counts, shares)))
        labels += [label] * size
    order = chance.permutation(len(labels))
    return np.vstack(rows)[order], np.array(labels)[order]


def fitted(rows: Matrix, previous: SegmentModel | None = None, seed: int = 7) -> SegmentModel:
    version = previous.version + 1 if previous else 1
    return fit(rows, MEASURES, Occasion(version, 0, seed), previous, counts=(2, 3, 4, 5))


def assigned(model: SegmentModel, rows: Matrix) -> np.ndarray:
    return np.array([model.membership_of(row).segment.id for row in rows.tolist()])


@pytest.fixture(scope="module")
def first() -> SegmentModel:
    return fitted(customers(1)[0])


def test_the_number_and_the_place_of_planted_groups_are_found(first: SegmentModel) -> None:
    rows, labels = customers(2)

    found = assigned(first, rows)

    assert len(first.segments) == 3
    for group in range(3):
        _, counts = np.unique(found[labels == group], return_counts=True)
        assert counts.max() >= 0.97 * counts.sum()


def test_a_group_that_looks_much_and_buys_little_is_said_so(first: SegmentModel) -> None:
    rows, labels = customers(2)
    segment = first.membership_of(np.median(rows[labels == 1], axis=0).tolist()).segment

    english, chinese = words(segment.deviations, "en"), words(segment.deviations, "zh")

    for said in ("looks at much", "buys little", "buys at a discount"):
        assert said in english
    for said in ("浏览多", "买得少", "折扣时购买"):
        assert said in chinese


def test_a_fit_a_month_later_keeps_the_ids_of_the_same_people(first: SegmentModel) -> None:
    rows, _ = customers(3)

    again = fitted(rows * np.array([1.1, 0.95, 1.0, 1.0]), first, seed=99)

    assert [segment.id for segment in again.segments] == [segment.id for segment in first.segments]
    assert (assigned(again, rows) == assigned(first, rows)).mean() >= 0.97


def test_the_number_of_segments_stays_unless_another_is_clearly_better() -> None:
    four, seven = Trial(4, 0.20, 0.75, 0.1), Trial(7, 0.21, 0.85, 0.1)
    clear = Trial(5, 0.30, 0.95, 0.1)

    assert chosen((four, seven)) is seven
    assert chosen((four, seven), before=4) is four
    assert chosen((four, clear), before=4) is clear


def test_a_new_group_gets_an_id_that_nobody_had(first: SegmentModel) -> None:
    newcomers = (*PLANTED[:2], (500.0, 900.0, 0.95, 0.02))

    again = fitted(customers(4, newcomers)[0], first)
    ids = {segment.id for segment in again.segments}
    before = {segment.id for segment in first.segments}

    assert len(ids & before) == 2
    assert ids - before == {first.next_id}
    assert again.next_id == first.next_id + 1


def test_the_same_customers_and_chance_give_the_same_segments_in_any_order(first: SegmentModel) -> None:
    rows, _ = customers(1)

    assert fitted(rows) == first
    turned = fitted(rows[::-1].copy())
    same = assigned(turned, rows) == assigned(first, rows)

    assert same.mean() >= 0.99


def test_a_model_is_the_same_after_being_stored(first: SegmentModel) -> None:
    assert from_json(to_json(first)) == first


def test_one_wholesaler_is_no_segment() -> None:
    rows, _ = customers(5)
    rows[0, 1] = 1e9

    model = fitted(rows)

    assert min(segment.size for segment in model.segments) > 1
    assert max(abs(each) for each in model.scale.deviations(rows[0].tolist())) <= FURTHEST


def test_members_are_nearer_than_strangers(first: SegmentModel) -> None:
    rows, _ = customers(1)
    distances = np.array([first.membership_of(row).distance for row in rows.tolist()])
    # Root mean square distance is the unit.
    assert np.sqrt((distances**2).mean()) == pytest.approx(1.0, abs=0.05)
    assert first.membership_of([1e6, 1e6, 1.0, 0.0]).distance > 2


numbers = st.one_of(st.floats(0, 1e6), st.just(float("nan")))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=30))
def test_one_row_is_scaled_as_all_rows_are(raw: list[tuple[float, ...]]) -> None:
    rows = np.array(raw)
    scale = scale_of(MEASURES, rows)

    assert np.allclose(scale.scaled_all(rows), [scale.scaled(row) for row in raw])


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 5).flatmap(
        lambda count: st.tuples(
            st.just(count),
            st.lists(st.integers(0, count - 1), min_size=1, max_size=60),
            st.permutations(range(count)),
        )
    )
)
def test_groups_that_were_only_renamed_keep_their_ids(case: tuple[int, list[int], list[int]]) -> None:
    count, before, renamed = case
    old_ids = [10 + group for group in range(count)]
    after = np.array([renamed[group] for group in before])

    ids = kept_ids(np.array(before), after, old_ids, count, 100)

    assert len(set(ids)) == count
    for group in set(before):
        assert ids[renamed[group]] == old_ids[group]


def test_of_what_says_the_same_only_the_strongest_is_said() -> None:
    both = (Deviation("spend_28d", -2.0), Deviation("purchase_days_28d", -1.5), Deviation("views_28d", 1.0))

    assert words(both, "en") == "buys little, looks at much"
    assert words((), "en") == "like most"


@pytest.mark.parametrize(
    ("gender", "band", "said"),
    [("f", 1985, "f 30-44"), ("", 1950, "60+"), ("m", 0, "m"), ("", 0, ""), ("x", 2010, "x 0-17")],
)
def test_static_segments_say_only_what_is_known(gender: str, band: int, said: str) -> None:
    assert static_segment(gender, band, 2025) == said
