"""The three rules of an action, in CEL, checked and ready to run; knows no customer and no file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from fieldwise_recommend.core.facts import FIELDS
from fieldwise_rules.checked import Checked
from fieldwise_rules.checker import checked
from fieldwise_rules.compiler import Rule
from fieldwise_rules.conjuncts import conjuncts
from fieldwise_rules.kinds import DOUBLE, INT

# May he get it at all; does it make sense for him now; is it good for him. The first that fails is told.
RULES: Final = ("eligibility", "applicability", "suitability")
_TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Term(NamedTuple):
    """One of the parts of a condition that must all hold.

    Args:
        text: As it was written.
        verdict: Of the values of `facts.FIELDS`: True, False, or None where it has no value, which does not hold either.
        fact: Of a comparison of one number with a limit the number's name, else empty; ``comparison`` and ``limit`` likewise.
    """

    text: str
    verdict: Callable[[Sequence[Any]], bool | None]
    fact: str = ""
    comparison: str = ""
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One rule of an action.

    Args:
        rule: One of RULES; empty for the comparisons that catalogues of the past had instead.
        text: In CEL.
        terms: All must hold.
        cost: Most steps it takes.
        reads: Names of the fields it reads.
    """

    rule: str
    text: str
    terms: tuple[Term, ...] = field(compare=False)  # all that follows comes of the text
    cost: int = field(compare=False)
    reads: frozenset[str] = field(compare=False)


def condition(rule: str, text: str) -> Condition:
    """A rule that is ready to run.

    Raises:
        RuleRefused: With every fault: a name that is no field, kinds that do not fit, too many steps.
    """
    whole = checked(text, FIELDS)
    reads = frozenset(FIELDS.listed[place].path for place in Rule(whole).reads)
    return Condition(rule, text, tuple(_term(part) for part in conjuncts(text)), whole.cost, reads)


def _term(text: str) -> Term:
    tree = checked(text, FIELDS)
    return Term(text, Rule(tree).verdict, *_comparison(tree))


def _comparison(tree: Checked) -> tuple[str, str, float | None]:
    """Fact, comparison and limit of ``fact >= limit`` or ``limit <= fact``; of anything else nothing."""
    if tree.op in _TURNED:
        one, other = tree.parts
        if (fact := _fact(one)) and (limit := _limit(other)) is not None:
            return fact, tree.op, limit
        if (fact := _fact(other)) and (limit := _limit(one)) is not None:
            return fact, _TURNED[tree.op], limit
    return "", "", None


def _fact(tree: Checked) -> str:
    """The name of a number that the tree is; empty for anything else."""
    if tree.op == "field" and tree.kind == DOUBLE and isinstance(tree.data, int):
        return FIELDS.listed[tree.data].path
    return ""


def _limit(tree: Checked) -> float | None:
    is_constant = tree.op == "const" and tree.kind in (DOUBLE, INT)
    return float(tree.data) if is_constant and isinstance(tree.data, (int, float)) else None


def unmet(conditions: Sequence[Condition], values: Sequence[Any]) -> tuple[Condition, Term] | None:
    """The first condition that does not hold, and its first part that does not; None when all hold."""
    for each in conditions:
        for term in each.terms:
            if term.verdict(values) is not True:
                return each, term
    return None
