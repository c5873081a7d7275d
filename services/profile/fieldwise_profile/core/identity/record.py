"""What one source says of a person, in the form that is compared; knows no other record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fieldwise_profile.core.identity import companies, contacts, dates, places
from fieldwise_profile.core.identity.dates import Born
from fieldwise_profile.core.identity.names import parted
from fieldwise_profile.core.identity.texts import spoken

# The fields of an Identification that are read here, by their names in the contract.
FIELDS: Final = (
    "full_name", "given_name", "family_name", "phone", "email", "address", "city", "postcode", "region", "birth_date",
    "gender", "number", "company",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """Each field normalised; empty (None for the date of birth) for what is not stated or cannot be right."""

    family: str = ""
    given: str = ""
    family_spoken: str = ""
    given_spoken: str = ""
    is_familiar: bool = False
    other_names: tuple[str, ...] = ()
    phone: str = ""
    email: str = ""
    numbers: tuple[str, ...] = ()
    street: str = ""
    city: str = ""
    postcode: str = ""
    region: str = ""
    born: Born | None = None
    gender: str = ""
    number: str = ""
    company: str = ""

    @property
    def is_empty(self) -> bool:
        """Nothing is stated that could tell one person from another."""
        return not (self.family or self.given or self.phone or self.email or self.number or self.born)


def record_of(stated: Mapping[str, str]) -> Record:
    """A record from fields of an Identification as typed."""

    def said(field: str) -> str:
        return stated.get(field, "")

    name = parted(said("full_name"), said("given_name"), said("family_name"))
    city = places.town(said("city"))
    where = places.address(said("address"), city)
    return Record(
        family=name.family,
        given=name.given,
        family_spoken=spoken(name.family),
        given_spoken=spoken(name.given),
        is_familiar=name.is_familiar,
        other_names=name.other,
        phone=contacts.phone(said("phone")),
        email=contacts.email(said("email")),
        numbers=where.numbers,
        street=where.street,
        city=city,
        postcode=places.postcode(said("postcode")),
        region=places.region(said("region")),
        born=dates.born(said("birth_date")),
        gender=said("gender"),
        number=contacts.number(said("number")),
        company=companies.company(said("company")),
    )
