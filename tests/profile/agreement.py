"""Whether a state says what its events say: every part of it beside the naive rivals, to a billionth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any

from fieldwise_profile.core.doings import (
    category_looks,
    channel_uses,
    decayed_tallies,
    noise_of,
    searched_words,
)
from fieldwise_profile.core.event import DAY, Happening
from fieldwise_profile.core.features import COLUMNS, features
from fieldwise_profile.core.fold import State
from tests.profile import naive

Numbers = Mapping[Any, float]


def differences(state: State, events: Sequence[Happening], moment: int) -> list[str]:
    """What the state says otherwise than its events, all of which are before the moment; empty when all is right."""
    return [
        f"{part}: {got.get(key)} for {key}, expected {expected.get(key)}"
        for part, got, expected in _parts(state, events, moment)
        for key in got.keys() | expected.keys()
        if not _same(got.get(key), expected.get(key))
    ] + _exact(state, events)


def _parts(state: State, events: Sequence[Happening], moment: int) -> Iterator[tuple[str, Numbers, Numbers]]:
    today = (moment - 1) // DAY
    names = [column.name for column in COLUMNS]
    yield (
        "features",
        dict(zip(names, features(state, moment), strict=True)),
        naive.naive_features(events, moment),
    )
    got = [each for each in decayed_tallies(state, today) if each.events]
    expected = naive.naive_decayed(events, moment)
    yield (
        "decayed",
        {(each.kind, each.half_life_days): each.events for each in got},
        {key: count for key, (count, _) in expected.items()},
    )
    yield (
        "decayed money",
        {(each.kind, each.half_life_days): each.amount for each in got},
        {key: float(round(money)) for key, (_, money) in expected.items()},
    )
    yield (
        "channels",
        {each.channel: each.share for each in channel_uses(state, today)},
        naive.naive_channels(events, moment),
    )
    looks = {look.category: look for look in category_looks(state, today)}
    for place, part in enumerate(("views", "clicks", "searches", "dwell_seconds", "intent")):
        yield (
            part,
            {category: getattr(look, part) for category, look in looks.items()},
            {category: own[place] for category, own in naive.naive_looks(events, moment).items()},
        )
    yield "words", {each.word: each.times for each in searched_words(state)}, naive.naive_words(events)
    noise = naive.naive_noise(events)
    yield (
        "noise",
        {each.reason.name: each.events for each in noise_of(state)},
        {reason: count for reason, (count, _) in noise.items()},
    )
    yield (
        "noise weight",
        {each.reason.name: each.weight for each in noise_of(state)},
        {reason: weight for reason, (_, weight) in noise.items()},
    )


def _same(got: float | None, expected: float | None) -> bool:
    if got is None or expected is None:
        return got is expected
    if isnan(got) or isnan(expected):
        return isnan(got) and isnan(expected)
    return abs(got - expected) <= 1e-9 * max(1.0, abs(got), abs(expected))


def _exact(state: State, events: Sequence[Happening]) -> list[str]:
    pairs = {
        "consents": (
            {name: not said & 1 for name, said in state.consents.items()},
            naive.naive_consents(events),
        ),
        "facts": ({name: state.fact(name) for name in state.facts}, naive.naive_facts(events)),
        "scores": (
            {name: (count, total, latest) for name, (count, total, _, latest) in state.scores.items()},
            naive.naive_scores(events),
        ),
        "open cases": (
            {case for case, (_, closed) in state.cases.items() if not closed},
            naive.naive_open_cases(events),
        ),
        "count": (state.count, len(events)),
        "first": ([each for each in state.first if each], _times(events, min)),
        "last": ([each for each in state.last if each], _times(events, max)),
    }
    return [
        f"{name}: {got}, expected {expected}" for name, (got, expected) in pairs.items() if got != expected
    ]


def _times(events: Sequence[Happening], pick: object) -> list[int]:
    kinds = sorted({e.kind for e in events})
    return [pick(e.event_time for e in events if e.kind == kind) for kind in kinds]  # type: ignore[operator]  # min or max
