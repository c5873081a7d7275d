"""Contacts, pacing and chance: no window over its cap, budgets that last whatever the demand, probabilities that are what happens.

Protocol, fixed beforehand. Contacts: customers for whom something is decided daily for twelve weeks, the best of three actions in three
channels by a value drawn anew each day, under a cap of 2 in 7 days and 4 in 28; counted are all windows that end at a contact. Pacing: a
week of 10,080 minutes, 1,000,000 decisions about customers whose values are lognormal, prices that fit the demand foreseen, and a demand that
triples on a day drawn per world; error is the share of the budget left at the end, value is beside the same prices without pacing (first come,
first served once the shock is there) and beside the best that hindsight finds. Chance: 100,000 draws for each of ten sets of options, chi-square
against the probabilities stated. Time: CPU per decision of all that contacts add to it, 50 actions, a customer with four contacts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from operator import truediv
from statistics import median
from typing import Final

import numpy as np
from scipy.stats import chi2

from benchmarks.report import Row
from fieldwise_recommend.core.catalogue import Action
from fieldwise_recommend.core.choice import Options, choose, draw_of, probabilities
from fieldwise_recommend.core.contact_policy.book import Book
from fieldwise_recommend.core.contact_policy.terms import DAY, Cap, Contact, Terms, reached
from fieldwise_recommend.core.pacing import factor
from fieldwise_recommend.core.situation import Chance

SEED: Final = 20_261_122
CAPS: Final = (Cap(2, 7), Cap(4, 28))
CHANNELS: Final = ("call", "email", "mail")
START: Final = 1_700_000_000
MINUTES: Final = 7 * 1440
GAIN: Final = 4.0


def rows(*, quick: bool = False) -> Iterator[Row]:
    yield from _contacts(500 if quick else 20_000)
    yield from _pacing(3 if quick else 20, 1_000_000)
    yield from _chance(100_000, 3 if quick else 10)
    yield _time(2_000 if quick else 20_000)


def _contacts(customers: int) -> Iterator[Row]:
    chance = random.Random(SEED)
    capped = [_reached_when(chance, CAPS) for _ in range(customers)]
    free = [_reached_when(chance, ()) for _ in range(customers)]
    worst = max(_fullest(dues, cap.days) / cap.most for dues in capped for cap in CAPS)
    yield Row(
        f"fullest window of any cap, {customers:,} customers", worst, "x its cap", "must", "<= 1",
        "without a policy", max(_fullest(dues, cap.days) / cap.most for dues in free for cap in CAPS),
    )  # fmt: skip
    yield Row(
        "contacts per customer in 12 weeks", median(map(len, capped)), "contacts", "info", "",
        "without a policy", median(map(len, free)),
    )  # fmt: skip


def _reached_when(chance: random.Random, caps: tuple[Cap, ...]) -> list[int]:
    """Moments of twelve weeks at which one customer was reached."""
    actions = [Action(f"actions/{channel}", channel, channel) for channel in CHANNELS]
    book, made = Book(), set[Contact]()
    for day in range(84):
        moment = START + day * DAY + chance.randrange(DAY)
        card = book.card("customers/1", moment)
        known = () if card is None else card.contacts(moment, caps)
        terms = Terms(moment, reached(caps, known, moment), known)
        wanted = [each for each in actions if chance.gauss(0, 1) > 0 and terms.refusal(each) is None]
        if wanted:
            contact = Contact(wanted[0].channel, wanted[0].family, terms.time_for(wanted[0], moment + DAY))
            book.add("customers/1", contact)
            made.add(contact)
    return sorted(each.due for each in made)


def _fullest(dues: list[int], days: int) -> int:
    return max((sum(last - days * DAY < due <= last for due in dues) for last in dues), default=0)


def _pacing(worlds: int, decisions: int) -> Iterator[Row]:
    paced, plain, best, left = [], [], [], []
    for number in range(worlds):
        values, minutes, price, budget = _world(np.random.default_rng([SEED, number]), decisions)
        with_, spent = _week(values, minutes, price, budget, GAIN)
        without, _ = _week(values, minutes, price, budget, 0.0)
        paced.append(with_)
        plain.append(without)
        best.append(float(np.sort(values)[-budget:].sum()))
        left.append(1.0 - spent / budget)
    what = f"demand x3, {decisions:,} decisions, {worlds} worlds"
    yield Row(f"pacing error: budget left at the end, worst; {what}", max(left), "share", "must", "<= 0.01")
    yield Row(
        f"value, of the best in hindsight, worst; {what}", min(map(truediv, paced, best)), "share", "info", "",
        "without pacing, worst", min(map(truediv, plain, best)),
    )  # fmt: skip


def _world(chance: np.random.Generator, decisions: int) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Values and minutes of all who come, the price for the demand foreseen, and the budget."""
    shock = int(chance.integers(1440, 6 * 1440))
    weight = np.where(np.arange(MINUTES) >= shock, 3.0, 1.0)
    minutes = np.sort(chance.choice(MINUTES, decisions, p=weight / weight.sum()))
    values = chance.lognormal(0.0, float(chance.uniform(0.5, 1.5)), decisions)
    foreseen = int(decisions * MINUTES / weight.sum())
    budget = foreseen // 10
    return values, minutes, float(np.quantile(values[:foreseen], 0.9)), budget


