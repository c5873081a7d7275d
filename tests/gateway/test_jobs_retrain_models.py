"""What asks for a training: schedule, drift, volume of new events; and the new week that is served by an update."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fieldwise.forecast.v1 import model_service_pb2 as models_pb
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from tests.gateway.test_jobs_outlive_outages import CHRISTMAS, NEW_YEAR, Due, due

__all__ = ["due"]


def model(due: Due, name: str = "models/buys-28d") -> models_pb.Model:
    return next(each for each in due.fakes.forecast.models.models if each.name == name)


def weekly(due: Due, trained: str) -> models_pb.Model:
    """Adds weekly sales, trained at a moment."""
    added = models_pb.Model(name="models/weekly-sales", kind="series")
    added.settings.retrain_days = 28
    added.champion.train_time.FromJsonString(trained)
    due.fakes.forecast.models.models.append(added)
    return added


def asked(due: Due) -> list[tuple[str, list[str]]]:
    return [(each.trigger, list(each.models)) for each in due.fakes.forecast.trainings]


async def test_each_model_is_trained_when_its_own_days_are_over(due: Due) -> None:
    weekly(due, "2017-12-25T00:00:00Z")
    await due.clocks.start_at(NEW_YEAR)
    await due.schedule.look()
    assert asked(due) == [("schedule", ["models/buys-28d"])]


async def test_a_model_that_drifts_is_trained_before_its_days_are_over_and_not_again_at_once(
    due: Due,
) -> None:
    model(due).drift.alarm = True
    await due.schedule.look()
    assert asked(due) == []
    await due.clocks.start_at(CHRISTMAS + timedelta(days=2))
    await due.schedule.look()
    await due.schedule.look()
    assert asked(due) == [("drift", ["models/buys-28d"])]
    model(due).settings.retrain_on_drift = False
    await due.clocks.start_at(CHRISTMAS + timedelta(days=4))
    await due.schedule.look()
    assert len(asked(due)) == 1


async def test_enough_new_events_ask_for_a_training_and_are_counted_anew_after_it(due: Due) -> None:
    model(due).settings.retrain_events = 3
    await due.schedule.look()
    event = ("customers/known-1", profile_pb.CHANGE_KIND_EVENT)
    due.fakes.profile.changes += [event, event]
    await due.schedule.look()
    assert asked(due) == []
    due.fakes.profile.changes.append(event)
    await due.schedule.look()
    await due.schedule.look()
    assert asked(due) == [("volume", ["models/buys-28d"])]


async def test_a_new_week_is_served_by_an_update_once(due: Due) -> None:
    weekly(due, "2017-12-25T00:00:00Z")
    await due.schedule.look()
    assert not due.fakes.forecast.models.refreshed
    await due.clocks.start_at(NEW_YEAR)
    await due.schedule.look()
    await due.schedule.look()
    (request,) = due.fakes.forecast.models.refreshed
    assert request.name == "models/weekly-sales"
    assert ("refresh-models", False) in await due.runs()


@pytest.mark.parametrize(("fault", "failed"), [("NOTHING_NEW", False), ("NO_MODEL", True)])
async def test_an_update_that_finds_nothing_new_is_no_failure(due: Due, fault: str, failed: bool) -> None:
    weekly(due, "2017-12-25T00:00:00Z")
    due.fakes.forecast.models.refreshing_fails = fault
    await due.clocks.start_at(NEW_YEAR)
    await due.schedule.look()
    assert ("refresh-models", failed) in await due.runs()
