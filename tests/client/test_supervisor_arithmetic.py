"""What the supervisor decides without starting anything: layout, ports, waits, records, lines."""

import os
import socket
from collections import deque
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise_client.supervisor import layout, places, ports, record
from fieldwise_client.supervisor.backoff import Backoff
from fieldwise_client.supervisor.journal import readable
from fieldwise_client.supervisor.record import AlreadyRunning, Lock, RunningProcess
from tests.client.supervised import free_port


def test_every_process_stands_behind_what_it_needs() -> None:
    seen: set[str] = set()
    for process in layout.processes({}):
        assert set(process.after) <= seen
        seen.add(process.name)
    assert seen == {"traces", "profile", "forecast", "allocation", "recommend", "gateway", "jobs"}


def test_the_ports_follow_the_base_and_differ() -> None:
    listens = {process.name: process.listen for process in layout.processes({}, 51000)}
    assert listens["gateway"] == "127.0.0.1:51000"
    assert len(set(listens.values())) == len(listens)


def test_doors_for_http_and_metrics_follow_the_base_unless_they_are_told_otherwise() -> None:
    chosen = layout.processes({}, 51000)
    told = layout.environment({"FIELDWISE_JOBS_METRICS_LISTEN": ""}, chosen, Path("data"), None)
    doors = {
        name: value
        for name, value in told.items()
        if name.endswith(("_METRICS_LISTEN", "_HTTP_LISTEN")) and value
    }
    assert doors["FIELDWISE_PROFILE_METRICS_LISTEN"] == "127.0.0.1:51011"
    assert doors["FIELDWISE_TRACES_HTTP_LISTEN"] == "127.0.0.1:51015"
    # Set and empty: none, whatever the base.
    assert told["FIELDWISE_JOBS_METRICS_LISTEN"] == ""
    listens = [process.listen for process in layout.processes({}, 51000, cluster=True)]
    scheduler = layout.cluster_environment(51000, 1)["FIELDWISE_CLUSTER_SCHEDULER"]
    everywhere = [*listens, scheduler, *doors.values()]
    assert len(set(everywhere)) == len(everywhere)


def test_a_cluster_starts_before_whoever_works_on_it_and_is_named_to_them() -> None:
    seen: set[str] = set()
    for process in layout.processes({}, 51000, cluster=True):
        assert set(process.after) <= seen
        assert (process.name in ("profile", "forecast", "allocation")) == ("cluster" in process.after)
        seen.add(process.name)
    told = layout.cluster_environment(51000, 3)
    assert told["FIELDWISE_EXECUTOR"] == f"tcp://{told['FIELDWISE_CLUSTER_SCHEDULER']}"
    assert told["FIELDWISE_CLUSTER_SCHEDULER"] not in {
        p.listen for p in layout.processes({}, 51000, cluster=True)
    }


def test_one_process_can_be_placed_elsewhere_and_is_reached_there() -> None:
    environ = {"FIELDWISE_PROFILE_LISTEN": "0.0.0.0:7001"}
    chosen = layout.processes(environ)
    told = layout.environment(environ, chosen, Path("data"), None)
    assert told["FIELDWISE_PROFILE_LISTEN"] == "0.0.0.0:7001"
    assert told["FIELDWISE_PROFILE_ADDRESS"] == "127.0.0.1:7001"


def test_a_clock_named_by_the_operator_is_kept() -> None:
    chosen = layout.processes({})
    named = layout.environment(
        {"FIELDWISE_CLOCK": "wall"}, chosen, Path("data"), "recorded:2017-12-25T00:00:00Z"
    )
    assert named["FIELDWISE_CLOCK"] == "wall"
    left_open = layout.environment({}, chosen, Path("data"), "recorded:2017-12-25T00:00:00Z")
    assert left_open["FIELDWISE_CLOCK"] == "recorded:2017-12-25T00:00:00Z"


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=40))
def test_waits_double_to_the_longest_and_begin_anew_after_a_healthy_life(lifetimes: list[float]) -> None:
    backoff, failures, expected = Backoff(), 0, 0.0
    for lived in lifetimes:
        failures = backoff.failures_after(failures, lived)
        expected = 0.05 if lived >= 30.0 or expected == 0.0 else min(10.0, 2 * expected)
        assert backoff.wait(failures) == pytest.approx(expected)


def test_every_busy_port_is_named_with_the_remedy() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = layout.Process("profile", "m", f"127.0.0.1:{holder.getsockname()[1]}")
        wrong = layout.Process("jobs", "m", "127.0.0.1:http")
        free = layout.Process("gateway", "m", f"127.0.0.1:{free_port()}")
        faults = ports.busy([taken, free, wrong])
    assert [fault.split()[0] for fault in faults] == ["profile", "jobs"]
    assert taken.listen in faults[0]
    assert "--port-base" in faults[0]


def test_a_second_supervisor_on_the_same_folder_is_told_who_runs_there(tmp_path: Path) -> None:
    first = Lock(tmp_path)
    with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}.*--port-base"):
        Lock(tmp_path)
    first.release()
    Lock(tmp_path).release()


def test_a_record_is_read_as_it_was_written_and_a_torn_one_as_none(tmp_path: Path) -> None:
    written = record.record_of([RunningProcess("profile", 12, "127.0.0.1:50051", 3)])
    record.write(tmp_path, written)
    assert record.read(tmp_path) == written
    (tmp_path / "processes.json").write_text('{"supervisor": 1')
    assert record.read(tmp_path) is None
    record.erase(tmp_path)
    assert record.read(tmp_path) is None


def test_commands_find_the_installation_by_environment_then_record_then_default(tmp_path: Path) -> None:
    assert places.find(tmp_path, {}).gateway == "127.0.0.1:50050"
    record.write(tmp_path, record.record_of([RunningProcess("gateway", 1, "127.0.0.1:51000", 0)]))
    assert places.find(tmp_path, {}).gateway == "127.0.0.1:51000"
    assert places.find(tmp_path, {"FIELDWISE_GATEWAY_ADDRESS": "gateway:1"}).gateway == "gateway:1"


def test_a_log_line_is_read_to_a_person_and_any_other_line_stays_as_it_is() -> None:
    line = '{"time": "t", "level": "ERROR", "service": "s", "logger": "l", "event": "plan rejected", "reason": "X"}'
    assert readable(line) == "ERROR plan rejected reason=X"
    for other in ("Traceback (most recent call last):", "{not json", "[1]", ""):
        assert readable(other) == other
    assert deque([readable("{}")]) == deque(["INFO"])
