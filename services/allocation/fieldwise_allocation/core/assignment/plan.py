"""A plan of items and agents in the order of its question, and the way from a question to arrays and back; knows no solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.assignment.problem import Floats, Ints, Problem
from fieldwise_allocation.core.assignment.question import Question


@dataclass(frozen=True)
class Plan:
    """Who has what. Costs are profits where the question asks for profits.

    Args:
        agent_of: Name of each item's agent in the order of the items; empty for an item left out.
        bound: No plan costs less (or brings more).
        capacity_prices: What one more unit of each agent's capacity is worth, in the order of the agents.
        item_prices: What room for one more item is worth.
    """

    agent_of: tuple[str, ...]
    objective: float
    bound: float
    capacity_prices: tuple[float, ...]
    item_prices: tuple[float, ...]

    @property
    def gap(self) -> float:
        """Distance from the bound as a share of the larger of the two; 0 when they are equal."""
        apart = abs(self.objective - self.bound)
        return apart / max(abs(self.objective), abs(self.bound)) if apart > 0 else 0.0


@dataclass(frozen=True)
class Compiled:
    """A question as a problem: items and agents by name, so that their order in the request changes nothing.

    Args:
        items: Position in the question of each row, shape (n,).
        agents: Position in the question of each column, shape (r,); without the column of those left out.
    """

    question: Question
    problem: Problem
    items: Ints
    agents: Ints

    @classmethod
    def of(cls, question: Question) -> Compiled:
        items = _by_name([item.name for item in question.items])
        agents = _by_name([agent.name for agent in question.agents])
        cost, use = _tables(question)
        cost, use = cost[items][:, agents], use[items][:, agents]
        named = [question.agents[i] for i in agents]
        n = len(items)
        most = np.array(
            [n if agent.most is None else min(agent.most, n) for agent in named], dtype=np.float64
        )
        reach = np.maximum(use, 0.0).max(axis=1).sum() + 1.0
        capacity = np.array(
            [reach if a.capacity is None else min(a.capacity, reach) for a in named], dtype=np.float64
        )
        problem = Problem(cost, use, capacity, most)
        cost[use > problem.limit] = np.inf
        use[~np.isfinite(cost)] = 0.0
        return cls(question, _with_left_out(problem, question, items), items, agents)

    def plan(self, agent_of: Ints, *, bound: float, unit: Floats, item: Floats) -> Plan:
        """The plan of an assignment of rows to columns, with the prices of columns."""
        names = [self.question.agents[i].name for i in self.agents] + [""]
        chosen = [""] * len(self.items)
        for row, j in enumerate(self.items.tolist()):
            chosen[j] = names[agent_of[row]]
        r = len(self.agents)
        back = np.argsort(self.agents)
        sign = -1.0 if self.question.profit else 1.0
        return Plan(
            agent_of=tuple(chosen),
            objective=sign * self.problem.objective(agent_of) + 0.0,
            bound=sign * bound + 0.0,
            capacity_prices=tuple(unit[:r][back].tolist()),
            item_prices=tuple(item[:r][back].tolist()),
        )


def _by_name(names: list[str]) -> Ints:
    return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)


def _tables(question: Question) -> tuple[Floats, Floats]:
    """Cost (profits negated) and use of each pair in the order of the question; infinite cost where forbidden."""
    shape = (len(question.items), len(question.agents))
    own_cost = np.array([item.cost for item in question.items], dtype=np.float64)
    own_use = np.array([item.use for item in question.items], dtype=np.float64)
    cost, use = np.repeat(own_cost[:, None], shape[1], axis=1), np.repeat(own_use[:, None], shape[1], axis=1)
    row = {item.name: j for j, item in enumerate(question.items)}
    column = {agent.name: i for i, agent in enumerate(question.agents)}
    listed = np.zeros(shape, dtype=bool)
    for pair in question.pairs:
        at = row[pair.item], column[pair.agent]
        listed[at] = not pair.forbidden
        if pair.cost is not None:
            cost[at] = pair.cost
        if pair.use is not None:
            use[at] = pair.use
    if question.profit:
        cost = -cost
    forbidden = ~listed if question.only_listed else _forbidden(question, row, column, shape)
    cost[forbidden] = np.inf
    return cost, use


def _forbidden(
    question: Question, row: dict[str, int], column: dict[str, int], shape: tuple[int, int]
) -> Ints:
    forbidden = np.zeros(shape, dtype=bool)
    for pair in question.pairs:
        if pair.forbidden:
            forbidden[row[pair.item], column[pair.agent]] = True
    return forbidden


def _with_left_out(problem: Problem, question: Question, items: Ints) -> Problem:
    """With one more column for items that are left out, where some may be."""
    stated = [question.items[j].leave_out for j in items.tolist()]
    out = np.array([np.inf if cost is None else cost for cost in stated], dtype=np.float64)
    if not np.isfinite(out).any():
        return problem
    if question.profit:
        out = np.where(np.isfinite(out), -out, np.inf)
    n = problem.items
    return Problem(
        np.ascontiguousarray(np.column_stack([problem.cost, out])),
        np.ascontiguousarray(np.column_stack([problem.use, np.zeros(n)])),
        np.append(problem.capacity, 1.0),
        np.append(problem.most, float(n)),
    )
