"""The inputs of a decision that may be thought different, one at a time; knows no search and no wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import inf
from typing import Final, NamedTuple

from fieldwise_recommend.core.catalogue import Action, Catalogue
from fieldwise_recommend.core.contact_policy.terms import Terms
from fieldwise_recommend.core.eligibility import Rejection
from fieldwise_recommend.core.policy import MOST_PACING
from fieldwise_recommend.core.ranking import Offer, Ruling, decide, fitting
from fieldwise_recommend.core.situation import Chance, Situation, Supply

_MILLION: Final = 1_000_000
# Well above what any installation has; keeps searches finite.
_MOST_MICROS: Final = 1e12
_MOST_DAYS: Final = 3650.0
_MOST_OF_KIND: Final[Mapping[str, float]] = {
    "prices": _MOST_MICROS,
    "left": _MOST_MICROS,
    "pacing": MOST_PACING,
    "control_group": 1.0,
    "exploration": 1.0,
}
# How many of the best actions are thought cheaper, dearer, weaker or stronger: each is an input of its own.
_ACTIONS: Final = 4


class World(NamedTuple):
    """All that one ruling hangs on, after it is known what fits."""

    offers: list[Offer]
    rejections: list[Rejection]
    situation: Situation
    supply: Supply
    chance: Chance
    contact: Terms | None = None

    def ruling(self) -> Ruling:
        return decide(*self)


class Input(NamedTuple):
    """One input and how the world looks with another value of it.

    Args:
        name: `prices/{resource}`, `left/{resource}`, `pacing`, `facts/{fact}`, `actions/{id}/cost` or `actions/{id}/lift`.
        value: What it was.
        least, most: The range that makes sense.
        step: What it is counted in; 0: it may have any value.
        scale: A change of this size is a large one where the value is about zero.
        unit: Its unit.
        turned: The world with another value.
        facts: The facts that follow it, and by how much: fact x factor = input. Empty: whom an action fits does not change.
        points: Values at which something is enough that was not.
    """

    name: str
    value: float
    least: float
    most: float
    step: float
    scale: float
    unit: str
    turned: Callable[[float], World]
    facts: Mapping[str, float] = {}
    points: tuple[float, ...] = ()


def inputs_of(world: World, catalogue: Catalogue, ruling: Ruling) -> Iterator[Input]:
    """Every input that may be thought different, those of the best actions only."""
    yield from _prices(world)
    yield from _left(world, ruling)
    yield from _facts(world, catalogue)
    best = [each.action for each in ruling.candidates[:_ACTIONS] if not each.action.is_leave_alone]
    if ruling.chosen.action not in best and not ruling.chosen.action.is_leave_alone:
        best.append(ruling.chosen.action)
    for action in best:
        yield _cost(world, action)
        yield _lift(world, action)


def most_of(name: str) -> float:
    """The largest value that makes sense for an input, by its name; infinite for one that there is none of. The least is 0."""
    kind, _, rest = name.partition("/")
    if kind == "facts":
        return _SHAPES[rest].most if rest in _SHAPES else inf
    if kind == "actions":
        return 1.0 if rest.endswith("/lift") else _MOST_MICROS
    return _MOST_OF_KIND.get(kind, inf)


def _prices(world: World) -> Iterator[Input]:
    """Price of each scarce thing that an action takes, in micros per unit before pacing; and the pacing factor."""
    prices = world.supply.prices or {}
    taken = dict.fromkeys(name for offer in world.offers for name, _ in offer.uses if name in prices)
    for resource in taken:
        price = prices[resource]

        def turned(value: float, resource: str = resource) -> World:
            other = {**prices, resource: replace(prices[resource], micros_per_unit=value)}
            return world._replace(supply=replace(world.supply, prices=other))

        unit = f"micros per {price.unit}"
        yield Input(
            f"prices/{resource}", price.micros_per_unit, 0.0, _MOST_MICROS, 0.0, 10_000.0, unit, turned
        )
    if taken:

        def paced(value: float) -> World:
            return world._replace(supply=replace(world.supply, pacing=value))

        yield Input("pacing", world.supply.pacing, 0.0, MOST_PACING, 0.0, 0.1, "factor", paced)


def _left(world: World, ruling: Ruling) -> Iterator[Input]:
    """What is left of things of which there was too little."""
    short = {each.fact for each in ruling.rejections if each.code == "BUDGET_SPENT"}
    for resource in sorted(short):
        amounts = {amount for offer in world.offers for name, amount in offer.uses if name == resource}

        def turned(value: float, resource: str = resource) -> World:
            scarce = {**world.supply.scarce, resource: value}
            return world._replace(supply=replace(world.supply, scarce=scarce))

        left = world.supply.scarce[resource]
        most = max(amounts)
        points = tuple(sorted(amount for amount in amounts if amount > left))
        yield Input(f"left/{resource}", left, left, most, 0.0, 1.0, "its unit", turned, points=points)


class _Shape(NamedTuple):
    """How a fact may be changed."""

    most: float
    step: float
    scale: float
    unit: str


_SHAPES: Final[Mapping[str, _Shape]] = {
    "p_buy": _Shape(1.0, 0.0, 0.05, "probability"),
    "p_silent": _Shape(1.0, 0.0, 0.05, "probability"),
    "spend_if_buys": _Shape(1e9, 0.01, 1.0, "currency"),
    "total_spend": _Shape(1e9, 0.01, 1.0, "currency"),
    "purchase_days": _Shape(100_000.0, 1.0, 1.0, "distinct days"),
    # A hundredth of a day is a whole number of seconds.
    "days_since_purchase": _Shape(_MOST_DAYS, 0.01, 1.0, "d"),
    "days_since_contact": _Shape(_MOST_DAYS, 0.01, 1.0, "d"),
    "usual_gap_days": _Shape(_MOST_DAYS, 0.01, 1.0, "d"),
}
_VALUED: Final = frozenset({"p_buy", "spend_if_buys"})


def _facts(world: World, catalogue: Catalogue) -> Iterator[Input]:
    """The facts that values are made of, and those that some rule compares with a number."""
    situation = world.situation
    read = {term.fact for each in catalogue.actions for rule in each.conditions for term in rule.terms}
    for fact, shape in _SHAPES.items():
        value = situation.facts.get(fact)
        follows = _followers(fact, situation)
        if value is None or not (fact in _VALUED or read & follows.keys()):
            continue

        def turned(value: float, fact: str = fact) -> World:
            other = changed(situation, fact, value)
            offers, rejections = fitting(catalogue, other)
            return world._replace(offers=offers, rejections=rejections, situation=other)

        name = f"facts/{fact}"
        yield Input(name, value, 0.0, shape.most, shape.step, shape.scale, shape.unit, turned, follows)


def _followers(fact: str, situation: Situation) -> Mapping[str, float]:
    """The facts that change with a fact, and by how much; a rhythm stays, so days and their ratio to it go together."""
    limit = situation.facts.get("silence_after_days", 0.0)
    if fact == "days_since_purchase" and limit > 0 and "silence_ratio" in situation.facts:
        return {fact: 1.0, "silence_ratio": limit}
    return {fact: 1.0}


def changed(situation: Situation, fact: str, value: float) -> Situation:
    """The situation with one fact changed, and all that follows it."""
    own = {name: value / factor for name, factor in _followers(fact, situation).items()}
    facts = {**situation.facts, **own}
    if fact == "p_buy":
        return replace(situation, facts=facts, p_buy=value)
    if fact == "spend_if_buys":
        return replace(situation, facts=facts, spend=round(value * _MILLION))
    return replace(situation, facts=facts)


def _cost(world: World, action: Action) -> Input:
    def turned(value: float) -> World:
        return _with(world, action, replace(action, cost=round(value)))

    name = f"{action.name}/cost"
    return Input(name, float(action.cost), 0.0, _MOST_MICROS, 1.0, 10_000.0, "micros", turned)


def _lift(world: World, action: Action) -> Input:
    def turned(value: float) -> World:
        return _with(world, action, replace(action, effect=replace(action.effect, lift=value)))

    return Input(f"{action.name}/lift", action.effect.lift, 0.0, 1.0, 0.0, 0.01, "share", turned)


def _with(world: World, action: Action, other: Action) -> World:
    offers = [Offer(other, each.uses) if each.action is action else each for each in world.offers]
    return world._replace(offers=offers)
