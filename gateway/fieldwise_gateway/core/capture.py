"""Events as other people's SDKs send them, read: names of customers, values, texts, what is refused; knows no format and no wire."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fieldwise_runtime.errors import Violation

Fields = Mapping[str, Any]

# A batch may hold no more: what one request can make the gateway do is bounded by it, not only by the body's bytes.
MOST_MESSAGES: Final = 2_500
# Of an order; and of the attributes of a custom event, of which a schema has 64 at most.
MOST_LINES: Final = 500
MOST_ATTRIBUTES: Final = 65
# Suffixes of the parts of a message fit behind it.
LONGEST_ID: Final = 120
LONGEST_NAME: Final = 1_024
_DEEPEST: Final = 4
_MICROS: Final = 1_000_000

_CUSTOMER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}", re.ASCII)
_VISITOR: Final = re.compile(r"[A-Za-z0-9._~-]{1,56}", re.ASCII)
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", re.ASCII)
_OF_USERS: Final = "user~"
_OF_VISITORS: Final = "visitor~"


class Captured(NamedTuple):
    """One event that happened, as profile's contract names it.

    Attributes:
        time: Microseconds since 1970 UTC.
        what: The kind, such as ``view``, and its ``fields``.
    """

    event_id: str
    customer: str
    time: int
    what: str
    fields: Fields
    schema_version: int = 0


class Refused(NamedTuple):
    """A message that cannot be read, with every reason; ``event_id`` and ``customer`` are empty where they are at fault."""

    event_id: str
    customer: str
    message: Any
    faults: tuple[Violation, ...]


class Joined(NamedTuple):
    """Two names said to be one customer.

    Attributes:
        stated: Said in so many words (alias), rather than seen (a visitor who was identified).
        others: Names of which those that are known are ``customer``.
    """

    customer: str
    others: tuple[str, ...]
    stated: bool
    event_id: str
    message: Any


@dataclass(slots=True)
class Capture:
    """What was read from one request."""

    events: list[Captured] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    joined: list[Joined] = field(default_factory=list)


def customer_of_user(user_id: str) -> str:
    """The customer with an app's own id. One that cannot stand in a name, such as an e-mail, is replaced by its SHA-256."""
    if _CUSTOMER.fullmatch(user_id) and not user_id.startswith((_OF_USERS, _OF_VISITORS)):
        return f"customers/{user_id}"
    return f"customers/{_OF_USERS}{_digest(user_id)}"


def customer_of_visitor(anonymous_id: str) -> str:
    """The customer whom an app knows as a browser or a device only."""
    fitting = _VISITOR.fullmatch(anonymous_id) is not None
    return f"customers/{_OF_VISITORS}{anonymous_id if fitting else _digest(anonymous_id)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


@lru_cache(maxsize=8_192)
def snake(name: str, longest: int = 63) -> str:
    """A name as schemas and attributes write it: ``Trial Started`` is ``trial_started``; without Latin letters a digest of it."""
    words = "_".join(word for word in _WORDS.split(name[:LONGEST_NAME]) if word).lower()
    if words and not words[0].isalpha():
        words = f"n{words}"
    # Cut off, two names could become one.
    return words if 0 < len(words) <= longest else f"n{_digest(name)}"


def text(value: Any) -> str:
    """A value as a text; empty for what is none."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    if isinstance(value, float):
        # JavaScript has one kind of number: product 7 may come as 7.0.
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else str(value)
    return str(value) if value.bit_length() < 256 else ""


def first_text(values: Fields, *names: str) -> str:
    """The first of these that says something."""
    for name in names:
        found = text(values.get(name))
        if found:
            return found
    return ""


def number(value: Any) -> float | None:
    """A finite number, also one in a text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def micros(amount: float) -> int:
    """Micros of an amount of money."""
    return round(amount * _MICROS)


def attributes(values: Fields, faults: list[Violation], path: str) -> list[dict[str, Any]]:
    """The attributes of a custom event; faults are added to ``faults``.

    What stands within is flattened with ``_``; ``{"value": 3, "unit": "km"}`` is a number with its unit; lists, and what is
    nested deeper than four, become a text of JSON.
    """
    found: list[dict[str, Any]] = []
    _flatten(values, "", found, faults, path, 0)
    return found


def _flatten(
    values: Fields, before: str, found: list[dict[str, Any]], faults: list[Violation], path: str, depth: int
) -> None:
    for name, value in values.items():
        if value is None or len(found) >= MOST_ATTRIBUTES:
            continue
        key, place = f"{before}{name}", f"{path}.{name}"
        if isinstance(value, dict) and depth < _DEEPEST and not _is_measured(value):
            _flatten(value, f"{key}_", found, faults, place, depth + 1)
            continue
        attribute = _attribute(value)
        if attribute is None:
            faults.append(Violation.of(place, value, "send a finite number"))
        else:
            found.append({"name": snake(key, 64), **attribute})


def _attribute(value: Any) -> dict[str, Any] | None:
    if isinstance(value, bool):
        return {"truth": value}
    if isinstance(value, str):
        return {"text": value}
    unit = ""
    if isinstance(value, dict) and _is_measured(value):
        value, unit = value["value"], value["unit"]
    if isinstance(value, (list, dict)):
        return {"text": json.dumps(value, ensure_ascii=False, separators=(",", ":"))}
    plain = None if isinstance(value, str) else number(value)
    if plain is None:
        return None
    return {"number": plain, "unit": unit} if unit else {"number": plain}


def _is_measured(value: Fields) -> bool:
    return value.keys() == {"value", "unit"} and isinstance(value["unit"], str)


def custom(name: str, values: Fields, faults: list[Violation], path: str) -> tuple[str, Fields]:
    """The kind and fields of an event of a schema of the company's own."""
    return "custom", {
        "schema": f"eventSchemas/{snake(name)}",
        "attributes": attributes(values, faults, path),
    }


def known(values: Sequence[tuple[str, Any]]) -> Fields:
    """Those that say something, by name."""
    return {name: value for name, value in values if value not in ("", None)}
