"""Valuing policies by what was recorded, in worker processes; knows no statistics and no server."""

from __future__ import annotations

from typing import Final

from fieldwise.recommend.v1 import policy_service_pb2 as wire
from fieldwise_executor.executor import Executor
from fieldwise_recommend.core.offpolicy.steps import condition
from fieldwise_rules.faults import RuleRefused
from fieldwise_runtime.errors import InvalidRequest, Violation
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

_SECONDS: Final = 600.0
_MOST_RULES: Final = 20


class Evaluating:
    """Values policies.

    Args:
        url: Where a worker process finds the database.
    """

    def __init__(self, executor: Executor, url: str) -> None:
        self._executor = executor
        self._url = url

    async def evaluate(self, request: wire.EvaluatePolicyRequest) -> wire.EvaluatePolicyResponse:
        """What the decisions of a period say of policies.

        Raises:
            InvalidRequest: With every fault: a rule that is none, rules beside as_logged, a period that ends before it starts.
            FailedPrecondition: Reason NO_EXPERIENCE.
        """
        check(request)
        body = await self._executor.run(
            evaluated_in_worker, self._url, request.SerializeToString(), timeout=_SECONDS
        )
        answer = wire.EvaluatePolicyResponse.FromString(body)
        log.info("policies evaluated", policies=len(answer.evaluations), decisions=answer.decisions)
        return answer


def check(request: wire.EvaluatePolicyRequest) -> None:
    """Refuses what the field rules cannot see.

    Raises:
        InvalidRequest: With every fault.
    """
    found: list[Violation] = []
    start, end = request.start_time, request.end_time
    if request.HasField("end_time") and start.ToMicroseconds() >= end.ToMicroseconds():
        found.append(Violation.of("end_time", end.ToJsonString(), "give a time after start_time"))
    for number, policy in enumerate(request.policies):
        at = f"policies[{number}].rules"
        if policy.as_logged and policy.rules:
            found.append(Violation.of(at, len(policy.rules), "leave the rules out, or unset as_logged"))
        if len(policy.rules) > _MOST_RULES:
            found.append(Violation.of(at, len(policy.rules), f"give at most {_MOST_RULES} rules"))
        for place, rule in enumerate(policy.rules):
            if rule.when:
                try:
                    condition(rule.when)
                except RuleRefused as refused:
                    found += [fault.violation(f"{at}[{place}].when") for fault in refused.faults]
    if found:
        raise InvalidRequest(found)


def evaluated_in_worker(url: str, body: bytes) -> bytes:
    """`evaluating_worker.evaluated`; numpy is imported there and never by the process that decides."""
    from fieldwise_recommend.evaluating_worker import evaluated

    return evaluated(url, body)
