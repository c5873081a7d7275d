"""Which hard rules of a question cannot hold together: the fewest, each proven needed; knows no wire and no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fieldwise_allocation.core.territory.possible import Answer, Verdict, verdict
from fieldwise_allocation.core.territory.stated_rules import LOCK, SKILL, STAFFING, Stated

Holds = Callable[[frozenset[str]], bool]


@dataclass(frozen=True)
class Conflict:
    """Rules that cannot hold together.

    Args:
        rules: By name, as ``Stated`` has them; empty when no conflict is proven.
        answer: Of the whole question.
        minimal: Without any one of the rules a plan exists: found, for each of them.
        proof: The verdict on these rules alone.
    """

    answer: Answer
    rules: tuple[str, ...] = ()
    minimal: bool = False
    proof: Verdict | None = None


@dataclass
class Trials:
    """Verdicts on sets of rules, each worked out once.

    Args:
        hurry: Asked before each trial; once True, nothing more is proven.
        changes: Changes of rules that hold in every trial.
    """

    stated: Stated
    hurry: Callable[[], bool] = lambda: False
    changes: Mapping[str, float] = field(default_factory=dict)
    known: dict[frozenset[str], Verdict] = field(default_factory=dict)

    def on(self, rules: frozenset[str]) -> Verdict:
        """The verdict on a set of rules; OPEN in a hurry."""
        if rules not in self.known:
            if self.hurry():
                return Verdict(Answer.OPEN)
            self.known[rules] = verdict(self.stated.problem(rules, self.changes))
        return self.known[rules]

    def fails(self, rules: frozenset[str]) -> bool:
        return self.on(rules).answer is Answer.IMPOSSIBLE


def conflict_in(trials: Trials) -> Conflict:
    """The rules in conflict, by trial: their set is proven impossible, and every set without one of them is tried."""
    every = frozenset(trials.stated.names)
    whole = trials.on(every)
    if whole.answer is not Answer.IMPOSSIBLE:
        return Conflict(whole.answer)
    rules = smallest(_without_bystanders(trials), lambda tried: not trials.fails(tried))
    found = frozenset(rules)
    if not trials.fails(found):  # time ran out between the trials: what was proven first still is
        return Conflict(Answer.IMPOSSIBLE, trials.stated.names, False, whole)
    minimal = all(trials.on(found - {rule}).answer is Answer.POSSIBLE for rule in found)
    ordered = tuple(rule for rule in trials.stated.names if rule in found)
    return Conflict(Answer.IMPOSSIBLE, ordered, minimal, trials.on(found))


def _without_bystanders(trials: Trials) -> list[str]:
    """The rules after whole sorts of them have been tried away: there may be hundreds of locks."""
    left = list(trials.stated.names)
    for beginning in (LOCK, SKILL, STAFFING):
        others = [rule for rule in left if not rule.startswith(beginning)]
        if len(others) < len(left) and trials.fails(frozenset(others)):
            left = others
    return left


def smallest(rules: Sequence[str], holds: Holds) -> list[str]:
    """A set of rules that does not hold although every proper subset does; ``rules`` together do not hold.

    Source: Junker (2004), QuickXplain: preferred explanations and relaxations for over-constrained problems.
    """

    def search(base: frozenset[str], added: bool, rest: Sequence[str]) -> list[str]:
        if added and not holds(base):
            return []
        if len(rest) == 1:
            return list(rest)
        half = len(rest) // 2
        second = search(base | set(rest[:half]), True, rest[half:])
        first = search(base | set(second), bool(second), rest[:half])
        return first + second

    return search(frozenset(), False, rules) if rules else []
