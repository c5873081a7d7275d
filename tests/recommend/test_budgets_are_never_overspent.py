"""Budgets hold under concurrency, over restarts and failures, and a reservation is made once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise.recommend.v1 import recommend_service_pb2_grpc as rpc
from fieldwise.recommend.v1.decision_pb2 import Decision
from fieldwise.recommend.v1.recommend_service_pb2 import GetCommitmentsRequest
from fieldwise_recommend.__main__ import migrate
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.core.contact_policy.book import REACHED, Book
from fieldwise_recommend.core.contact_policy.terms import Contact
from fieldwise_recommend.core.ledger import Hold, Ledger
from fieldwise_recommend.core.policy import Policy
from fieldwise_recommend.core.situation import Price
from fieldwise_recommend.decide import Decider
from fieldwise_recommend.periods import Periods, week_end
from fieldwise_recommend.store.decisions import Store
from fieldwise_runtime.database import Database
from tests.recommend.recommend_builders import (
    CATALOGUE,
    DAY,
    NOW,
    PLAIN,
    batch,
    in_file,
    inputs_for,
    prices,
    serving,
    some_scores,
)

WEEK = 7 * DAY
MONDAY = int(datetime(2017, 12, 18, tzinfo=UTC).timestamp())
TAKES = {action.name: dict(action.uses) for action in CATALOGUE.actions}


def used(decisions: list[Decision]) -> Counter[str]:
    """What the chosen actions take, each customer and action once."""
    total: Counter[str] = Counter()
    for _, action in {(decision.customer, decision.chosen_action) for decision in decisions}:
        for kind, amount in TAKES[action].items():
            total[kind] += amount  # type: ignore[assignment]  # Counter's values may be floats at run time
    return total


async def decide(stub: rpc.RecommendServiceAsyncStub, numbers: range, **budgets: Any) -> list[Decision]:
    inputs = [
        inputs_for(f"customers/{n}", scores=some_scores(p_buy=0.3 + n % 7 / 10, p_silent=n % 10 / 10))
        for n in numbers
    ]
    answer = await stub.BatchRecommendActions(
        batch(*inputs, price_set=prices(minute=0, coupon=0, slot=0, **budgets))
    )
    return [decided.decision for decided in answer.decided]


async def test_many_batches_at_once_stay_within_every_budget_and_use_it_up(tmp_path: Path) -> None:
    budgets = {"minutes": 100.0, "coupons": 40.0, "slots": 15.0}
    async with serving(in_file(tmp_path), replace(PLAIN, exploration=0.2)) as stub:
        # Every customer is decided for twice, in different batches.
        calls = [decide(stub, range(start, start + 20), **budgets) for start in range(0, 200, 10)]
        decisions = [decision for made in await asyncio.gather(*calls) for decision in made]
    total = used(decisions)
    assert total["rep-minutes"] <= 100
    assert total["coupon-money"] <= 40
    assert total["email-slots"] <= 15
    assert total["rep-minutes"] > 100 - 12
    assert total["email-slots"] == 15


async def test_what_was_set_aside_is_known_after_a_restart(database_url: str) -> None:
    budgets = {"minutes": 30.0, "coupons": 0.0, "slots": 5.0}
    async with serving(database_url) as stub:
        first = await decide(stub, range(10), **budgets)
    async with serving(database_url) as stub:
        second = await decide(stub, range(10, 40), **budgets)
    total = used(first + second)
    assert total["rep-minutes"] <= 30
    assert total["email-slots"] <= 5


async def test_a_reserved_action_stays_affordable_for_its_customer_and_counts_once(tmp_path: Path) -> None:
    budgets = {"minutes": 0.0, "coupons": 0.0, "slots": 1.0}
    async with serving(in_file(tmp_path)) as stub:
        (first,) = await decide(stub, range(1, 2), **budgets)
        (again,) = await decide(stub, range(1, 2), **budgets)
        (other,) = await decide(stub, range(2, 3), **budgets)
    assert first.chosen_action == again.chosen_action != other.chosen_action
    assert "BUDGET_SPENT" in {rejected.code for rejected in other.rejected}


async def test_an_action_that_takes_more_than_was_set_aside_needs_the_rest_of_it(database_url: str) -> None:
    budgets = prices(minute=0, minutes=20.0, reps=("reps/wang", "reps/li"))
    minutes = []
    for rep in ("reps/wang", "reps/li", "reps/li"):
        async with serving(database_url) as stub:
            inputs = inputs_for("customers/1", channels=["call"], rep=rep)
            answer = await stub.BatchRecommendActions(batch(inputs, price_set=budgets))
            assert answer.decided[0].decision.rep == rep
            asked = GetCommitmentsRequest(valid_until=budgets.valid_until)
            found = {use.resource: use.amount for use in (await stub.GetCommitments(asked)).uses}
            minutes.append({name: found.get(f"{name}/minutes", 0.0) for name in ("reps/wang", "reps/li")})
    assert minutes[0]["reps/wang"] > 0
    assert minutes[1]["reps/li"] > 0
    assert minutes[1]["reps/wang"] == minutes[0]["reps/wang"]
    assert minutes[2] == minutes[1]


async def test_what_is_done_a_second_time_in_a_period_is_paid_for_a_second_time(database_url: str) -> None:
    spent, sent = [], []
    for moment in (NOW, NOW, NOW + 2 * DAY, NOW + 2 * DAY, NOW + 4 * DAY):
        async with serving(database_url) as stub:
            sent.append(await emailed(stub, "customers/1", moment, slots=2.0))
            spent.append((await committed(stub, MONDAY))["email-slots"])
    # By the fourth day two mails have gone out, and there is no slot for a third.
    assert sent == [True, True, True, True, False]
    assert spent == [1.0, 1.0, 2.0, 2.0, 2.0]


def test_what_a_rep_did_not_do_yet_is_not_paid_for_again_until_he_says_that_he_did() -> None:
    book, call = Book(), Contact("call", "actions/call", NOW + 10)
    book.add("customers/1", call, decision="decisions/1")
    card = book.card("customers/1", NOW)
    assert card is not None

    def is_over(moment: int, *, by_rep: bool) -> bool:
        return card.is_over("call", "actions/call", NOW, moment, by_rep=by_rep)

    assert not is_over(NOW + 10, by_rep=False)
    assert is_over(NOW + 11, by_rep=False)
    assert not is_over(NOW + 2 * DAY, by_rep=True)
    book.move("customers/1", call, NOW + DAY, REACHED)
    assert is_over(NOW + 2 * DAY, by_rep=True)
    assert not card.is_over("call", "actions/call", NOW + DAY + 1, NOW + 2 * DAY, by_rep=True)
    book.add("customers/1", call._replace(due=NOW + 3 * DAY), decision="decisions/2")
    assert not is_over(NOW + 2 * DAY, by_rep=True)


async def test_a_new_period_starts_with_full_budgets(tmp_path: Path) -> None:
    async with serving(in_file(tmp_path)) as stub:
        chosen = []
        for number in (1, 2):
            price_set = prices(f"priceSets/{number}", slots=1.0)
            price_set.valid_until.FromSeconds(NOW + number * WEEK)
            for customer in (f"customers/{number}", "customers/9"):
                inputs = inputs_for(customer, channels=["email"])
                answer = await stub.BatchRecommendActions(batch(inputs, price_set=price_set))
                chosen.append(answer.decided[0].decision.chosen_action)
    assert [action.startswith("actions/email") for action in chosen] == [True, False, True, False]


async def emailed(stub: rpc.RecommendServiceAsyncStub, customer: str, at: int, slots: float = 1.0) -> bool:
    """Whether he got one of the e-mails of week 1's prices, decided at a moment."""
    inputs = inputs_for(customer, channels=["email"])
    inputs.decision_time.FromSeconds(at)
    answer = await stub.BatchRecommendActions(batch(inputs, price_set=week_1(slots=slots)))
    return answer.decided[0].decision.chosen_action.startswith("actions/email")


