"""Requests about what is bought together. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable

from fieldwise.recommend.v1 import pair_service_pb2 as wire
from fieldwise_client.recommend_requests import of_recommend

LEARN_PAIRS = of_recommend("PairService", "LearnPairRules", wire.LearnPairRulesResponse)
LIST_PAIRS = of_recommend("PairService", "ListPairRules", wire.ListPairRulesResponse)
LEARN_SECONDS = 300.0


def learn_pairs(bought: Iterable[tuple[str, int, str]], window_days: int) -> wire.LearnPairRulesRequest:
    """Of (customer, day, thing): customers become numbers, their names are not sent."""
    request = wire.LearnPairRulesRequest(window_days=window_days)
    customers: dict[str, int] = {}
    words: dict[str, int] = {}
    for customer, day, thing in bought:
        request.customer.append(customers.setdefault(customer, len(customers)))
        request.day.append(day)
        request.word.append(words.setdefault(thing, len(words)))
    request.words.extend(words)
    return request
