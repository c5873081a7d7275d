"""When, where and at what cost: hours learned from answers, shops that are open, coupons that come back, sources of facts; over real sockets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import grpc
import pytest
import sqlalchemy as sa

from fieldwise.recommend.v1 import answer_service_pb2 as wire
from fieldwise.recommend.v1 import recommend_service_pb2 as pb
from fieldwise.recommend.v1 import recommend_service_pb2_grpc as rpc
from fieldwise.recommend.v1.answer_service_pb2_grpc import AnswerServiceStub
from fieldwise.recommend.v1.decision_pb2 import Decision, RankedAction
from fieldwise_recommend.__main__ import migrate
from fieldwise_recommend.core.answers import AnswerBook, Count, Sent, slot_of
from fieldwise_recommend.core.playbooks.shop_file import parse
from fieldwise_recommend.store.contacts import ContactRow, contacts
from fieldwise_runtime.errors import InvalidRequest
from tests.recommend.recommend_builders import (
    DAY,
    NOW,
    PLAIN,
    a_profile,
    batch,
    connected,
    in_file,
    inputs_for,
    prices,
    some_scores,
)

SHOP = """
within_km = 5.0
[[shops]]
name = "shops/near"
title = "By the bridge"
latitude = 48.851
longitude = 2.351
time_zone = "UTC"
hours = { mon = "09:00-12:00", tue = ["09:00-12:00"] }
[[shops]]
name = "shops/farther"
title = "At the station"
latitude = 48.87
longitude = 2.36
time_zone = "UTC"
hours = { mon = "09:00-20:00", tue = "09:00-20:00" }
closed = [2017-12-25]
[areas."750"]
latitude = 48.85
longitude = 2.35
"""


def email_at(weekday: int, hour: int, share: float, contacts: int = 2_000) -> Count:
    return Count("email", weekday, hour, contacts, round(share * contacts))


def test_a_better_hour_is_taken_only_where_it_is_better_beyond_doubt() -> None:
    every = [(day, hour) for day in range(1, 8) for hour in range(9, 20)]
    usual = NOW - NOW % DAY + 17 * 3600  # the Monday's 17:00
    book = AnswerBook([email_at(*slot, 0.2 if slot[1] == 11 else 0.1) for slot in every])
    found = book.better("email", NOW, usual)
    assert found is not None
    assert (slot_of(found.time)[1], found.time > NOW, found.time - NOW < 3 * DAY) == (11, True, True)
    assert found.share == pytest.approx(0.2, abs=0.01)
    assert found.contacts == 77 * 2_000
    assert book.better("call", NOW, usual) is None
    # Where all hours are alike, chance alone names one in few of many worlds.
    rng = Random(3)
    named = 0
    for _ in range(200):
        alike = [Count("email", *slot, 100, sum(rng.random() < 0.15 for _ in range(100))) for slot in every]
        named += AnswerBook(alike).better("email", NOW, usual) is not None
    assert named <= 10


def test_coupons_are_drawn_to_the_stated_share_until_many_were_sent() -> None:
    book = AnswerBook(sent=[Sent("actions/a", 99, 50), Sent("actions/b", 800, 400)])
    assert book.redeemed("actions/a", 0.12) is None
    assert book.redeemed("actions/b", 0.12) == pytest.approx((400 + 24) / 1_000)


def about(decision: Decision, action: str) -> RankedAction:
    (found,) = [each for each in decision.actions if each.action == f"actions/{action}"]
    return found


async def made(running: rpc.RecommendServiceAsyncStub, customer: str, place: str = "") -> Decision:
    """A decision, replayed to the same bytes."""
    profile = a_profile(customer, days_silent=9.0)
    profile.plain.place = place
    inputs = inputs_for(
        customer, profile=profile, scores=some_scores(customer, p_buy=0.5), max_actions=50, rep=""
    )
    answer = await running.BatchRecommendActions(batch(inputs, price_set=prices()))
    decision = answer.decided[0].decision
    assert (await running.ReplayDecision(pb.ReplayDecisionRequest(name=decision.name))).identical
    return decision


def past(url: str) -> None:
    """Mails of the last year, answered at eleven more often, and 500 coupons of which 150 came back."""
    engine = sa.create_engine(url)
    rows = []
    first = NOW - NOW % DAY - 200 * DAY
    for day in range(150):
        for hour in (9, 11, 14, 17):
            for number in range(6):
                answered = number < (4 if hour == 11 else 1)
                name = f"decisions/{day}-{hour}-{number}"
                due = first + day * DAY + hour * 3600
                rows.append(
                    ContactRow(name, "customers/x", "email", "actions/a", due, 0, 2 if answered else 0)
                )
    rows += [
        ContactRow(f"decisions/c{number}", "customers/x", "mail", "actions/coupon-loyal", first, 0)
        for number in range(500)
    ]
    with engine.begin() as connection:
        connection.execute(sa.insert(contacts), [row._asdict() for row in rows])
        outcome = sa.text(
            "INSERT INTO outcomes (source, event_id, decision, kind, event_time) VALUES ('s', :e, :d, :k, :t)"
        )
        for number in range(300):
            kind = "PURCHASED" if number < 150 else "OPENED"
            values = {"e": f"{number}", "d": f"decisions/c{number}", "k": f"OUTCOME_KIND_{kind}"}
            connection.execute(outcome, values | {"t": (first + DAY) * 1_000_000})
    engine.dispose()


async def test_hours_and_coupons_are_learned_from_answers_and_told_with_what_they_rest_on(
    tmp_path: Path,
) -> None:
    url = in_file(tmp_path)
    migrate(replace(PLAIN, database_url=url))
    past(url)
    request = wire.LearnAnswersRequest()
    request.decision_time.FromSeconds(NOW)
    async with connected(url) as channel:
        stub, running = AnswerServiceStub(channel), rpc.RecommendServiceStub(channel)
        assert (await stub.GetAnswers(wire.GetAnswersRequest())).version == ""
        before = await made(running, "customers/1")
        assert before.contact_time.basis == "usual"
        assert "contact_time" in before.assumed
        coupon = about(before, "coupon-loyal").money
        assert (coupon.coupon.basis, coupon.coupon.redemption_probability) == ("assumed", 0.12)
        assert coupon.coupon.face_value.micros == 2_000_000
        assert coupon.cost.micros == 100_000 + coupon.coupon.expected_cost.micros == 340_000
        answers = await stub.LearnAnswers(request)
        assert sum(each.contacts for each in answers.counts if each.channel == "email") == 150 * 4 * 6
        (sent,) = answers.coupons
        assert (sent.action, sent.sent, sent.redeemed) == ("actions/coupon-loyal", 500, 150)
        after = await made(running, "customers/2")
        assert after.channel == "email"
        told = after.contact_time
        assert (told.basis, told.channel, told.contacts) == ("measured", "email", 3_600)
        assert told.answer_share > 0.5 > told.overall_share
        assert datetime.fromtimestamp(after.best_time.seconds, UTC).hour == 11
        assert "contact_time" not in after.assumed
        coupon = about(after, "coupon-loyal").money
        assert coupon.coupon.basis == "measured"
        share = (150 + 0.12 * 200) / 700
        assert coupon.coupon.redemption_probability == pytest.approx(share, abs=1e-6)
        assert coupon.cost.micros == 100_000 + round(2_000_000 * round(share, 6))
        paid = sum(each.paid.micros for each in coupon.prices)
        value = about(after, "coupon-loyal").value.micros
        assert value == coupon.effect_times_margin.micros - coupon.cost.micros - paid
        explained = await running.GetDecision(pb.GetDecisionRequest(name=after.name, explain=True))
        assert explained.counterfactuals
        kept = await stub.GetAnswers(wire.GetAnswersRequest())
    async with connected(url) as channel:
        assert await AnswerServiceStub(channel).GetAnswers(wire.GetAnswersRequest()) == kept


async def test_a_customer_is_sent_to_the_nearest_shop_that_is_open_when_he_is_reached(tmp_path: Path) -> None:
    file = tmp_path / "shops.toml"
    file.write_text(SHOP)
    async with connected(in_file(tmp_path), replace(PLAIN, shops=str(file))) as channel:
        running = rpc.RecommendServiceStub(channel)
        # NOW is a Monday; his usual hour is 17:00, when the nearer one is closed.
        shop = about(await made(running, "customers/1", "750"), "email-near-shop").shop
        assert (shop.shop, shop.title) == ("shops/farther", "At the station")
        assert shop.km == pytest.approx(2.34, abs=0.02)
        (span,) = shop.open
        assert span.start <= NOW - NOW % DAY + 17 * 3600 < span.end
        refused = {each.action: each.code for each in (await made(running, "customers/2", "690")).rejected}
        assert refused["actions/email-near-shop"] == "NO_SHOP_OPEN"
    async with connected(in_file(tmp_path)) as channel:
        running = rpc.RecommendServiceStub(channel)
        refused = {each.action: each.code for each in (await made(running, "customers/3", "750")).rejected}
        assert refused["actions/email-near-shop"] == "NO_SHOP_OPEN"


def test_faults_of_a_file_of_shops_come_all_at_once() -> None:
    wrong = """
