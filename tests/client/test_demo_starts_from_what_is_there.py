"""The demo's steps against an installation that remembers what was asked of it."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from fieldwise.allocation.v1 import plan_pb2, price_pb2
from fieldwise.forecast.v1 import model_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.gateway.v1 import jobs_service_pb2 as jobs_pb
from fieldwise.gateway.v1 import traces_service_pb2 as traces_pb
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise_client.demo import complete_journey, events, marker
from fieldwise_client.demo.complete_journey import Dropped, History, Purchases
from fieldwise_client.demo.loading import EventsRefused
from fieldwise_client.demo.opening import Shown, WrongClock, open_demo
from fieldwise_client.installation import Installation
from fieldwise_client.progress import Progress

LINES = 2 * events.BATCH_EVENTS + 10
# Those of the one household.
CONSENTS = len(events.CONSENTED)


class Cut(Exception):
    """The connection broke."""


class Remembering:
    """An installation in memory with the calls that the demo makes."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.known: set[str] = set()
        self.versions: list[model_pb2.ModelVersion] = []
        self.price_set: price_pb2.PriceSet | None = None
        self.plans: set[str] = set()
        self.recorded = True
        self.cut_after = 99
        self.refuses = False

    def clock(self) -> gateway_pb.Clock:
        return gateway_pb.Clock(recorded=self.recorded)

    def customers_known(self) -> int:
        return 1 if self.known else 0

    def ingest(self, batches: Iterator[Any]) -> Iterator[profile_pb.IngestEventsResponse]:
        for count, batch in enumerate(batches):
            if count == self.cut_after:
                raise Cut
            self.did.append(f"batch {batch.batch_number}")
            ids = {event.event_id for event in batch.events}
            fresh = ids - self.known
            self.known |= ids
            yield profile_pb.IngestEventsResponse(
                batch_number=batch.batch_number,
                accepted=len(fresh),
                duplicates=len(ids) - len(fresh),
                rejected=[profile_pb.RejectedEvent(event_id="x")] if self.refuses else [],
            )

    def champions(self) -> list[model_pb2.ModelVersion]:
        return self.versions

    def prices(self) -> price_pb2.PriceSet | None:
        return self.price_set

    def create_reps(self, reps: Any) -> None:
        self.did.append(f"{len(reps)} reps")

    def set_budgets(self, budgets: Any) -> None:
        self.did.append("budgets")

    def has_plan(self, name: str) -> bool:
        return name in self.plans

    def plan(self, told: Any) -> plan_pb2.TerritoryPlan:
        self.did.append("plan")
        self.plans.add("plans/1")
        return plan_pb2.TerritoryPlan(name="plans/1")

    def run_job(self, job: str, told: Any) -> jobs_pb.JobRun:
        self.did.append(job)
        if job == "train-models":
            self.versions = [model_pb2.ModelVersion(name=name) for name in "abc"]
        else:
            self.price_set = price_pb2.PriceSet(name="priceSets/1")
        return jobs_pb.JobRun(job=job, summary="done")

    def decide(self, customer: str) -> decision_pb2.Decision:
        return decision_pb2.Decision(customer=customer, verdict=decision_pb2.VERDICT_ACT)

    def trace(self, decision: decision_pb2.Decision) -> traces_pb.Trace:
        return traces_pb.Trace()


@pytest.fixture(autouse=True)
def _small_history(monkeypatch: pytest.MonkeyPatch) -> None:
    number = np.arange(LINES, dtype=np.int64)
    same = np.ones(LINES, np.int64)
    lines = Purchases(same, number, number, number, same * 0, same, same, same * 0, ("unknown",))
    made = History(1, lines, (), (), Dropped(0, 0, 0, 0))
    monkeypatch.setattr(complete_journey, "read", lambda **_: made)


def opened(installation: Remembering, data: Path, *, full: bool = False) -> Shown:
    progress = Progress(stream=io.StringIO())
    return open_demo(cast(Installation, installation), data, progress, full=full)


def test_the_first_run_does_every_step_in_order(tmp_path: Path) -> None:
    installation = Remembering()
    shown = opened(installation, tmp_path)
    assert installation.did == [
        *("batch 0", "batch 1", "batch 2"),
        *("train-models", "4 reps", "budgets", "plan", "solve-prices"),
    ]
    assert shown.decision.customer == "customers/1"


def test_the_second_run_only_decides(tmp_path: Path) -> None:
    installation = Remembering()
    opened(installation, tmp_path)
    installation.did.clear()
    opened(installation, tmp_path)
    assert installation.did == []


def test_a_load_that_was_cut_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    installation = Remembering()
    installation.cut_after = 1
    with pytest.raises(Cut):
        opened(installation, tmp_path)
    installation.did.clear()
    installation.cut_after = 99
    opened(installation, tmp_path)
    assert installation.did[:2] == ["batch 1", "batch 2"]
    assert len(installation.known) == LINES + CONSENTS


def test_a_marker_whose_database_is_gone_loads_everything_again(tmp_path: Path) -> None:
    opened(Remembering(), tmp_path)
    empty = Remembering()
    opened(empty, tmp_path)
    assert len(empty.known) == LINES + CONSENTS
    assert "train-models" in empty.did


def test_asking_for_all_after_the_subset_loads_trains_and_plans_anew(tmp_path: Path) -> None:
    installation = Remembering()
    opened(installation, tmp_path)
    installation.did.clear()
    opened(installation, tmp_path, full=True)
    assert {"train-models", "8 reps", "plan", "solve-prices"} <= set(installation.did)
    installation.did.clear()
    opened(installation, tmp_path)
    assert installation.did == [], "the subset is a part of all"


def test_a_lost_price_set_is_solved_again_and_nothing_else(tmp_path: Path) -> None:
    installation = Remembering()
    opened(installation, tmp_path)
    installation.did.clear()
    installation.price_set = None
    opened(installation, tmp_path)
    assert installation.did == ["solve-prices"]


def test_the_wall_clock_is_refused_with_the_remedy(tmp_path: Path) -> None:
    installation = Remembering()
    installation.recorded = False
    with pytest.raises(WrongClock, match="fieldwise up --demo"):
        opened(installation, tmp_path)


def test_a_refused_event_stops_the_load(tmp_path: Path) -> None:
    installation = Remembering()
    installation.refuses = True
    with pytest.raises(EventsRefused, match="FIELDWISE_CURRENCY"):
        opened(installation, tmp_path)


def test_a_torn_marker_is_no_marker(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("{")
    assert marker.read(tmp_path) is None
    (tmp_path / "demo.json").write_text('{"unknown": 1}')
    assert marker.read(tmp_path) is None


def test_a_terminal_line_is_rewritten_and_a_file_gets_whole_lines() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, expected in ((Terminal(), 2), (io.StringIO(), 0)):
        progress = Progress(stream=stream)
        progress.running("half")
        progress.say("whole")
        assert stream.getvalue().count("\r") == expected
        assert stream.getvalue().endswith("whole\n")
