"""Drafts, review, publishing and rolling back, over a real socket: what is published is in force, what was stays replayable."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from fieldwise.recommend.v1 import catalogue_pb2, catalogue_service_pb2
from fieldwise.recommend.v1.recommend_service_pb2 import (
    EraseCustomersRequest,
    ReplayDecisionRequest,
)
from fieldwise_recommend.__main__ import catalogue_file
from fieldwise_recommend.core.facts import FIELDS
from fieldwise_recommend.core.sample import SIZE, Sample
from fieldwise_recommend.core.situation import Situation
from tests.recommend.catalogue_life import Life, a_gift, refused
from tests.recommend.recommend_builders import NOW, batch, connected, in_file, inputs_for

SHIPPED = hashlib.sha256(catalogue_file()).hexdigest()[:12]


@pytest.fixture
async def life(tmp_path: Path) -> AsyncIterator[Life]:
    async with connected(in_file(tmp_path)) as channel:
        yield Life(channel)


async def test_a_draft_decides_nothing_until_somebody_else_approved_it_and_it_is_published(
    life: Life,
) -> None:
    draft = await life.create(a_gift())
    assert draft.state == catalogue_pb2.DRAFT_STATE_WRITING
    assert "submit it first" in (await refused(life.approve(draft))).details
    await life.submit(draft)
    assert "somebody else" in (await refused(life.approve(draft, "ann"))).details
    assert "no draft is approved" in (await refused(life.publish())).details
    await life.approve(draft)
    assert "actions/gift" not in {each.action for each in (await life.decide(1)).actions}
    made = await life.publish()
    assert await life.in_force() == made.version.version != SHIPPED
    assert made.version.in_force
    assert [(each.subject, tuple(each.authors), each.reviewer) for each in made.version.changes] == [
        ("actions/gift", ("ann",), "bob")
    ]
    decision = await life.decide(2)
    assert decision.actions[0].action == "actions/gift"  # nothing else adds so much
    drafts = await life.catalogue.ListDrafts(catalogue_service_pb2.ListDraftsRequest())
    assert not drafts.drafts


async def test_a_change_written_anew_has_to_be_reviewed_anew_by_none_of_its_authors(life: Life) -> None:
    draft = await life.create(a_gift())
    await life.submit(draft)
    await life.approve(draft)
    again = await life.update(a_gift("purchase_days >= 4"), "bob")
    assert again.state == catalogue_pb2.DRAFT_STATE_WRITING
    assert list(again.authors) == ["ann", "bob"]
    await life.submit(again, "bob")
    for author in ("ann", "bob"):
        assert (await refused(life.approve(again, author))).code is grpc.StatusCode.FAILED_PRECONDITION
    assert (await life.approve(again, "cid")).reviewer == "cid"


async def test_bad_definitions_are_refused_at_once_with_the_fields(life: Life) -> None:
    bad = a_gift("purchase_day >= 3", applicability="p_silent + 1 > 0.0")
    bad.ClearField("cost")
    told = (await refused(life.create(bad))).details
    for said in ("action.cost", "action.eligibility", "did you mean purchase_days", "action.applicability"):
        assert said in told
    await life.create(a_gift())
    again = await refused(life.create(a_gift()))
    assert again.code is grpc.StatusCode.ALREADY_EXISTS
    foreign = a_gift()
    foreign.cost.currency_code = "CNY"
    assert "action.cost.currency_code" in (await refused(life.update(foreign))).details
    foreign.channel = "pigeon"
    told = (await refused(life.update(foreign))).details
    assert "action.cost.currency_code: got 'CNY'" in told
    assert "action.channel: got 'pigeon'" in told


async def test_what_treatments_share_is_told_once_where_it_was_said(life: Life) -> None:
    bad = a_gift(
        treatments=[catalogue_pb2.Treatment(id="card"), catalogue_pb2.Treatment(id="box", channel="drone")]
    )
    bad.channel, bad.when = "pigeon", "noon"
    told = (await refused(life.create(bad))).details
    assert told.count("pigeon") == told.count("noon") == 1
    for said in ("action.channel: got 'pigeon'", "action.treatments[1].channel: got 'drone'"):
        assert said in told
    assert "action.when: got 'noon'; leave it out" in told


async def test_an_action_cannot_take_the_name_of_the_draft_of_numbers(life: Life) -> None:
    twin = a_gift()
    twin.name = "actions/stated-numbers"
    assert "choose another id" in (await refused(life.create(twin))).details


async def test_a_check_without_drafts_says_that_nothing_would_be_put_in_force(life: Life) -> None:
    seen = await life.publish(validate_only=True)
    assert not seen.version.in_force
    assert not seen.version.changes


async def test_reaching_nobody_or_everybody_is_asked_about(life: Life) -> None:
    for customer in range(30):
        await life.decide(customer, purchase_days=customer)
    some = await life.create(a_gift("purchase_days >= 15"))
    await life.submit(some)
    seen = await life.publish(validate_only=True)
    assert not seen.version.in_force
    assert [(each.action, each.share) for each in seen.reach] == [("actions/gift", 0.5)]
    assert seen.sample_size == 30
    assert await life.in_force() == SHIPPED
    nobody = await life.update(a_gift("purchase_days >= 999"))
    await life.submit(nobody)
    await life.approve(nobody)
    asked = (await refused(life.publish())).details
    assert "actions/gift would reach 0% of 30" in asked
    assert "CONDITION/eligibility" in asked
    assert "confirm_reach" in asked
    assert (await life.publish("actions/gift")).reach[0].questioned


async def test_rolling_back_and_restarting_keep_what_is_in_force_and_old_decisions_replay(
    database_url: str,
) -> None:
    async with connected(database_url) as channel:
        life = Life(channel)
        before = await life.decide(1)
        version = await life.published(a_gift())
        after = await life.decide(2)
    async with connected(database_url) as channel:
        life = Life(channel)
        assert await life.in_force() == version
        wrong = await refused(life.roll_back(SHIPPED, in_force=SHIPPED))
        assert wrong.code is grpc.StatusCode.ABORTED
        await life.roll_back(SHIPPED, in_force=version)
        assert await life.in_force() == SHIPPED
        for decision in (before, after):
            replay = await life.recommend.ReplayDecision(ReplayDecisionRequest(name=decision.name))
            assert replay.identical
        listed = await life.catalogue.ListCatalogueVersions(
            catalogue_service_pb2.ListCatalogueVersionsRequest(page_size=2)
        )
        assert [(each.version, each.in_force) for each in listed.versions] == [
            (SHIPPED, True),
            (version, False),
        ]
        rest = await life.catalogue.ListCatalogueVersions(
            catalogue_service_pb2.ListCatalogueVersionsRequest(page_token=listed.next_page_token)
        )
        assert [each.number for each in rest.versions] == [1]
        never = await refused(life.roll_back("0" * 12))
        assert never.code is grpc.StatusCode.NOT_FOUND


async def test_after_a_restart_stored_decisions_are_the_sample(database_url: str) -> None:
    async with connected(database_url) as channel:
        life = Life(channel)
        for customer in range(24):
            await life.decide(customer, purchase_days=customer)
        await life.recommend.EraseCustomers(EraseCustomersRequest(names=["customers/23"]))
    async with connected(database_url) as channel:
        life = Life(channel)
        draft = await life.create(a_gift("purchase_days >= 999"))
        await life.submit(draft)
        told = await life.publish(validate_only=True)
        assert (told.sample_size, told.reach[0].share, told.reach[0].questioned) == (23, 0.0, True)


async def test_what_rules_may_read_is_listed_page_by_page(life: Life) -> None:
    found: list[str] = []
    request = catalogue_service_pb2.ListRuleFieldsRequest(page_size=5)
    while True:
        page = await life.catalogue.ListRuleFields(request)
        assert len(page.fields) <= 5
        found += [each.name for each in page.fields if each.meaning and each.kind]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert found == sorted(field.path for field in FIELDS.listed)


async def test_a_request_that_is_sent_again_publishes_once(life: Life) -> None:
    draft = await life.create(a_gift(), request_id="same")
    assert await life.create(a_gift(), request_id="same") == draft
    await life.submit(draft)
    await life.approve(draft)
    made = await life.publish(request_id="once")
    again = await life.publish(request_id="once")
    assert again.version == made.version
    other = await refused(life.publish("actions/gift", request_id="once"))
    assert other.code is grpc.StatusCode.ALREADY_EXISTS


async def test_a_draft_stays_where_it_stands_when_its_request_comes_again(life: Life) -> None:
    draft = await life.create(a_gift(), request_id="r1")
    await life.submit(draft)
    await life.approve(draft)
    assert (await life.create(a_gift(), request_id="r1")).state == catalogue_pb2.DRAFT_STATE_APPROVED
    other = await refused(life.create(a_gift("purchase_days >= 9"), request_id="r1"))
    assert other.code is grpc.StatusCode.ALREADY_EXISTS
    assert "r1" in other.details
    exported = await life.catalogue.ExportCatalogue(catalogue_service_pb2.ExportCatalogueRequest())
    toml = exported.toml.replace(b"redemption_share = 0.12", b"redemption_share = 0.2")
    request = catalogue_service_pb2.ImportCatalogueRequest(toml=toml, actor="ann", request_id="r2")
    request.decision_time.FromSeconds(NOW)
    (numbers,) = (await life.catalogue.ImportCatalogue(request)).drafts
    await life.submit(numbers)
    (again,) = (await life.catalogue.ImportCatalogue(request)).drafts
    assert again.state == catalogue_pb2.DRAFT_STATE_IN_REVIEW


async def test_a_file_goes_out_and_comes_back_as_drafts_of_what_differs(life: Life) -> None:
    out = await life.catalogue.ExportCatalogue(catalogue_service_pb2.ExportCatalogueRequest())
    assert (out.toml, out.version) == (catalogue_file(), SHIPPED)
    request = catalogue_service_pb2.ImportCatalogueRequest(toml=out.toml, actor="ann", request_id="i1")
    request.decision_time.FromSeconds(NOW)
    assert not (await life.catalogue.ImportCatalogue(request)).drafts
    text = out.toml.decode().replace("default = 0.25", "default = 0.30").replace("lift = 0.18", "lift = 0.17")
    start = text.index('[[actions]]\nname = "actions/call-check-in"')
    request.toml = (text[:start] + text[text.index("[[actions]]", start + 1) :]).encode()
    made = (await life.catalogue.ImportCatalogue(request)).drafts
    assert {(each.name, each.change) for each in made} == {
        ("drafts/stated-numbers", catalogue_pb2.DRAFT_CHANGE_NUMBERS),
        ("drafts/retention-offer", catalogue_pb2.DRAFT_CHANGE_CHANGED),
        ("drafts/call-check-in", catalogue_pb2.DRAFT_CHANGE_RETIRED),
    }
    for draft in made:
        await life.submit(draft)
        await life.approve(draft)
    await life.publish()
    back = await life.catalogue.ExportCatalogue(catalogue_service_pb2.ExportCatalogueRequest())
    assert b"call-check-in" not in back.toml
    request.toml = back.toml
    assert not (await life.catalogue.ImportCatalogue(request)).drafts
    got = await life.catalogue.GetAction(
        catalogue_service_pb2.GetActionRequest(name="actions/retention-offer")
    )
    assert got.definition.effect.lift == got.actions[0].effect.lift == 0.17
    old = await life.catalogue.GetAction(
        catalogue_service_pb2.GetActionRequest(name="actions/call-check-in", version=SHIPPED)
    )
    assert old.definition.needs_rep


async def test_every_decision_of_a_batch_sees_one_version_while_another_is_published(life: Life) -> None:
    draft = await life.create(a_gift())
    await life.submit(draft)
    await life.approve(draft)

    async def one(number: int) -> set[str]:
        inputs = [inputs_for(f"customers/{number * 200 + each}") for each in range(200)]
        answer = await life.recommend.BatchRecommendActions(batch(*inputs))
        return {
            part.version
            for each in answer.decided
            for part in each.decision.parts
            if part.name == "recommend"
        }

    versions, made = await asyncio.gather(asyncio.gather(*map(one, range(6))), life.publish("actions/gift"))
    assert all(len(each) == 1 for each in versions)
    assert set().union(*versions) <= {SHIPPED, made.version.version}


async def test_an_erased_customer_leaves_the_sample(life: Life) -> None:
    for customer in range(25):
        await life.decide(customer)
    await life.recommend.EraseCustomers(EraseCustomersRequest(names=["customers/3"]))
    await life.create(a_gift())
    assert (await life.publish(validate_only=True)).sample_size == 24
    await life.decide(3)
    assert (await life.publish(validate_only=True)).sample_size == 24


def test_the_sample_stays_small_and_recent_and_forgets_for_good() -> None:
    sample = Sample()
    for number in range(20 * SIZE):
        sample.see(f"customers/{number}", Situation({"p_buy": number}, 0.5, 1, 0.2))
    newest = [each.facts["p_buy"] for each in sample.situations]
    assert len(newest) == SIZE
    # The first were replaced, but so slowly that the sample spans many decisions.
    assert SIZE < min(newest) < 10 * SIZE
    sample.forget(["customers/19999"])
    sample.see("customers/19999", Situation({"p_buy": -1}, 0.5, 1, 0.2))
    assert -1 not in [each.facts["p_buy"] for each in sample.situations]
