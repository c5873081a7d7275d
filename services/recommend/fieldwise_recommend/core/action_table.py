"""One [[actions]] table of a catalogue: an action and its treatments; knows no other action."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from fieldwise_recommend.core.catalogue import (
    CHANNELS,
    COUPON_MONEY,
    LEAVE_ALONE,
    RESOURCE_KINDS,
    SUBJECTS,
    WHENS,
    WHERES,
    Action,
    Effect,
)
from fieldwise_recommend.core.conditions import RULES, Condition, condition
from fieldwise_recommend.core.drafts import NUMBERS
from fieldwise_recommend.core.reading import Reading, Table, is_number
from fieldwise_recommend.core.reasons import REASON_CODES
from fieldwise_recommend.core.situation import FACTS
from fieldwise_rules.faults import RuleRefused

# What a treatment may have of its own; the rest is the action's.
_TREATED: Final = frozenset(
    {"title", "channel", "placement", "needs_rep", "cost", "coupon", "uses", "effect", "when"}
)
_TREATMENT_FIELDS: Final = _TREATED | {"id"}
_ACTION_FIELDS: Final = _TREATED | frozenset(
    {
        "name",
        "about",
        "conditions",
        "reasons",
        "explorable",
        "irreversible",
        "owner",
        "playbook",
        "treatments",
        "where",
    }
    | {"valid_from", "valid_until", *RULES}
)
_COMPARISONS: Final = (">=", "<=", "==")
_MILLION: Final = 1_000_000
# In whole units of the currency, and of uses: with them no account leaves 64 bits.
MOST_MONEY: Final = 10**9
_NAME: Final = re.compile(r"actions/[A-Za-z0-9][A-Za-z0-9_~-]{0,63}")
# Its draft would have the name of the one of margins and priors.
_OF_NUMBERS: Final = f"actions/{NUMBERS}"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


def actions_of(read: Reading, table: Table, at: str, redemption: float) -> list[Action]:
    """What can be chosen of it: each of its treatments, or itself when it has none.

    Args:
        at: Where the table stands, for faults.
        redemption: Share of coupons that are redeemed.
    """
    read.known(table, _ACTION_FIELDS, at)
    family = read.text(table, "name", at)
    if not _NAME.fullmatch(family):
        read.fault(at + "name", family, "give actions/<id> of letters, digits, - _ ~")
    elif family == _OF_NUMBERS:
        read.fault(at + "name", family, "choose another id: its draft would be that of the stated numbers")
    shared = _shared(read, table, at, family)
    own = {field: value for field, value in table.items() if field in _TREATED}
    treatments = read.tables(table, "treatments", at)
    if not treatments:
        return [_treated(read, own, at, redemption, {"name": family, **shared})]
    made: list[Action] = []
    for index, treatment in enumerate(treatments):
        place = f"{at}treatments[{index}]."
        name = _treatment_name(read, treatment, place, family)
        if name in [each.name for each in made]:
            read.fault(place + "id", treatment.get("id"), "give each treatment an id of its own")
        since = len(read.faults)
        made.append(_treated(read, own | dict(treatment), place, redemption, {"name": name, **shared}))
        _told_where_said(read, since, place, at, own.keys() - treatment.keys())
    return made


def _told_where_said(read: Reading, since: int, place: str, at: str, inherited: Collection[str]) -> None:
    """Faults of what a treatment has from its action are the action's, and told once."""
    found = read.faults[since:]
    del read.faults[since:]
    for each in found:
        path = each.field.removeprefix(place)
        said = replace(each, field=at + path) if path.partition(".")[0] in inherited else each
        if said not in read.faults:
            read.faults.append(said)


def _treatment_name(read: Reading, treatment: Table, at: str, family: str) -> str:
    read.known(treatment, _TREATMENT_FIELDS, at)
    own = read.text(treatment, "id", at)
    if not _ID.fullmatch(own):
        read.fault(at + "id", own, "give an id of letters, digits, - and _")
    return f"{family}.{own}"


def _shared(read: Reading, table: Table, at: str, family: str) -> dict[str, Any]:
    """What all treatments of an action have in common, by the names of Action."""
    begin, end = read.moment(table, "valid_from", at), read.moment(table, "valid_until", at)
    if begin is not None and end is not None and begin >= end:
        read.fault(at + "valid_until", table["valid_until"], "give a moment after valid_from")
    explorable, irreversible = read.flag(table, "explorable", at), read.flag(table, "irreversible", at)
    if explorable and irreversible:
        read.fault(
            at + "explorable", explorable, "chance must not choose what cannot be taken back: leave it out"
        )
    return {
        "family": family,
        "about": read.word(table, "about", at, SUBJECTS),
        "conditions": _conditions(read, table, at),
        "reasons": _codes(read, table.get("reasons", []), at),
        "explorable": explorable,
        "irreversible": irreversible,
        "owner": read.text(table, "owner", at, default=""),
        "playbook": read.text(table, "playbook", at, default=""),
        "where": read.word(table, "where", at, WHERES),
        "valid_from": begin,
        "valid_until": end,
    }


