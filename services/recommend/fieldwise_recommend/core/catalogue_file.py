"""From the bytes of a catalogue file to a checked Catalogue, every fault reported at once; knows no path."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from typing import Any, Final

from fieldwise_recommend.core.action_table import MOST_MONEY, actions_of
from fieldwise_recommend.core.catalogue import LEAVE_ALONE, Action, Catalogue, Effect, Priors
from fieldwise_recommend.core.reading import Reading, Table
from fieldwise_runtime.errors import InvalidRequest, Violation

INVALID: Final = "INVALID_CATALOGUE"
# Steps that all rules together may take for one customer: about a millisecond.
MOST_STEPS: Final = 20_000
_FIELDS: Final = frozenset({"actions", "coupons", "margins", "priors"})
_MILLION: Final = 1_000_000


def document_of(raw: bytes) -> dict[str, Any]:
    """The tables of a catalogue file, unchecked.

    Raises:
        InvalidRequest: The file is no TOML.
    """
    try:
        return tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest([Violation.of("catalogue", str(error), "write valid TOML")]) from error


def parse(raw: bytes) -> Catalogue:
    """The catalogue in a file; its version is the first 12 hex digits of the bytes' SHA-256.

    Raises:
        InvalidRequest: The file is no TOML, or something in it is wrong; all faults with field, value and remedy.
    """
    read = Reading()
    catalogue = _catalogue(read, document_of(raw), hashlib.sha256(raw).hexdigest()[:12])
    if catalogue.steps > MOST_STEPS:
        remedy = f"make rules simpler: all together may take {MOST_STEPS} steps for one customer"
        read.fault("actions", f"rules of up to {catalogue.steps} steps", remedy)
    if read.faults:
        raise InvalidRequest(read.faults, reason=INVALID)
    return catalogue


def _catalogue(read: Reading, document: Table, version: str) -> Catalogue:
    read.known(document, _FIELDS, "")
    margins = read.table(document, "margins", "")
    by_category = read.table(margins, "by_category", "margins.")
    return Catalogue(
        version,
        _actions(read, document),
        {name: read.number(by_category, name, "margins.by_category.", 0, 1) for name in by_category},
        read.number(margins, "default", "margins.", 0, 1, default=None),
        _priors(read, read.table(document, "priors", "")),
    )


def _priors(read: Reading, table: Table) -> Priors:
    return Priors(
        read.number(table, "p_buy", "priors.", 0, 1, default=None),
        read.number(table, "p_silent", "priors.", 0, 1, default=None),
        round(read.number(table, "spend_if_buys", "priors.", 0, MOST_MONEY, default=None) * _MILLION),
    )


def _actions(read: Reading, document: Table) -> tuple[Action, ...]:
    coupons = read.table(document, "coupons", "")
    redemption = read.number(coupons, "redemption_share", "coupons.", 0, 1, default=None)
    families: list[str] = []
    found: list[Action] = []
    for index, table in enumerate(read.tables(document, "actions", "")):
        made = actions_of(read, table, f"actions[{index}].", redemption)
        if made[0].is_leave_alone and made[0] != _neutral(made[0]):
            remedy = "leave alone costs, takes and changes nothing, has no conditions and is explorable"
            read.fault(f"actions[{index}]", made[0].name, remedy)
        families.append(made[0].family)
        found += made
    _check_names(read, families)
    if not any(action.is_leave_alone for action in found):
        remedy = f"add {LEAVE_ALONE}, without treatments: all others are measured against it"
        read.fault("actions", families, remedy)
    return tuple(found)


def _check_names(read: Reading, names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            read.fault(f"actions[{index}].name", name, "give each action a name of its own")


def _neutral(action: Action) -> Action:
    """What leave alone must be, whatever its title, owner and playbook."""
    return Action(
        LEAVE_ALONE,
        action.title,
        "none",
        explorable=True,
        effect=Effect(basis=action.effect.basis),
        owner=action.owner,
        playbook=action.playbook,
    )
