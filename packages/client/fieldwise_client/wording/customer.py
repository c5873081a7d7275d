"""A customer on a terminal: plain text, English or Chinese, in 80 to 100 columns. Knows no colour and no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1.privacy_service_pb2 import ConsentState
from fieldwise.profile.v1.profile_pb2 import FieldQuality, LifecycleStage, Profile, Trait
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.names import short
from fieldwise_client.wording.customer_table import (
    CUSTOMER,
    DIRECTIONS,
    ISSUES,
    NOISE,
    STAGES,
    TRAITS,
    VALUES,
)
from fieldwise_client.wording.phrases import age_text, number_text, phrase
from fieldwise_client.wording.terminal import WIDTH, columns, wrapped

_INDENT = "    "
# Chances, which rest on days and not on single events.
_LIKELY = frozenset({"lost_probability", "waiting_probability"})


def render_profile(profile: Profile, lang: str = "en", width: int = WIDTH) -> str:
    """All that a profile says: who he is, what he buys and looks at, what changed, how far it can be trusted."""
    if profile.withheld:
        blocks: Sequence[Callable[[Profile, str, int], Iterator[str]]] = (_headline, _withheld, _allowed)
    else:
        blocks = (_headline, _standing, _allowed, _traits, _interests, _browsing, _outlook, _trust)
    told = (list(block(profile, lang, width)) for block in blocks)
    return "\n\n".join("\n".join(lines) for lines in told if lines)


def render_consents(state: ConsentState, lang: str = "en", width: int = WIDTH) -> str:
    """What a customer allows and refuses, in the order of the subjects."""
    words = (
        f"{word.subject} {_words('granted' if word.granted else 'withdrawn', lang)} "
        f"({_moment(word.said_time).date().isoformat()})"
        for word in sorted(state.holding, key=lambda word: word.subject)
    )
    told = " · ".join(words) or _words("nobody_asked", lang)
    return "\n".join(wrapped(told, width, f"  {_words('consents', lang)}: ", _INDENT))


def _headline(profile: Profile, lang: str, width: int) -> Iterator[str]:
    title = _words("title", lang, customer=short(profile.name))
    moment = _moment(profile.as_of).strftime("%a %Y-%m-%d %H:%M UTC") if profile.HasField("as_of") else ""
    yield (title + " " * max(1, width - columns(title) - len(moment)) + moment).rstrip()
    yield "═" * width
    if profile.members:
        others = ", ".join(short(name) for name in profile.members if name != profile.name)
        yield from wrapped(others, width, f"  {_words('merged', lang)}: ", _INDENT)
        if profile.canonical and profile.canonical != profile.name:
            yield f"  {_words('canonical', lang)}: {short(profile.canonical)}"


def _withheld(_profile: Profile, lang: str, width: int) -> Iterator[str]:
    yield from wrapped(_words("withheld", lang), width, "  ", "  ")


def _standing(profile: Profile, lang: str, width: int) -> Iterator[str]:
    stage = _stage(profile.stage, lang)
    rhythm = ""
    if profile.HasField("usual_gap_days") and profile.HasField("silence_after_days"):
        gap, silence = f"{profile.usual_gap_days:.1f}", f"{profile.silence_after_days:.0f}"
        rhythm = _words("rhythm", lang, gap=gap, silence=silence)
    yield f"  {stage}   {rhythm}".rstrip()
    if profile.purchase_days:
        days = f"{profile.purchase_days:,}"
        age = _age(profile.last_purchase_time, profile, lang)
        yield f"  {_words('bought', lang, days=days, spend=_money(profile.total_spend), age=age)}"
    if profile.HasField("segment"):
        label = profile.segment.label or short(profile.segment.segment)
        static = profile.segment.static_segment
        beside = f" ({_words('static', lang)}: {static})" if static else ""
        yield from wrapped(f"{label}{beside}", width, f"  {_words('segment', lang)}: ", _INDENT)
    if profile.tags:
        listed = " · ".join(short(tag) for tag in profile.tags)
        yield from wrapped(listed, width, f"  {_words('tags', lang)}: ", _INDENT)


def _allowed(profile: Profile, lang: str, _width: int) -> Iterator[str]:
    if profile.opted_out:
        yield f"  ! {_words('opted_out', lang)}"
    if profile.refused_channels:
        yield f"  ! {_words('refused', lang)}: {', '.join(profile.refused_channels)}"
    if profile.consent_assumed:
        yield f"  {_words('assumed', lang)}"


def _traits(profile: Profile, lang: str, width: int) -> Iterator[str]:
    if not profile.traits:
        return
    yield f"  {_words('traits', lang)}"
    names = [phrase(TRAITS, trait.name, lang) for trait in profile.traits]
    room = max(map(columns, names))
    for name, trait in zip(names, profile.traits, strict=True):
        rests = _words(
            "rests_on_days" if trait.name in _LIKELY else "rests",
            lang,
            count=f"{trait.evidence_count:,}",
            kinds=", ".join(trait.evidence_kinds),
            age=age_text(timedelta(days=trait.age_days), lang),
        )
        head = f"{_INDENT}{name}{' ' * (room - columns(name))}  "
        yield from wrapped(f"{_value(trait, lang)} — {rests}", width, head, " " * columns(head))


def _value(trait: Trait, lang: str) -> str:
    if trait.WhichOneof("value") == "text":
        return phrase(VALUES, trait.text, lang)
    if trait.name in _LIKELY:
        return _words("likely", lang, share=number_text("p", trait.number))
    if trait.name.endswith("_share"):
        return number_text("share", trait.number)
    return f"{trait.number:,.4g} {trait.unit}".rstrip()


def _interests(profile: Profile, lang: str, width: int) -> Iterator[str]:
    if profile.interests:
        yield f"  {_words('interests', lang)}"
    for each in profile.interests:
        told = _words(
            "interest",
            lang,
            days=f"{each.purchase_days:,}",
            spend=_money(each.spend),
            age=_age(each.last_purchase_time, profile, lang),
        )
        if each.HasField("mean_gap_days"):
            told += _words("every", lang, gap=f"{each.mean_gap_days:.1f}")
        yield from wrapped(f"{each.category}: {told}", width, _INDENT, _INDENT * 2)


def _browsing(profile: Profile, lang: str, width: int) -> Iterator[str]:
    if profile.browsing:
        yield f"  {_words('browsing', lang)}"
    for each in profile.browsing:
        told = _words(
            "browsed",
            lang,
            intent=f"{each.intent:.1f}",
            views=f"{each.views:,.0f}",
            clicks=f"{each.clicks:,.0f}",
            searches=f"{each.searches:,}",
            age=_age(each.last_time, profile, lang),
        )
        yield from wrapped(f"{each.category}: {told}", width, _INDENT, _INDENT * 2)
    words = " · ".join(f"{each.word} ({each.count})" for each in profile.searched)
    yield from _listed("searched", words, lang, width)
    channels = " · ".join(f"{each.channel} {number_text('share', each.share)}" for each in profile.channels)
    yield from _listed("channels", channels, lang, width)


def _outlook(profile: Profile, lang: str, width: int) -> Iterator[str]:
    if profile.HasField("change"):
        yield from _listed("change", _change(profile, lang), lang, width)
    stages = " · ".join(
        f"{_stage(each.stage, lang)} {number_text('p', each.probability)}" for each in profile.next_stage
    )
    yield from _listed("next", stages, lang, width)
    yield from _listed("plain", " · ".join(_plain(profile, lang)), lang, width)


def _change(profile: Profile, lang: str) -> str:
    change = profile.change
    evidence = f"{change.evidence:.2f}"
    if not change.changed:
        return _words("unchanged", lang, evidence=evidence)
    direction = phrase(DIRECTIONS, change.direction, lang)
    since = _moment(change.since).date().isoformat()
    return _words("changed", lang, direction=direction, since=since, evidence=evidence)


def _plain(profile: Profile, lang: str) -> Iterator[str]:
    plain = profile.plain
    if plain.birth_month:
        day = (
            f"{plain.birth_month:02d}-{plain.birth_day:02d}"
            if plain.birth_day
            else f"{plain.birth_month:02d}"
        )
        yield _words("born", lang, day=day)
    if plain.birth_year_band:
        yield _words("year_band", lang, year=str(plain.birth_year_band))
    if plain.gender:
        yield _words("gender", lang, gender=plain.gender)
    if plain.place:
        yield _words("place", lang, place=plain.place)


def _trust(profile: Profile, lang: str, width: int) -> Iterator[str]:
    quality = profile.data_quality
    told = [_words("score", lang, score=f"{quality.score:.2f}")]
    told += [phrase(ISSUES, issue, lang) for issue in quality.issues]
    if quality.noise_share or profile.noise:
        told.append(_words("noise", lang, share=number_text("share", quality.noise_share)))
    told += [f"{phrase(NOISE, each.reason, lang)} {each.events:,}" for each in profile.noise]
    yield from _listed("quality", " · ".join(told), lang, width)
    fields = " · ".join(f"{each.field} {_field(each, lang)}" for each in quality.fields)
    yield from _listed("fields", fields, lang, width)
    yield f"  {_words('basis', lang, count=f'{profile.event_count:,}', age=_age(profile.fresh_at, profile, lang))}"


def _field(quality: FieldQuality, lang: str) -> str:
    if not quality.known:
        return _words("unknown_field", lang)
    if not quality.valid:
        return _words("invalid_field", lang)
    return _words("fine_field" if quality.agreed else "contradicted_field", lang)


def _listed(label: str, text: str, lang: str, width: int) -> Iterator[str]:
    if text:
        yield from wrapped(text, width, f"  {_words(label, lang)}: ", _INDENT)


def _stage(stage: LifecycleStage.ValueType, lang: str) -> str:
    return phrase(STAGES, LifecycleStage.Name(stage).removeprefix("LIFECYCLE_STAGE_"), lang)


def _words(name: str, lang: str, **arguments: str) -> str:
    return phrase(CUSTOMER, name, lang, arguments)


def _money(money: Money) -> str:
    return f"{money.micros / 1e6:,.2f} {money.currency_code}".rstrip()


def _moment(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def _age(stamp: Timestamp, profile: Profile, lang: str) -> str:
    return age_text(max(timedelta(0), _moment(profile.as_of) - _moment(stamp)), lang)
