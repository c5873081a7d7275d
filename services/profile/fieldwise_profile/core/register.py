"""The register of personal fields: what is kept, sealed or plain, what for and how long; knows no table.

Source: GDPR 30 and PIPL 55 ask for such a register. The purposes are what the code reads the fields for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from fieldwise_profile.core.event import Kind
from fieldwise_profile.core.purposes import Purpose
from fieldwise_profile.core.schemas import EventSchema

DEAD_LETTERS: Final = "dead_letters"
# Days a kind's personal part is kept; 0: until erasure. Who he is and what he agreed to must be known while he is a customer;
# what he typed and what was noted serves support and quarrels about orders, which lapse.
DEFAULT_DAYS: Final[Mapping[str, int]] = {
    "identification": 0,
    "consent": 0,
    "search": 400,
    "message": 400,
    "visit": 1_100,
    "call": 1_100,
    "review": 1_100,
    "service_case": 1_100,
    "custom": 1_100,
    DEAD_LETTERS: 90,
}
KIND_NAMES: Final[Mapping[int, str]] = {int(kind): kind.name.lower() for kind in Kind}
KIND_NUMBERS: Final[Mapping[str, int]] = {name: number for number, name in KIND_NAMES.items()}


@dataclass(frozen=True)
class Field:
    """One line of the register; days 0: until erasure."""

    name: str
    sealed: bool
    purposes: tuple[Purpose, ...]
    days: int
    reason: str


_IDENTITY: Final = (Purpose.SERVICE, Purpose.RIGHTS, Purpose.UPKEEP)
_PERSON: Final = (
    "full_name",
    "given_name",
    "family_name",
    "phone",
    "email",
    "address",
    "city",
    "postcode",
    "region",
    "birth_date",
    "number",
    "company",
)
_TEXTS: Final = (Purpose.SERVICE, Purpose.RIGHTS)
_PLAIN: Final = (Purpose.DECISION, Purpose.TRAINING, Purpose.PLANNING, Purpose.REPORTING)
_BUILT_IN: Final = (
    *(
        Field(f"identification.{name}", True, _IDENTITY, 0, "to know him again and to reach him")
        for name in _PERSON
    ),
    Field("identification.birth_month", False, _PLAIN, 0, "plain by design: rules for birthdays read it"),
    Field("identification.birth_day", False, _PLAIN, 0, "plain by design: rules for birthdays read it"),
    Field("identification.birth_year_band", False, _PLAIN, 0, "plain by design: five years wide"),
    Field("identification.gender", False, _PLAIN, 0, "plain by design: segments read it"),
    Field("identification.place", False, _PLAIN, 0, "plain by design: three characters of the postal code"),
    Field("identification.time_zone", False, _PLAIN, 0, "plain by design: nobody is called at night"),
    Field("search.query", True, (Purpose.DECISION, *_TEXTS), 0, "what he looks for"),
    Field("message.text", True, _TEXTS, 0, "to serve him who wrote"),
    Field("visit.note", True, _TEXTS, 0, "to serve him at the next visit"),
    Field("call.note", True, _TEXTS, 0, "to serve him at the next call"),
    Field("review.text", True, _TEXTS, 0, "to answer it"),
    Field("service_case.text", True, _TEXTS, 0, "to solve the case"),
    Field("consent.proof", True, (Purpose.RIGHTS, Purpose.SERVICE), 0, "to prove what he agreed to"),
)


def register(schemas: Iterable[EventSchema], days: Mapping[str, int]) -> list[Field]:
    """Every personal field, ascending; those of custom events from the newest version of each schema."""
    newest: dict[str, EventSchema] = {}
    for schema in schemas:
        if schema.version >= newest.get(schema.name, schema).version:
            newest[schema.name] = schema
    custom = [
        Field(
            f"{schema.name}.{each.name}",
            True,
            tuple(Purpose[purpose] for purpose in each.purposes),
            0,
            f"as its schema says, version {schema.version}",
        )
        for schema in newest.values()
        for each in schema.fields
        if each.personal
    ]
    return sorted(
        (replace(each, days=_days(each, days)) for each in (*_BUILT_IN, *custom)), key=lambda each: each.name
    )


def _days(field: Field, days: Mapping[str, int]) -> int:
    kind = field.name.partition(".")[0]
    return days.get("custom" if kind.startswith("eventSchemas/") else kind, 0) if field.sealed else 0


def personal_fields(kinds: Iterable[int]) -> list[str]:
    """The sealed fields of events of these kinds, of all kinds when none is given; those of custom events are left out."""
    names = {KIND_NAMES[kind] for kind in kinds}
    return [
        each.name for each in _BUILT_IN if each.sealed and (not names or each.name.partition(".")[0] in names)
    ]


def field_name(kind: int, schema: str | None, key: str) -> str:
    """How the register calls a key of an event's personal part."""
    return f"{schema}.{key}" if kind == Kind.CUSTOM else f"{KIND_NAMES[kind]}.{key}"


def days_told(text: str) -> dict[str, int]:
    """`search=400,dead_letters=90` as days by kind, over the defaults.

    Raises:
        ValueError: A kind is not known or has nothing personal, or a number is wrong; the text is the remedy.
    """
    told = dict(DEFAULT_DAYS)
    for each in filter(None, (part.strip() for part in text.split(","))):
        kind, _, number = each.partition("=")
        if kind not in DEFAULT_DAYS or not number.isdecimal():
            raise ValueError(f"give kind=days, with commas between; kinds: {', '.join(DEFAULT_DAYS)}")
        told[kind] = int(number)
    return told
