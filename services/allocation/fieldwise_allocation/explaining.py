"""Why a question has no plan, told to the caller: by a worker process, or in the error of a plan; knows no method."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb2
from fieldwise.allocation.v1 import territory_service_pb2 as service_pb2
from fieldwise_allocation import territory_wire
from fieldwise_allocation.core import checks
from fieldwise_allocation.core.question import Question, Rep
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest

if TYPE_CHECKING:
    from fieldwise_allocation.core.territory.explanation import Explanation
    from fieldwise_allocation.core.territory.problem import Floats

# Looking for the smallest conflict stops here, and looking for what helps here; what is known by then is answered.
CONFLICT_SECONDS = 20.0
WAYS_SECONDS = 30.0
# Rules and changes that an error tells.
SHOWN = 20


@dataclass(frozen=True)
class Asked:
    """A question on the way to a worker: its message as bytes, and the reps that are stored."""

    request: bytes
    stored: Sequence[Rep]
    currency: str


def explained(question: Question) -> Explanation:
    """The explanation of a question within its seconds."""
    # Imported here: the serving process imports this module, and solves nothing.
    from fieldwise_allocation.core.territory.explanation import explain

    hurry, hurry_ways = _after(CONFLICT_SECONDS), _after(WAYS_SECONDS)
    return explain(question, hurry, hurry_ways=hurry_ways, home=_chosen_homes(question))


def _chosen_homes(question: Question) -> Floats | None:
    """The homes that a plan would choose: they matter to hard rules where the way to visits counts as workload."""
    from fieldwise_allocation.core.territory.compile import compiled
    from fieldwise_allocation.core.territory.homes import choose_homes

    way = compiled(question)
    # An account that nobody may have is a conflict whatever the homes, and no choice rests on it.
    served = way.problem.able.any(axis=1).all()
    if not way.free.any() or not way.problem.pace.any() or not served:
        return None
    return choose_homes(way.problem, way.free)


def answer(asked: Asked) -> bytes:
    """ExplainInfeasibilityResponse of a request, in a worker process.

    Raises:
        InvalidRequest: Every fault of the question at once.
    """
    request = service_pb2.ExplainInfeasibilityRequest.FromString(asked.request)
    plan = allocation_pb2.PlanTerritoriesRequest(
        accounts=request.accounts, reps=request.reps, rules=request.rules
    )
    question = territory_wire.question_from(plan, asked.stored, asked.currency)
    wrong = checks.faults(question)
    if wrong:
        raise InvalidRequest(wrong)
    return response(explained(question)).SerializeToString()


def response(found: Explanation) -> service_pb2.ExplainInfeasibilityResponse:
    """An explanation as a message."""
    return service_pb2.ExplainInfeasibilityResponse(
        verdict=service_pb2.Verdict.Value(f"VERDICT_{found.answer.name}"),
        minimal=found.minimal,
        rules=[
            service_pb2.ConflictingRule(rule=each.rule, parts=each.parts, sentence=each.sentence)
            for each in found.rules
        ],
        relaxations=[
            service_pb2.Relaxation(
                size=way.size,
                changes=[
                    service_pb2.RuleChange(
                        rule=each.rule, value=each.value, becomes=each.becomes, sentence=each.sentence
                    )
                    for each in way.changes
                ],
            )
            for way in found.ways
        ],
    )


def refusal(question: Question) -> FailedPrecondition:
    """The error of a plan that cannot be made: reason INFEASIBLE_PLAN, the rules and what would help."""
    found = explained(question)
    lines = [each.sentence for each in found.rules[:SHOWN]]
    ways = [" and ".join(each.sentence for each in way.changes) for way in found.ways]
    told = "no plan keeps these rules together:\n" + "\n".join(lines)
    if ways:
        told += "\nany one of these helps:\n" + "\n".join(ways[:SHOWN])
    metadata = {
        "rules": ", ".join(each.rule for each in found.rules[:SHOWN]),
        "minimal": str(found.minimal).lower(),
    }
    if ways:
        metadata["relaxation"] = ways[0]
    return FailedPrecondition("INFEASIBLE_PLAN", told, metadata=metadata)


def _after(seconds: float) -> Callable[[], bool]:
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() > end
