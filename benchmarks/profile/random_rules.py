"""Random rules and random customers, written from the kinds outwards; knows no engine that runs them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fieldwise_rules.fields import Field, Fields
from fieldwise_rules.kinds import BOOL, DOUBLE, INT, STRING, TIMESTAMP, Kind, list_of, map_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
WORDS: Final = ("active", "silent", "new", "CHEESE", "BEER", "web", "store", "a", "")

# Of each kind of field some, present always or not: small, so that random rules meet every case.
FIELDS: Final = Fields(
    [
        Field("features.spend", DOUBLE, "money"),
        Field("features.gap", DOUBLE, "days", optional=True),
        Field("features.ratio", DOUBLE, "share", optional=True),
        Field("profile.days", INT, "days"),
        Field("profile.hour", INT, "hour", optional=True),
        Field("profile.stage", STRING, "stage", size=16),
        Field("profile.segment", STRING, "segment", optional=True, size=16),
        Field("profile.changed", BOOL, "changed"),
        Field("profile.consented", BOOL, "consented", optional=True),
        Field("profile.interests", list_of(STRING), "categories", size=4, inner=16),
        Field("profile.gaps", list_of(INT), "days", size=4),
        Field("profile.channels", map_of(STRING, DOUBLE), "shares", size=4, inner=16),
        Field("profile.last", TIMESTAMP, "last purchase", optional=True),
        Field("now", TIMESTAMP, "now"),
    ]
)


def customer(chance: random.Random) -> list[Any]:
    """Values of `FIELDS` of one customer; None where he has none."""
    return [_value(field, chance) for field in FIELDS.listed]


def _value(field: Field, chance: random.Random) -> Any:
    if field.optional and chance.random() < 0.3:
        return None
    if field.kind == TIMESTAMP:
        return (_NOW - timedelta(hours=chance.randrange(2000)) - _EPOCH) // timedelta(microseconds=1)
    if field.kind == list_of(STRING):
        return chance.sample(WORDS, chance.randrange(4))
    if field.kind == list_of(INT):
        return [chance.randrange(-3, 4) for _ in range(chance.randrange(5))]
    if field.kind.name == "map":
        return {word: chance.randrange(9) / 4 for word in chance.sample(WORDS[:-1], chance.randrange(4))}
    plain: Mapping[Kind, Callable[[], Any]] = {
        DOUBLE: lambda: chance.randrange(-4, 9) / 2,
        INT: lambda: chance.randrange(-3, 9),
        STRING: lambda: chance.choice(WORDS),
        BOOL: lambda: chance.random() < 0.5,
    }
    return plain[field.kind]()


def as_names(values: list[Any]) -> dict[str, Any]:
    """The same customer as other engines take him: nested dictionaries without the absent fields."""
    found: dict[str, Any] = {}
    for field, value in zip(FIELDS.listed, values, strict=True):
        record, _, name = field.path.rpartition(".")
        inner = found.setdefault(record, {}) if record else found
        if value is not None:
            inner[name] = _EPOCH + timedelta(microseconds=value) if field.kind == TIMESTAMP else value
    return found


class Rules:
    """Gives rules that type-check."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._scope: list[tuple[str, Kind]] = []

    def rule(self, depth: int = 4) -> str:
        """A rule nested about so deep."""
        self._scope.clear()
        return self._bool(depth)

    def _one(self, *ways: Callable[[], str]) -> str:
        return self._chance.choice(ways)()

    def _of(self, kind: Kind, depth: int) -> str:
        ways = {
            BOOL: self._bool,
            DOUBLE: self._double,
            INT: self._int,
            STRING: self._string,
            TIMESTAMP: self._time,
        }
        return ways[kind](depth)

    def _field(self, kind: Kind) -> str:
        named = [field.path for field in FIELDS.listed if field.kind == kind]
        return self._chance.choice(named + [name for name, of in self._scope if of == kind] * 3)

    def _bool(self, depth: int) -> str:
        if depth <= 0:
            return self._one(
                lambda: self._field(BOOL), self._has, lambda: self._relation(0), lambda: self._relation(0)
            )
        return self._one(
            lambda: f"({self._bool(depth - 1)} && {self._bool(depth - 1)})",
            lambda: f"({self._bool(depth - 1)} || {self._bool(depth - 1)})",
            lambda: f"({self._bool(depth - 1)} || {self._bool(depth - 2)} || {self._bool(depth - 2)})",
            lambda: f"!({self._bool(depth - 1)})",
            lambda: f"({self._bool(depth - 1)} ? {self._bool(depth - 1)} : {self._bool(depth - 1)})",
            lambda: f"({self._bool(depth - 2)} == {self._bool(depth - 2)})",
            lambda: self._relation(depth - 1),
            lambda: self._relation(depth - 1),
            lambda: self._member(depth - 1),
            lambda: self._text(depth - 1),
            lambda: self._macro(depth - 1),
            self._has,
        )

    def _has(self) -> str:
        optional = [field.path for field in FIELDS.listed if field.optional and "." in field.path]
        return f"has({self._chance.choice([*optional, 'profile.channels.web', 'profile.channels.store'])})"

    def _relation(self, depth: int) -> str:
        sign = self._chance.choice(["==", "!=", "<", "<=", ">", ">="])
        kind = self._chance.choice([DOUBLE, DOUBLE, INT, STRING, TIMESTAMP])
        if kind == TIMESTAMP and self._chance.random() < 0.5:
            return f"({self._time(depth)} - {self._time(depth)} {sign} duration('{self._chance.randrange(900)}h'))"
        return f"({self._of(kind, depth)} {sign} {self._of(kind, depth)})"

    def _member(self, depth: int) -> str:
        return self._one(
            lambda: f"({self._string(depth)} in profile.interests)",
            lambda: f"({self._string(depth)} in profile.channels)",
            lambda: f"({self._int(depth)} in profile.gaps)",
            lambda: f"({self._int(depth)} in [{self._int(depth - 1)}, {self._int(depth - 1)}])",
        )

    def _text(self, depth: int) -> str:
        method = self._chance.choice(["startsWith", "endsWith", "contains"])
        pattern = self._chance.choice(["^a", "e$", "E+", "[a-c].*e", "(si|a).*t", "^(a|b)*$", r"\\w{2,4}t"])
        return self._one(
            lambda: f"{self._string(depth)}.{method}({self._string(depth - 1)})",
            lambda: f"{self._string(depth)}.matches('{pattern}')",
        )

    def _macro(self, depth: int) -> str:
        many, kind = self._chance.choice(
            [("profile.interests", STRING), ("profile.gaps", INT), ("profile.channels", STRING)]
        )
        variable = f"x{len(self._scope)}"
        self._scope.append((variable, kind))
        asked = self._bool(depth - 1)
        made = self._of(INT, depth - 1)
        self._scope.pop()
        if many == "profile.channels":
            return f"{many}.{self._chance.choice(['all', 'exists'])}({variable}, {asked})"
        return self._one(
            lambda: f"{many}.all({variable}, {asked})",
            lambda: f"{many}.exists({variable}, {asked})",
            lambda: f"{many}.exists_one({variable}, {asked})",
            lambda: f"({many}.filter({variable}, {asked}).size() > {self._chance.randrange(3)})",
            lambda: f"({self._int(0)} in {many}.map({variable}, {made}))",
        )

    def _double(self, depth: int) -> str:
        literal = f"{self._chance.randrange(9)}.{self._chance.choice('05')}"
        if depth <= 0:
            return self._one(lambda: literal, lambda: self._field(DOUBLE))
        return self._one(
            lambda: f"({self._double(depth - 1)} {self._chance.choice('+-*')} {self._double(depth - 1)})",
            # By zero the engines differ: ours follows IEEE 754, as CEL asks for, and NaN is never equal, above or below.
            lambda: f"({self._double(depth - 1)} / {self._chance.choice(['2.0', '0.5', '-4.0'])})",
            lambda: f"double({self._int(depth - 1)})",
            lambda: f"profile.channels[{self._string(depth - 1)}]",
            lambda: f"({self._bool(depth - 1)} ? {self._double(depth - 1)} : {literal})",
            lambda: self._field(DOUBLE),
            lambda: f"-({self._double(depth - 1)})",
        )

    def _int(self, depth: int) -> str:
        literal = str(self._chance.choice([0, 1, 2, 3, 7, -1, 4611686018427387904]))
        if depth <= 0:
            return self._one(lambda: literal, lambda: self._field(INT), lambda: self._field(INT))
        return self._one(
            lambda: f"({self._int(depth - 1)} {self._chance.choice('+-*/%')} {self._int(depth - 1)})",
            lambda: f"size({self._string(depth - 1)})",
            lambda: f"profile.gaps[{self._int(depth - 1)}]",
            lambda: f"({self._bool(depth - 1)} ? {self._int(depth - 1)} : {literal})",
            lambda: self._field(INT),
            lambda: "size(profile.interests)",
            lambda: f"now.{self._chance.choice(['getMonth', 'getDayOfWeek', 'getHours', 'getDayOfMonth'])}()",
        )

    def _string(self, depth: int) -> str:
        literal = f"'{self._chance.choice(WORDS)}'"
        if depth <= 0:
            return self._one(lambda: literal, lambda: self._field(STRING))
        return self._one(
            lambda: f"({self._string(depth - 1)} + {self._string(depth - 1)})",
            lambda: f"string({self._int(depth - 1)})",
            lambda: f"({self._bool(depth - 1)} ? {self._string(depth - 1)} : {literal})",
            lambda: self._field(STRING),
        )

    def _time(self, depth: int) -> str:
        if depth <= 0:
            return self._one(lambda: "now", lambda: "profile.last")
        return self._one(
            lambda: f"({self._time(depth - 1)} - duration('{self._chance.randrange(500)}h'))",
            lambda: f"({self._time(depth - 1)} + duration('90m'))",
            lambda: "profile.last",
            lambda: "timestamp('2025-12-01T00:00:00Z')",
        )
