"""Work beside the calls that fails is tried again, and the log says so: once when it begins, once when it ends."""

from __future__ import annotations

import asyncio

import pytest

from fieldwise_profile.trying import Trying
from fieldwise_runtime.errors import FailedPrecondition


class Work:
    """Fails as it is told to."""

    def __init__(self) -> None:
        self.fault: BaseException | None = None

    async def step(self) -> int:
        if self.fault is not None:
            raise self.fault
        return 7


async def test_a_fault_is_told_when_it_begins_changes_and_ends_and_never_with_its_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work, trying = Work(), Trying()
    caplog.set_level("INFO")
    assert await trying.result(work.step) == 7
    faults = [ValueError("13800138000"), ValueError("other"), FailedPrecondition("KEY_RETIRED", "restore it")]
    for fault in faults:
        work.fault = fault
        assert await trying.result(work.step) is None
    work.fault = None
    assert await trying.result(work.step) == 7
    told = [(each.levelname, getattr(each, "fields", {}).get("fault")) for each in caplog.records]
    assert told == [("WARNING", "ValueError"), ("WARNING", "KEY_RETIRED"), ("INFO", None)]
    assert "13800138000" not in str([vars(each) for each in caplog.records])


async def test_cancelling_goes_through() -> None:
    work = Work()
    work.fault = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await Trying().result(work.step)
