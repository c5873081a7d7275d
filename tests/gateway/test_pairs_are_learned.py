"""learn-pairs and learn-next hand purchases to recommend: each category of a customer and day once, no name, none without a category."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc.aio

from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.profile.v1 import profile_service_pb2_grpc as profile_grpc
from fieldwise.recommend.v1 import next_purchase_service_pb2 as next_wire
from fieldwise.recommend.v1 import next_purchase_service_pb2_grpc as next_grpc
from fieldwise.recommend.v1 import pair_service_pb2 as wire
from fieldwise.recommend.v1 import pair_service_pb2_grpc as pair_grpc
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.jobs.pairing import learn_next, learn_pairs

NOW = datetime(2017, 12, 1, tzinfo=UTC)
DAY = 86_400_000_000


@dataclass
class Purchases(profile_grpc.ProfileServiceServicer):
    """Profile with two parts, each with customers and words of its own."""

    asked: list[profile_pb.StreamBehaviourRequest] = field(default_factory=list)

    async def StreamBehaviour(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.asked.append(request)
        for name, words in (("customers/a", ["", "BEER", "NUTS"]), ("customers/b", ["", "NUTS"])):
            last = len(words) - 1
            yield profile_pb.StreamBehaviourResponse(
                names=[name],
                words=words,
                customer=[0, 0, 0, 0],
                time_micros=[5 * DAY, 5 * DAY + 1, 5 * DAY + 2, 7 * DAY],
                category=[last, last, 0, 1],
            )


@dataclass
class Rules(pair_grpc.PairServiceServicer):
    """Recommend that remembers what it was told."""

    told: list[wire.LearnPairRulesRequest] = field(default_factory=list)

    async def LearnPairRules(self, request: Any, context: Any) -> Any:
        self.told.append(request)
        return wire.LearnPairRulesResponse(rules=2, baskets=4)


@dataclass
class Tables(next_grpc.NextPurchaseServiceServicer):
    """Recommend that remembers what it was told of next purchases."""

    told: list[next_wire.LearnNextPurchasesRequest] = field(default_factory=list)

    async def LearnNextPurchases(self, request: Any, context: Any) -> Any:
        self.told.append(request)
        tables = next_wire.NextPurchaseTables(things=2, customers=2)
        return next_wire.LearnNextPurchasesResponse(tables=tables)


async def test_each_category_of_a_customer_and_day_is_told_once_and_without_his_name() -> None:
    profile, recommend, tables = Purchases(), Rules(), Tables()  # type: ignore[abstract]  # they have the methods that the jobs reach
    server = grpc.aio.server()
    profile_grpc.add_ProfileServiceServicer_to_server(profile, server)
    pair_grpc.add_PairServiceServicer_to_server(recommend, server)
    next_grpc.add_NextPurchaseServiceServicer_to_server(tables, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    backends = Backends.connect(address, address, address, address)
    try:
        told, made = await learn_pairs(backends, NOW)
        told_next, _ = await learn_next(backends, NOW)
    finally:
        for channel in backends.channels:
            await channel.close()
        await server.stop(None)
    assert (told, made) == ("learned 2 pair rules from 4 baskets", [])
    assert told_next == "learned next purchases of 2 things from 2 customers"
    assert tables.told[0].SerializeToString() == recommend.told[0].SerializeToString()
    assert list(profile.asked[0].kinds) == ["purchase"]
    request = recommend.told[0]
    rows = {
        (customer, day, request.words[word])
        for customer, day, word in zip(request.customer, request.day, request.word, strict=True)
    }
    assert rows == {(0, 5, "NUTS"), (0, 7, "BEER"), (1, 5, "NUTS"), (1, 7, "NUTS")}
    assert len(request.word) == len(rows)
    assert b"customers/" not in request.SerializeToString()
