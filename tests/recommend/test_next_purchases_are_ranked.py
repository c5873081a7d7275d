"""What a customer buys next: inputs against plain loops, nothing from the future, and a planted habit and a planted discovery found."""

from __future__ import annotations

import numpy as np
import pytest

from fieldwise_recommend.core.next_purchase.history import History, history_of
from fieldwise_recommend.core.next_purchase.likeness import ease
from fieldwise_recommend.core.next_purchase.ranking import Learning, learn
from fieldwise_recommend.core.next_purchase.signs import NAMES, signs_at, things_at

THINGS, CUSTOMERS, END = 30, 300, 200


def shop(seed: int) -> History:
    """Each customer has three habits; who buys thing 0 by habit comes to buy thing 1 in the end, nobody else does."""
    rng = np.random.default_rng(seed)
    lines: list[tuple[int, int, int]] = []
    for customer in range(CUSTOMERS):
        habits = [*rng.choice(np.arange(2, THINGS), 3, replace=False), *([0] if customer % 3 == 0 else [])]
        for day in range(int(rng.integers(0, 7)), END, 7):
            lines += [(customer, int(thing), day) for thing in habits if rng.random() < 0.6]
            if rng.random() < 0.3:
                lines.append((customer, int(rng.integers(2, THINGS)), day))
        if customer % 3 == 0:
            lines.append((customer, 1, int(rng.integers(60, END + 28))))
    whose, what, when = (np.array(column) for column in zip(*lines, strict=True))
    return history_of(whose, what, when, customers=CUSTOMERS, group=np.arange(THINGS) // 5)


def test_own_days_and_times_are_as_counted_by_hand() -> None:
    history = shop(1)
    signs = signs_at(history, things_at(history, 150), 150)
    rng = np.random.default_rng(2)
    whom, what = rng.integers(0, CUSTOMERS, 200), rng.integers(0, THINGS, 200)
    found = signs.rows(whom, what)
    for row, customer, thing in zip(found, whom, what, strict=True):
        mine = history.day[(history.customer == customer) & (history.thing == thing) & (history.day < 150)]
        assert row[NAMES.index("own_10000d")] == len(mine)
        assert row[NAMES.index("own_28d")] == (mine >= 122).sum()
        if len(mine):
            assert row[NAMES.index("days_since")] == 150 - mine.max()
        if len(mine) > 1:
            assert row[NAMES.index("mean_gap")] == pytest.approx(np.diff(mine).mean())


def test_purchases_after_the_day_change_nothing() -> None:
    history = shop(3)
    early = history.before(150)
    whole = signs_at(history, things_at(history, 150), 150)
    only = signs_at(early, things_at(early, 150), 150)
    for name in NAMES:
        np.testing.assert_array_equal(whole.tables[name], only.tables[name])


def test_one_customer_alone_gets_the_inputs_he_gets_among_all() -> None:
    history = shop(4)
    things = things_at(history, 150)
    among = signs_at(history, things, 150)
    alone = signs_at(history.of_customers(17, 18), things, 150)
    what = np.arange(THINGS)
    expected = among.rows(np.full(THINGS, 17), what)
    np.testing.assert_allclose(alone.rows(np.zeros(THINGS, np.int64), what), expected, rtol=1e-4, atol=1e-5)


def test_ease_foretells_a_column_without_itself_as_ridge_regression_does() -> None:
    rng = np.random.default_rng(5)
    bought = (rng.random((200, 8)) < 0.3).astype(np.float32)
    weights = ease(bought, 10.0)
    for column in range(8):
        others = np.delete(np.arange(8), column)
        left = bought[:, others].astype(float)
        expected = np.linalg.solve(left.T @ left + 10 * np.eye(7), left.T @ bought[:, column])
        assert weights[others, column] == pytest.approx(expected, abs=1e-4)
        assert weights[column, column] == 0


def test_a_habit_comes_first_among_repeats_and_what_goes_with_it_among_discoveries() -> None:
    history = shop(6)
    ranker = learn(history, END, Learning(cutoffs=1, trees=30))
    signs = signs_at(history, ranker.things, END)
    repeats, chances = ranker.repeats(signs)
    bought = history.between(END - 28, END).table()
    best = [
        repeats.thing[repeats.customer == each][chances[repeats.customer == each].argmax()]
        for each in range(60)
    ]
    assert np.mean([bought[customer, thing] >= 2 for customer, thing in enumerate(best)]) > 0.8
    new, chances = ranker.discoveries(signs)
    assert not signs.owned[new.customer, new.thing].any()
    one = new.thing == 1
    fitting = new.customer[one] % 3 == 0
    # Of a customer who fits and one who does not, the first has the larger chance.
    pairs = chances[one][fitting][:, None] > chances[one][~fitting]
    assert pairs.mean() > 0.85
