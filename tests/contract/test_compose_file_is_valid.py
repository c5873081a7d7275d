"""docker-compose.yml: by the tool itself where it is present, and by its structure everywhere."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fieldwise_client.supervisor import layout

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
OTHERS = {"postgres", "jaeger", "prometheus"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    found: dict[str, Any] = loaded["services"]
    return found


def config_command() -> list[str] | None:
    """The tool that checks the file on this machine; None where neither generation of it is installed."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode
    ):
        return ["docker", "compose"]
    return None


def test_the_tool_accepts_the_file_where_it_is_present() -> None:
    tool = config_command()
    if tool is None:
        # Without the tool the structure is what can be checked; the tests below do.
        assert yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
        return
    done = subprocess.run(
        [*tool, "-f", str(FILE), "config", "--quiet"], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_process_of_an_installation_is_a_service_that_listens_where_peers_look(
    services: dict[str, Any],
) -> None:
    for process in layout.processes({}):
        service = services[process.name]
        port = process.listen.rpartition(":")[2]
        name = process.name.upper()
        assert service["command"] == ["python", "-m", process.module]
        assert service["environment"][f"FIELDWISE_{name}_LISTEN"] == f"0.0.0.0:{port}"
        assert (
            service["environment"].get(f"FIELDWISE_{name}_ADDRESS", f"{process.name}:{port}")
            == f"{process.name}:{port}"
        )


def test_every_process_is_started_by_health_and_watched(services: dict[str, Any]) -> None:
    for process in layout.processes({}):
        service = services[process.name]
        port = process.listen.rpartition(":")[2]
        assert service["healthcheck"]["test"] == [
            "CMD",
            *("python", "-m", "fieldwise_runtime.health"),
            f"127.0.0.1:{port}",
        ]
        needed = {
            name for name, how in service["depends_on"].items() if how["condition"] == "service_healthy"
        }
        assert set(process.after) <= needed
        assert service["restart"] == "unless-stopped"


def test_every_database_is_migrated_once_before_its_service_starts(services: dict[str, Any]) -> None:
    migrated = {
        word
        for service in services.values()
        for word in service.get("command", [])
        if "migrat" in " ".join(service["command"])
        and word.startswith("fieldwise_")
        and "migrate_all" not in word
    }
    assert migrated == set(layout.MIGRATED)
    for name in ("profile", "forecast", "allocation", "recommend", "traces", "gateway"):
        waits = services[name]["depends_on"].values()
        assert "service_completed_successfully" in {how["condition"] for how in waits}


def test_each_service_has_a_database_of_its_own_that_postgresql_is_told_to_make(
    services: dict[str, Any],
) -> None:
    named = {
        value.rpartition("/")[2]
        for service in services.values()
        for key, value in service.get("environment", {}).items()
        if key.endswith("_DATABASE_URL") and value.startswith("postgresql")
    }
    script = (ROOT / "docker" / "databases.sql").read_text(encoding="utf-8")
    assert named == set(re.findall(r"CREATE DATABASE (\w+);", script))


def test_every_image_is_built_from_the_one_dockerfile_by_its_service(services: dict[str, Any]) -> None:
    built = {s["image"]: s["build"]["args"]["SERVICE"] for name, s in services.items() if name not in OTHERS}
    assert built == {
        f"fieldwise-{name}": name for name in ("profile", "forecast", "allocation", "recommend", "gateway")
    }


def test_published_ports_are_for_this_machine_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(str(port).startswith("127.0.0.1:") for port in ports)


def test_what_prometheus_watches_is_in_the_file(services: dict[str, Any]) -> None:
    config = yaml.safe_load((ROOT / "docker" / "prometheus.yml").read_text(encoding="utf-8"))
    targets = [
        t for job in config["scrape_configs"] for each in job["static_configs"] for t in each["targets"]
    ]
    assert {target.partition(":")[0] for target in targets} <= {"localhost", *services}
    for name, _, port in (target.partition(":") for target in targets):
        if name in services and name not in OTHERS:
            listening = [
                value
                for variable, value in services[name]["environment"].items()
                if re.fullmatch(rf"FIELDWISE_{name.upper()}_(METRICS|HTTP)_LISTEN", variable)
            ]
            assert listening == [f"0.0.0.0:{port}"]


def test_prometheus_is_given_its_rules(services: dict[str, Any]) -> None:
    config = yaml.safe_load((ROOT / "docker" / "prometheus.yml").read_text(encoding="utf-8"))
    mounted = {volume.split(":")[1] for volume in services["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{name}" for name in config["rule_files"]} <= mounted
    assert all((ROOT / "docker" / name).is_file() for name in config["rule_files"])
