"""Schemas of custom events: what a field is, what it is for, and which change of a schema is allowed; knows no wire.

A field without a purpose is refused: data that nobody may use must not be collected (GDPR 5(1)(b, c), PIPL 6). A new version
may add fields only, so that every event that was right stays right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fieldwise_profile.core.purposes import Purpose
from fieldwise_runtime.errors import Violation

TEXT: Final = "text"
NUMBER: Final = "number"
TRUTH: Final = "truth"
TYPES: Final = (TEXT, NUMBER, TRUTH)
MOST_FIELDS: Final = 64
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PURPOSES: Final = tuple(purpose.name for purpose in Purpose)


@dataclass(frozen=True)
class SchemaField:
    """One attribute of a custom event.

    Args:
        type: `text`, `number` or `truth`.
        unit: Unit of a number (UCUM; `1` for a pure number); empty for the other types.
        purposes: Names of the purposes it is collected for, ascending.
        personal: Says something of a person by itself: sealed with the customer's key, never seen by rules.
    """

    name: str
    type: str
    unit: str
    purposes: tuple[str, ...]
    personal: bool


@dataclass(frozen=True)
class EventSchema:
    """One version of a custom event: `eventSchemas/{id}`, its version from 1, its fields in the order given."""

    name: str
    version: int
    fields: tuple[SchemaField, ...]

    def field(self, name: str) -> SchemaField | None:
        """The field of that name."""
        return next((each for each in self.fields if each.name == name), None)


# By name and version.
Schemas = Mapping[tuple[str, int], EventSchema]


def faults(schema: EventSchema, previous: EventSchema | None = None) -> list[Violation]:
    """Everything that is wrong with a schema, and with it as the successor of ``previous``."""
    found: list[Violation] = []
    if not 1 <= len(schema.fields) <= MOST_FIELDS:
        found.append(Violation("fields", f"{len(schema.fields)} fields", f"give 1 to {MOST_FIELDS}"))
    names = [each.name for each in schema.fields]
    for index, each in enumerate(schema.fields):
        found += _field_faults(f"fields[{index}]", each)
        if each.name in names[:index]:
            found.append(Violation.of(f"fields[{index}].name", each.name, "name each field once"))
    return found + (_changes(schema, previous) if previous is not None else [])


def _field_faults(path: str, field: SchemaField) -> list[Violation]:
    found: list[Violation] = []
    if not _NAME.fullmatch(field.name):
        remedy = "give lower-case letters, digits and _, a letter first, at most 64"
        found.append(Violation.of(f"{path}.name", field.name, remedy))
    if field.type not in TYPES:
        found.append(Violation.of(f"{path}.type", field.type, f"give one of {', '.join(TYPES)}"))
    if field.type == NUMBER and not field.unit:
        remedy = "name the unit of the number (UCUM, such as min or km; 1 for a pure number)"
        found.append(Violation.of(f"{path}.unit", field.unit, remedy))
    if field.type in (TEXT, TRUTH) and field.unit:
        found.append(Violation.of(f"{path}.unit", field.unit, "leave it out: only numbers have units"))
    if not field.purposes:
        remedy = f"FIELD_WITHOUT_PURPOSE: say what {field.name!r} is collected for, or do not collect it"
        found.append(Violation(f"{path}.purposes", "nothing", remedy))
    unknown = [each for each in field.purposes if each not in _PURPOSES]
    if unknown:
        found.append(Violation.of(f"{path}.purposes", unknown, f"give names of {', '.join(_PURPOSES)}"))
    return found


def _changes(schema: EventSchema, previous: EventSchema) -> list[Violation]:
    """What the new version takes away from the old one."""
    found: list[Violation] = []
    for old in previous.fields:
        new = schema.field(old.name)
        if new is None:
            remedy = f"keep it: version {previous.version} has it, and a new version may only add fields"
            found.append(Violation.of("fields", f"no {old.name}", remedy))
        elif (new.type, new.unit, new.personal) != (old.type, old.unit, old.personal):
            remedy = f"keep {_told(old)} of version {previous.version}; give what has changed another name"
            found.append(Violation(f"fields.{old.name}", _told(new), remedy))
    return found


def _told(field: SchemaField) -> str:
    return f"{field.type} {field.unit or '-'} {'personal' if field.personal else 'plain'}"


def written(fields: Sequence[SchemaField]) -> str:
    """The fields as they are stored."""
    listed = [
        {
            "name": each.name,
            "type": each.type,
            "unit": each.unit,
            "purposes": list(each.purposes),
            "personal": each.personal,
        }
        for each in fields
    ]
    return json.dumps(listed, sort_keys=True)


def read(text: str) -> tuple[SchemaField, ...]:
    """The fields as they were stored."""
    listed: list[dict[str, Any]] = json.loads(text)
    return tuple(SchemaField(**{**each, "purposes": tuple(each["purposes"])}) for each in listed)
