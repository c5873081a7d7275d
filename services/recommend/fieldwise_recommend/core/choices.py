"""What is kept of each choice in plain columns, so that a million are read in seconds; knows no SQL and no wire."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from math import nan
from typing import Final, NamedTuple

from fieldwise_recommend.core.ranking import Offer, Ruling
from fieldwise_recommend.core.situation import FACTS, Chance, Situation

# How an action came to be chosen.
CONTROL, BEST, CHANCE = 0, 1, 2

FACT_NAMES: Final = tuple(FACTS)
_PACKED: Final = struct.Struct(f"<{len(FACT_NAMES)}d")


def fact_set(names: Sequence[str]) -> int:
    """A number for an ordered list of facts: rows of one number have the same columns."""
    return zlib.crc32("\n".join(names).encode())


FACT_SET: Final = fact_set(FACT_NAMES)


class Choice(NamedTuple):
    """One decision as a row.

    Args:
        decision_time: Microseconds since 1970.
        decision: ``decisions/{uuid}``; ``erased/{uuid}`` once its customer was erased.
        customer: ``customers/{id}``, or ``erased/{uuid}``: one for each customer, whom it does not name.
        action: ``actions/{id}`` that was chosen.
        arm: CONTROL (left alone by the hash), BEST (the best value won) or CHANCE (the draw chose).
        probability: Exact, given the arm control or not.
        rep: ``reps/{id}`` who serves the customer; empty when nobody does.
        by_rep: He should carry it out: 1, else 0.
        p_buy: Probability that he buys within 28 days if left alone.
        p_silent: Probability that he falls silent within 28 days; NaN where nothing is known of it.
        baseline, effect, value: Of the chosen action, in micros.
        open: Actions that could have been chosen, in the order of the catalogue's values, joined by spaces.
        campaigns: Actions that fitted him and have a control group of their own, ``+`` or, where he is in it, ``-`` before each,
            joined by spaces.
        facts: The numbers of the situation, 8 bytes each, little endian; NaN where not known. Empty after an erasure.
        fact_set: `fact_set` of their names.
    """

    decision_time: int
    decision: str
    customer: str
    action: str
    arm: int
    probability: float
    rep: str
    by_rep: int
    p_buy: float
    p_silent: float | None
    baseline: int
    effect: int
    value: int
    open: str
    campaigns: str
    facts: bytes
    fact_set: int


def choice_of(
    named: tuple[int, str, str],
    situation: Situation,
    offers: Iterable[Offer],
    ruling: Ruling,
    chance: Chance,
) -> Choice:
    """The row of a decision.

    Args:
        named: Its time, its name and its customer's.
        offers: The actions that fitted him and have control groups of their own.
    """
    chosen = ruling.chosen
    account = chosen.account
    facts = situation.facts
    get = facts.get
    return Choice(
        *named,
        chosen.action.name,
        arm_of(ruling),
        chosen.probability,
        situation.rep,
        int(chosen.action.needs_rep),
        situation.p_buy,
        facts.get("p_silent"),
        account.baseline,
        account.effect,
        account.value,
        " ".join([each.action.name for each in ruling.candidates if each.probability > 0.0]),
        _campaigns(offers, chance),
        _PACKED.pack(*[get(name, nan) for name in FACT_NAMES]),
        FACT_SET,
    )


def arm_of(ruling: Ruling) -> int:
    """How the action came to be chosen; where nothing was left to chance, as the best."""
    if ruling.control_group:
        return CONTROL
    return CHANCE if ruling.explored else BEST


def _campaigns(offers: Iterable[Offer], chance: Chance) -> str:
    """Both groups of a campaign are taken before anything scarce is looked at: what is spent must not tell them apart."""
    names = [offer.action.name for offer in offers if not offer.action.is_leave_alone]
    return " ".join([f"{'-' if name in chance.held_out else '+'}{name}" for name in names])
