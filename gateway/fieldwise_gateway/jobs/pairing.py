"""learn-pairs, learn-next and learn-answers: what recommend learns for its decisions, of purchases of the last year without names, and of its own
contacts. Knows no statistics and no schedule.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import answer_service_pb2 as answer_wire
from fieldwise.recommend.v1 import next_purchase_service_pb2 as next_wire
from fieldwise.recommend.v1 import pair_service_pb2 as wire
from fieldwise.recommend.v1.answer_service_pb2_grpc import AnswerServiceStub
from fieldwise.recommend.v1.next_purchase_service_pb2_grpc import NextPurchaseServiceStub
from fieldwise.recommend.v1.pair_service_pb2_grpc import PairServiceStub
from fieldwise_gateway.backends import Backends

_HISTORY: Final = timedelta(days=365)
_READ_SECONDS: Final = 600.0
_LEARN_SECONDS: Final = 300.0
_DAY: Final = 86_400_000_000
# Of each row some nine bytes are sent, in one message of 64 megabytes at most. Rules are everybody's: more rows change them little.
_MOST_ROWS: Final = 4_000_000


async def learn_pairs(backends: Backends, now: datetime) -> tuple[str, list[str]]:
    """What is bought together on a day, by category.

    Raises:
        RpcError: A service did not answer, or there are no purchases with a category.
    """
    request = wire.LearnPairRulesRequest()
    await _read(backends, now, request)
    stub = PairServiceStub(backends.recommend_channel)
    learned = await stub.LearnPairRules(request, timeout=_LEARN_SECONDS)
    return f"learned {learned.rules} pair rules from {learned.baskets} baskets", []


async def learn_next(backends: Backends, now: datetime) -> tuple[str, list[str]]:
    """How likely customers are to buy each category next.

    Raises:
        RpcError: A service did not answer, or there is too little history.
    """
    request = next_wire.LearnNextPurchasesRequest()
    await _read(backends, now, request)
    stub = NextPurchaseServiceStub(backends.recommend_channel)
    learned = (await stub.LearnNextPurchases(request, timeout=_LEARN_SECONDS)).tables
    return f"learned next purchases of {learned.things} things from {learned.customers} customers", []


async def learn_answers(backends: Backends, now: datetime) -> tuple[str, list[str]]:
    """When contacts were answered, and how many coupons came back.

    Raises:
        RpcError: Recommend did not answer.
    """
    request = answer_wire.LearnAnswersRequest()
    request.decision_time.FromDatetime(now)
    counted = await AnswerServiceStub(backends.recommend_channel).LearnAnswers(
        request, timeout=_LEARN_SECONDS
    )
    contacts = sum(each.contacts for each in counted.counts)
    coupons = sum(each.sent for each in counted.coupons)
    return f"counted {contacts} contacts and {coupons} coupons", []


async def _read(
    backends: Backends,
    now: datetime,
    request: wire.LearnPairRulesRequest | next_wire.LearnNextPurchasesRequest,
) -> None:
    """Fills the request with the purchases of the last year."""
    asked = profile_pb.StreamBehaviourRequest(kinds=["purchase"], purpose=consent_pb2.PURPOSE_TRAINING)
    asked.as_of.FromDatetime(now)
    asked.start.FromDatetime(now - _HISTORY)
    request.decision_time.FromDatetime(now)
    places: dict[str, int] = {}
    customers = 0
    async for part in backends.profile.StreamBehaviour(asked, timeout=_READ_SECONDS):
        if len(request.word) < _MOST_ROWS:
            _add(request, part, places, customers)
        customers += len(part.names)
    request.words.extend(places or [""])


def _add(
    request: wire.LearnPairRulesRequest | next_wire.LearnNextPurchasesRequest,
    part: profile_pb.StreamBehaviourResponse,
    places: dict[str, int],
    customers: int,
) -> None:
    """A category that a customer buys twice on a day is sent once; purchases without one are left out."""
    here = [places.setdefault(word, len(places)) if word else -1 for word in part.words]
    rows = {
        (customer, time // _DAY, here[category])
        for customer, time, category in zip(part.customer, part.time_micros, part.category, strict=True)
        if here[category] >= 0
    }
    for customer, day, word in sorted(rows):
        request.customer.append(customers + customer)
        request.day.append(day)
        request.word.append(word)