def _week(
    values: np.ndarray, minutes: np.ndarray, price: float, budget: int, gain: float
) -> tuple[float, int]:
    """Value got and units spent, each unit by one decision at a time, with the budget as a hard stop."""
    edges = np.searchsorted(minutes, np.arange(MINUTES + 1))
    spent, value = 0, 0.0
    for minute in range(MINUTES):
        pace = factor(1.0 - spent / budget, 1.0 - minute / MINUTES, gain)
        coming = values[edges[minute] : edges[minute + 1]]
        taken = coming[coming > price * pace][: budget - spent]
        spent += len(taken)
        value += float(taken.sum())
    return value, spent


def _chance(draws: int, sets: int) -> Iterator[Row]:
    chance = random.Random(SEED)
    worst, off = 0.0, 0.0
    for number in range(sets):
        count = chance.randint(3, 12)
        explorable = sorted(chance.sample(range(count), chance.randint(2, count)))
        options, share, floor = Options(0, explorable[-1], explorable), chance.uniform(0.01, 0.5), 0.005
        stated = probabilities(options, Chance(False, share, 0.0, floor=floor), count)
        off = max(off, abs(sum(stated) - 1.0))
        counts = np.zeros(count)
        for draw in range(draws):
            name = f"decisions/{number}/{draw}"
            counts[choose(options, Chance(False, share, draw_of(name), floor=floor))] += 1
        expected = np.array(stated) * draws
        possible = expected > 0
        found = float(((counts - expected)[possible] ** 2 / expected[possible]).sum())
        worst = max(worst, found / float(chi2.ppf(1 - 0.001 / sets, int(possible.sum()) - 1)))
    yield Row(f"chi-square of {draws:,} draws, worst of {sets} sets", worst, "x its limit", "must", "<= 1")
    yield Row("probabilities: furthest sum from 1", off, "", "must", "<= 0")


def _time(rounds: int) -> Row:
    actions = [
        Action(f"actions/{number}", "", CHANNELS[number % 3], family=f"actions/{number}")
        for number in range(50)
    ]
    book = Book()
    for number in range(4):
        book.add("customers/1", Contact(CHANNELS[number % 3], f"actions/{number}", START + number * DAY))
    moment, took = START + 5 * DAY, []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(rounds):
            card = book.card("customers/1", moment)
            known = card.contacts(moment, CAPS) if card else ()
            terms = Terms(moment, reached(CAPS, known, moment), known)
            for action in actions:
                terms.refusal(action)
        took.append((time.process_time() - begun) / rounds * 1e6)
    return Row("counting contacts of a decision, 50 actions, both caps reached", median(took), "us", "info")