def week_1(slots: float = 1e6) -> PriceSet:
    """Prices until the Monday after NOW."""
    made = prices(slot=0, slots=slots)
    made.valid_until.FromSeconds(MONDAY)
    return made


async def committed(stub: rpc.RecommendServiceAsyncStub, until: int) -> dict[str, float]:
    asked = GetCommitmentsRequest()
    asked.valid_until.FromSeconds(until)
    return {use.resource: use.amount for use in (await stub.GetCommitments(asked)).uses}


async def test_prices_that_ran_out_spend_the_budgets_of_the_week_they_are_used_in(database_url: str) -> None:
    async with serving(database_url) as stub:
        this_week = [await emailed(stub, f"customers/{n}", NOW) for n in (1, 2)]
        next_week = [await emailed(stub, f"customers/{n}", MONDAY + n) for n in (0, 3)]
        last_moment = await emailed(stub, "customers/4", MONDAY + WEEK - 1)
        week_after = await emailed(stub, "customers/5", MONDAY + WEEK)
    async with serving(database_url) as stub:
        after_restart = await emailed(stub, "customers/6", MONDAY + DAY)
        spent = [(await committed(stub, MONDAY + n * WEEK)).get("email-slots") for n in range(4)]
    assert this_week == next_week == [True, False]
    assert (last_moment, week_after, after_restart) == (False, True, False)
    assert spent == [1.0, 1.0, 1.0, None]


