"""The table of fields that tags' rules may read: names, kinds, meanings and how each is read; knows no rule and no wire.

Only what is plain by design stands here: nothing that is sealed with a customer's key has a name in a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, NamedTuple

from fieldwise_profile.core.features import COLUMNS, MICROS
from fieldwise_profile.core.portrait import INTERESTS, Stage
from fieldwise_profile.core.tags.subject import Subject
from fieldwise_rules.fields import Field, Fields
from fieldwise_rules.kinds import BOOL, DOUBLE, INT, STRING, TIMESTAMP, list_of, map_of

# Reads a field of a customer; None where he has no value.
Read = Callable[[Subject], Any]

# Channels and kinds of noise that there are; categories looked at that a profile keeps.
_CHANNELS: Final = 16
_BROWSED: Final = 10
_SCORES: Final = 50
# Longest category or name of a model.
_NAME: Final = 64

_STAGES: Final = {
    Stage.PROSPECT: "prospect",
    Stage.NEW: "new",
    Stage.ACTIVE: "active",
    Stage.SILENT: "silent",
}


class _Entry(NamedTuple):
    field: Field
    read: Read


def _feature(name: str, unit: str, null_rule: str) -> _Entry:
    shown = {"1": "", "d": ", days", "{currency}": ", money"}.get(unit, f", {unit}")
    absent = f"; no value: {null_rule}" if null_rule else ""
    field = Field(f"features.{name}", DOUBLE, f"the feature {name}{shown}{absent}", bool(null_rule))
    return _Entry(field, partial(Subject.feature, name=name))


def _fact(name: str, kind: Any, meaning: str) -> _Entry:
    field = Field(f"profile.{name}", kind, meaning, optional=True, size=16)
    return _Entry(field, lambda subject: getattr(subject.state.plain, name) or None)


_PORTRAIT: Final = (
    _Entry(
        Field("profile.stage", STRING, "lifecycle stage: prospect, new, active or silent", size=8),
        lambda subject: _STAGES[subject.portrait.stage],
    ),
    _Entry(
        Field("profile.purchase_days", INT, "distinct days with a purchase"),
        lambda subject: subject.portrait.purchase_days,
    ),
    _Entry(
        Field("profile.total_spend", DOUBLE, "money received over all purchases"),
        lambda subject: subject.portrait.total_spend / MICROS,
    ),
    _Entry(
        Field("profile.usual_gap_days", DOUBLE, "median days between purchase days", optional=True),
        lambda subject: subject.portrait.usual_gap_days,
    ),
    _Entry(
        Field("profile.silence_after_days", DOUBLE, "days after which he counts as silent", optional=True),
        lambda subject: subject.portrait.silence_after_days,
    ),
    _Entry(
        Field("profile.usual_hour", INT, "UTC hour of most purchases, 0-23", optional=True),
        lambda subject: subject.portrait.usual_hour,
    ),
    _Entry(
        Field("profile.last_purchase_time", TIMESTAMP, "last purchase", optional=True),
        lambda subject: subject.portrait.last_purchase_time or None,
    ),
    _Entry(
        Field("profile.last_contact_time", TIMESTAMP, "last contact or mailing", optional=True),
        lambda subject: subject.portrait.last_contact_time or None,
    ),
    _Entry(
        Field("profile.quality", DOUBLE, "how far the profile can be trusted, 0 to 1"),
        lambda subject: subject.portrait.quality,
    ),
    _Entry(
        Field("profile.event_count", INT, "events folded in"),
        lambda subject: subject.state.count,
    ),
    _Entry(
        Field(
            "profile.interests",
            list_of(STRING),
            "categories he buys, most first",
            size=INTERESTS,
            inner=_NAME,
        ),
        lambda subject: [each.category for each in subject.portrait.interests],
    ),
)

_BEHAVIOUR: Final = (
    _Entry(
        Field(
            "profile.channels",
            map_of(STRING, DOUBLE),
            "share of each channel, 0 to 1",
            size=_CHANNELS,
            inner=16,
        ),
        lambda subject: subject.channels,
    ),
    _Entry(
        Field(
            "profile.browsing",
            map_of(STRING, DOUBLE),
            "intent by category looked at",
            size=_BROWSED,
            inner=_NAME,
        ),
        lambda subject: subject.browsing,
    ),
    _Entry(
        Field("profile.noise_share", DOUBLE, "share of his browsing events that is noise, 0 to 1"),
        lambda subject: subject.noise_share,
    ),
    _Entry(
        Field("profile.changed", BOOL, "a change of his rhythm is flagged", optional=True),
        lambda subject: subject.change.changed if subject.change else None,
    ),
    _Entry(
        Field("profile.change_direction", STRING, "slower or faster, when changed", optional=True, size=8),
        lambda subject: (subject.change.direction or None) if subject.change else None,
    ),
    _Entry(
        Field("profile.change_evidence", DOUBLE, "evidence of a change; flagged at 1 or more", optional=True),
        lambda subject: subject.change.evidence if subject.change else None,
    ),
    _Entry(
        Field("profile.segment", STRING, "segment by behaviour, as segments/3", optional=True, size=32),
        lambda subject: subject.segment_names[0] or None,
    ),
    _Entry(
        Field(
            "profile.static_segment", STRING, "segment by age and gender, as f 30-44", optional=True, size=16
        ),
        lambda subject: subject.segment_names[1] or None,
    ),
)

_FACTS: Final = (
    _fact("birth_month", INT, "month of birth, 1-12"),
    _fact("birth_day", INT, "day of birth, 1-31"),
    _fact("birth_year_band", INT, "year of birth, rounded down to five years"),
    _fact("gender", STRING, "f, m or x"),
    _fact("place", STRING, "first three characters of the postal code"),
)

_OTHERS: Final = (
    _Entry(Field("now", TIMESTAMP, "the moment he is seen at"), lambda subject: subject.moment),
    _Entry(
        Field(
            "scores",
            map_of(STRING, DOUBLE),
            "scores of models that the caller passed",
            size=_SCORES,
            inner=_NAME,
        ),
        lambda subject: subject.scores,
    ),
)

_ENTRIES: Final = (
    *(_feature(*column) for column in COLUMNS),
    *_PORTRAIT,
    *_BEHAVIOUR,
    *_FACTS,
    *_OTHERS,
)

_PERSONAL: Final = "personal content is sealed with the customer's own key and rules cannot read it"
_SEALED: Final = {
    **dict.fromkeys(
        ("name", "full_name", "given_name", "family_name", "phone", "email", "address", "city", "number", "company",
         "note", "notes", "text", "proof", "query", "search", "searched", "search_words", "words", "consents", "id"),
        _PERSONAL,
    ),
    **dict.fromkeys(
        ("birth_date", "birthday", "birth_year", "age"),
        f"{_PERSONAL}; plain are profile.birth_month, profile.birth_day and profile.birth_year_band",
    ),
    **dict.fromkeys(("postcode", "region"), f"{_PERSONAL}; plain is profile.place, its first three characters"),
}  # fmt: skip

_SHOWN: Final = "ListTagFields shows the fields that rules may read"
FIELDS: Final = Fields([entry.field for entry in _ENTRIES], _SEALED, _SHOWN)
_READS: Final = tuple(entry.read for entry in _ENTRIES)


def values_of(subject: Subject, places: Iterable[int]) -> list[Any]:
    """The values of the fields at these places; None at every other."""
    found: list[Any] = [None] * len(_READS)
    for place in places:
        found[place] = _READS[place](subject)
    return found
