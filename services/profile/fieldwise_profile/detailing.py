"""What only a full profile shows, on the wire; knows no table."""

from __future__ import annotations

from collections.abc import Sequence

from fieldwise.profile.v1 import profile_pb2
from fieldwise_profile.core.change import judge
from fieldwise_profile.core.doings import (
    CategoryLook,
    ChannelUse,
    category_looks,
    channel_uses,
    decayed_tallies,
    noise_of,
    searched_words,
)
from fieldwise_profile.core.event import DAY, KIND_NAMES
from fieldwise_profile.core.features import Purchases
from fieldwise_profile.core.fold import State
from fieldwise_profile.core.portrait import Portrait
from fieldwise_profile.core.traits import Trait, traits
from fieldwise_profile.times import timestamp


def add_details(
    profile: profile_pb2.Profile, state: State, bought: Purchases, seen: Portrait, tiers: Sequence[int]
) -> None:
    """Everything but what is personal."""
    today = bought.last_day
    looks, uses = category_looks(state, today), channel_uses(state, today)
    profile.decayed.extend(_decayed(state, today))
    profile.channels.extend(_channel(use) for use in uses)
    profile.browsing.extend(_browsing(look) for look in looks)
    profile.noise.extend(
        profile_pb2.NoiseTally(reason=each.reason.name, events=each.events, weight=each.weight)
        for each in noise_of(state)
    )
    profile.traits.extend(
        _trait(each, bought.moment) for each in traits(state, bought, seen, looks, uses, tiers)
    )
    _add_change(profile, bought)
    profile.plain.CopyFrom(profile_pb2.PlainFacts(**state.plain._asdict()))


def add_occasions(profile: profile_pb2.Profile, state: State) -> None:
    """Of what is plain, what decisions ask for: the birthday, the coarse place and the time zone."""
    plain = state.plain
    if plain.birth_month or plain.place or plain.time_zone:
        profile.plain.birth_month, profile.plain.birth_day = plain.birth_month, plain.birth_day
        profile.plain.place, profile.plain.time_zone = plain.place, plain.time_zone


def add_words(profile: profile_pb2.Profile, state: State) -> None:
    """The words he searched for."""
    profile.searched.extend(
        profile_pb2.SearchedWord(word=each.word, count=each.times, last_time=timestamp(each.last_time))
        for each in searched_words(state)
    )


def _decayed(state: State, today: int) -> list[profile_pb2.DecayedTally]:
    return [
        profile_pb2.DecayedTally(
            kind=each.kind,
            half_life_days=each.half_life_days,
            count=each.events,
            amount_micros=each.amount,
        )
        for each in decayed_tallies(state, today)
    ]


def _channel(use: ChannelUse) -> profile_pb2.ChannelShare:
    return profile_pb2.ChannelShare(channel=use.channel, share=use.share, last_time=timestamp(use.last_time))


def _browsing(look: CategoryLook) -> profile_pb2.BrowsingInterest:
    return profile_pb2.BrowsingInterest(
        category=look.category,
        views=look.views,
        clicks=look.clicks,
        searches=round(look.searches),
        dwell_seconds=look.dwell_seconds,
        last_time=timestamp(look.last_time),
        intent=look.intent,
    )


def _trait(trait: Trait, moment: int) -> profile_pb2.Trait:
    told = profile_pb2.Trait(
        name=trait.name,
        unit=trait.unit,
        fresh_at=timestamp(trait.fresh_at),
        age_days=(moment - trait.fresh_at) / DAY,
        evidence_count=trait.evidence,
        evidence_kinds=[KIND_NAMES[kind] for kind in trait.kinds],
    )
    if isinstance(trait.value, str):
        told.text = trait.value
    else:
        told.number = trait.value
    return told


def _add_change(profile: profile_pb2.Profile, bought: Purchases) -> None:
    change = judge(bought.days, bought.moment)
    if change is None:
        return
    profile.change.CopyFrom(
        profile_pb2.BehaviourChange(
            changed=change.changed,
            since=None if change.since is None else timestamp(change.since),
            direction=change.direction,
            evidence=change.evidence,
            false_alarms_per_year=change.false_alarms_per_year,
        )
    )
