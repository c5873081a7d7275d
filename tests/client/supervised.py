"""Small programs to supervise: a real gRPC health server whose behaviour is chosen by files beside it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from fieldwise_client.supervisor.layout import Process

_SERVER = """
import os, signal, subprocess, sys, time
from concurrent import futures
from pathlib import Path
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

name = sys.modules["__main__"].__spec__.name
folder = Path(__file__).parent
lives = folder / (name + ".lives")
with lives.open("a") as file:
    file.write(f"{os.getpid()}\\n")
life = len(lives.read_text().splitlines())
behaviour = (folder / (name + ".behaviour")).read_text() if (folder / (name + ".behaviour")).exists() else ""
print('{"level": "INFO", "event": "quiet line"}', flush=True)
if behaviour == "dies at once":
    sys.exit("it cannot start: FIELDWISE_SOMETHING is wrong")
if behaviour == "dies once" and life == 1:
    sys.exit(7)
if behaviour == "ignores SIGTERM":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if behaviour == "has a child":
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    (folder / "grandchild.pid").write_text(str(child.pid))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = grpc.server(futures.ThreadPoolExecutor(2))
servicer = health.HealthServicer()
servicer.set("", health_pb2.HealthCheckResponse.SERVING)
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
server.add_insecure_port(os.environ[f"FIELDWISE_{name.upper()}_LISTEN"])
server.start()
print('{"level": "WARNING", "event": "loud line", "kind": "test"}', flush=True)
server.wait_for_termination()
"""


def program(folder: Path, name: str, behaviour: str = "") -> None:
    """A module ``name`` in ``folder`` that serves health, or does what ``behaviour`` says."""
    (folder / f"{name}.py").write_text(_SERVER, encoding="utf-8")
    (folder / f"{name}.behaviour").write_text(behaviour, encoding="utf-8")


def process(folder: Path, name: str, behaviour: str = "", after: tuple[str, ...] = ()) -> Process:
    """The program as a process on a free port."""
    program(folder, name, behaviour)
    return Process(name, name, f"127.0.0.1:{free_port()}", after)


def environ(folder: Path, *processes: Process) -> dict[str, str]:
    """What the programs need to find their modules and ports."""
    listens = {f"FIELDWISE_{each.name.upper()}_LISTEN": each.listen for each in processes}
    return {**os.environ, **listens, "PYTHONPATH": str(folder), "PYTHONUNBUFFERED": "1"}


def lives(folder: Path, name: str) -> list[int]:
    """Process ids of every life the program had, oldest first."""
    file = folder / f"{name}.lives"
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def is_alive(pid: int) -> bool:
    """The process runs; one that only waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


PYTHON = sys.executable
