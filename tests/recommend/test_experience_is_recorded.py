"""Choices and results in plain columns: recorded with each decision, measured once, read back, and nobody's after an erasure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from fieldwise.profile.v1.event_pb2 import OutcomeKind
from fieldwise.recommend.v1 import effect_service_pb2 as effects
from fieldwise.recommend.v1 import result_pb2
from fieldwise.recommend.v1.decision_pb2 import Decision
from fieldwise.recommend.v1.effect_pb2 import EffectReport
from fieldwise.recommend.v1.effect_service_pb2_grpc import EffectServiceStub
from fieldwise.recommend.v1.recommend_service_pb2 import (
    EraseCustomersRequest,
    RecordOutcomesRequest,
    ReplayDecisionRequest,
)
from fieldwise.recommend.v1.recommend_service_pb2_grpc import RecommendServiceStub
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_recommend.core.choice import held_out, in_control_group
from fieldwise_recommend.core.choices import BEST, CHANCE, CONTROL
from fieldwise_recommend.core.experience import Experience
from fieldwise_recommend.core.results import BOUGHT, HAD_BOUGHT
from fieldwise_recommend.effect_worker import report
from fieldwise_recommend.experience_reading import connected as reading
from fieldwise_recommend.experience_reading import read_experience
from fieldwise_recommend.settings import Settings
from fieldwise_runtime.errors import NotFound, from_rpc_error
from tests.recommend.recommend_builders import (
    DAY,
    NOW,
    PLAIN,
    an_outcome,
    batch,
    connected,
    in_file,
    inputs_for,
    prices,
)

DRAWN = replace(PLAIN, control_share=0.3, exploration=0.5)
LATER = NOW + 29 * DAY


@dataclass(frozen=True)
class Both:
    """Stubs of both services, and where their database is."""

    decisions: Any
    effects: Any
    url: str

    async def decide(self, count: int = 40, **fields: Any) -> list[Decision]:
        asked = batch(
            *(inputs_for(f"customers/{number}", **fields) for number in range(count)), price_set=prices()
        )
        return [each.decision for each in (await self.decisions.BatchRecommendActions(asked)).decided]

    async def due(self, at: int = LATER, **fields: Any) -> result_pb2.ListDueResultsResponse:
        asked = result_pb2.ListDueResultsRequest(**fields)
        asked.decision_time.FromSeconds(at)
        return await self.decisions.ListDueResults(asked)  # type: ignore[no-any-return]  # stubs are untyped

    async def record(self, *results: result_pb2.DecisionResult) -> result_pb2.RecordResultsResponse:
        asked = result_pb2.RecordResultsRequest(results=results)
        return await self.decisions.RecordResults(asked)  # type: ignore[no-any-return]  # as above

    async def report(self, at: int = LATER, **fields: Any) -> Any:
        asked = effects.ReportEffectRequest(**fields)
        asked.decision_time.FromSeconds(at)
        # In a thread: a process of its own takes seconds to start, and one test asks for that.
        body = await asyncio.to_thread(report, self.url, asked.SerializeToString(), 28)
        return EffectReport.FromString(body)

    async def read(self) -> Experience:
        return await asyncio.to_thread(self._read)

    def _read(self) -> Experience:
        with reading(self.url) as connection:
            return read_experience(connection)


@asynccontextmanager
async def both(url: str, settings: Settings = PLAIN) -> AsyncIterator[Both]:
    async with connected(url, settings) as channel:
        yield Both(RecommendServiceStub(channel), EffectServiceStub(channel), url)


def measured(due: result_pb2.DueResult, money: float = 12.5) -> result_pb2.DecisionResult:
    result = result_pb2.DecisionResult(decision=due.decision, decision_time=due.decision_time)
    for name, amount in (("money", money), ("money_before", 80.0)):
        getattr(result.measured, name).CopyFrom(Money(currency_code="USD", micros=round(amount * 1e6)))
    result.measured.purchase_days = 1
    result.measured.bought = result.measured.had_bought = True
    return result


async def test_choices_are_read_back_as_they_were_made(database_url: str) -> None:
    async with both(database_url, DRAWN) as service:
        made = await service.decide()
        found = await service.read()
    assert len(found) == len(made)
    by_name = {decision.customer: decision for decision in made}
    assert {CONTROL, BEST, CHANCE} == set(found.arm.tolist())
    for place in range(len(found)):
        decision = by_name[found.customers[found.customer[place]]]
        chosen = next(each for each in decision.actions if each.chosen)
        assert found.actions[found.action[place]] == decision.chosen_action
        assert found.probability[place] == decision.choice_probability
        assert (found.arm[place] == CONTROL) == decision.control_group
        assert decision.chosen_action in found.open_sets[found.open[place]]
        assert found.value[place] == pytest.approx(chosen.value.micros / 1e6)
        assert found.reps[found.rep[place]] == "reps/wang"
        assert (found.by_rep[place] == 1) == bool(decision.rep)
    assert set(found.facts["days_since_purchase"].tolist()) == {4.0}
    assert not found.measured.any()


async def test_results_are_listed_once_the_window_has_closed_and_until_they_are_recorded(
    database_url: str,
) -> None:
    async with both(database_url) as service:
        await service.decide(5)
        assert not (await service.due(NOW + 28 * DAY - 1)).due
        first = await service.due(page_size=3)
        rest = await service.due(page_token=first.next_page_token)
        assert (len(first.due), len(rest.due), rest.next_page_token, rest.window_days) == (3, 2, "", 28)
        once = await service.record(*map(measured, first.due))
        again = await service.record(*(measured(each, 99.0) for each in first.due), *map(measured, rest.due))
        assert (once.recorded, once.duplicates, again.recorded, again.duplicates) == (3, 0, 2, 3)
        assert not (await service.due()).due
        found = await service.read()
    assert found.money.tolist() == [12.5] * 5
    assert found.flag(BOUGHT).all()
    assert found.flag(HAD_BOUGHT).all()


async def test_who_cannot_be_measured_is_asked_about_once_and_enters_no_report(tmp_path: Path) -> None:
    async with both(in_file(tmp_path)) as service:
        await service.decide(3)
        due = list((await service.due()).due)
        unknown = result_pb2.DecisionResult(decision=due[0].decision, decision_time=due[0].decision_time)
        await service.record(unknown, *map(measured, due[1:]))
        assert not (await service.due()).due
        told = await service.report()
    assert (told.decisions, told.measured, told.customers) == (3, 2, 2)


async def test_results_in_another_currency_or_negative_are_refused_all_at_once(tmp_path: Path) -> None:
    async with both(in_file(tmp_path)) as service:
        await service.decide(1)
        wrong = measured((await service.due()).due[0], -1.0)
        wrong.measured.money_before.currency_code = "EUR"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await service.record(wrong)
    fields = {each.field for each in from_rpc_error(refused.value).violations}
    assert fields == {"results[0].measured.money.micros", "results[0].measured.money_before.currency_code"}


async def test_what_was_decided_at_this_very_moment_is_in_the_report(tmp_path: Path) -> None:
    async with both(in_file(tmp_path)) as service:
        await service.decide(4)
        now, before = await service.report(at=NOW), await service.report(at=NOW - 1)
    assert (now.decisions, before.decisions) == (4, 0)


async def test_late_outcomes_change_the_report(database_url: str) -> None:
    async with both(database_url) as service:
        made = (await service.decide(4))[0]
        await service.record(*map(measured, (await service.due()).due))
        before = await service.report()
        acted = an_outcome(made.name, "o1", at=NOW + 3 * 3600)
        acted.outcome.kind = OutcomeKind.OUTCOME_KIND_ACTED
        rated = an_outcome(made.name, "o2")
        rated.outcome.kind, rated.outcome.score = OutcomeKind.OUTCOME_KIND_RATED, 5
        await service.decisions.RecordOutcomes(RecordOutcomesRequest(events=[acted, rated]))
        after = await service.report(rep="reps/wang")
        found = await service.read()
    assert (before.acting.acted.count, after.acting.acted.count) == (0, 1)
    assert after.acting.converted.count == 1
    assert after.acting.hours_to_act.value == 3.0
    assert found.score[found.said["rated"]].tolist() == [5.0]
    if made.rep:
        assert [(each.rep, each.acted.count) for each in after.acting.reps] == [("reps/wang", 1)]


async def test_an_erased_customer_still_counts_and_is_nobody(database_url: str) -> None:
    async with both(database_url) as service:
        made = await service.decide(6)
        await service.record(*map(measured, (await service.due()).due))
        await service.decisions.RecordOutcomes(
            RecordOutcomesRequest(events=[an_outcome(made[2].name, amount=3.0)])
        )
        baseline = effects.ImportBaselineRequest(request_id="r1", baseline_id="2025")
        baseline.rows.add(customer="customers/2").money.CopyFrom(Money(currency_code="USD", micros=1))
        baseline.decision_time.FromSeconds(NOW)
        await service.effects.ImportBaseline(baseline)
        answer = await service.decisions.EraseCustomers(EraseCustomersRequest(names=["customers/2"]))
        found = await service.read()
        told = await service.report(baseline="baselines/2025")
    assert (answer.counts["choices"], answer.counts["baseline_rows"]) == (1, 1)
    assert "customers/2" not in found.customers
    assert (len(found), found.measured.sum(), found.said["purchased"].sum()) == (6, 6, 1)
    (stranger,) = [name for name in found.customers if name.startswith("erased/")]
    place = found.customer == found.customers.index(stranger)
    assert found.time[place].tolist() == [NOW // DAY * DAY * 1_000_000]
    assert found.facts["total_spend"][place].tolist() != found.facts["total_spend"][place].tolist()  # NaN
    assert found.reps[found.rep[place][0]] == ""
    assert told.measured == 6


async def test_campaigns_have_control_groups_of_their_own_that_replays_know(tmp_path: Path) -> None:
    shares = replace(PLAIN, campaign_control_share=0.4)
    async with both(in_file(tmp_path), shares) as service:
        made = await service.decide(60)
        found = await service.read()
        for decision in made:
            refused = {each.action for each in decision.rejected if each.code == "CAMPAIGN_CONTROL"}
            own = held_out(decision.customer, PLAIN.control_salt, 0.4, refused)
            assert set(own) == refused
            assert decision.chosen_action not in refused
        assert any(each.code == "CAMPAIGN_CONTROL" for decision in made for each in decision.rejected)
        replayed = await service.decisions.ReplayDecision(ReplayDecisionRequest(name=made[0].name))
    assert replayed.identical
    campaign = next(name for each in found.campaign_sets for name in each)
    fitted, held = found.in_campaign(campaign)
    hashed = [
        in_control_group(found.customers[code], f"{PLAIN.control_salt}/{campaign}", 0.4)
        for code in found.customer[fitted]
    ]
    assert held[fitted].tolist() == hashed
    assert {True, False} == set(hashed)


def test_one_campaigns_control_group_says_nothing_of_anothers() -> None:
    names = [f"customers/{number}" for number in range(20_000)]
    pair = [set(held_out(name, "salt", 0.3, ["actions/a", "actions/b"])) for name in names]
    in_both = sum(len(each) == 2 for each in pair)
    assert abs(in_both / len(names) - 0.09) < 0.01


async def test_a_report_is_made_in_a_process_of_its_own(
    tmp_path: Path,
) -> None:
    async with both(in_file(tmp_path)) as service:
        await service.decide(3)
        asked = effects.ReportEffectRequest()
        asked.decision_time.FromSeconds(LATER)
        told = await service.effects.ReportEffect(asked)
    assert (told.decisions, told.measured, told.window_days) == (3, 0, 28)
    assert "NO_CONTROL_GROUP" in told.warnings


async def test_a_baseline_is_kept_once_and_an_unknown_one_refused(database_url: str) -> None:
    async with both(database_url) as service:
        asked = effects.ImportBaselineRequest(request_id="r1", baseline_id="2025")
        for number in range(3):
            row = asked.rows.add(customer=f"customers/{number}", hours_to_decision=6.0)
            row.money.CopyFrom(Money(currency_code="USD", micros=5_000_000))
        asked.decision_time.FromSeconds(NOW)
        asked.rows.add(customer="customers/0", after=True, comparison=True).money.CopyFrom(
            asked.rows[0].money
        )
        with pytest.raises(grpc.aio.AioRpcError) as twofold:
            await service.effects.ImportBaseline(asked)
        assert [each.field for each in from_rpc_error(twofold.value).violations] == ["rows[3].comparison"]
        del asked.rows[3]
        first = await service.effects.ImportBaseline(asked)
        asked.decision_time.FromSeconds(NOW + 60)
        assert await service.effects.ImportBaseline(asked) == first
        asked.request_id = "r2"
        with pytest.raises(grpc.aio.AioRpcError) as taken:
            await service.effects.ImportBaseline(asked)
        assert from_rpc_error(taken.value).reason == "BASELINE_EXISTS"
        listed = await service.effects.ListBaselines(effects.ListBaselinesRequest())
        with pytest.raises(NotFound, match="baselines/2024"):
            await service.report(baseline="baselines/2024")
        told = await service.report(baseline="baselines/2025")
    assert [(each.name, each.rows, each.customers) for each in listed.baselines] == [("baselines/2025", 3, 3)]
    assert told.practice.hours_before.value == 6.0
    assert not told.practice.money.HasField("interval")
