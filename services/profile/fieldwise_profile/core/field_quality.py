"""Completeness, validity and agreement of each field that sources state of one customer; knows no table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from fieldwise_profile.core.cleaning.forms import FORMS, Form, fits, key

# The fields of an Identification, in its order.
FIELDS: Final = (
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
    "gender",
    "number",
    "company",
)


class FieldQuality(NamedTuple):
    """One field.

    Args:
        known: Some source states it.
        valid: All that is stated has the form the field must have; False as well when nothing is stated.
        agreed: Sources agree after normalising; True as well when at most one states it.
    """

    field: str
    known: bool
    valid: bool
    agreed: bool


def field_qualities(
    records: Sequence[Mapping[str, str]], fields: Iterable[str] = FIELDS
) -> list[FieldQuality]:
    """Of what all sources state of one customer; each record is field to value as typed."""
    return [_quality(name, [record[name] for record in records if record.get(name)]) for name in fields]


def completeness(qualities: Sequence[FieldQuality]) -> float:
    """Share of the fields that are known and valid, in [0, 1]; a full name stands for its two parts and they for it."""
    good = {each.field for each in qualities if each.known and each.valid}
    if {"given_name", "family_name"} <= good:
        good.add("full_name")
    counted = [each.field for each in qualities if each.field not in {"given_name", "family_name"}]
    return sum(name in good for name in counted) / len(counted) if counted else 0.0


def _quality(name: str, stated: Sequence[str]) -> FieldQuality:
    form = FORMS[name]
    keys = [own for own in (key(form, value) for value in stated) if own]
    valid = bool(keys) and all(fits(form, own) for own in keys)
    return FieldQuality(name, bool(keys), valid, len({_comparable(form, own) for own in keys}) <= 1)


def _comparable(form: Form, value_key: str) -> str:
    """Names agree in any order of their words."""
    return " ".join(sorted(value_key.split())) if form is Form.NAME else value_key
