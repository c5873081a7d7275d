"""Random lists of events of one customer, hard on a fold: bursts, doubles, ties, lateness up to a year; seeded."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fieldwise_profile.core.event import DAY, HOUR, Happening

START = 20_000 * DAY
SPAN = 400 * DAY
SECOND = 1_000_000
CATEGORIES = ["CHEESE", "BEER", "unknown", "日用品", "a b", ""]
TARGETS = ["buy", "photo", "x|y"]
WORDS = ["cheese", "blau", "käse", "奶酪"]


@dataclass
class Histories:
    """Draws events one after the other."""

    chance: random.Random

    def some(self, most: int) -> list[Happening]:
        found: list[Happening] = []
        while len(found) < most:
            found += self._stretch()
        return found[: self.chance.randint(0, most)]

    def _stretch(self) -> list[Happening]:
        """Events at one time, as people and programs make them."""
        chance = self.chance
        time = START + chance.randrange(SPAN)
        if chance.random() < 0.3:
            time = time // HOUR * HOUR  # the edge of an hour, and often of a day
        if chance.random() < 0.1:
            time = time // DAY * DAY
        style = chance.random()
        if style < 0.5:
            return [self._event(time)]
        count = chance.choice([2, 3, 7, 8, 12])
        gap = chance.choice([0, SECOND // 3, SECOND - 1, SECOND, 2 * SECOND, 30 * SECOND])
        looked = self._browsing(time)
        return [
            (looked if style < 0.7 else self._browsing(time))._replace(
                event_time=(moment := time + n * gap + chance.choice([0, 0, 1, 40_000])),
                known_at=moment + self._late(),
            )
            for n in range(count)
        ]

    def _late(self) -> int:
        return self.chance.choice([0, 0, 0, HOUR, 30 * DAY, 365 * DAY])

    def _event(self, time: int) -> Happening:
        kind = self.chance.choice([1, 1, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18])
        if kind in (6, 7, 8):
            return self._browsing(time)
        return Happening(time, time + self._late(), kind, None, None, None)._replace(**self._rest(kind))

    def _browsing(self, time: int) -> Happening:
        chance = self.chance
        kind = chance.choice([6, 6, 7, 8])
        return Happening(
            time,
            time + self._late(),
            kind,
            chance.choice(CATEGORIES) or None,
            None,
            None,
            product=chance.choice([None, "p1", "p2"]),
            channel=chance.choice(["web", "app"]),
            target=chance.choice(TARGETS) if kind == 7 else None,
            measure=chance.choice([None, 0, 299, 300, 20_000, 80_000_000]) if kind != 7 else None,
            flags=chance.choice([None, None, None, 1]) if kind != 8 else None,
            personal=self._query() if kind == 8 else None,
        )

    def _query(self) -> bytes:
        words = self.chance.sample(WORDS, self.chance.randint(1, 2))
        return json.dumps({"query": " ".join(words)}).encode()

    def _rest(self, kind: int) -> dict[str, Any]:
        chance = self.chance
        rests: dict[int, Callable[[], dict[str, Any]]] = {
            1: lambda: {
                "category": chance.choice(CATEGORIES) or "unknown",
                "amount": chance.randrange(10**9),
                "discount": chance.randrange(10**8),
            },
            4: lambda: {"channel": chance.choice(["call", "email", "mail"])},
            5: lambda: {"outcome": chance.randint(1, 5)},
            9: lambda: {
                "stage": chance.randint(1, 3),
                "channel": chance.choice(["email", "sms"]),
                "target": chance.choice([None, "m1"]),
            },
            12: lambda: {"channel": chance.choice([None, "app"])},
            13: lambda: {"measure": chance.randint(1, 5)},
            14: lambda: {"target": chance.choice(["c1", "c2"]), "flags": chance.choice([None, 4])},
            15: lambda: {"stage": chance.randint(1, 2), "measure": chance.randint(0, 10)},
            16: lambda: {"target": "eventSchemas/booking", "stage": 1},
            17: lambda: {"details": self._facts()},
            18: lambda: {
                "target": chance.choice([None, "decision", "training"]),
                "channel": chance.choice([None, "email", "all"]),
                "flags": chance.choice([None, 8]),
            },
        }
        return rests[kind]() if kind in rests else {}

    def _facts(self) -> str:
        facts: dict[str, object] = {"birth": [5, self.chance.randint(1, 3), 1985]}
        if self.chance.random() < 0.5:
            facts["gender"] = self.chance.choice(["f", "m"])
        return json.dumps(facts)


def history(seed: int, most: int = 60) -> list[Happening]:
    """The list of a seed."""
    return Histories(random.Random(seed)).some(most)
