"""Who uses a coupon of a campaign, Complete Journey: trained on the campaigns that began by August, asked of those after.

Fixed before tuning (as in the reference figures): 3,927 rows of 17 campaigns to train, 2,662 rows of 10 campaigns to test, facts from before
each campaign's start only. Settings were chosen on the training campaigns alone, the last three of them left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import numpy as np
from scipy.stats import rankdata

from benchmarks.recommend.coupon_data import FACTS, sent
from benchmarks.report import Row
from fieldwise_recommend.core.arrays import Floats
from fieldwise_recommend.core.logistic import probability
from fieldwise_recommend.core.uplift.redemption import boosted, logistic, redemption

_TRAINED_ON: Final = 3927
_TOP: Final = 0.2


def rows(*, quick: bool) -> Iterator[Row]:  # noqa: ARG001  # the same in a quick run: it takes seconds
    """AUC beside rivals, and what a fifth of the letters would catch."""
    data = sent()
    facts, used = data.facts[:_TRAINED_ON], data.redeemed[:_TRAINED_ON]
    asked, came = data.facts[_TRAINED_ON:], data.redeemed[_TRAINED_ON:]
    begun = time.process_time()
    odds = redemption(facts, used)(asked)
    seconds = time.process_time() - begun
    peers = {
        "logit": logistic(facts, used)(asked),
        "XGBoost": boosted(facts, used)(asked),
        "redemptions before": asked[:, FACTS.index("redemptions before, a campaign")],
        "spend": asked[:, FACTS.index("log spend in 84 days")],
    }
    ours = _auc(came, odds)
    yield Row("coupon used, AUC", ours, "AUC", "must", ">= 0.82")
    yield Row("coupon used, AUC, stretch", ours, "AUC", "stretch", ">= 0.835")
    for name, said in peers.items():
        yield Row(f"coupon used, AUC of {name}", _auc(came, said), "AUC", "info", "", "both together", ours)
    top = np.argsort(-odds)[: round(_TOP * len(odds))]
    yield Row("used coupons among the likeliest fifth", 100.0 * float(came[top].sum() / came.sum()), "%")
    yield Row(
        "share that uses one, as foretold",
        100.0 * float(probability(odds).mean()),
        "%",
        "info",
        "",
        "came",
        100.0 * float(came.mean()),
    )
    yield Row("CPU seconds of training and asking", seconds, "s")


def _auc(came: Floats, said: Floats) -> float:
    ranks = rankdata(said)
    yes = float(came.sum())
    return float((ranks[came > 0].sum() - yes * (yes + 1.0) / 2.0) / (yes * (len(came) - yes)))
