"""Rules of actions: what one takes beside other engines of CEL, in its place in a decision, and at its worst when it is fuzzed.

Protocol, fixed beforehand. Rules of six terms: 60 drawn with one seed from comparisons of facts, traits and tags, joined by && and ||.
Customers: 200 with each fact known in 9 of 10 cases. CPU time of all rules on all customers, median of rounds; the engines in turn in
each round, on the same rules and customers. Fuzzed: 10,000 rules that type-check (the generator of the tests, nested up to six deep) and
10,000 that had characters changed; then rules with loops in loops over the longest lists that a customer may have.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any, Final

import cel
import celpy
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError

from benchmarks.profile.random_rules import FIELDS as SMALL
from benchmarks.profile.random_rules import Rules, customer
from benchmarks.report import Row
from fieldwise_recommend.core.catalogue import Action
from fieldwise_recommend.core.conditions import RULES, condition
from fieldwise_recommend.core.eligibility import misfit
from fieldwise_recommend.core.facts import FIELDS, values_of
from fieldwise_recommend.core.situation import FACTS, Situation
from fieldwise_rules.checker import checked
from fieldwise_rules.compiler import Rule, compiled
from fieldwise_rules.faults import RuleRefused
from fieldwise_runtime.errors import FieldwiseError

SEED: Final = 20_261_122
TERMS: Final = 6
ACTIONS: Final = 50
FUZZED: Final = 10_000
_TAGS: Final = tuple(f"tags/t{number}" for number in range(64))
_CATEGORIES: Final = tuple(f"CATEGORY {number}" for number in range(64))
_STAGES: Final = ("prospect", "new", "active", "silent")


def rows(*, quick: bool = False) -> Iterator[Row]:
    chance = random.Random(SEED)
    people = [_person(chance) for _ in range(50 if quick else 200)]
    texts = [_six_terms(chance) for _ in range(20 if quick else 60)]
    yield from _beside_others(texts, people, rounds=3 if quick else 7)
    yield _in_place(chance, people, rounds=3 if quick else 7)
    yield from _fuzzed(1_000 if quick else FUZZED)
    yield from _loops_at_their_worst(300 if quick else 3_000)


def _person(chance: random.Random) -> Situation:
    facts = {name: chance.uniform(0, 60) for name in FACTS if chance.random() < 0.9}
    traits = {
        "lifecycle": chance.choice(_STAGES),
        "segment": f"segments/{chance.randrange(8)}",
        "place": chance.choice(("100", "200", None)),
        "tags": chance.sample(_TAGS, 10),
        "categories": chance.sample(_CATEGORIES, 10),
    }
    return Situation(facts, 0.5, 100_000_000, 0.25, rep="reps/1", traits=traits, moment=1_513_000_000)


def _six_terms(chance: random.Random) -> str:
    parts = [_term(chance) for _ in range(TERMS)]
    # Most rules of people are lists of conditions; every third has a choice in it.
    if chance.random() < 1 / 3:
        parts[:2] = [f"({parts[0]} || {parts[1]})"]
    return " && ".join(parts)


def _term(chance: random.Random) -> str:
    """Easily true, so that most of a rule is looked at."""
    sign = chance.choice([">=", "<="])
    limit = chance.uniform(0, 10) if sign == ">=" else chance.uniform(50, 60)
    return chance.choice(
        [f"{chance.choice(list(FACTS))} {sign} {limit:.2f}"] * 4
        + [f"lifecycle != '{chance.choice(_STAGES)}'", f"!('{chance.choice(_TAGS)}' in tags)"]
    )


# ---- beside others


def _beside_others(texts: Sequence[str], people: Sequence[Situation], *, rounds: int) -> Iterator[Row]:
    ours = [compiled(text, FIELDS).verdict for text in texts]
    values = [values_of(person) for person in people]
    named = [_names(person) for person in people]
    rust = [cel.compile(text) for text in texts]
    environment = celpy.Environment()
    few = texts[:10]
    python = [environment.program(environment.compile(text)) for text in few]
    told = [{key: json_to_cel(value) for key, value in names.items()} for names in named[:20]]
    took: dict[str, list[float]] = {"ours": [], "rust": [], "python": []}
    for _ in range(rounds):
        took["ours"].append(_micros(ours, values, lambda rule, person: rule(person)))
        took["rust"].append(_micros(rust, named, _by_rust))
        took["python"].append(_micros(python, told, _by_python))
    own, theirs = median(took["ours"]), median(took["python"])
    what = f"one rule of {TERMS} terms"
    yield Row(f"{what}, evaluation", own, "us", "must", "<= 5", "cel-python", theirs)
    yield Row(
        f"{what}, evaluation",
        own,
        "us",
        "info",
        "",
        "common-expression-language (Rust)",
        median(took["rust"]),
    )
    yield Row(f"{what}, times as fast as cel-python", theirs / own, "x", "must", "> 1")
    differ = sum(
        (rule(person) is True) != (_by_rust(other, names) is True)
        for rule, other in zip(ours, rust, strict=True)
        for person, names in zip(values, named, strict=True)
    )
    yield Row(f"{what}, answers that differ from the Rust engine's", differ, "count", "must", "<= 0")


def _micros(rules: Sequence[Any], people: Sequence[Any], run: Callable[[Any, Any], object]) -> float:
    begun = time.process_time()
    for person in people:
        for rule in rules:
            run(rule, person)
    return (time.process_time() - begun) * 1e6 / (len(rules) * len(people))


def _names(person: Situation) -> dict[str, Any]:
    known = {name: value for name, value in person.traits.items() if value is not None}
    return {**person.facts, **known}


def _by_rust(rule: Any, names: dict[str, Any]) -> object:
    try:
        return rule.execute(names)
    except (ArithmeticError, KeyError, ValueError, TypeError, RuntimeError, IndexError):
        return None


def _by_python(rule: Any, names: dict[str, celtypes.Value]) -> object:
    try:
        return rule.evaluate(names)
    except CELEvalError:
        return None


# ---- in a decision


def _in_place(chance: random.Random, people: Sequence[Situation], *, rounds: int) -> Row:
    """What looking through 50 actions with three rules of six terms each takes for one customer, by rule."""
    actions = [
        Action(
            f"actions/a{number}",
            "",
            "email",
            conditions=tuple(condition(rule, _six_terms(chance)) for rule in RULES),
        )
        for number in range(ACTIONS)
    ]

    def one(_: object, person: Situation) -> None:
        values = values_of(person)
        for action in actions:
            misfit(action, person, values)

    took = median(_micros([None], people, one) for _ in range(rounds)) / (ACTIONS * len(RULES))
    return Row(
        f"{ACTIONS} actions with 3 rules of {TERMS} terms in a decision, by rule", took, "us", "must", "<= 5"
    )


# ---- fuzzed


def _fuzzed(count: int) -> Iterator[Row]:
    chance = random.Random(SEED + 1)
    rules, crashed, refused, slowest, compiling = Rules(chance), 0, 0, 0.0, 0.0
    for number in range(2 * count):
        text = rules.rule(chance.randrange(1, 7))
        if number >= count:
            text = _mutated(text, chance)
        try:
            begun = time.thread_time()
            rule = compiled(text, SMALL)
            compiling += time.thread_time() - begun
            for _ in range(3):
                slowest = max(slowest, _seconds(rule, customer(chance)))
        except RuleRefused:
            refused += 1
        except Exception as error:  # whatever else comes out is what is looked for
            crashed += 1
            print(f"{type(error).__name__}: {error} of {text}")
    yield Row(f"{count} fuzzed rules and {count} damaged ones, crashes", crashed, "count", "must", "<= 0")
    yield Row("the slowest evaluation of them", slowest * 1e3, "ms", "must", "<= 5")
    yield Row("refused with a reason, of the damaged ones", refused / count, "share")
    yield Row("compiling one", compiling * 1e3 / (2 * count - refused), "ms")


def _seconds(rule: Rule, values: Sequence[Any]) -> float:
    begun = time.thread_time()
    rule.holds(values)
    return time.thread_time() - begun


def _mutated(text: str, chance: random.Random) -> str:
    signs = list(text)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(signs))
        signs[place] = chance.choice(
            ["", "(", ")", "&&", "'", "9", ".", "!", "x", "\\", "中", signs[place] * 2]
        )
    return "".join(signs)


def _loops_at_their_worst(count: int) -> Iterator[Row]:
    """Loops in loops over lists as long as they may be: what is let through, and what it takes."""
    chance = random.Random(SEED + 2)
    full = Situation(
        {}, 0.5, 1, 0.25, traits={"tags": list(_TAGS), "categories": list(_CATEGORIES)}, moment=1
    )
    values = values_of(full)
    refused, slowest, dearest = 0, 0.0, 0
    for _ in range(count):
        text = _nested(chance, chance.randrange(1, 5), ())
        try:
            rule = Rule(checked(text, FIELDS))
            dearest = max(dearest, rule.cost)
            # The faster of two: what else the machine does is not the rule's.
            slowest = max(slowest, min(_seconds(rule, values), _seconds(rule, values)))
        except FieldwiseError:
            refused += 1
    yield Row(
        f"{count} rules with loops in loops over 64 elements, refused before they run",
        refused / count,
        "share",
    )
    yield Row("the slowest of those let through", slowest * 1e3, "ms", "must", "<= 5")
    yield Row("most steps of one let through", dearest, "steps")


def _nested(chance: random.Random, depth: int, names: tuple[str, ...]) -> str:
    # Lists within the rule are of any length, so that rules come close to the limit from below.
    short = f"[{', '.join(repr(f'w{number}') for number in range(chance.randrange(1, 20)))}]"
    variable, many = f"v{len(names)}", chance.choice(["tags", "categories", short, short])
    inner = (*names, variable)
    one, other = chance.choice(inner), chance.choice(inner)
    asked = chance.choice(
        [f"{one} == {other} + 'x'", f"{one}.contains('zz')", f"size({one}) > 99", f"{one}.matches('(a|b)*c')"]
    )
    if depth > 1:
        asked = f"{asked} || {_nested(chance, depth - 1, inner)}"
    return f"{many}.{chance.choice(['exists', 'exists_one', 'all'])}({variable}, {asked})"
