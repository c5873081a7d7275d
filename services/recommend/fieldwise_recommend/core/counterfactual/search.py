"""The smallest change of one input that makes another action the chosen one; knows no wire and no words.

The value of every action is a straight line in each input, and whom an action fits changes at the limits of its conditions only. So
the chosen action is constant between crossings of lines and limits; walking along them, outwards from what was, finds each action's
nearest turn, in closed form. Each one is then ruled again with the changed input, and told only when that ruling chose it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from fieldwise_recommend.core.catalogue import Catalogue
from fieldwise_recommend.core.counterfactual.inputs import Input, World, inputs_of
from fieldwise_recommend.core.eligibility import uses_of
from fieldwise_recommend.core.ranking import Ruling
from fieldwise_recommend.core.values import account, baseline

# Values are rounded to micros, up to three times in an account: beyond a crossing by so much no rounding hides it.
_CLEAR_MICROS: Final = 4.0
# What a reader is told may go beyond the exact turn by this share of the change, for the sake of fewer digits.
_ROUNDING: Final = 0.02
# Limits of conditions looked at on each side; a rule book has few that concern one fact.
_LIMITS: Final = 12


class Flip(NamedTuple):
    """With ``target`` in the place of ``value`` of one input, ``becomes`` would have been chosen.

    Args:
        unit: Of both.
        size: The change relative to what was: what flips are ordered by.
    """

    input: str
    value: float
    target: float
    unit: str
    becomes: str
    size: float


class _Line(NamedTuple):
    """Value of an action against an input: ``at`` where the input is now, and micros for each unit more."""

    at: float
    slope: float


def flips(world: World, catalogue: Catalogue, ruling: Ruling) -> Iterator[list[Flip]]:
    """Input by input, the nearest turn to each action that it can bring about.

    What chance or the control group decided has no nearer turn than their absence.
    """
    chosen = ruling.chosen.action.name
    if ruling.control_group:
        open_to_all = replace(world.chance, control_group=False)
        yield _with_chance("control_group", 1.0, "0 or 1", world._replace(chance=open_to_all), chosen)
        return
    if ruling.explored:
        none = replace(world.chance, exploration=0.0)
        share = world.chance.exploration
        yield _with_chance("exploration", share, "share", world._replace(chance=none), chosen)
        return
    for each in inputs_of(world, catalogue, ruling):
        yield _turns(each, world, catalogue, ruling)


def _with_chance(name: str, value: float, unit: str, other: World, chosen: str) -> list[Flip]:
    becomes = other.ruling().chosen.action.name
    return [] if becomes == chosen else [Flip(name, value, 0.0, unit, becomes, 1.0)]


def smallest(found: Iterable[Flip]) -> list[Flip]:
    """For each input its smallest change, the relatively smallest first."""
    best: dict[str, Flip] = {}
    for flip in found:
        if flip.input not in best or flip.size < best[flip.input].size:
            best[flip.input] = flip
    return sorted(best.values(), key=lambda flip: flip.size)


def by_action(found: Iterable[Flip]) -> dict[str, list[Flip]]:
    """What makes each action the chosen one, the relatively smallest change first."""
    sorted_flips = sorted(found, key=lambda flip: flip.size)
    return {
        name: [flip for flip in sorted_flips if flip.becomes == name]
        for name in dict.fromkeys(flip.becomes for flip in sorted_flips)
    }


def _turns(each: Input, world: World, catalogue: Catalogue, ruling: Ruling) -> list[Flip]:
    lines = _lines(each, world, catalogue)
    found: dict[str, Flip] = {}
    for sign in (1.0, -1.0):
        for becomes, place in _walk(each, sign, lines, catalogue, ruling):
            earlier = found.get(becomes)
            if earlier is not None and earlier.size <= _size(each, place):
                continue
            target = _told(each, place, sign, becomes, lines)
            if target is not None:
                found[becomes] = Flip(each.name, each.value, target, each.unit, becomes, _size(each, target))
    return list(found.values())


def _size(each: Input, place: float) -> float:
    return abs(place - each.value) / max(abs(each.value), each.scale)


def _lines(each: Input, world: World, catalogue: Catalogue) -> Mapping[str, _Line]:
    """Of all actions that have prices, whether they fit or not: they may fit further out."""
    far = each.value + (each.scale + abs(each.value) if each.value < each.most else -each.value)
    far = min(max(far, each.least), each.most)
    if far == each.value:
        far = each.least
    here, there = _values(world, catalogue), _values(each.turned(far), catalogue)
    if far == each.value:
        return {name: _Line(value, 0.0) for name, value in here.items()}
    return {
        name: _Line(value, (there[name] - value) / (far - each.value))
        for name, value in here.items()
        if name in there
    }


def _values(world: World, catalogue: Catalogue) -> dict[str, float]:
    situation, supply = world.situation, world.supply
    prices = supply.prices or {}
    alone = baseline(situation)
    actions = dict(catalogue.by_name) | {offer.action.name: offer.action for offer in world.offers}
    found: dict[str, float] = {}
    for name, action in actions.items():
        uses = uses_of(action, situation)
        if all(resource in prices for resource, _ in uses):
            found[name] = float(account(action, uses, situation, alone, prices, supply.pacing).value)
    return found


def _walk(
    each: Input, sign: float, lines: Mapping[str, _Line], catalogue: Catalogue, ruling: Ruling
) -> Iterator[tuple[str, float]]:
    """(action, the first place where it would be chosen) outwards in one direction."""
    end = each.most if sign > 0 else each.least
    winner = ruling.chosen.action.name
    seen = {winner}
    eligible = _names(ruling)
    begin = each.value
    for limit in (*_limits(each, sign, catalogue), end):
        for overtaking, place in _crossings(begin, limit, sign, winner, eligible, lines, each.value):
            if overtaking not in seen:
                seen.add(overtaking)
                yield overtaking, place
        if limit == end:
            return
        begin = limit
        for place in (limit, _beyond(each, limit, sign)):
            if not each.least <= place <= each.most:
                continue
            again = each.turned(place).ruling()
            winner, eligible, begin = again.chosen.action.name, _names(again), place
            if winner not in seen:
                seen.add(winner)
                yield winner, place


def _names(ruling: Ruling) -> list[str]:
    return [candidate.action.name for candidate in ruling.candidates]


def _limits(each: Input, sign: float, catalogue: Catalogue) -> list[float]:
    """Where something comes to fit or not, the nearest first."""
    places = set(each.points)
    if each.facts:
        places |= {
            term.limit * each.facts[term.fact]
            for action in catalogue.actions
            for rule in action.conditions
            for term in rule.terms
            if term.limit is not None and term.fact in each.facts
        }
    outwards = [
        place for place in places if (place - each.value) * sign >= 0 and each.least <= place <= each.most
    ]
    return sorted(outwards, key=lambda place: abs(place - each.value))[:_LIMITS]


def _crossings(
    begin: float,
    end: float,
    sign: float,
    winner: str,
    eligible: Iterable[str],
    lines: Mapping[str, _Line],
    origin: float,
) -> Iterator[tuple[str, float]]:
    """The winners between two places where nothing comes or goes, each with the place where it overtakes the one before."""
    place = begin
    names = [name for name in eligible if name in lines]
    while winner in lines:
        held = lines[winner]
        nearest: tuple[float, float, str] | None = None
        for name in names:
            gain = (lines[name].slope - held.slope) * sign
            if name == winner or gain <= 0:
                continue
            at = origin + (held.at - lines[name].at) / (lines[name].slope - held.slope)
            if (at - place) * sign < 0:  # behind by a rounding
                at = place
            if (end - at) * sign >= 0 and (nearest is None or (abs(at - place), -gain) < nearest[:2]):
                nearest = (abs(at - place), -gain, name)
        if nearest is None:
            return
        place, winner = place + sign * nearest[0], nearest[2]
        yield winner, place


def _beyond(each: Input, limit: float, sign: float) -> float:
    step = each.step or max(abs(limit), each.scale) * 1e-4
    return limit + sign * step


def _told(each: Input, place: float, sign: float, becomes: str, lines: Mapping[str, _Line]) -> float | None:
    """A value with few digits at or beyond the place, with which the action is chosen; None when there is none near."""
    steepest = max((abs(line.slope) for line in lines.values()), default=0.0)
    clear = _CLEAR_MICROS / steepest if steepest > 0 else 0.0
    tried: set[float] = set()
    for digits, slack in ((2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (9, 1), (9, 10), (9, 100), (9, 1000)):
        target = _rounded(place + sign * clear * slack, digits, sign, each.step)
        if digits < 9 and abs(target - place) > max(_ROUNDING * abs(place - each.value), each.step):
            continue
        target = min(max(target, each.least), each.most)
        if target in tried or target == each.value:
            continue
        tried.add(target)
        if each.turned(target).ruling().chosen.action.name == becomes:
            return target
    # Exactly on a limit: rounding would go past it.
    if place != each.value and each.turned(place).ruling().chosen.action.name == becomes:
        return place
    return None


def _rounded(value: float, digits: int, sign: float, step: float) -> float:
    """Outwards to so many significant digits, and to whole steps."""
    if value <= 0:
        return 0.0
    places = digits - 1 - math.floor(math.log10(value))
    if step:
        places = min(places, -round(math.log10(step)))
    unit = 10.0**-places
    whole = value / unit
    near = round(whole)
    # What is a whole number but for the last bits is that number.
    kept = (
        near
        if abs(whole - near) < 1e-9 * max(1.0, abs(whole))
        else (math.ceil(whole) if sign > 0 else math.floor(whole))
    )
    return max(round(kept * unit, places), 0.0) if places > 0 else max(float(kept) * unit, 0.0)
