"""Parts of an answer: where each came from, and what stood in for a service that did not answer."""

from __future__ import annotations

from datetime import datetime

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.forecast.v1 import score_pb2
from fieldwise.profile.v1 import profile_pb2
from fieldwise.type.v1 import provenance_pb2 as provenance

# The codes after which another service's answer can be stood in for. Others are faults of ours and are logged as such.
OUTAGES = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


def why(error: grpc.aio.AioRpcError) -> str:
    """One sentence on a call that failed, for a person; holds no customer's data."""
    if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return "did not answer in time"
    if error.code() == grpc.StatusCode.UNAVAILABLE:
        return "not reachable"
    return f"answered {error.code().name}"


def of_profile(profile: profile_pb2.Profile, now: datetime) -> provenance.Part:
    """The part of a profile that was just read; one that is withheld tells no more than nothing would."""
    if profile.withheld:
        return cold_start(
            "consent withheld: the customer has not allowed this use; rules and priors stood in"
        )
    part = provenance.Part(
        name="profile",
        state=provenance.PART_STATE_FRESH,
        version=str(profile.event_count),
        as_of=profile.fresh_at,
    )
    part.age.FromMicroseconds(_age(profile.fresh_at, now))
    return part


def aged(part: provenance.Part, moment: int) -> provenance.Part:
    """A part that is held, with its age at a business time in microseconds."""
    own = provenance.Part()
    own.CopyFrom(part)
    if part.HasField("as_of"):
        own.age.FromMicroseconds(max(0, moment - part.as_of.ToMicroseconds()))
    return own


def of_snapshot(profile: profile_pb2.Profile, now: datetime, detail: str) -> provenance.Part:
    """The part of a profile that was read for an earlier call and stands in."""
    part = of_profile(profile, now)
    if profile.withheld:
        return part
    part.state, part.detail = provenance.PART_STATE_SNAPSHOT, f"profile {detail}; its last snapshot stood in"
    return part


def cold_start(detail: str) -> provenance.Part:
    """Nothing is known of the customer."""
    return provenance.Part(name="profile", state=provenance.PART_STATE_COLD_START, detail=detail)


def priors(detail: str) -> provenance.Part:
    """No model answered."""
    return provenance.Part(
        name="forecast", state=provenance.PART_STATE_PRIOR, detail=f"forecast {detail}; priors stood in"
    )


def of_scores(scores: score_pb2.CustomerScores | None, part: provenance.Part) -> provenance.Part:
    """The part of one customer's scores, ``part`` being that of the models that answered the call.

    A model may answer and still have nothing to say of a customer; each prediction that is a base rate names no version.
    """
    if scores is None or any(each.model_version for each in scores.predictions):
        return part
    own = provenance.Part()
    own.CopyFrom(part)
    own.state = provenance.PART_STATE_PRIOR
    own.detail = part.detail or "nothing is known of the customer to score; base rates stood in"
    return own


def last_terms(
    terms: allocation_pb.LookUpTermsResponse | None, now: datetime, detail: str
) -> provenance.Part:
    """Allocation did not answer; the last valid prices stand in where there are any."""
    part = provenance.Part(name="allocation", state=provenance.PART_STATE_MISSING)
    part.detail = f"allocation {detail}; there were no earlier prices to stand in"
    if terms is not None and terms.HasField("price_set"):
        part.state, part.version = provenance.PART_STATE_LAST_VALID, terms.price_set.name
        part.detail = f"allocation {detail}; the last valid prices stood in"
        part.as_of.CopyFrom(terms.price_set.valid_from)
        part.age.FromMicroseconds(_age(terms.price_set.valid_from, now))
    return part


def missing_recommend(detail: str) -> provenance.Part:
    """Recommend did not answer; nothing can stand in."""
    return provenance.Part(
        name="recommend", state=provenance.PART_STATE_MISSING, detail=f"recommend {detail}"
    )


def is_degraded(part: provenance.Part) -> bool:
    """Whether something stood in, or is missing."""
    return part.state != provenance.PART_STATE_FRESH


def _age(as_of: Timestamp, now: datetime) -> int:
    micros = round(now.timestamp() * 1e6) - as_of.ToMicroseconds()
    return max(0, micros)
