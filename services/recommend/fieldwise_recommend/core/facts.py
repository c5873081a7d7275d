"""What rules of actions may read: the numbers of FACTS and plain traits of the customer; knows no rule and no wire.

Only what is plain by design stands here: nothing that is sealed with a customer's key has a name in a rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from fieldwise_recommend.core.situation import FACTS, Situation
from fieldwise_rules.fields import Field, Fields
from fieldwise_rules.kinds import DOUBLE, INT, STRING, TIMESTAMP, list_of

T = TypeVar("T")

# The longest lists that a rule sees; what is longer is cut, so that no rule takes more steps than was checked.
_LISTED: Final = 64
_NAME: Final = 64
_MICROS: Final = 1_000_000

_TRAITS: Final = (
    Field("lifecycle", STRING, "stage of his life as a customer: prospect, new, active, silent", True, 8),
    Field("segment", STRING, "segment by behaviour, as segments/3", optional=True, size=32),
    Field("place", STRING, "first three characters of the postal code", optional=True, size=16),
    Field("quality", DOUBLE, "how far the profile can be trusted, 0 to 1", optional=True),
    Field("usual_hour", INT, "UTC hour of most purchases, 0-23", optional=True),
    Field("tags", list_of(STRING), "tags that hold, as tags/loyal", True, _LISTED, _NAME),
    Field("categories", list_of(STRING), "categories he buys, most first", True, _LISTED, _NAME),
)
_NUMBERS: Final = tuple(FACTS)
_TRAIT_NAMES: Final = tuple(field.path for field in _TRAITS)
TRAITS: Final = frozenset(_TRAIT_NAMES)

_PERSONAL: Final = "personal content is sealed with the customer's own key and rules cannot read it"
_SEALED: Final = {
    **dict.fromkeys(
        ("name", "full_name", "given_name", "family_name", "phone", "email", "address", "city", "number", "company",
         "note", "notes", "text", "consents", "id", "customer"),
        _PERSONAL,
    ),
    **dict.fromkeys(
        ("birth_date", "birthday", "birth_year", "age"), f"{_PERSONAL}; plain are birth_month and birth_day"
    ),
    **dict.fromkeys(("postcode", "region"), f"{_PERSONAL}; plain is place, the first three characters"),
    "gender": "rules of actions do not read it: whom an offer reaches must not hang on it",
}  # fmt: skip
_SHOWN: Final = f"ListRuleFields shows the facts: {', '.join((*_NUMBERS, *_TRAIT_NAMES, 'now'))}"

FIELDS: Final = Fields(
    [
        *(Field(name, DOUBLE, unit, optional=True) for name, unit in FACTS.items()),
        *_TRAITS,
        Field("now", TIMESTAMP, "the moment of the decision"),
    ],
    _SEALED,
    _SHOWN,
)


def values_of(situation: Situation) -> list[Any]:
    """The values of `FIELDS` in their order; None where nothing is known."""
    traits = situation.traits
    numbers: list[Any] = list(map(situation.facts.get, _NUMBERS))
    return [*numbers, *map(traits.get, _TRAIT_NAMES), situation.moment * _MICROS]


def listed(values: Sequence[T]) -> Sequence[T]:
    """As much of a list as rules may see."""
    return values[:_LISTED]
