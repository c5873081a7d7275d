"""Chance in a choice: control group, draw and exact probabilities; knows no customer's values but their order."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fieldwise_recommend.core.situation import Chance

# 53 bits are what a double holds exactly. Draws and probabilities are whole numbers of 2^-53, so that what is stated is what happens.
_BITS: Final = 53
_ONE: Final = 1 << _BITS


def uniform(text: str, purpose: bytes) -> float:
    """A number in [0, 1) that depends on the text and the purpose only: the same on every machine, now and in a replay."""
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=purpose).digest()
    return (int.from_bytes(digest) >> (64 - _BITS)) / _ONE


def in_control_group(customer: str, salt: str, share: float) -> bool:
    """Computed, never stored: a device that is offline comes to the same answer. Another salt draws another group."""
    return uniform(f"{salt}|{customer}", b"control-group") < share


def held_out(customer: str, salt: str, share: float, campaigns: Iterable[str]) -> list[str]:
    """The campaigns whose own control group the customer is in: drawn for each apart, so that one says nothing of another."""
    if not share:
        return []
    return [name for name in campaigns if in_control_group(customer, f"{salt}/{name}", share)]


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
    """Probability of each of ``count`` candidates, given everything known but the draw; they add up to 1, in any order and exactly.

    Conditional on the arm: in the control group leave alone has 1. The share of the control group is not in here.
    """
    if chance.floor is None:
        return _probabilities_before(options, chance, count)
    result = [0.0] * count
    if chance.control_group:
        result[options.leave_alone] = 1.0
        return result
    each = _share(options, chance)
    for index in options.explorable:
        result[index] = each / _ONE
    result[options.best] += (_ONE - each * len(options.explorable)) / _ONE
    return result


def explores(options: Options, chance: Chance) -> bool:
    """Whether the draw chooses, and not the value; the best may be what it falls on."""
    if chance.control_group or not options.explorable or list(options.explorable) == [options.best]:
        return False
    if chance.floor is None:
        return chance.draw < chance.exploration
    return chance.draw * _ONE < _share(options, chance) * len(options.explorable)


def _share(options: Options, chance: Chance) -> int:
    """Probability of each explorable candidate, in units of 2^-53: an equal part of the exploration, and the floor at least."""
    count = len(options.explorable)
    if not count or not chance.exploration:
        return 0
    each = max(int(chance.exploration * _ONE) // count, math.ceil((chance.floor or 0.0) * _ONE))
    return min(each, _ONE // count)


def _probabilities_before(options: Options, chance: Chance, count: int) -> list[float]:
    """As releases without a floor computed them, to the last bit: their decisions are replayed so."""
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
    if not explores(options, chance):
        return options.best
    if chance.floor is not None:
        return options.explorable[int(chance.draw * _ONE) // _share(options, chance)]
    position = int(chance.draw / chance.exploration * len(options.explorable))
    return options.explorable[min(position, len(options.explorable) - 1)]
