"""Means for targets: three kinds at once, sales reached as surely as promised, promotions that meet every key figure."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import NormalDist, median

import numpy as np

from benchmarks.allocation.means_world import CURRENCY, DEPTHS, dollars, means, planted_conflict, promotions
from benchmarks.report import Row
from fieldwise.allocation.v1 import resource_service_pb2 as service_pb2
from fieldwise.allocation.v1.resource_pb2 import EffortCell
from fieldwise.allocation.v1.resource_service_pb2 import EffortQuestion
from fieldwise_allocation.resourcing_worker import allocate_budget, reach_target
from fieldwise_runtime.errors import FailedPrecondition

SEEDS = (21, 22, 23, 24, 25)
PROBABILITY, COMMON = 0.9, 0.05
PERIODS_DRAWN = 20_000
MICROS = 1_000_000


def rows(*, quick: bool) -> Iterator[Row]:
    """All figures."""
    seeds = SEEDS[:2] if quick else SEEDS
    yield from _three_kinds(seeds)
    yield from _named(12 if quick else 60)
    yield from _targets(seeds)
    yield from _promotions(seeds)


# ---- people, material, money --------------------------------------------------------------------------------------


def _three_kinds(seeds: tuple[int, ...]) -> Iterator[Row]:
    plans, seconds = [], []
    for seed in seeds:
        question = means(40, seed)
        start = time.process_time()
        plans.append((question, _allocated(question)))
        seconds.append(time.process_time() - start)
    over = sum(_over(question, plan) for question, plan in plans)
    yield Row("people, material and money at once: budgets overspent", over, "", "must", "<= 0")
    least = min(plan.worth.micros / plan.bound.micros for _, plan in plans)
    yield Row("people, material and money at once: least share of the bound", least, "", "must", ">= 0.999")
    priced = min(sum(rule.price > 0 for rule in plan.rules) for _, plan in plans)
    yield Row("people, material and money at once: budgets with a price", priced, "", "must", ">= 1")
    gained = median(plan.value.micros / _value_of_even(question) for question, plan in plans)
    yield Row("people, material and money at once: value by that of even effort", gained, "x", "must", "> 1")
    yield Row("people, material and money at once, 480 cells", median(seconds), "CPU s")


def _allocated(question: EffortQuestion) -> service_pb2.BudgetPlan:
    request = service_pb2.AllocateBudgetRequest(question=question)
    return service_pb2.BudgetPlan.FromString(allocate_budget(request.SerializeToString(), CURRENCY))


def _over(question: EffortQuestion, plan: service_pb2.BudgetPlan) -> int:
    """Budgets overspent, summed here from the levels alone."""
    level = {line.cell: line.level for line in plan.lines}
    used: dict[str, float] = {}
    for cell in question.cells:
        for quantity in cell.quantities:
            taken = quantity.per_level * level[cell.name]
            used[quantity.measure] = used.get(quantity.measure, 0.0) + taken
    return sum(used[one.name] > one.capacity * (1 + 1e-9) for one in question.resources)


def _value_of_even(question: EffortQuestion) -> float:
    """Micros of the highest equal level that every budget allows."""
    level = 12.0 * min(
        one.capacity
        / sum(12 * q.per_level for cell in question.cells for q in cell.quantities if q.measure == one.name)
        for one in question.resources
    )
    return MICROS * sum(_value(cell, level) for cell in question.cells)


def _value(cell: EffortCell, level: float) -> float:
    curve = cell.curve
    grown = level**curve.shape
    return float(curve.highest * grown / (curve.half_level**curve.shape + grown))


def _named(cases: int) -> Iterator[Row]:
    right = 0
    for seed in range(cases):
        question, planted = planted_conflict(seed)
        try:
            _allocated(question)
        except FailedPrecondition as error:
            right += set(error.metadata["rules"].split(", ")) == planted
    metric = f"impossible budgets whose binding rules are named, share of {cases} planted"
    yield Row(metric, right / cases, "", "must", ">= 1")


# ---- sales targets ------------------------------------------------------------------------------------------------


def _targets(seeds: tuple[int, ...]) -> Iterator[Row]:
    stated, drawn, costs, gaps, coin = [], [], [], [], []
    for seed in seeds:
        question = means(20, seed, share=0.8)
        target = 0.45 * sum(cell.curve.highest for cell in question.cells)
        request = service_pb2.ReachTargetRequest(
            question=question, target=dollars(target), probability=PROBABILITY, common_spread=COMMON
        )
        answer = service_pb2.ReachTargetResponse.FromString(
            reach_target(request.SerializeToString(), CURRENCY)
        )
        stated.append(answer.plan.probability)
        drawn.append(_drawn_share(answer.plan, target, seed))
        costs.append(answer.plan.cost.micros / MICROS / _cost_of_even(question, target))
        gaps.append(answer.plan.gap)
        coin.append(answer.on_average.probability)
    yield Row("sales target at 90 %: probability of the plan", min(stated), "", "must", ">= 0.9")
    yield Row("sales target at 90 %: share of drawn periods that reach it", min(drawn), "", "must", ">= 0.89")
    metric = "sales target at 90 %: cost by that of even effort as sure"
    yield Row(metric, median(costs), "x", "must", "< 1", "even effort", 1.0)
    yield Row("sales target at 90 %: cost above the bound, share", median(gaps), "")
    metric = "sales target: probability of the cheapest plan whose mean reaches it"
    yield Row(metric, median(coin), "", "info")
    yield Row("sales target out of reach: told so, share", _told_out_of_reach(seeds), "", "must", ">= 1")


def _drawn_share(plan: service_pb2.TargetPlan, target: float, seed: int) -> float:
    rng = np.random.default_rng(seed)
    mean = np.array([line.value for line in plan.lines])
    own = np.array([line.deviation for line in plan.lines])
    reached = 0
    for _ in range(PERIODS_DRAWN // 1000):
        common = 1 + COMMON * rng.normal(size=(1000, 1))
        sales = (mean * common + own * rng.normal(size=(1000, len(own)))).sum(axis=1)
        reached += int((sales >= target).sum())
    return reached / PERIODS_DRAWN


def _cost_of_even(question: EffortQuestion, target: float) -> float:
    """What the same effort everywhere costs when it is as sure to reach the target."""
    margin = NormalDist().inv_cdf(PROBABILITY)
    cost = {one.name: one.unit_cost.micros / MICROS for one in question.resources}
    for level in np.linspace(0, 12, 481):
        values = np.array([_value(cell, float(level)) for cell in question.cells])
        noise = np.array([cell.curve.noise for cell in question.cells])
        own = np.hypot(noise, 0.15 * values)
        mean = values.sum()
        if mean - margin * np.hypot(COMMON * mean, np.sqrt((own**2).sum())) >= target:
            units = (cost[q.measure] * q.per_level for cell in question.cells for q in cell.quantities)
            return float(level) * sum(units)
    return float("inf")


def _told_out_of_reach(seeds: tuple[int, ...]) -> float:
    told = 0
    for seed in seeds:
        question = means(5, seed, share=0.1)
        target = dollars(0.9 * sum(cell.curve.highest for cell in question.cells))
        request = service_pb2.ReachTargetRequest(question=question, target=target, probability=PROBABILITY)
        try:
            reach_target(request.SerializeToString(), CURRENCY)
        except FailedPrecondition as error:
            told += error.reason == "TARGET_OUT_OF_REACH"
    return told / len(seeds)


# ---- promotions ---------------------------------------------------------------------------------------------------


def _promotions(seeds: tuple[int, ...]) -> Iterator[Row]:
    missed, free_missed, priced, kept, rule = [], [], [], [], []
    for seed in seeds:
        question = promotions(30, 8, seed)
        free = _allocated(question)
        question.limits.add(id="profit", measure="value", at_least=0.9 * free.value.micros / MICROS)
        question.limits.add(id="stock-used", measure="stock", at_least=0.9 * free.totals["stock"])
        depth = free.totals["discount"] / free.totals["sales"]
        question.limits.add(id="depth", measure="discount", per="sales", at_most=0.75 * depth)
        plan = _allocated(question)
        missed.append(_missed(question, {line.cell: line.level for line in plan.lines}))
        free_missed.append(_missed(question, {line.cell: line.level for line in free.lines}))
        priced.append(sum(one.price > 0 for one in plan.rules))
        kept.append(plan.value.micros / plan.bound.micros)
        rule.append(
            min(_missed(question, dict.fromkeys((cell.name for cell in question.cells), d)) for d in DEPTHS)
        )
    yield Row("promotions: key figures missed", max(missed), "", "must", "<= 0")
    yield Row(
        "promotions: key figures missed by the most profitable plan", min(free_missed), "", "must", ">= 1"
    )
    metric = "promotions: key figures missed by the best single depth for all"
    yield Row(metric, min(rule), "", "info")
    yield Row("promotions: key figures with a price", min(priced), "", "must", ">= 1")
    yield Row("promotions: least share of the bound", min(kept), "", "must", ">= 0.999")


def _missed(question: EffortQuestion, depth: dict[str, float]) -> int:
    """Key figures missed, summed here from the depths alone."""
    total = {"value": 0.0, "stock": 0.0, "sales": 0.0, "discount": 0.0}
    for cell in question.cells:
        (one,) = (level for level in cell.levels.levels if level.level == depth[cell.name])
        total["value"] += one.value
        for name, amount in one.takes.items():
            total[name] += amount
    profit, stock, deepest = question.limits
    return (
        int(total["value"] < profit.at_least * (1 - 1e-9))
        + int(total["stock"] < stock.at_least * (1 - 1e-9))
        + int(total["discount"] > deepest.at_most * total["sales"] * (1 + 1e-9))
    )
