"""Learning what is bought next inside a worker process; knows no server and no database."""

from __future__ import annotations

from typing import Final

import numpy as np

from fieldwise.recommend.v1 import next_purchase_service_pb2 as wire
from fieldwise_recommend.core.next_purchase.history import history_of
from fieldwise_recommend.core.next_purchase.shortlist_learning import TooLittleHistoryError, learn
from fieldwise_recommend.store.next import Learned

# Tables of customers by things stay below a hundred megabytes each; weights of thirty inputs want no more.
_MOST_CUSTOMERS: Final = 10_000
_MOST_THINGS: Final = 1_000
_DAY: Final = 86_400


def learned(body: bytes) -> Learned | None:
    """The tables of a LearnNextPurchasesRequest; None where there is too little to learn from."""
    request = wire.LearnNextPurchasesRequest.FromString(body)
    customer, day = np.array(request.customer, np.int64), np.array(request.day, np.int64)
    word = np.array(request.word, np.int64)
    sold = np.bincount(word, minlength=len(request.words))
    kept = np.sort(np.argsort(-sold, kind="stable")[:_MOST_THINGS])
    kept = kept[sold[kept] > 0]
    place = np.full(len(request.words), -1, np.int64)
    place[kept] = np.arange(len(kept))
    # One of so many customers, as they come: their order says nothing of what they buy.
    stride = int(customer.max()) // _MOST_CUSTOMERS + 1
    mine = (customer % stride == 0) & (place[word] >= 0)
    code = customer[mine] // stride
    if not len(code):
        return None
    customers = int(code.max()) + 1
    history = history_of(
        code, place[word[mine]], day[mine], customers=customers, group=np.zeros(len(kept), np.int64)
    )
    words = tuple(request.words[number] for number in kept)
    try:
        tables, repeat, discovery = learn(history, words, request.decision_time.seconds // _DAY)
    except TooLittleHistoryError:
        return None
    return Learned(tables, customers, (*repeat, *discovery))
