"""Segments and lifecycle through the real server: fitted, kept, shown in profiles, by consent."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import grpc
import pytest

from fieldwise.profile.v1 import consent_pb2, event_pb2, profile_pb2, profile_service_pb2, segment_service_pb2
from fieldwise.profile.v1.segment_service_pb2_grpc import SegmentServiceStub
from tests.profile.builders import DAY, NOW, Client, at, batch, event, purchase, serving

LOOKERS, BUYERS = 55, 65


def customers_events() -> list[event_pb2.Event]:
    """Lookers view much and buy twice at a discount; buyers buy every week and view little."""
    chance = random.Random(5)
    sent: list[event_pb2.Event] = []
    for number in range(LOOKERS + BUYERS):
        name, looks = f"c{number:03}", number < LOOKERS
        person = event_pb2.Identification(gender="f" if number % 2 else "m", birth_date="1985-05-17")
        sent.append(event(f"p{name}", name, NOW - 100 * DAY, identification=person))
        for place in range(2 if looks else 13):
            when = NOW - DAY * (50 * place + 3 if looks else 7 * place + chance.randrange(1, 4))
            share = 0.6 if looks else 0.05
            sent.append(
                purchase(f"b{name}-{place}", name, when, amount=chance.uniform(4, 9), discount=8 * share)
            )
        for place in range(chance.randrange(16, 24) if looks else chance.randrange(1, 3)):
            view = event_pb2.View(
                product="p", category="WINE", dwell_ms=chance.randrange(5_000, 60_000), channel="web"
            )
            sent.append(event(f"v{name}-{place}", name, NOW - DAY * (4 * place + 1.5), view=view))
    return sent


async def fit(
    client: Client, as_of: float = NOW, counts: Sequence[int] = (2, 3)
) -> list[segment_service_pb2.FitSegmentsResponse]:
    request = segment_service_pb2.FitSegmentsRequest(as_of=at(as_of), counts=counts, seed=3)
    return [step async for step in SegmentServiceStub(client.channel).FitSegments(request)]


async def full_profile(client: Client, customer: str) -> profile_pb2.Profile:
    request = profile_service_pb2.GetProfileRequest(
        name=f"customers/{customer}",
        as_of=at(NOW),
        purpose=consent_pb2.PURPOSE_DECISION,
        view=profile_pb2.PROFILE_VIEW_FULL,
    )
    return await client.stub.GetProfile(request)


async def ingested(client: Client, events: Sequence[event_pb2.Event]) -> None:
    for answer in await client.ingest(
        *(batch(events[start : start + 1000]) for start in range(0, len(events), 1000))
    ):
        assert not answer.rejected, answer.rejected[0]


async def test_segments_are_fitted_with_progress_shown_in_profiles_and_kept(database_url: str) -> None:
    async with serving(database_url) as client:
        await ingested(client, customers_events())
        assert not (await client.profile("c000")).HasField("segment")

        steps = await fit(client)

        read = [step.customers for step in steps]
        assert read == sorted(read)
        assert [step.trial.count for step in steps if step.HasField("trial")] == [2, 3]
        fitted = steps[-1].fitted
        assert fitted.version == 1
        assert fitted.customers == sum(each.size for each in fitted.segments) == LOOKERS + BUYERS
        assert [trial.chosen for trial in fitted.trials].count(True) == 1
        assert {each.name for each in fitted.static_segments} == {"f 30-44", "m 30-44"}
        looker, buyer = await client.profile("c000"), await client.profile("c100")
        assert looker.segment.segment != buyer.segment.segment
        assert "looks at much" in looker.segment.label
        assert looker.segment.static_segment == "m 30-44"
    async with serving(database_url) as client:
        listed = await SegmentServiceStub(client.channel).ListSegments(
            segment_service_pb2.ListSegmentsRequest()
        )
        assert listed == fitted
        assert (await client.profile("c000")).segment == looker.segment


@dataclass(frozen=True)
class Fitted:
    """A database with a fit: where it lies, and what the fit said."""

    folder: Path
    steps: Sequence[segment_service_pb2.FitSegmentsResponse]

    def copied(self, folder: Path) -> str:
        """URL of a copy, with its keys."""
        copy = shutil.copytree(self.folder, folder / "copy")
        return f"sqlite:///{copy / 'fitted.sqlite'}"


WITHDRAWN = 10


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A fit over customers of whom some withdrew training; a caller before it went away in the middle of his."""
    folder = tmp_path_factory.mktemp("fitted")
    return Fitted(folder, asyncio.run(_fitted(f"sqlite:///{folder / 'fitted.sqlite'}")))


