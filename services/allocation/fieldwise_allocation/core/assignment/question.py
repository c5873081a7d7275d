"""Items, agents and what is known of their pairs, and what makes such a question wrong; knows no arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fieldwise_runtime.errors import Violation

# Costs and uses of all pairs are held at once: five million take about 400 MB with all that is derived from them.
MOST_PAIRS = 5_000_000
MOST_VIOLATIONS = 200


@dataclass(frozen=True)
class Item:
    """Something that goes to one agent.

    Args:
        use: Of an agent's capacity, where its pair says nothing else.
        cost: With an agent, where its pair says nothing else; a profit where profits are asked for.
        leave_out: Cost of leaving it out; None when it must be assigned.
    """

    name: str
    use: float = 1.0
    cost: float = 0.0
    leave_out: float | None = None


@dataclass(frozen=True)
class Agent:
    """Someone who takes items; None means no limit."""

    name: str
    capacity: float | None = None
    most: int | None = None


@dataclass(frozen=True)
class Pair:
    """What is known of an item with an agent; None means what the item says."""

    item: str
    agent: str
    cost: float | None = None
    use: float | None = None
    forbidden: bool = False


@dataclass(frozen=True)
class Question:
    """What is asked: least cost, or most profit, of all items.

    Args:
        only_listed: Pairs that are not listed are forbidden.
        seconds: Time for the solver.
    """

    items: tuple[Item, ...]
    agents: tuple[Agent, ...]
    pairs: tuple[Pair, ...] = ()
    only_listed: bool = False
    profit: bool = False
    seconds: float = 10.0


def faults(question: Question) -> list[Violation]:
    """Every fault that makes the question wrong whatever the solver does, up to 200."""
    found = [*_repeated("items", (item.name for item in question.items))]
    found += _repeated("agents", (agent.name for agent in question.agents))
    found += _wrong_pairs(question)
    cells = len(question.items) * len(question.agents)
    if cells > MOST_PAIRS:
        remedy = f"assign in parts: items x agents is {cells}, at most {MOST_PAIRS} fit one plan"
        found.append(Violation.of("items", f"{len(question.items)} items", remedy))
    return found[:MOST_VIOLATIONS]


def _repeated(path: str, names: Iterable[str]) -> list[Violation]:
    first: dict[str, int] = {}
    found = []
    for i, name in enumerate(names):
        if first.setdefault(name, i) != i:
            remedy = f"{path}[{first[name]}] has this name already; give each a name of its own"
            found.append(Violation.of(f"{path}[{i}].name", name, remedy))
    return found


def _wrong_pairs(question: Question) -> list[Violation]:
    items = {item.name for item in question.items}
    agents = {agent.name for agent in question.agents}
    first: dict[tuple[str, str], int] = {}
    found = []
    for k, pair in enumerate(question.pairs):
        if pair.item not in items:
            found.append(Violation.of(f"pairs[{k}].item", pair.item, "name one of the items"))
        if pair.agent not in agents:
            found.append(Violation.of(f"pairs[{k}].agent", pair.agent, "name one of the agents"))
        if pair.forbidden and (pair.cost is not None or pair.use is not None):
            remedy = "a forbidden pair has no cost and no use; leave them unset, or forbidden"
            found.append(Violation.of(f"pairs[{k}].forbidden", value=True, remedy=remedy))
        before = first.setdefault((pair.item, pair.agent), k)
        if before != k:
            remedy = f"pairs[{before}] is of the same item and agent; say it once"
            found.append(Violation.of(f"pairs[{k}]", f"{pair.item}, {pair.agent}", remedy))
    return found
