"""All customers with what profile, forecast and allocation say of them, in chunks: what plans and prices start from.

Unlike a decision, a plan or a price never rests on something that stood in: a service that does not answer is an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.profile.v1 import consent_pb2, profile_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.type.v1 import features_pb2
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.core.questions import QUESTIONS

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some customers: profiles, scores and reps in the same order."""

    feature_set: features_pb2.FeatureSet
    profiles: list[profile_pb2.Profile]
    scores: forecast_pb.ScoreCustomersResponse
    reps: list[str]


async def census(backends: Backends, now: datetime) -> AsyncIterator[Chunk]:
    """Every known customer at ``now``, by name. The next chunk is read while the caller works on one.

    Raises:
        RpcError: A service did not answer.
    """
    moment = Timestamp()
    moment.FromDatetime(now)
    reading: asyncio.Task[Chunk] | None = None
    try:
        async for names in _names(backends):
            earlier, reading = reading, asyncio.create_task(_chunk(backends, names, moment))
            if earlier is not None:
                yield await earlier
        if reading is not None:
            yield await reading
    finally:
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _names(backends: Backends) -> AsyncIterator[list[str]]:
    token = ""
    while True:
        page = await backends.profile.ListCustomers(
            profile_pb.ListCustomersRequest(
                page_size=CHUNK, page_token=token, purpose=consent_pb2.PURPOSE_PLANNING
            )
        )
        if page.names:
            yield list(page.names)
        token = page.next_page_token
        if not token:
            return


async def _chunk(backends: Backends, names: list[str], moment: Timestamp) -> Chunk:
    read = await backends.profile.BatchGetProfiles(
        profile_pb.BatchGetProfilesRequest(names=names, as_of=moment, purpose=consent_pb2.PURPOSE_PLANNING)
    )
    # Who does not allow to be planned for is in no plan, and no price rests on him.
    profiles = [profile for profile in read.profiles if not profile.withheld]
    if not profiles:
        return Chunk(read.feature_set, [], forecast_pb.ScoreCustomersResponse(), [])
    known = [profile.name for profile in profiles]
    features = [forecast_pb.CustomerFeatures(customer=p.name, features=p.features) for p in profiles]
    scores = await backends.forecast.ScoreCustomers(
        forecast_pb.ScoreCustomersRequest(decision_time=moment, customers=features, questions=QUESTIONS)
    )
    terms = await backends.allocation.LookUpTerms(
        allocation_pb.LookUpTermsRequest(customers=known, decision_time=moment)
    )
    return Chunk(read.feature_set, profiles, scores, list(terms.reps))
