"""Tags: 20 pruned against all 70 on Complete Journey, evaluations per second, and agreement with other engines, beside the peers.

Two protocols; in both every set of tags is learned by the same boosted trees, whose form was chosen for what all 70 tags reach on
the nine older cut-offs, and what counts is the median over repetitions of the difference within each.

- Later months (the first one that was fixed, before any result): 12 cut-offs 28 days apart; training rows are drawn from the nine older
  ones, and a random half of the rows of the three newest tests. All repetitions share that one season.
- New households (added when the first had been seen): 60 % of the households train, at all cut-offs; the others test.

The 70 tags stand in `journey_tags` since before either. How tags are chosen was developed on the nine older cut-offs only.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any, Final

import cel
import celpy
import numpy as np
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError
from numpy.typing import NDArray

from benchmarks.profile.journey_rows import journey_rows
from benchmarks.profile.journey_tags import TAGS
from benchmarks.profile.random_rules import FIELDS as SMALL_FIELDS
from benchmarks.profile.random_rules import Rules, as_names, customer
from benchmarks.report import Row
from fieldwise_client.demo.complete_journey import read
from fieldwise_profile.core.tags.boosting import log_odds
from fieldwise_profile.core.tags.fields import FIELDS
from fieldwise_profile.core.tags.ranking import ranked
from fieldwise_profile.core.tags.scores import Array, auc
from fieldwise_profile.core.tags.tag import Tag, TagSet, TagState, names_that_hold
from fieldwise_profile.core.tags.worth import Rows, Target
from fieldwise_profile.tag_worth import split
from fieldwise_rules.compiler import compiled

CUTOFFS: Final = 12
KEPT: Final = 20
MANY, FEW = 13_000, 1_500
SEED: Final = 20_261_122
# Rules of a kind that people write, with fields that are sometimes missing, lists and times, on `random_rules`' fields.
REALISTIC: Final = (
    "features.spend > 1.5 && profile.stage == 'active'",
    "features.gap > 1.0 || features.ratio < 0.5",
    "!(features.gap > 2.0) && profile.days >= 3",
    "'CHEESE' in profile.interests && features.spend > 0.0",
    "profile.interests.exists(x, x.startsWith('B'))",
    "has(profile.last) && now - profile.last < duration('480h')",
    "'web' in profile.channels && profile.channels['web'] > 0.5",
    "profile.stage == 'silent' ? features.spend < 1.0 : profile.changed",
)

Indices = NDArray[np.int64]


def rows(*, quick: bool = False) -> Iterator[Row]:
    yield from _pruning(quick=quick)
    yield from _speed(quick=quick)
    yield _agreement(quick=quick)


# ---- pruning


def _pruning(*, quick: bool) -> Iterator[Row]:
    found = journey_rows(read(full=True), TAGS, Target.SILENT_28D, CUTOFFS)
    old, new = split(found, CUTOFFS, len(TAGS))
    every = Rows(
        np.concatenate([old.tags, new.tags]),
        np.concatenate([old.outcome, new.outcome]),
        np.concatenate([old.customers, new.customers]),
        np.concatenate([old.ages, new.ages]),
    )
    yield Row(
        "tags: rows in all, with the outcome beside",
        len(every.outcome),
        "rows",
        peer="with it",
        peer_value=every.outcome.sum(),
    )
    for what, drawn in (
        ("later months", _later_months(old, new)),
        ("new households", _new_households(every)),
    ):
        for size, repetitions, level, target in (
            (MANY, 5 if quick else 20, "must", ">= -0.3"),
            (FEW, 10 if quick else 60, "stretch", ">= 1"),
        ):
            reached = [_reached(*drawn(size, number)) for number in range(repetitions)]
            ours, everything, mrmr = (np.array(each) for each in zip(*reached, strict=True))
            yield Row(
                f"AUC of {KEPT} pruned tags minus that of all {len(TAGS)}, {what}, {size} rows",
                100 * float(np.median(ours - everything)),
                "points",
                level,
                target,
                "mRMR's minus all",
                100 * float(np.median(mrmr - everything)),
            )
            yield Row(
                f"AUC of {KEPT} pruned tags, {what}, {size} rows",
                float(np.median(ours)),
                "",
                peer="all tags",
                peer_value=float(np.median(everything)),
            )


# Draws the training and the test rows of a repetition, given how many rows train and which repetition it is.
Drawn = Callable[[int, int], tuple[Rows, Rows]]


def _later_months(old: Rows, new: Rows) -> Drawn:
    def drawn(size: int, number: int) -> tuple[Rows, Rows]:
        chance = np.random.default_rng([SEED, size, number])
        train = chance.choice(len(old.outcome), size, replace=False)
        return _part(old, train), _part(
            new, chance.choice(len(new.outcome), len(new.outcome) // 2, replace=False)
        )

    return drawn


def _new_households(every: Rows) -> Drawn:
    households = np.unique(every.customers)

    def drawn(size: int, number: int) -> tuple[Rows, Rows]:
        chance = np.random.default_rng([SEED, size, number, 1])
        known = np.isin(every.customers, chance.choice(households, int(0.6 * len(households)), replace=False))
        train = np.flatnonzero(known)
        # In a few draws the known households have some rows less than asked for: then all of them train.
        train = chance.choice(train, min(size, len(train)), replace=False)
        return _part(every, train), _part(every, np.flatnonzero(~known))

    return drawn


def _part(rows: Rows, which: Indices) -> Rows:
    return Rows(rows.tags[which], rows.outcome[which], rows.customers[which], rows.ages[which])


def _reached(train: Rows, test: Rows) -> tuple[float, float, float]:
    """AUC of the pruned tags, of all, and of those that mRMR chooses."""

    def reached(places: Sequence[int]) -> float:
        return auc(log_odds(train.tags[:, places], train.outcome, test.tags[:, places]), test.outcome)

    return (
        reached(ranked(train.tags, train.outcome, train.customers, KEPT)),
        reached(range(train.tags.shape[1])),
        reached(_mrmr(train.tags, train.outcome, KEPT)),
    )


def _mrmr(columns: Array, outcome: Array, most: int) -> list[int]:
    """Most relevance, least redundancy, by difference (Peng, Long and Ding, 2005)."""
    relevance = np.array([_mutual(column, outcome) for column in columns.T])
    redundancy = np.zeros(columns.shape[1])
    taken: list[int] = []
    for _ in range(most):
        score = relevance - (redundancy / len(taken) if taken else 0)
        score[taken] = -np.inf
        best = int(score.argmax())
        taken.append(best)
        redundancy += [_mutual(column, columns[:, best]) for column in columns.T]
    return taken


def _mutual(one: Array, other: Array) -> float:
    """Mutual information of two bits, in nats."""
    both = np.array([[((one == a) & (other == b)).mean() for b in (0, 1)] for a in (0, 1)])
    apart = both.sum(axis=1, keepdims=True) * both.sum(axis=0, keepdims=True)
    seen = both > 0
    return float((both[seen] * np.log(both[seen] / apart[seen])).sum())


# ---- speed


def _speed(*, quick: bool) -> Iterator[Row]:
    chance = random.Random(SEED)
    people = [customer(chance) for _ in range(500)]
    named = [as_names(person) for person in people]
    ours = [compiled(rule, SMALL_FIELDS).verdict for rule in REALISTIC]
    rust = [cel.compile(rule) for rule in REALISTIC]
    rounds = 3 if quick else 9
    yield Row(
        "evaluations of realistic rules per CPU-second",
        median(_rate(ours, people, lambda rule, person: rule(person)) for _ in range(rounds)),
        "/s",
        "must",
        ">= 100000",
        "common-expression-language (Rust)",
        median(_rate(rust, named, _run_rust) for _ in range(rounds)),
    )
    environment = celpy.Environment()
    python = [environment.program(environment.compile(rule)) for rule in REALISTIC]
    few = [_celpy_names(each) for each in named[:25]]
    yield Row(
        "evaluations of the 70 tags of Complete Journey per CPU-second, as profiles are read",
        median(_rate_of_sets(chance) for _ in range(rounds)),
        "/s",
        "must",
        ">= 100000",
        "cel-python, realistic rules",
        median(_rate(python, few, _run_celpy) for _ in range(3)),
    )


def _rate(rules: Sequence[Any], people: Sequence[Any], run: Callable[[Any, Any], object]) -> float:
    start = time.process_time()
    for person in people:
        for rule in rules:
            run(rule, person)
    return len(rules) * len(people) / (time.process_time() - start)


def _rate_of_sets(chance: random.Random) -> float:
    tags = [Tag(f"tags/{name}", rule, "", (), TagState.ACTIVE, 1, 0, 0) for name, rule in TAGS.items()]
    ready = TagSet(tags, FIELDS).ready
    people = [[_plausible(field.kind.name, chance) for field in FIELDS.listed] for _ in range(300)]
    start = time.process_time()
    for person in people:
        names_that_hold(ready, person)
    return len(ready) * len(people) / (time.process_time() - start)


def _plausible(kind: str, chance: random.Random) -> Any:
    plain = {
        "double": chance.uniform(0, 60),
        "int": chance.randrange(40),
        "string": "active",
        "bool": True,
        "timestamp": 1_500_000_000_000_000,
        "list": ["SOFT DRINKS", "FLUID MILK PRODUCTS", "CHEESE", "BAKED BREAD/BUNS/ROLLS", "BEEF"],
        "map": {"web": 0.5, "store": 0.5},
    }
    return plain[kind]


def _run_rust(rule: Any, names: dict[str, Any]) -> object:
    try:
        return rule.execute(names)
    except (ArithmeticError, KeyError, ValueError, TypeError, RuntimeError, IndexError):
        return None


def _run_celpy(rule: Any, names: dict[str, Any]) -> object:
    try:
        return rule.evaluate(names)
    except CELEvalError:
        return None


def _celpy_names(names: dict[str, Any]) -> dict[str, Any]:
    return {
        key: celtypes.MapType({celtypes.StringType(inner): _celpy(value) for inner, value in record.items()})
        if isinstance(record, dict)
        else _celpy(record)
        for key, record in names.items()
    }


def _celpy(value: Any) -> Any:
    return celtypes.TimestampType(value) if hasattr(value, "isoformat") else json_to_cel(value)


# ---- agreement


def _agreement(*, quick: bool) -> Row:
    """Where the Rust engine says otherwise, cel-python decides: a failure inside a macro wins in the one, against the specification."""
    chance = random.Random(SEED + 1)
    rules = Rules(chance)
    environment = celpy.Environment()
    wanted, seen, settled, differing = (10_000 if quick else 100_000), 0, 0, 0
    while seen < wanted:
        text = rules.rule(chance.randrange(1, 5))
        ours, theirs = compiled(text, SMALL_FIELDS), cel.compile(text)
        for _ in range(10):
            values = customer(chance)
            seen += 1
            verdict, names = ours.verdict(values), as_names(values)
            if verdict is _run_rust(theirs, names):
                continue
            third = _run_celpy(environment.program(environment.compile(text)), _celpy_names(names))
            agrees = verdict is None if third is None else verdict is bool(third)
            settled, differing = settled + agrees, differing + (not agrees)
    return Row(
        f"random rules and customers, of {seen}, where neither engine says what ours does",
        differing,
        "cases",
        "must",
        "<= 0",
        "the Rust engine against cel-python and ours",
        settled,
    )
