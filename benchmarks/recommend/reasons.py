"""Reasons as a reader gets them: how many, how long in each language, and whether the money account beside them adds up.

Protocol, fixed beforehand. Decisions for customers of every kind with the shipped catalogue over the socket of the service; what is counted is read through
the client, whose words are the ones that apps show. The prediction's account is forecast's and is checked there.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from benchmarks.recommend import shop
from benchmarks.report import Row
from fieldwise_client.decision import Decision, Verdict, decision_of
from fieldwise_client.wording.table import LANGUAGES

SEED: Final = 20_261_163


def rows(*, quick: bool = False) -> Iterator[Row]:
    made = _decisions(1_000 if quick else 10_000)
    acting = [each for each in made if each.verdict is Verdict.ACT]
    shown = [ranked for each in made for ranked in each.actions]
    three = sum(len(each.reasons) >= 3 for each in acting)
    yield Row("decisions to act", len(acting), "count")
    yield Row("decisions to act with three reasons or more", 100 * three / len(acting), "%", "must", ">= 95")
    yield Row("decisions without a reason", sum(not each.reasons for each in made), "count", "must", "<= 0")
    wrong = sum(ranked.money.value != ranked.value for ranked in shown)
    yield Row("money accounts that miss their value by a micro", wrong, "count", "must", "<= 0")
    for language in LANGUAGES:
        texts = [reason.text(language) for ranked in shown for reason in ranked.reasons]
        yield Row(f"longest reason, {language}", max(map(len, texts)), "characters", "must", "<= 140")
        codes = sum(
            reason.code in text
            for text, reason in zip(texts, (r for a in shown for r in a.reasons), strict=True)
        )
        yield Row(f"reasons without words, {language}", codes, "count", "must", "<= 0")


def _decisions(count: int) -> list[Decision]:
    chance = random.Random(SEED)
    with shop.serving() as service, service.stub() as stub:
        made = shop.decided(stub, chance, count, 100, lambda: shop.prices(chance))
    return [decision_of(each) for each in made]
