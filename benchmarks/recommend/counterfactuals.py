"""Stated counterfactuals, checked over the wire: does the decision flip when it is replayed with the one changed input?

Protocol, fixed beforehand. Customers and prices are drawn (seeds below; others while building): decisions with the shipped catalogue,
as many with one of 50 actions, 5 % of each in the control group and 5 % chosen by chance, some things short. Each decision is asked for with
`explain`; every counterfactual and every answer to "why not" is replayed. Inputs of the message are changed here, by code of the
benchmark's own, and sent as `what_if`; numbers of the catalogue, which are no part of the message, go as `changes`. Near enough to the
smallest change: with 95 % of it (whole numbers: one less) the decision stays as it was. CPU seconds are those of the service's process.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Final

from benchmarks.processes import cpu_seconds
from benchmarks.recommend import shop
from benchmarks.report import Row
from fieldwise.recommend.v1 import recommend_service_pb2 as wire
from fieldwise.recommend.v1.decision_pb2 import Counterfactual, Decision, DecisionInputs
from fieldwise.recommend.v1.recommend_service_pb2_grpc import RecommendServiceStub

SEED: Final = 20_261_160
_MODELS: Final = {"p_buy": "models/buys-28d", "p_silent": "models/silent-28d"}
_WHOLE: Final = ("facts/purchase_days",)


def rows(*, quick: bool = False) -> Iterator[Row]:
    count = 150 if quick else 1_000
    told = Counter[str]()
    for number, body in enumerate((None, shop.catalogue(SEED))):
        with shop.serving(
            body, FIELDWISE_RECOMMEND_CONTROL_SHARE="0.05", FIELDWISE_RECOMMEND_EXPLORATION="0.05"
        ) as service:
            with service.stub() as stub:
                names = _decided(stub, random.Random(SEED + number), count)
                told += _checked(stub, names)
            what = "shipped catalogue" if body is None else "50 actions"
            yield from _cost(service, names, what)
    yield Row(
        "stated counterfactuals that flip the replayed decision",
        _share(told, "flips", "stated"),
        "%",
        "must",
        ">= 99",
    )
    yield Row("stated counterfactuals and answers to why not, replayed", told["stated"], "count")
    yield Row("answers to why not with a change that was replayed", told["why not"], "count")
    yield Row("decisions with a stated counterfactual", _share(told, "explained", "decisions"), "%")
    yield Row(
        "decisions where another action fitted, with a stated counterfactual",
        _share(told, "explained of open", "open"),
        "%",
        "must",
        ">= 95",
    )
    yield Row("stated changes of which 95 % flips nothing", _share(told, "least", "sized"), "%")


def _share(told: Counter[str], part: str, whole: str) -> float:
    return 100.0 * told[part] / max(told[whole], 1)


def _decided(stub: RecommendServiceStub, chance: random.Random, count: int) -> list[str]:
    made = shop.decided(stub, chance, count, 50, lambda: shop.prices(chance, scarce=True))
    return [each.name for each in made]


def _cost(service: shop.Service, names: list[str], what: str) -> Iterator[Row]:
    """CPU of the service for a decision with and without its explanation."""
    took = {}
    few = names[:100]
    with service.stub() as stub:
        for explained in (False, True):
            begun = cpu_seconds([service.process.pid])
            for name in few:
                stub.GetDecision(wire.GetDecisionRequest(name=name, explain=explained))
            took[explained] = 1000 * (cpu_seconds([service.process.pid]) - begun) / len(few)
    yield Row(f"a decision explained, {what}", took[True], "CPU-ms", "info", "", "not explained", took[False])


def _checked(stub: RecommendServiceStub, names: list[str]) -> Counter[str]:
    told = Counter[str](decisions=len(names))
    for name in names:
        decision = stub.GetDecision(wire.GetDecisionRequest(name=name, explain=True))
        recorded = stub.ReplayDecision(wire.ReplayDecisionRequest(name=name)).inputs
        is_open = any(why.code in ("LESS_VALUE", "CHANCE", "CONTROL_GROUP") for why in decision.why_not)
        told["open"] += is_open
        told["explained"] += bool(decision.counterfactuals)
        told["explained of open"] += is_open and bool(decision.counterfactuals)
        for each in decision.counterfactuals:
            told += _one(stub, decision, recorded, each)
        for why in decision.why_not:
            if why.HasField("counterfactual"):
                told += _one(stub, decision, recorded, why.counterfactual)
                told["why not"] += why.counterfactual.becomes_action == why.action
    return told


def _one(
    stub: RecommendServiceStub, decision: Decision, recorded: DecisionInputs, stated: Counterfactual
) -> Counter[str]:
    chosen = _replayed(stub, decision, recorded, stated.input, stated.to_value)
    told = Counter[str](stated=1, flips=chosen == stated.becomes_action != decision.chosen_action)
    if stated.input in ("control_group", "exploration"):
        return told
    less = stated.from_value + 0.95 * (stated.to_value - stated.from_value)
    if stated.input in _WHOLE:
        less = stated.to_value - (1 if stated.to_value > stated.from_value else -1)
    kept = _replayed(stub, decision, recorded, stated.input, less)
    told["sized"] += 1
    # On the way to one action another may come first; what counts is that this one does not.
    told["least"] += kept != stated.becomes_action
    return told


def _replayed(
    stub: RecommendServiceStub, decision: Decision, recorded: DecisionInputs, name: str, value: float
) -> str:
    request = wire.ReplayDecisionRequest(name=decision.name)
    if name.startswith("actions/"):
        request.changes.add(input=name, value=value)
    else:
        request.what_if.CopyFrom(recorded)
        _write(request.what_if, name, value)
    return stub.ReplayDecision(request).decision.chosen_action


def _write(inputs: DecisionInputs, name: str, value: float) -> None:
    kind, _, rest = name.partition("/")
    if kind == "prices":
        next(each for each in inputs.price_set.prices if each.resource == rest).micros_per_unit = value
    elif kind == "left":
        next(each for each in inputs.scarce if each.resource == rest).left = value
    elif kind == "facts":
        _write_fact(inputs, rest, value)
    elif kind == "control_group":
        inputs.control_group = bool(value)
    elif kind in ("pacing", "exploration"):
        setattr(inputs, kind, value)
    else:
        raise ValueError(f"a counterfactual names the input {name!r}, which no decision has")


def _write_fact(inputs: DecisionInputs, fact: str, value: float) -> None:
    profile, scores = inputs.profile, inputs.scores
    if fact in _MODELS:
        next(each for each in scores.predictions if each.model == _MODELS[fact]).probability = value
    elif fact == "spend_if_buys":
        scores.spend_if_buys.micros = round(value * 1e6)
    elif fact == "total_spend":
        profile.total_spend.micros = round(value * 1e6)
    elif fact == "purchase_days":
        profile.purchase_days = int(value)
    elif fact == "usual_gap_days":
        profile.usual_gap_days = value
    else:
        moment = profile.last_purchase_time if fact == "days_since_purchase" else profile.last_contact_time
        moment.FromSeconds(inputs.decision_time.seconds - round(value * shop.DAY))
