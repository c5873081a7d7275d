"""A rule cut into its conjuncts holds exactly when each of them holds."""

from __future__ import annotations

import random

from benchmarks.profile.random_rules import FIELDS, Rules, customer
from fieldwise_rules.compiler import compiled
from fieldwise_rules.conjuncts import conjuncts


def test_brackets_texts_and_looser_signs_keep_a_rule_whole() -> None:
    assert conjuncts("a > 1 && b < 2\n && (c || d && e)") == ["a > 1", "b < 2", "(c || d && e)"]
    assert conjuncts("s == 'x && y' && t == \"||\"") == ["s == 'x && y'", 't == "||"']
    assert conjuncts("a && b || c && d") == ["a && b || c && d"]
    assert conjuncts("a && b ? c : d") == ["a && b ? c : d"]
    assert conjuncts("xs.exists(x, x && y) && b") == ["xs.exists(x, x && y)", "b"]


def test_random_rules_hold_exactly_when_their_conjuncts_do() -> None:
    chance = random.Random(6)
    rules = Rules(chance)
    held = 0
    for _ in range(300):
        parts = [rules.rule(chance.randrange(1, 4)) for _ in range(chance.randrange(1, 5))]
        whole = " && ".join(parts)
        cut = conjuncts(whole)
        assert cut == parts
        one, each = compiled(whole, FIELDS), [compiled(part, FIELDS) for part in cut]
        for _ in range(6):
            values = customer(chance)
            holds = one.holds(values)
            assert holds == all(part.holds(values) for part in each)
            held += holds
    assert held > 50  # the comparison saw both