async def _fitted(url: str) -> list[segment_service_pb2.FitSegmentsResponse]:
    withdrawn = [
        event(
            f"w{number}",
            f"c{number:03}",
            NOW - DAY,
            consent=event_pb2.Consent(purpose=consent_pb2.PURPOSE_TRAINING, granted=False),
        )
        for number in range(WITHDRAWN)
    ]
    async with serving(url) as client:
        await ingested(client, [*customers_events(), *withdrawn])
        left = SegmentServiceStub(client.channel).FitSegments(
            segment_service_pb2.FitSegmentsRequest(as_of=at(NOW), counts=range(2, 21))
        )
        await left.read()
        left.cancel()
        async with asyncio.timeout(30):
            return await fit(client, counts=(2,))


def test_a_caller_who_goes_away_ends_his_fit_and_not_the_next(fitted: Fitted) -> None:
    assert fitted.steps[-1].fitted.version == 1
    assert len(fitted.steps[-1].fitted.trials) == 1


async def test_who_withdrew_training_is_not_fitted_and_still_gets_a_segment(
    fitted: Fitted, tmp_path: Path
) -> None:
    assert fitted.steps[-1].fitted.customers == LOOKERS + BUYERS - WITHDRAWN
    async with serving(fitted.copied(tmp_path)) as client:
        assert (await client.profile("c000")).segment.segment


async def test_an_event_shows_in_the_segment_of_the_next_profile(fitted: Fitted, tmp_path: Path) -> None:
    async with serving(fitted.copied(tmp_path)) as client:
        before = (await client.profile("c000")).segment

        much = [purchase(f"x{n}", "c000", NOW - DAY * (n * 2 + 1), amount=60) for n in range(40)]
        await ingested(client, much)

        assert (await client.profile("c000")).segment.segment != before.segment


async def test_segments_come_in_pages(fitted: Fitted, tmp_path: Path) -> None:
    async with serving(fitted.copied(tmp_path)) as client:
        stub = SegmentServiceStub(client.channel)
        first = await stub.ListSegments(segment_service_pb2.ListSegmentsRequest(page_size=1))
        token = first.next_page_token
        second = await stub.ListSegments(segment_service_pb2.ListSegmentsRequest(page_token=token))

    assert [*first.segments, *second.segments] == list(fitted.steps[-1].fitted.segments)
    assert not second.next_page_token


async def test_too_few_customers_are_refused_and_say_what_to_do(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await ingested(client, customers_events()[:200])

        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await fit(client)

    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "need 100" in str(refused.value.details())


async def test_a_number_of_segments_given_twice_is_refused(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await fit(client, counts=(4, 5, 4))

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_moves_between_stages_are_counted_and_the_next_stage_shown(database_url: str) -> None:
    request = segment_service_pb2.FitLifecycleRequest(as_of=at(NOW), periods=3)
    async with serving(database_url) as client:
        stub = SegmentServiceStub(client.channel)
        await ingested(client, customers_events())
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await stub.GetLifecycle(segment_service_pb2.GetLifecycleRequest())
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND

        steps = [step async for step in stub.FitLifecycle(request)]
        report = steps[-1].report

        plain: dict[tuple[int, int], int] = {}
        for number in range(LOOKERS + BUYERS):
            stages = await stages_at(
                client, f"c{number:03}", [NOW - 28 * DAY * back for back in (3, 2, 1, 0)]
            )
            for before, after in pairwise(stages):
                if before and after:
                    plain[before, after] = plain.get((before, after), 0) + 1
        assert {(each.before, each.after): each.count for each in report.transitions if each.count} == plain
        shown = await full_profile(client, "c100")
        assert sum(each.probability for each in shown.next_stage) == pytest.approx(1)
        assert not (await client.profile("c100")).next_stage
    async with serving(database_url) as client:
        kept = await SegmentServiceStub(client.channel).GetLifecycle(
            segment_service_pb2.GetLifecycleRequest()
        )
        assert kept == report
        assert (await full_profile(client, "c100")).next_stage == shown.next_stage


async def stages_at(client: Client, customer: str, moments: Sequence[float]) -> list[int]:
    """Stages, 0 where he was not known."""
    found = []
    for moment in moments:
        profiles = await client.profiles([f"customers/{customer}"], moment)
        found.append(int(profiles[0].stage) if profiles else 0)
    return found
