"""The fold gives the same bytes for the same events, whatever their order, lateness or pieces; and the right numbers."""

from __future__ import annotations

import math
import random
import struct
import zlib
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise_profile.core.codec import decode, encode
from fieldwise_profile.core.event import DAY, OPTED_OUT, Happening, Kind
from fieldwise_profile.core.features import COLUMNS, features
from fieldwise_profile.core.fold import State, fold
from tests.profile.naive import naive_features

START = 20_000 * DAY
SPAN = 200 * DAY


@st.composite
def happenings(draw: st.DrawFn) -> Happening:
    kind = draw(st.sampled_from([1, 1, 1, 1, 2, 3, 4, 5]))
    time = START + draw(st.integers(0, SPAN))
    late = draw(st.sampled_from([0, 0, DAY, 30 * DAY]))
    if kind != Kind.PURCHASE:
        outcome = draw(st.integers(1, 5)) if kind == Kind.OUTCOME else None
        return Happening(time, time + late, kind, None, None, None, outcome)
    category = draw(st.sampled_from(["CHEESE", "BEER", "unknown", "日用品", "a\nb", "\0", "two words"]))
    return Happening(
        time, time + late, kind, category, draw(st.integers(0, 10**9)), draw(st.integers(0, 10**8))
    )


LISTS = st.lists(happenings(), max_size=60)


@given(LISTS, st.randoms(use_true_random=False))
def test_any_order_gives_identical_bytes(events: list[Happening], chance: random.Random) -> None:
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert encode(fold(shuffled)) == encode(fold(events))


@given(LISTS, st.integers(0, 60))
def test_pieces_folded_one_after_the_other_give_identical_bytes(events: list[Happening], cut: int) -> None:
    assert encode(fold(events[cut:], fold(events[:cut]))) == encode(fold(events))


@given(LISTS, LISTS)
def test_a_state_that_was_kept_and_read_back_goes_on_as_if_it_had_not_been(
    before: list[Happening], after: list[Happening]
) -> None:
    kept = decode(encode(fold(before)))
    assert kept is not None
    assert encode(fold(after, kept)) == encode(fold([*before, *after]))


@given(LISTS)
def test_the_state_equals_sums_over_the_events(events: list[Happening]) -> None:
    state = fold(events)
    bought = [e for e in events if e.kind == Kind.PURCHASE]
    lines = Counter(e.event_time // DAY for e in bought)
    spend: dict[int, int] = defaultdict(int)
    category_days: dict[str | None, set[int]] = defaultdict(set)
    for e in bought:
        spend[e.event_time // DAY] += e.amount or 0
        category_days[e.category].add(e.event_time // DAY)
    assert state.count == len(events)
    assert state.opt_outs == sum(e.outcome == OPTED_OUT for e in events)
    assert state.known_at == max((e.known_at for e in events), default=0)
    assert {day: tally[0] for day, tally in state.days.items() if tally[0]} == lines
    assert {day: tally[1] for day, tally in state.days.items() if tally[0]} == spend
    assert {name: bought.days for name, bought in state.categories.items()} == category_days
    assert sum(state.hours) == len(bought)
    for kind in Kind:
        times = [e.event_time for e in events if e.kind == kind]
        assert state.last[kind] == max(times, default=0)
        assert state.first[kind] == min(times, default=0)


@settings(max_examples=200)
@given(LISTS, st.integers(START, START + 2 * SPAN))
def test_features_equal_a_naive_computation_from_the_events(events: list[Happening], moment: int) -> None:
    visible = [e for e in events if e.visible_from <= moment]
    expected = naive_features(events, moment)
    got = dict(zip((column.name for column in COLUMNS), features(fold(visible), moment), strict=True))
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        if math.isnan(value):
            assert math.isnan(got[name]), name
        else:
            assert got[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


@given(LISTS, st.integers(START, START + 2 * SPAN))
def test_a_number_is_nan_only_where_its_column_says_so(events: list[Happening], moment: int) -> None:
    values = features(fold(e for e in events if e.visible_from <= moment), moment)
    for column, value in zip(COLUMNS, values, strict=True):
        assert column.null_rule or math.isfinite(value), column.name


def test_bytes_of_another_version_are_not_read() -> None:
    plain = zlib.decompress(encode(State()))
    assert decode(zlib.compress(bytes([plain[0] + 1]) + plain[1:])) is None


def test_a_window_at_midnight_is_exactly_so_many_days() -> None:
    midnight = START + 28 * DAY
    inside = Happening(START, START, 1, "A", 1_000_000, 0)
    outside = Happening(START - 1, START - 1, 1, "A", 5_000_000, 0)
    values = dict(zip((c.name for c in COLUMNS), features(fold([inside, outside]), midnight), strict=True))
    assert values["spend_28d"] == 1.0
    assert values["spend_total"] == 6.0


def test_the_layout_is_what_its_module_says() -> None:
    plain = zlib.decompress(encode(State()))
    assert plain[:9] == b"\x03[[],{}]\x00"
    count, *numbers = struct.unpack(f"<{(len(plain) - 9) // 8}q", plain[9:])
    assert count == len(numbers)
    assert not any(numbers)
