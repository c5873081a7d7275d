"""From the bytes of a catalogue file to a checked Catalogue, every fault reported at once; knows no path."""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fieldwise_recommend.core.catalogue import (
    CHANNELS,
    COUPON_MONEY,
    LEAVE_ALONE,
    RESOURCE_KINDS,
    SUBJECTS,
    Action,
    Catalogue,
    Condition,
    Effect,
    Priors,
)
from fieldwise_recommend.core.reasons import REASON_CODES
from fieldwise_recommend.core.situation import FACTS
from fieldwise_runtime.errors import InvalidRequest, Violation

_COMPARISONS: Final = (">=", "<=", "==")
_ACTION_FIELDS: Final = frozenset(
    {"name", "title", "channel", "needs_rep", "cost", "coupon", "uses", "effect", "about", "conditions"}
    | {"reasons", "explorable"}
)
_MILLION: Final = 1_000_000


def parse(raw: bytes) -> Catalogue:
    """The catalogue in a file; its version is the first 12 hex digits of the bytes' SHA-256.

    Raises:
        InvalidRequest: The file is no TOML, or something in it is wrong; all faults with field, value and remedy.
    """
    try:
        document = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest([Violation.of("catalogue", str(error), "write valid TOML")]) from error
    read = _Reading()
    catalogue = read.catalogue(document, hashlib.sha256(raw).hexdigest()[:12])
    if read.faults:
        raise InvalidRequest(read.faults, reason="INVALID_CATALOGUE")
    return catalogue


