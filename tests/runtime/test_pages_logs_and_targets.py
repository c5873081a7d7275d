"""Page tokens, log lines and channel targets."""

from __future__ import annotations

import json
import logging
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise_runtime import channels, logs, tracing
from fieldwise_runtime.errors import InvalidRequest, NotFound, Violation
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token


@given(st.text(min_size=1), st.text())
def test_a_token_gives_its_cursor_back_for_its_own_list_only(cursor: str, scope: str) -> None:
    token = page_token(cursor, scope)
    assert cursor_of(token, scope) == cursor
    with pytest.raises(InvalidRequest):
        cursor_of(token, scope + "x")


@given(st.text(min_size=1))
def test_a_token_that_was_not_given_out_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest, match="next_page_token"):
        cursor_of(token, "customers")


def test_the_first_page_has_no_cursor() -> None:
    assert cursor_of("", "customers") == ""


def test_page_sizes_are_clamped_and_negative_ones_refused() -> None:
    assert [clamp_page_size(asked, 100, 1000) for asked in (0, 1, 1000, 5000)] == [100, 1, 1000, 1000]
    with pytest.raises(InvalidRequest, match="page_size: got -1; give 0 or more"):
        clamp_page_size(-1, 100, 1000)


def line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(capsys.readouterr().err.splitlines()[-1])
    return told


@pytest.fixture
def _own_handlers() -> Any:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.usefixtures("_own_handlers")
def test_a_log_line_is_json_with_fields_and_trace(capsys: pytest.CaptureFixture[str], recorded: Any) -> None:
    logs.configure("fieldwise-test", "INFO")
    log = logs.get_logger("here")
    with tracing.tracer().start_as_current_span("s") as span:
        log.info("plan rejected: 50%", reason="TOO_FEW", accounts=3)
        told = line(capsys)
    assert told["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert (told["event"], told["reason"], told["accounts"]) == ("plan rejected: 50%", "TOO_FEW", 3)
    assert (told["service"], told["level"], told["logger"]) == ("fieldwise-test", "INFO", "here")
    log.info("outside a trace")
    assert "trace_id" not in line(capsys)
    assert recorded.get_finished_spans()


@pytest.mark.usefixtures("_own_handlers")
def test_levels_below_the_one_asked_for_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("fieldwise-test", "WARNING")
    logs.get_logger("here").info("not told")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("_own_handlers")
def test_an_exception_is_logged_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("fieldwise-test")
    try:
        raise ValueError("why")
    except ValueError:
        logs.get_logger("here").exception("work failed", step=2)
    told = line(capsys)
    assert "ValueError: why" in told["exception"]
    assert told["step"] == 2


def test_targets_of_one_and_of_several_addresses() -> None:
    assert channels.target("profile:50051") == "profile:50051"
    assert channels.target("127.0.0.1:1,127.0.0.1:2") == "ipv4:127.0.0.1:1,127.0.0.1:2"
    assert channels.target("[::1]:1,[::1]:2") == "ipv6:[::1]:1,[::1]:2"
    with pytest.raises(ValueError, match="IP addresses of one kind"):
        channels.target("a:1,b:2")


@pytest.mark.parametrize(
    "error", [InvalidRequest([Violation.of("a", 1, "b")]), NotFound("x", "y", reason="Z")]
)
def test_errors_survive_the_way_between_processes(error: Any) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (again.code, again.reason, again.message, again.metadata, again.violations, str(again)) == (
        error.code,
        error.reason,
        error.message,
        error.metadata,
        error.violations,
        str(error),
    )
