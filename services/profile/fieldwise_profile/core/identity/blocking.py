"""Keys that two records of one person probably share: only those with a common key are compared; knows no weight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fieldwise_profile.core.identity.dates import Born
from fieldwise_profile.core.identity.record import Record
from fieldwise_profile.core.identity.sounds import sound_of

# Keys shared by more records than this find too many to compare; rarer keys of the same record have to do.
MOST_SHARING: Final = 60


def keys_of(record: Record) -> frozenset[str]:
    """The record's keys; each says by its first word what it is made of."""
    return frozenset(_keys(record))


def _keys(r: Record) -> Iterator[str]:
    yield from _own_keys(r)
    if r.born is not None and r.born.month:
        yield from _birth_keys(r, r.born)
    yield from _name_keys(r)
    yield from _house_keys(r)


def _own_keys(r: Record) -> Iterator[str]:
    """Of fields that name one person or few."""
    for part in _name_codes(r):
        if r.phone:
            yield f"name-phone {part} {r.phone[-4:]}"
    if r.phone:
        yield f"phone {r.phone[-7:]}"
        yield f"phone-start {r.phone[:-3]}"
    if r.email:
        yield f"email {r.email}"
        local = r.email.partition("@")[0]
        if len(local) >= 5:
            yield f"local {local}"
    if r.number:
        yield f"number {r.number}"
    if r.company:
        yield f"company {r.company[:12]} {code_of(r.family_spoken)}"


def _birth_keys(r: Record, born: Born) -> Iterator[str]:
    yield f"born {born.digits}"
    for part in _name_codes(r):
        yield f"name-year {part} {born.year}"
        yield f"name-day {part} {born.month} {born.day}"
    if r.postcode:
        yield f"post-year {r.postcode} {born.year}"
        yield f"post-day {r.postcode} {born.month} {born.day}"


def _name_keys(r: Record) -> Iterator[str]:
    if r.family_spoken and r.given_spoken:
        # Without spaces, as names in pinyin are put apart anyhow.
        for whole in {f"{r.family_spoken}{r.given_spoken}", f"{r.given_spoken}{r.family_spoken}"}:
            yield f"whole {whole}"
        yield "sounds " + " ".join(sorted((sound_of(r.family_spoken), sound_of(r.given_spoken))))
    for part in _name_codes(r):
        if r.postcode:
            yield f"name-post {part} {r.postcode}"
        if r.street:
            yield f"name-street {part} {_start(r.street)}"
        if r.numbers:
            yield f"name-number {part} {r.numbers[0]}"
        if r.city:
            yield f"name-city {part} {r.city}"


def _house_keys(r: Record) -> Iterator[str]:
    if not r.numbers:
        return
    if r.street:
        yield f"house {_start(r.street)} {r.numbers[0]}"
    if r.postcode:
        yield f"house-post {r.numbers[0]} {r.postcode}"
    if r.city:
        yield f"house-city {r.numbers[0]} {r.city}"


def _name_codes(r: Record) -> list[str]:
    # Given and family name stand in either field often enough.
    return [code_of(part) for part in (r.family_spoken, r.given_spoken) if part]


def _start(street: str) -> str:
    return street.replace(" ", "")[:6]


def code_of(name: str) -> str:
    """The first four sounds of a name."""
    return sound_of(name)[:4]