def _treated(read: Reading, table: Table, at: str, redemption: float, shared: Mapping[str, Any]) -> Action:
    coupon = read.number(table, "coupon", at, 0, MOST_MONEY)
    # Leave alone costs nothing by what it is; of anything else nothing is free unless somebody says so.
    cost = read.number(
        table, "cost", at, 0, MOST_MONEY, default=0.0 if shared["family"] == LEAVE_ALONE else None
    )
    return Action(
        title=read.text(table, "title", at),
        channel=read.word(table, "channel", at, CHANNELS, default=None),
        needs_rep=read.flag(table, "needs_rep", at),
        cost=round((cost + coupon * redemption) * _MILLION),
        uses=_uses(read, table, coupon, at),
        effect=_effect(read, read.table(table, "effect", at), at + "effect."),
        placement=read.text(table, "placement", at, default=""),
        when=read.word(table, "when", at, WHENS),
        coupon=round(coupon * _MILLION),
        coupon_cost=round(coupon * redemption * _MILLION),
        redemption=redemption if coupon else 0.0,
        **shared,
    )


def _uses(read: Reading, table: Table, coupon: float, at: str) -> tuple[tuple[str, float], ...]:
    listed = read.table(table, "uses", at)
    allowed = [kind for kind in RESOURCE_KINDS if kind != COUPON_MONEY]
    remedy = f"use one of {', '.join(allowed)}, or coupon = <face value>"
    for kind in listed:
        if kind not in allowed:
            # Coupon money follows from `coupon`, so that budget and cost cannot tell two stories.
            read.fault(f"{at}uses.{kind}", listed[kind], remedy)
    uses = {kind: read.number(listed, kind, f"{at}uses.", 0, MOST_MONEY) for kind in listed}
    if coupon:
        uses[COUPON_MONEY] = coupon
    return tuple((kind, uses[kind]) for kind in RESOURCE_KINDS if uses.get(kind))


def _effect(read: Reading, table: Table, at: str) -> Effect:
    basis = read.text(table, "basis", at) if "basis" in table else Effect().basis
    lift = read.number(table, "lift", at, 0, 1)
    return Effect(lift, read.number(table, "spend_lift", at, -0.99, 10), basis)


def _conditions(read: Reading, table: Table, at: str) -> tuple[Condition, ...]:
    found: list[Condition] = []
    if "conditions" in table:
        found += _old_conditions(read, table["conditions"], at)
    for rule in RULES:
        if rule in table:
            found += _condition(read, rule, read.text(table, rule, at), at + rule)
    return tuple(found)


def _condition(read: Reading, rule: str, text: str, at: str) -> list[Condition]:
    if not text:
        return []
    try:
        return [condition(rule, text)]
    except RuleRefused as refused:
        read.faults += [fault.violation(at) for fault in refused.faults]
        return []


def _old_conditions(read: Reading, listed: object, at: str) -> list[Condition]:
    """The comparisons that catalogues had before CEL: replays read those, and their answers must not change."""
    if not isinstance(listed, list):
        read.fault(at + "conditions", listed, 'list conditions as ["fact", ">=", limit]')
        return []
    texts = [_comparison(read, each, f"{at}conditions[{index}]") for index, each in enumerate(listed)]
    return _condition(read, "", " && ".join(filter(None, texts)), at + "conditions")


def _comparison(read: Reading, listed: object, at: str) -> str:
    if not isinstance(listed, list) or len(listed) != 3 or not is_number(listed[2]):
        read.fault(at, listed, 'give ["fact", ">=", limit]')
        return ""
    fact, comparison, limit = str(listed[0]), listed[1], listed[2]
    if fact not in FACTS:
        read.fault(at, fact, f"use a fact of {', '.join(FACTS)}")
    if comparison not in _COMPARISONS:
        read.fault(at, comparison, f"use one of {', '.join(_COMPARISONS)}")
    is_right = fact in FACTS and comparison in _COMPARISONS
    return f"{fact} {comparison} {float(limit)!r}" if is_right else ""


def _codes(read: Reading, listed: object, at: str) -> tuple[str, ...]:
    if not isinstance(listed, list):
        read.fault(at + "reasons", listed, "list codes of reasons")
        return ()
    for code in listed:
        if code not in REASON_CODES:
            read.fault(at + "reasons", code, f"use codes of {', '.join(REASON_CODES)}")
    return tuple(listed)
