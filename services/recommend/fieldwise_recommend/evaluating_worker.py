"""Valuing policies inside a worker process: reads the database, computes, and gives the message; knows no server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from fieldwise.recommend.v1 import policy_pb2, policy_service_pb2
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.offpolicy.estimators import METHODS
from fieldwise_recommend.core.offpolicy.evaluation import REFUSED, Evaluation, Evaluator, Limits
from fieldwise_recommend.core.offpolicy.intervals import Estimate
from fieldwise_recommend.core.offpolicy.logged import MONEY, PURCHASE, Logged, logged
from fieldwise_recommend.core.offpolicy.policies import Followed, followed, followed_table
from fieldwise_recommend.core.offpolicy.steps import Step, condition
from fieldwise_recommend.core.policy_learning.effect_table import read
from fieldwise_recommend.experience_reading import connected, read_experience, through
from fieldwise_runtime.errors import FailedPrecondition

NEVER_OPEN: Final = "NEVER_OPEN"
LEARNED_FROM: Final = "LEARNED_FROM"
_CONFIDENCE: Final = 0.95


class Learned(NamedTuple):
    """A learned version: its table as it is stored, and when it was learned, in microseconds."""

    table: str
    moment: int


def evaluated(
    url: str,
    body: bytes,
    learned: Mapping[str, Learned] | None = None,
    costs: Mapping[str, float] | None = None,
    margin: float = 1.0,
) -> bytes:
    """EvaluatePolicyResponse of an EvaluatePolicyRequest.

    Args:
        learned: The versions that are asked for, by name.
        costs: Of the actions of today's catalogue, in currency units.
        margin: Share of money that is margin.
    Raises:
        FailedPrecondition: Reason NO_EXPERIENCE.
    """
    begun = time.process_time()
    request = policy_service_pb2.EvaluatePolicyRequest.FromString(body)
    with connected(url) as connection:
        is_ended = request.HasField("end_time")
        end = request.end_time.ToMicroseconds() if is_ended else through(request.decision_time)
        experience = read_experience(connection, request.start_time.ToMicroseconds(), end)
    bought = request.reward == policy_pb2.POLICY_REWARD_BOUGHT
    known = logged(experience, PURCHASE if bought else MONEY)
    if known.learnable is None:
        raise _nothing(known)
    choices, menu = known.learnable
    limits = Limits(confidence=request.confidence if request.HasField("confidence") else _CONFIDENCE)
    evaluator = Evaluator(choices, limits)
    answer = policy_service_pb2.EvaluatePolicyResponse(
        decisions=len(experience),
        controlled=known.controlled,
        deterministic=known.deterministic,
        unmeasured=known.unmeasured,
    )
    earliest = int(experience.time.min())
    for policy in request.policies or usual(menu.actions):
        version = (learned or {})[policy.version] if policy.version else None
        if version is not None:
            as_followed = followed_table(read(version.table), costs or {}, margin, menu)
        elif policy.as_logged:
            as_followed = Followed(choices.logged, 0.0, False)
        else:
            as_followed = followed(_steps(policy), menu)
        found = evaluator.evaluate(as_followed.target)
        seen = version is not None and earliest < version.moment
        answer.logged.CopyFrom(_estimate("", found.logged))
        answer.evaluations.append(_message(title_of(policy), found, as_followed, seen))
    answer.cpu_seconds = time.process_time() - begun
    return answer.SerializeToString()


def usual(actions: Sequence[str]) -> Iterator[policy_pb2.PolicyToEvaluate]:
    """The logged policy, leaving everybody alone, and each action for everybody."""
    yield policy_pb2.PolicyToEvaluate(as_logged=True)
    yield policy_pb2.PolicyToEvaluate()
    for action in sorted(actions):
        if action != LEAVE_ALONE:
            yield policy_pb2.PolicyToEvaluate(rules=[policy_pb2.PolicyRule(action=action)])


def title_of(policy: policy_pb2.PolicyToEvaluate) -> str:
    """What the policy is called where nobody named it."""
    if policy.title:
        return policy.title
    if policy.version:
        return policy.version
    if policy.as_logged:
        return "as logged"
    steps = [f"{rule.action} if {rule.when}" if rule.when else rule.action for rule in policy.rules]
    return "; ".join(steps) or LEAVE_ALONE


def _steps(policy: policy_pb2.PolicyToEvaluate) -> list[Step]:
    return [Step(rule.action, condition(rule.when) if rule.when else None) for rule in policy.rules]


def _message(title: str, found: Evaluation, as_followed: Followed, seen: bool) -> policy_pb2.PolicyEvaluation:
    """``seen``: the policy was learned from some of these decisions."""
    own = {NEVER_OPEN: as_followed.never_open, LEARNED_FROM: seen}
    refusals = [*found.refusals, *(reason for reason, holds in own.items() if holds)]
    verdict = REFUSED if refusals else found.verdict
    behind = found.support
    return policy_pb2.PolicyEvaluation(
        title=title,
        estimates=[_estimate(method, found.estimates[method]) for method in METHODS],
        gain=_estimate("DR", found.gain),
        support=policy_pb2.PolicySupport(
            rows=behind.rows,
            effective_rows=behind.effective_rows,
            largest_weight=behind.largest_weight,
            heaviest_share=behind.heaviest_share,
            not_open=as_followed.not_open,
            beyond=behind.beyond,
        ),
        verdict=policy_pb2.PolicyVerdict.Value(f"POLICY_VERDICT_{verdict}"),
        refusals=refusals,
    )


def _estimate(method: str, found: Estimate) -> policy_pb2.PolicyEstimate:
    return policy_pb2.PolicyEstimate(
        method=method,
        value=found.value,
        standard_error=found.standard_error,
        low=found.low,
        high=found.high,
    )


def _nothing(known: Logged) -> FailedPrecondition:
    message = (
        f"no decision of the period can be learned from: {known.controlled} are of the control group, "
        f"{known.deterministic} had no chance in them, of {known.unmeasured} the result is not known yet; "
        "give a longer period, raise FIELDWISE_RECOMMEND_EXPLORATION, or wait until results are measured"
    )
    return FailedPrecondition("NO_EXPERIENCE", message)
