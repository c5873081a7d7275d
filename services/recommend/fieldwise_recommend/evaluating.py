"""Valuing policies by what was recorded, in worker processes; knows no statistics and no server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fieldwise.recommend.v1 import policy_pb2
from fieldwise.recommend.v1 import policy_service_pb2 as wire
from fieldwise_executor.executor import Executor
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.core.offpolicy.steps import condition
from fieldwise_recommend.store.policies import PolicyStore
from fieldwise_recommend.training import kept_version
from fieldwise_rules.faults import RuleRefused
from fieldwise_runtime.errors import InvalidRequest, Violation
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

_SECONDS: Final = 600.0
_MOST_RULES: Final = 20
_MILLION: Final = 1_000_000


class Evaluating:
    """Values policies.

    Args:
        url: Where a worker process finds the database.
    """

    def __init__(self, store: PolicyStore, executor: Executor, in_force: InForce, url: str) -> None:
        self._store = store
        self._executor = executor
        self._in_force = in_force
        self._url = url

    async def evaluate(self, request: wire.EvaluatePolicyRequest) -> wire.EvaluatePolicyResponse:
        """What the decisions of a period say of policies.

        Raises:
            InvalidRequest: With every fault: a rule that is none, rules beside as_logged, a period that ends before it starts.
            NotFound: Reason POLICY_VERSION_NOT_FOUND.
            FailedPrecondition: Reason NO_EXPERIENCE.
        """
        check(request)
        versions = {each.version for each in request.policies if each.version}
        learned = {name: await self._learned(name) for name in sorted(versions)}
        catalogue = self._in_force.catalogue
        costs = {each.name: each.cost / _MILLION for each in catalogue.actions}
        body = await self._executor.run(
            evaluated_in_worker,
            self._url,
            request.SerializeToString(),
            learned,
            costs,
            catalogue.default_margin,
            timeout=_SECONDS,
        )
        answer = wire.EvaluatePolicyResponse.FromString(body)
        log.info("policies evaluated", policies=len(answer.evaluations), decisions=answer.decisions)
        return answer

    async def _learned(self, name: str) -> tuple[str, int]:
        """The table of a version, as it is stored, and when it was learned."""
        kept = await kept_version(self._store, name)
        version = policy_pb2.PolicyVersion.FromString(kept.body)
        return kept.effects, version.create_time.ToMicroseconds()


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
        if policy.version and (policy.as_logged or policy.rules):
            remedy = "leave it out, or the rules and as_logged"
            found.append(Violation.of(f"policies[{number}].version", policy.version, remedy))
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


def evaluated_in_worker(
    url: str,
    body: bytes,
    learned: Mapping[str, tuple[str, int]],
    costs: Mapping[str, float],
    margin: float,
) -> bytes:
    """`evaluating_worker.evaluated`; numpy is imported there and never by the process that decides."""
    from fieldwise_recommend.evaluating_worker import Learned, evaluated

    return evaluated(url, body, {name: Learned(*each) for name, each in learned.items()}, costs, margin)
