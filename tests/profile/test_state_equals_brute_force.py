"""The state of all kinds of events equals brute force over the list, whatever the order, the pieces and the lateness."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise_profile.core.codec import decode, encode, plain
from fieldwise_profile.core.event import DAY, HOUR, Happening
from fieldwise_profile.core.fold import State, fold, merged
from fieldwise_profile.core.noise import MOST_PER_HOUR
from tests.profile.agreement import differences
from tests.profile.random_histories import SPAN, START, history

SEEDS = st.integers(0, 2**32)
END = START + SPAN + 400 * DAY


def view(time: int) -> Happening:
    return Happening(time, time, 6, "CHEESE", None, None, product="p1", channel="web", measure=5000)


@settings(max_examples=300)
@given(SEEDS, st.integers(START, END))
def test_a_state_says_what_its_events_say_at_any_moment(seed: int, moment: int) -> None:
    events = [e for e in history(seed) if e.visible_from <= moment]
    random.Random(seed).shuffle(events)
    assert differences(fold(events), events, moment) == []


@settings(max_examples=150)
@given(SEEDS, st.integers(0, 60))
def test_any_order_and_any_pieces_give_identical_bytes(seed: int, cut: int) -> None:
    events = history(seed)
    shuffled = random.Random(seed).sample(events, len(events))
    kept = decode(encode(fold(shuffled[:cut])))
    assert kept is not None
    kept_in_pieces = fold(shuffled[cut:], kept)
    # Reading between two pieces changes nothing.
    differences(kept_in_pieces, events, END)
    assert plain(kept_in_pieces) == plain(fold(events))
    assert encode(kept_in_pieces) == encode(fold(events))


@settings(max_examples=150)
@given(SEEDS, st.integers(1, 4))
def test_states_merged_are_the_state_of_all_their_events(seed: int, names: int) -> None:
    events = history(seed)
    parts = [events[name::names] for name in range(names)]
    states = [fold(part) for part in parts]
    before = [plain(state) for state in states]
    together = merged(states)
    assert plain(together) == plain(fold(events))
    assert differences(together, events, END) == []
    # What was merged stays as it was, so that it can be parted again.
    together.merge(fold(history(seed + 1)))
    assert [plain(state) for state in states] == before


@settings(max_examples=100)
@given(SEEDS)
def test_the_same_events_once_more_are_kept_out_before_the_fold_and_would_show(seed: int) -> None:
    events = history(seed)
    if events:
        assert plain(fold([*events, events[0]])) != plain(fold(events))


def test_an_hour_beyond_what_a_person_can_do_is_only_counted_whatever_the_order() -> None:
    flood = [view(START + n * 900_000) for n in range(MOST_PER_HOUR + 50)]
    assert flood[-1].event_time < START + HOUR
    before, after = view(START - HOUR), view(START + HOUR)
    forward = fold([before, *flood, after])
    back = fold([after, *reversed(flood), before])
    parted = merged([fold(flood[::2]), fold([before, *flood[1::2], after])])
    assert plain(forward) == plain(back) == plain(parted)
    assert len(plain(forward)) < 2_000
    assert differences(forward, [before, *flood, after], END) == []


def test_a_flood_that_is_parted_again_is_weighed_as_before() -> None:
    some = [view(START + n * 2_000_000) for n in range(1_800)]
    more = [view(START + 1_000_000 + n * 2_000_000) for n in range(1_801)]
    one, other = fold(some), fold(more)
    as_before = plain(one), plain(other)
    assert merged([one, other]).browsing is not None
    assert (plain(one), plain(other)) == as_before


def test_an_empty_state_merges_to_nothing() -> None:
    assert plain(merged([State(), State()])) == plain(State())
