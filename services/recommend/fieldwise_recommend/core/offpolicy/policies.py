"""How policies, written as rules or learned, would have chosen in logged decisions; knows no reward."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.offpolicy.steps import NAMES, Step
from fieldwise_recommend.core.policy_learning.effect_table import EffectTable, Question
from fieldwise_rules.compiler import Rule

_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Menu:
    """What could be chosen in each decision.

    Args:
        actions: Names of the columns.
        open: Codes in ``open_sets``, shape (n,).
        open_sets: Actions that could be chosen, the best one first.
        facts: Columns by name; NaN where not known.
    """

    actions: Sequence[str]
    open: Ints
    open_sets: Sequence[Collection[str]]
    facts: Mapping[str, Floats]

    def could(self, action: str) -> Bools:
        """Where the action could be chosen, shape (n,)."""
        holds = np.array([action in each for each in self.open_sets], dtype=np.bool_)
        return holds[self.open]


@dataclass(frozen=True, slots=True)
class Followed:
    """A policy in logged decisions.

    Args:
        target: Probability of each action, shape (n, actions).
        not_open: Share of decisions in which a rule held whose action could not be chosen.
        never_open: Rules held, and in no decision could any of them be followed.
    """

    target: Floats
    not_open: float
    never_open: bool


# An action, and the rows that want it, of those asked about.
_Wish = tuple[str, Callable[[Bools], Bools]]


def followed(steps: Sequence[Step], menu: Menu) -> Followed:
    """The first rule that holds and whose action could be chosen; else leave alone, or the best where even that could not be."""
    return _following([(step.action, partial(_holds, step.condition, menu.facts)) for step in steps], menu)


def followed_table(table: EffectTable, costs: Mapping[str, float], margin: float, menu: Menu) -> Followed:
    """Of what could be chosen, the action whose measured effect brings most in the customer's segment; none that costs more.

    Args:
        costs: Of each action of today's catalogue, in currency units; one that is gone is not chosen.
        margin: Share of money that is margin.
    """
    segment, wishes = _segments(table, menu), list[_Wish]()
    for place, effects in enumerate(table.segments):
        profits = {
            each.action: each.added * margin / _MILLION - costs.get(each.action, math.inf) for each in effects
        }
        for action in sorted(profits, key=lambda name: -profits[name]):
            if profits[action] > 0.0:
                wishes.append((action, partial(np.logical_and, segment == place)))
    return _following(wishes, menu)


def _following(wishes: Iterable[_Wish], menu: Menu) -> Followed:
    rows = len(menu.open)
    chosen = np.full(rows, -1)
    missed = np.zeros(rows, dtype=np.bool_)
    wanted = np.zeros(rows, dtype=np.bool_)
    for action, wanting in wishes:
        holds = wanting(chosen < 0)
        could = menu.could(action)
        wanted |= holds
        missed |= holds & ~could
        if action in menu.actions:
            chosen[holds & could] = menu.actions.index(action)
    by_rule = chosen >= 0
    _fall_back(chosen, menu)
    target = np.zeros((rows, len(menu.actions)))
    target[np.arange(rows), chosen] = 1.0
    never = bool(wanted.any() and not by_rule.any())
    return Followed(target, float(missed.mean()), never)


def _segments(table: EffectTable, menu: Menu) -> Ints:
    """The segment of each decision's customer, as `EffectTable.of` finds it."""
    if not table.questions:
        return np.zeros(len(menu.open), dtype=np.int64)
    first, if_yes, if_no = (_answers(question, menu) for question in table.questions)
    return np.where(first, np.where(if_yes, 0, 1), np.where(if_no, 2, 3))


def _answers(question: Question, menu: Menu) -> Bools:
    known = menu.facts.get(question.fact)
    return (
        np.zeros(len(menu.open), dtype=np.bool_) if known is None else known <= question.limit
    )  # NaN is not


def _fall_back(chosen: Ints, menu: Menu) -> None:
    places = {name: place for place, name in enumerate(menu.actions)}
    rest = np.array([places[_least(each)] for each in menu.open_sets])
    chosen[chosen < 0] = rest[menu.open][chosen < 0]


def _least(open_set: Collection[str]) -> str:
    return LEAVE_ALONE if LEAVE_ALONE in open_set else next(iter(open_set), LEAVE_ALONE)


def _holds(rule: Rule | None, facts: Mapping[str, Floats], asked: Bools) -> Bools:
    if rule is None:
        return asked.copy()
    holds = np.zeros(len(asked), dtype=np.bool_)
    rows = np.flatnonzero(asked)
    unknown = np.full(len(rows), math.nan)
    read = {place: NAMES[place] for place in rule.reads}
    columns = {place: facts[name][rows] if name in facts else unknown for place, name in read.items()}
    values: list[float | None] = [None] * len(NAMES)
    for number, row in enumerate(rows):
        for place, column in columns.items():
            value = float(column[number])
            values[place] = None if math.isnan(value) else value
        holds[row] = rule.verdict(values) is True
    return holds
