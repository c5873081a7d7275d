"""Finding what is bought together inside a worker process; knows no server and no database."""

from __future__ import annotations

import numpy as np

from fieldwise.recommend.v1 import pair_service_pb2 as wire
from fieldwise_recommend.core.pair_rules.book import Rule
from fieldwise_recommend.core.pair_rules.counting import windows
from fieldwise_recommend.core.pair_rules.rules import Terms, mined, rules_of

# As many as a process that decides keeps in memory: some ten megabytes.
_MOST_PAIRS = 20_000


def found(body: bytes) -> tuple[list[Rule], int, int]:
    """Rules of a LearnPairRulesRequest, how many baskets and how many tests there were."""
    request = wire.LearnPairRulesRequest.FromString(body)
    customer, day = np.array(request.customer, np.int64), np.array(request.day, np.int64)
    pairs = mined(windows(customer, day, request.window_days or 1), np.array(request.word, np.int64), Terms())
    rules = list(rules_of(pairs, list(request.words)))
    return rules[: 2 * _MOST_PAIRS], pairs.baskets, pairs.tests
