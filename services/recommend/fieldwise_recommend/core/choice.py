"""Chance in a choice: control group, draw and exact probabilities; knows no customer's values but their order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fieldwise_recommend.core.situation import Chance

# 53 bits are what a double holds exactly.
_BITS: Final = 53


def uniform(text: str, purpose: bytes) -> float:
    """A number in [0, 1) that depends on the text and the purpose only: the same on every machine, now and in a replay."""
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=purpose).digest()
    return (int.from_bytes(digest) >> (64 - _BITS)) / (1 << _BITS)


def in_control_group(customer: str, salt: str, share: float) -> bool:
    """Computed, never stored: a device that is offline comes to the same answer. Another salt draws another group."""
    return uniform(f"{salt}|{customer}", b"control-group") < share


def draw_of(decision: str) -> float:
    """The draw of a decision, from its name."""
    return uniform(decision, b"draw")


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen: the positions of the best action, of leave alone, and of those chance may choose (never none)."""

    best: int
    leave_alone: int
    explorable: Sequence[int]


def probabilities(options: Options, chance: Chance, count: int) -> list[float]:
    """Probability of each of ``count`` candidates, given everything known but the draw; they add up to 1.

    Conditional on the arm: in the control group leave alone has 1. The share of the control group is not in here.
    """
    result = [0.0] * count
    if chance.control_group:
        result[options.leave_alone] = 1.0
        return result
    if list(options.explorable) == [options.best] or not chance.exploration:
        result[options.best] = 1.0  # not (1 - e) + e, which may miss 1 by a bit
        return result
    each = chance.exploration / len(options.explorable)
    for index in options.explorable:
        result[index] = each
    result[options.best] += 1.0 - chance.exploration
    return result


def choose(options: Options, chance: Chance) -> int:
    """The position that the draw falls on."""
    if chance.control_group:
        return options.leave_alone
    if chance.draw < chance.exploration:
        position = int(chance.draw / chance.exploration * len(options.explorable))
        return options.explorable[min(position, len(options.explorable) - 1)]
    return options.best
