"""Whether the twin decides as we do: otherwise its speed would say nothing."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.decide.systems import Gateway, TwinGateway
from benchmarks.decide.twin import wire
from benchmarks.report import Row
from fieldwise.recommend.v1 import decision_pb2

CUSTOMERS = 200


async def agreement(ours: Gateway, theirs: TwinGateway, customers: Sequence[str]) -> Row:
    """Share of customers for whom both choose the same action; both see the same budgets in the same order.

    Decisions in which chance chose for either are left out: each draws by the name of its own decision.
    """
    same = compared = 0
    for customer in customers[:CUSTOMERS]:
        our, their = await ours.decide(customer), await theirs.decide(customer)
        if not (_by_chance(our) or _by_chance(their)):
            compared += 1
            same += _is_same(our, their)
    share = same / compared
    return Row(
        f"twin chooses the same action at the same value, of {compared}", share, "share", "must", ">= 0.99"
    )


def _by_chance(decision: decision_pb2.Decision | wire.Decision) -> bool:
    return not decision.control_group and decision.actions[0].action != decision.chosen_action


def _is_same(ours: decision_pb2.Decision, theirs: wire.Decision) -> bool:
    mine, other = ours.actions[0], theirs.actions[0]
    return ours.chosen_action == theirs.chosen_action and (mine.action, mine.value.micros) == (
        other.action,
        other.value,
    )
