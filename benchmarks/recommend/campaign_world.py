"""A shop's customers over sixteen weeks of mails and calls, who tire, answer and opt out; knows no policy.

Fixed before any policy was tuned. In the form of a gymnasium environment, for many customers at once, without the dependency:
``reset`` gives what is seen, ``step`` takes an action for each and gives what is seen, the profit, and who is still reachable.

- Each world draws what mails and calls bring, how fast customers tire and rest, how soon they opt out and what contacts cost.
- 12 % of the customers on average are responders, as many as redeem a coupon in Complete Journey; a noisy score of it is seen. The lift
  of a first mail is .077 for them on average, the effect of the men's mail in the e-mail trial; others answer a quarter of that.
- Weariness is the sum of past contacts, fading by a rate of the world. It takes from the lift, from buying itself, and makes
  opting out likelier with its square. Who opts out cannot be reached again and buys less.
- A mail does more for those who have not bought for weeks. Chance is drawn for each customer and week, not for each policy: two
  policies are compared on the same luck.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints

WEEKS: Final = 16
NOTHING, MAIL, CALL = 0, 1, 2
ACTIONS: Final = 3
_RESPONDERS: Final = 0.12
_FIRST_LIFT: Final = 0.077


@dataclass(frozen=True)
class Nature:
    """What is true of a world and seen by nobody."""

    lift: float
    call_lift: float
    others: float
    responders: float
    tiring: float
    rest: float
    annoyance: float
    opting_out: float
    loss: float
    idle_boost: float
    mail_cost: float
    call_cost: float

    @classmethod
    def of(cls, seed: int) -> Nature:
        draw = np.random.default_rng((61, seed))
        return cls(
            lift=_FIRST_LIFT * draw.uniform(0.6, 1.6),
            call_lift=draw.uniform(0.1, 0.3),
            others=draw.uniform(0.1, 0.4),
            responders=_RESPONDERS * draw.uniform(0.7, 2.5),
            tiring=draw.uniform(0.3, 0.9),
            rest=draw.uniform(0.5, 0.85),
            annoyance=draw.uniform(0.0, 0.03),
            opting_out=draw.uniform(0.0004, 0.002),
            loss=draw.uniform(0.2, 0.5),
            idle_boost=draw.uniform(0.0, 0.15),
            mail_cost=draw.uniform(0.05, 0.25),
            call_cost=draw.uniform(3.0, 6.0),
        )

    @property
    def costs(self) -> tuple[float, float, float]:
        """Of each action, known to everybody."""
        return 0.0, self.mail_cost, self.call_cost


@dataclass(frozen=True)
class Seen:
    """What is seen of the customers in a week.

    Args:
        traits: Usual weekly rate of buying, and the noisy score of a responder, shape (n, 2).
        worth: Profit of one purchase, shape (n,).
        idle: Weeks since the last purchase, shape (n,).
        contacts: The actions of the last eight weeks, newest first, shape (n, 8).
        reachable: Has not opted out, shape (n,).
    """

    week: int
    traits: Floats
    worth: Floats
    idle: Ints
    contacts: Ints
    reachable: Bools


class Campaign:
    """Customers of one world."""

    def __init__(self, nature: Nature) -> None:
        self.nature = nature

    def reset(self, customers: int, seed: int) -> Seen:
        """New customers before the first week."""
        draw = np.random.default_rng((62, seed))
        self._rate = draw.beta(2.0, 4.0, customers)
        self._responds = draw.random(customers) < self.nature.responders
        score = self._responds + draw.normal(0.0, 0.6, customers)
        seen_rate = np.clip(self._rate + draw.normal(0.0, 0.05, customers), 0.01, 0.99)
        self._luck = draw.random((WEEKS, 2, customers))
        self._weary = np.zeros(customers)
        idle = draw.geometric(np.clip(self._rate, 0.05, 1.0)).clip(max=12)
        worth = np.exp(draw.normal(2.7, 0.5, customers))
        contacts = np.zeros((customers, 8), dtype=np.int64)
        reachable = np.ones(customers, dtype=np.bool_)
        self._seen = Seen(0, np.column_stack([seen_rate, score]), worth, idle, contacts, reachable)
        return self._seen

    def step(self, actions: Ints) -> tuple[Seen, Floats, Bools, Bools]:
        """One week: what is seen then, the profit of each, who is reachable, and who bought."""
        seen, nature = self._seen, self.nature
        done = np.where(seen.reachable, actions, NOTHING)
        buying = self._buying(done)
        luck = self._luck[seen.week]
        bought = luck[0] < buying
        profit = bought * seen.worth - np.array(nature.costs)[done]
        contact = done != NOTHING
        leaving = contact & (luck[1] < nature.opting_out * (done + self._weary) ** 2)
        self._weary = self._weary * nature.rest + done
        self._seen = Seen(
            seen.week + 1,
            seen.traits,
            seen.worth,
            np.where(bought, 1, seen.idle + 1).clip(max=12),
            np.column_stack([done, seen.contacts[:, :-1]]),
            seen.reachable & ~leaving,
        )
        return self._seen, profit, self._seen.reachable, bought

    def _buying(self, done: Ints) -> Floats:
        seen, nature = self._seen, self.nature
        gone = 1.0 - nature.loss * ~seen.reachable
        alone = self._rate * gone - nature.annoyance * np.maximum(self._weary - 1.0, 0.0)
        answer = np.where(self._responds, 1.0, nature.others) * np.exp(-nature.tiring * self._weary)
        idle = 1.0 + nature.idle_boost * np.minimum(seen.idle - 1, 6)
        lift = np.array([0.0, nature.lift, nature.call_lift])[done] * answer * idle
        buying: Floats = np.clip(alone + lift, 0.0, 1.0)
        return buying
