"""Every metric in code is listed in docs/telemetry.md and no other is; every rule asks for what there is, and has its paragraph."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
import yaml
from google.protobuf.descriptor_pool import Default

from fieldwise_runtime import metrics
from tests.contract import telemetry_registry

ROOT: Final = Path(__file__).resolve().parents[2]
# What PromQL says itself; the rest of an expression's words are metrics and labels.
WORDS: Final = frozenset(
    (
        "absent",
        "and",
        "by",
        "histogram_quantile",
        "increase",
        "label_replace",
        "le",
        "max",
        "min",
        "on",
        "or",
        "rate",
    )
) | {"scalar", "sum", "time", "unless", "without"}
ADDED: Final = frozenset({"job", "instance"})
OF_EVERY_CLIENT: Final = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def modules() -> list[str]:
    """Every module that makes metrics."""
    found = []
    for folder in ("packages", "services", "gateway"):
        for path in sorted((ROOT / folder).glob("**/fieldwise_*/**/*.py")):
            if re.search(
                r"\b(counter|gauge|histogram|Watched|Durations)\(\s*\"fieldwise_", path.read_text("utf-8")
            ):
                parts = path.relative_to(ROOT).with_suffix("").parts
                start = next(place for place, part in enumerate(parts) if part.startswith("fieldwise_"))
                found.append(".".join(parts[start:]))
    return found


@pytest.fixture(scope="module")
def made() -> dict[str, tuple[str, frozenset[str]]]:
    """Kind and labels of each metric as the code makes them."""
    for module in modules():
        importlib.import_module(module)
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for collector in list(metrics.REGISTRY._collector_to_names):
        labels: Any = getattr(collector, "_labelnames", None) or getattr(collector, "_labels", ())
        for family in collector.collect():
            if family.name.startswith("fieldwise_"):
                name = family.name + ("_total" if family.type == "counter" else "")
                found[name] = (family.type, frozenset(labels))
    return found


def test_telemetry_lists_every_metric_with_its_kind_and_labels_and_no_other(
    made: dict[str, tuple[str, frozenset[str]]],
) -> None:
    listed = {each.name: (each.kind, each.labels) for each in telemetry_registry.metrics().values()}
    assert listed == made


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "docker" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


RULES: Final = rules()
ALERTS: Final = [rule for rule in RULES if "alert" in rule]


def series_of(name: str, kinds: dict[str, tuple[str, frozenset[str]]]) -> frozenset[str] | None:
    """Labels of a series by its name in an expression; None for one that nobody exposes."""
    if name == "up":
        return frozenset()
    if name in kinds and kinds[name][0] != "histogram":
        return kinds[name][1]
    base, _, part = name.rpartition("_")
    if part in ("bucket", "count", "sum") and kinds.get(base, ("", None))[0] == "histogram":
        return kinds[base][1] | ({"le"} if part == "bucket" else set())
    return None


def faults_of(expression: str, kinds: dict[str, tuple[str, frozenset[str]]], recorded: set[str]) -> list[str]:
    """What an expression asks for and nobody exposes."""
    faults = []
    known: set[str] = set(ADDED)
    for name, matchers in re.findall(r"([a-z_:][\w:]*)\s*(\{[^}]*\})?", re.sub(r'"[^"]*"', '""', expression)):
        if name in recorded or name in WORDS or re.fullmatch(r"[smhd]", name):
            continue
        labels = series_of(name, kinds)
        if labels is None:
            continue
        known |= labels
        asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        faults += [f"{name} has no label {label}" for label in asked - labels - ADDED]
    words = set(re.findall(r"\b[a-z_:][\w:]*", re.sub(r'"[^"]*"|\[\w+\]|\{[^}]*\}', " ", expression)))
    unknown = {word for word in words - WORDS - known - recorded if series_of(word, kinds) is None}
    return faults + [f"nobody exposes {word}" for word in sorted(unknown)]


def test_every_rule_asks_for_series_that_are_exposed(made: dict[str, tuple[str, frozenset[str]]]) -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    faults = {
        rule.get("alert", rule.get("record")): found
        for rule in RULES
        if (found := faults_of(rule["expr"], made, recorded))
    }
    assert faults == {}


def test_every_panel_of_the_dashboard_asks_for_series_that_are_exposed(
    made: dict[str, tuple[str, frozenset[str]]],
) -> None:
    panels = json.loads((ROOT / "docker" / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    recorded = {rule["record"] for rule in RULES if "record" in rule} | OF_EVERY_CLIENT
    faults = {
        target["expr"]: found
        for panel in panels
        for target in panel["targets"]
        if (found := faults_of(target["expr"], made, recorded))
    }
    assert faults == {}
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("rate(fieldwise_decision_total[5m]) > 1", "nobody exposes fieldwise_decision_total"),
        ("fieldwise_decisions > 1", "nobody exposes fieldwise_decisions"),
        (
            'fieldwise_decisions_total{verdicts="VERDICT_ACT"} > 1',
            "fieldwise_decisions_total has no label verdicts",
        ),
        ("sum by (peers) (fieldwise_client_seconds_count)", "nobody exposes peers"),
        ("fieldwise_rpc_seconds > 1", "nobody exposes fieldwise_rpc_seconds"),
    ],
)
def test_a_wrong_name_in_a_rule_would_be_found(
    expression: str, fault: str, made: dict[str, tuple[str, frozenset[str]]]
) -> None:
    assert faults_of(expression, made, set()) == [fault]


def values_of(label: str) -> set[str]:
    """Every value that rules ask of a label."""
    expressions = " ".join(rule["expr"] for rule in RULES)
    asked = re.findall(rf'\b{label}=~?"([^"]*)"', expressions)
    return {value for each in asked for value in each.split("|")}


def test_values_that_rules_ask_for_exist() -> None:
    importlib.import_module("fieldwise.gateway.v1.gateway_service_pb2")
    scraped = yaml.safe_load((ROOT / "docker" / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    assert values_of("job") <= {each["job_name"] for each in scraped}
    assert values_of("code") <= {code.name for code in grpc.StatusCode}
    (service,) = values_of("service")
    methods = {method.name for method in Default().FindServiceByName(service).methods}
    assert values_of("method") <= methods
    assert {float(bound) for bound in values_of("le")} <= set(metrics.SECONDS)
    sources = " ".join(path.read_text("utf-8") for path in (ROOT / "gateway").glob("**/*.py")) + " ".join(
        path.read_text("utf-8") for path in (ROOT / "packages" / "runtime").glob("**/*.py")
    )
    assert [reason for reason in values_of("reason") if f'"{reason}"' not in sources] == []


def test_every_alert_has_its_paragraph_and_no_other_has_one() -> None:
    page = (ROOT / "docs" / "slo.md").read_text(encoding="utf-8")
    found = re.findall(r"^### (\w+)\n\n(.+?)(?=\n#|\Z)", page, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in found] == [rule["alert"] for rule in ALERTS]
    assert [name for name, text in found if len(text.split()) < 12] == []


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_an_alert_says_how_urgent_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"] == f"docs/slo.md#{rule['alert'].lower()}"


def test_each_window_of_a_burn_is_recorded() -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    asked = {name for rule in ALERTS for name in re.findall(r"fieldwise:\w+:burn\w+", rule["expr"])}
    assert asked <= recorded
    for name in recorded:
        (rule,) = [rule for rule in RULES if rule.get("record") == name]
        windows = set(re.findall(r"\[(\w+)\]", rule["expr"]))
        assert windows == {name.rpartition("burn")[2]}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_alerts_fire_when_they_should_where_the_tool_is_present() -> None:
    # Those of alerts that are easily got wrong are in docker/alerts.test.yml; Prometheus brings the tool.
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]):
        done = subprocess.run(
            ["promtool", *command], cwd=ROOT / "docker", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