class _Reading:
    """Collects faults while it reads; a value that is wrong is replaced so that reading goes on."""

    def __init__(self) -> None:
        self.faults: list[Violation] = []
        self._redemption = 0.0

    def fault(self, field: str, value: object, remedy: str) -> None:
        self.faults.append(Violation.of(field, value, remedy))

    def catalogue(self, document: Mapping[str, Any], version: str) -> Catalogue:
        margins = self.table(document, "margins", "")
        coupons = self.table(document, "coupons", "")
        self._redemption = self.number(coupons, "redemption_share", "coupons.", 0, 1, default=None)
        by_category = self.table(margins, "by_category", "margins.")
        actions = self.actions(document.get("actions"))
        return Catalogue(
            version,
            actions,
            {name: self.number(by_category, name, "margins.by_category.", 0, 1) for name in by_category},
            self.number(margins, "default", "margins.", 0, 1, default=None),
            self.priors(self.table(document, "priors", "")),
        )

    def priors(self, table: Mapping[str, Any]) -> Priors:
        return Priors(
            self.number(table, "p_buy", "priors.", 0, 1, default=None),
            self.number(table, "p_silent", "priors.", 0, 1, default=None),
            round(self.number(table, "spend_if_buys", "priors.", 0, math.inf, default=None) * _MILLION),
        )

    def actions(self, listed: object) -> tuple[Action, ...]:
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            self.fault("actions", listed, "list the actions as [[actions]] tables")
            return ()
        actions = tuple(self.action(table, f"actions[{index}].") for index, table in enumerate(listed))
        self.names([action.name for action in actions])
        for index, action in enumerate(actions):
            if action.is_leave_alone and action != _neutral(action):
                remedy = "leave alone costs, takes and changes nothing, has no conditions and is explorable"
                self.fault(f"actions[{index}]", action.name, remedy)
        return actions

    def names(self, names: Sequence[str]) -> None:
        for index, name in enumerate(names):
            if name in names[:index]:
                self.fault(f"actions[{index}].name", name, "give each action a name of its own")
        if LEAVE_ALONE not in names:
            self.fault("actions", list(names), f"add {LEAVE_ALONE}: all others are measured against it")

    def action(self, table: Mapping[str, Any], at: str) -> Action:
        for unknown in sorted(table.keys() - _ACTION_FIELDS):
            self.fault(at + unknown, table[unknown], f"use one of {', '.join(sorted(_ACTION_FIELDS))}")
        name = self.text(table, "name", at)
        if not name.removeprefix("actions/") or not name.startswith("actions/"):
            self.fault(at + "name", name, "give actions/<id>")
        coupon = self.number(table, "coupon", at, 0, math.inf)
        cost = self.number(table, "cost", at, 0, math.inf)
        return Action(
            name,
            self.text(table, "title", at),
            self.word(table, "channel", at, CHANNELS, default=None),
            self.flag(table, "needs_rep", at),
            round((cost + coupon * self._redemption) * _MILLION),
            self.uses(table, coupon, at),
            self.effect(self.table(table, "effect", at), at + "effect."),
            self.word(table, "about", at, SUBJECTS),
            self.conditions(table.get("conditions", []), at),
            self.codes(table.get("reasons", []), at),
            self.flag(table, "explorable", at),
        )

    def uses(self, table: Mapping[str, Any], coupon: float, at: str) -> tuple[tuple[str, float], ...]:
        listed = self.table(table, "uses", at)
        allowed = [kind for kind in RESOURCE_KINDS if kind != COUPON_MONEY]
        remedy = f"use one of {', '.join(allowed)}, or coupon = <face value>"
        for kind in listed:
            if kind not in allowed:
                # Coupon money follows from `coupon`, so that budget and cost cannot tell two stories.
                self.fault(f"{at}uses.{kind}", listed[kind], remedy)
        uses = {kind: self.number(listed, kind, f"{at}uses.", 0, math.inf) for kind in listed}
        if coupon:
            uses[COUPON_MONEY] = coupon
        return tuple((kind, uses[kind]) for kind in RESOURCE_KINDS if uses.get(kind))

    def effect(self, table: Mapping[str, Any], at: str) -> Effect:
        basis = self.text(table, "basis", at) if "basis" in table else Effect().basis
        lift = self.number(table, "lift", at, 0, 1)
        return Effect(lift, self.number(table, "spend_lift", at, -0.99, 10), basis)

    def conditions(self, listed: object, at: str) -> tuple[Condition, ...]:
        if not isinstance(listed, list):
            self.fault(at + "conditions", listed, 'list conditions as ["fact", ">=", limit]')
            return ()
        read = [self.condition(each, f"{at}conditions[{index}]") for index, each in enumerate(listed)]
        return tuple(condition for condition in read if condition is not None)

    def condition(self, listed: object, at: str) -> Condition | None:
        if not isinstance(listed, list) or len(listed) != 3 or not _is_number(listed[2]):
            self.fault(at, listed, 'give ["fact", ">=", limit]')
            return None
        fact, comparison, limit = listed
        if fact not in FACTS:
            self.fault(at, fact, f"use a fact of {', '.join(FACTS)}")
        if comparison not in _COMPARISONS:
            self.fault(at, comparison, f"use one of {', '.join(_COMPARISONS)}")
        return Condition(fact, comparison, float(limit))

    def codes(self, listed: object, at: str) -> tuple[str, ...]:
        if not isinstance(listed, list):
            self.fault(at + "reasons", listed, "list codes of reasons")
            return ()
        for code in listed:
            if code not in REASON_CODES:
                self.fault(at + "reasons", code, f"use codes of {', '.join(REASON_CODES)}")
        return tuple(listed)

    def table(self, table: Mapping[str, Any], field: str, at: str) -> Mapping[str, Any]:
        value = table.get(field, {})
        if isinstance(value, dict):
            return value
        self.fault(at + field, value, "give a table")
        return {}

    def number(
        self,
        table: Mapping[str, Any],
        field: str,
        at: str,
        low: float,
        high: float,
        default: float | None = 0.0,
    ) -> float:
        value = table.get(field, default)
        if _is_number(value) and low <= value <= high and math.isfinite(value):
            return float(value)
        self.fault(at + field, value, f"give a number from {low:g} to {high:g}")
        return 0.0

    def text(self, table: Mapping[str, Any], field: str, at: str) -> str:
        value = table.get(field)
        if isinstance(value, str) and value:
            return value
        self.fault(at + field, value, "give a text")
        return ""

    def word(
        self, table: Mapping[str, Any], field: str, at: str, words: Sequence[str], default: str | None = ""
    ) -> str:
        value = table.get(field, default)
        if value in words:
            return str(value)
        self.fault(at + field, value, f"give one of {', '.join(word for word in words if word)}")
        return words[0]

    def flag(self, table: Mapping[str, Any], field: str, at: str) -> bool:
        value = table.get(field, False)
        if not isinstance(value, bool):
            self.fault(at + field, value, "give true or false")
        return value is True


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _neutral(action: Action) -> Action:
    """What leave alone must be, whatever its title."""
    return Action(
        LEAVE_ALONE, action.title, "none", explorable=True, effect=Effect(basis=action.effect.basis)
    )