map = "mars"
[[shops]]
name = "near"
latitude = 91
longitude = 2
time_zone = "Mars/Olympus"
hours = { mon = "18:00-09:00", funday = "09:00-12:00" }
closed = ["Christmas"]
[areas.750]
latitude = 1
"""
    with pytest.raises(InvalidRequest) as refused:
        parse(wrong.encode())
    told = {each.field for each in refused.value.violations}
    assert told == {
        "map", "within_km", "shops[0].name", "shops[0].title", "shops[0].latitude", "shops[0].time_zone", "shops[0].hours.mon",
        "shops[0].hours.funday", "shops[0].closed", "areas.750.longitude",
    }  # fmt: skip


async def test_each_fact_about_the_customer_names_the_events_it_rests_on(tmp_path: Path) -> None:
    async with connected(in_file(tmp_path)) as channel:
        running = rpc.RecommendServiceStub(channel)
        decision = await made(running, "customers/1")
        sources = {
            reason.code: reason.source
            for ranked in decision.actions
            for reason in ranked.reasons
            if reason.HasField("source")
        }
        assert {"RESTOCK_DUE", "LOYAL", "BEST_SPEND", "POPULAR_UNBOUGHT"} <= sources.keys()
        for source in sources.values():
            assert source.customer == "customers/1"
            assert source.kinds
            assert source.end == decision.decision_time
        assert sources["POPULAR_UNBOUGHT"].category == "YOGURT"
        # What rests on no event of his names none.
        assert not {"EFFECT_ASSUMED", "SLOT_PRICE", "LIKELY_TO_BUY"} & sources.keys()
        await running.EraseCustomers(pb.EraseCustomersRequest(names=["customers/1"]))
        # The link goes with what it explained.
        with pytest.raises(grpc.aio.AioRpcError) as gone:
            await running.GetDecision(pb.GetDecisionRequest(name=decision.name))
        assert gone.value.code() is grpc.StatusCode.NOT_FOUND
