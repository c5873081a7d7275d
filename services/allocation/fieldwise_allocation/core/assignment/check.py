"""An assignment checked against its question from scratch: no solver, and none of the arrays that made it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fieldwise_allocation.core.assignment.plan import Plan
from fieldwise_allocation.core.assignment.question import Item, Pair, Question

RELATIVE = 1e-6


def faults(question: Question, plan: Plan) -> list[str]:
    """Everything in the plan that breaks a rule or does not add up; empty for a plan that may be given out."""
    if len(plan.agent_of) != len(question.items):
        return [f"{len(plan.agent_of)} assignments for {len(question.items)} items"]
    known = {agent.name for agent in question.agents} | {""}
    strangers = sorted(set(plan.agent_of) - known)
    if strangers:
        return [f"items go to {strangers[0]!r}, who is no agent of the question"]
    pairs = {(pair.item, pair.agent): pair for pair in question.pairs}
    return [
        *_forbidden(question, plan, pairs),
        *_overloaded(question, plan, pairs),
        *_wrong_sums(question, plan, pairs),
    ]


def terms(item: Item, agent: str, pairs: dict[tuple[str, str], Pair]) -> tuple[float, float]:
    """(cost, use) of an item with an agent, or left out; of a pair that is allowed."""
    if not agent:
        return item.leave_out or 0.0, 0.0
    pair = pairs.get((item.name, agent))
    if pair is None:
        return item.cost, item.use
    return (
        item.cost if pair.cost is None else pair.cost,
        item.use if pair.use is None else pair.use,
    )


def _forbidden(question: Question, plan: Plan, pairs: dict[tuple[str, str], Pair]) -> Iterator[str]:
    for item, agent in zip(question.items, plan.agent_of, strict=True):
        pair = pairs.get((item.name, agent))
        if not agent and item.leave_out is None:
            yield f"{item.name} must be assigned and is left out"
        elif agent and (question.only_listed if pair is None else pair.forbidden):
            yield f"{item.name} may not go to {agent} and goes there"


def _overloaded(question: Question, plan: Plan, pairs: dict[tuple[str, str], Pair]) -> Iterator[str]:
    taken: dict[str, list[float]] = {agent.name: [] for agent in question.agents}
    for item, name in zip(question.items, plan.agent_of, strict=True):
        if name:
            taken[name].append(terms(item, name, pairs)[1])
    for agent in question.agents:
        load = math.fsum(taken[agent.name])
        if agent.capacity is not None and load > agent.capacity + 1e-8 * max(1.0, agent.capacity):
            yield f"{agent.name} has {load:g} of capacity {agent.capacity:g}"
        if agent.most is not None and len(taken[agent.name]) > agent.most:
            yield f"{agent.name} has {len(taken[agent.name])} items of at most {agent.most}"


def _wrong_sums(question: Question, plan: Plan, pairs: dict[tuple[str, str], Pair]) -> Iterator[str]:
    costs = (terms(item, a, pairs)[0] for item, a in zip(question.items, plan.agent_of, strict=True))
    cost = math.fsum(costs)
    if not math.isclose(cost, plan.objective, rel_tol=RELATIVE, abs_tol=1e-6):
        yield f"objective {plan.objective:g} is reported, {cost:g} found"
    above = plan.objective - plan.bound if question.profit else plan.bound - plan.objective
    if above > RELATIVE * (1.0 + abs(plan.objective)):
        yield f"bound {plan.bound:g} lies on the wrong side of the objective {plan.objective:g}"
    for agent, unit, item in zip(question.agents, plan.capacity_prices, plan.item_prices, strict=True):
        if unit < 0 or item < 0:
            yield f"{agent.name} has a price below 0"