async def test_ledgers_of_the_past_are_let_go_and_read_again(tmp_path: Path) -> None:
    migrate(replace(PLAIN, database_url=in_file(tmp_path)))
    database = Database.open(in_file(tmp_path))
    periods = Periods(Store(database), pacing=1.0)
    held = await periods.of(week_1(), NOW)
    for week in range(300):
        await periods.of(week_1(), MONDAY + week * WEEK)
        await periods.committed(f"asked {week}")
    assert len(periods._alive) <= 64 + 8 + 1
    again = await periods.of(week_1(), NOW)
    await database.close()
    # What a decision under way holds is never read a second time: its own reservations are nowhere else.
    assert again.ledger is held.ledger


@given(st.integers(0, 4_000_000_000))
def test_a_week_ends_on_the_next_monday(moment: int) -> None:
    day = datetime.fromtimestamp(moment, UTC)
    midnight = day.replace(hour=0, minute=0, second=0)
    assert week_end(moment) == (midnight + timedelta(days=7 - day.weekday())).timestamp()


async def test_a_decision_that_could_not_be_stored_gives_back_what_it_took(tmp_path: Path) -> None:
    migrate(replace(PLAIN, database_url=in_file(tmp_path)))
    database = Database.open(in_file(tmp_path))
    decider = Decider(Store(database), InForce(CATALOGUE), Policy(control_share=0, exploration=0))
    request = batch(inputs_for("customers/1", channels=["email"]), price_set=prices(slots=1.0))
    await decider.batch(batch(inputs_for("customers/0", channels=["mail"]), price_set=prices(slots=1.0)))
    await database.close()
    with pytest.raises(Exception, match="closed"):
        await decider.batch(request)
    reopened = Database.open(in_file(tmp_path))
    decider._store._database = reopened
    request.inputs[0].customer = "customers/2"
    answer = await decider.batch(request)
    await reopened.close()
    assert answer.decided[0].decision.chosen_action.startswith("actions/email")


async def test_a_caller_who_leaves_does_not_leave_the_ledger_wrong(tmp_path: Path) -> None:
    async with serving(in_file(tmp_path)) as stub:
        calls = [
            asyncio.ensure_future(decide(stub, range(n, n + 1), slots=3.0, minutes=0, coupons=0))
            for n in range(12)
        ]
        await asyncio.sleep(0.005)
        for call in calls[::2]:
            call.cancel()
        made = await asyncio.gather(*calls, return_exceptions=True)
    decisions = [decision for each in made if isinstance(each, list) for decision in each]
    assert used(decisions)["email-slots"] <= 3


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from("ab"),
            st.sampled_from([1.0, 2.0, 5.0]),
            st.sampled_from(["take", "take again", "release"]),
        ),
        max_size=40,
    )
)
def test_the_ledger_equals_a_plain_recount(steps: list[tuple[int, str, float, str]]) -> None:
    """The rival keeps what every time of doing it took, and counts the most of each resource while any decision relies on it."""
    ledger = Ledger()
    taken: dict[tuple[str, str], list[tuple[list[Hold], Counter[str]]]] = {}
    for customer, action, amount, step in steps:
        # What an action takes changes with the catalogue, and whose minutes with the territories.
        uses = (("slots", amount), (f"reps/{int(amount)}/minutes", 8.0))
        hold = Hold(f"customers/{customer}", action, uses)
        turns = taken.setdefault((hold.customer, action), [])
        if step == "release":
            if turns:
                holds, most = turns[-1]
                ledger.release(holds.pop())
                if not holds:
                    turns.pop()
        else:
            held = ledger.reserve(hold, again=step == "take again")
            if not turns or step == "take again":
                turns.append(([], Counter()))
            holds, most = turns[-1]
            holds.append(held)
            most |= Counter(dict(uses))
            assert Counter(dict(held.uses)) == sum((each for _, each in turns), Counter())
        recount = sum((each for listed in taken.values() for _, each in listed), Counter[str]())
        assert Counter(ledger.reserved) == recount


def test_only_what_is_too_little_for_somebody_is_reported_scarce() -> None:
    ledger = Ledger([Hold("customers/1", "a", (("slots", 8.0), ("minutes", 10.0)))])
    known = {"slots": Price("1", 0.0, 10.0), "minutes": Price("min", 0.0, 15.0)}
    wanted = [(("slots", 2.0),), (("minutes", 6.0), ("slots", 1.0)), (("unpriced", 1.0),)]
    assert ledger.shortages(wanted, known) == {"minutes": 5.0}
