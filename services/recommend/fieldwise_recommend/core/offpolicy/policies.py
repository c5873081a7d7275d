"""How policies written as rules would have chosen in logged decisions; knows no reward."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.offpolicy.choices import Flags, Floats, Integers
from fieldwise_recommend.core.offpolicy.steps import NAMES, Step
from fieldwise_rules.compiler import Rule


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
    open: Integers
    open_sets: Sequence[Collection[str]]
    facts: Mapping[str, Floats]

    def could(self, action: str) -> Flags:
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


def followed(steps: Sequence[Step], menu: Menu) -> Followed:
    """The first rule that holds and whose action could be chosen; else leave alone, or the best where even that could not be."""
    rows = len(menu.open)
    chosen = np.full(rows, -1)
    missed = np.zeros(rows, dtype=np.bool_)
    wanted = np.zeros(rows, dtype=np.bool_)
    for step in steps:
        holds = _holds(step.condition, menu.facts, chosen < 0)
        could = menu.could(step.action)
        wanted |= holds
        missed |= holds & ~could
        if step.action in menu.actions:
            chosen[holds & could] = menu.actions.index(step.action)
    by_rule = chosen >= 0
    _fall_back(chosen, menu)
    target = np.zeros((rows, len(menu.actions)))
    target[np.arange(rows), chosen] = 1.0
    never = bool(wanted.any() and not by_rule.any())
    return Followed(target, float(missed.mean()), never)


def _fall_back(chosen: Integers, menu: Menu) -> None:
    places = {name: place for place, name in enumerate(menu.actions)}
    rest = np.array([places[_least(each)] for each in menu.open_sets])
    chosen[chosen < 0] = rest[menu.open][chosen < 0]


def _least(open_set: Collection[str]) -> str:
    return LEAVE_ALONE if LEAVE_ALONE in open_set else next(iter(open_set), LEAVE_ALONE)


def _holds(rule: Rule | None, facts: Mapping[str, Floats], asked: Flags) -> Flags:
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
