"""The plan as files: assignments, moves, summary. Knows what a spreadsheet opens, nothing of the map."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from fieldwise.allocation.v1.plan_pb2 import PlanMeasure
from fieldwise_client.plan.geojson import territories
from fieldwise_client.plan.outcome import Line, Outcome
from fieldwise_client.plan.page import render_page

FILES = ("assignments.csv", "moves.csv", "summary.json", "territories.geojson", "map.html")


def write_outcome(outcome: Outcome, folder: Path, title: str, band: float) -> list[Path]:
    """Write assignments, moves, summary, territories and map into the folder; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_csv(folder / "assignments.csv", _ASSIGNMENT, map(_assignment, outcome.lines))
    _write_csv(folder / "moves.csv", _MOVE, (_move(line) for line in outcome.lines if line.moved))
    summary = json.dumps(summary_of(outcome), ensure_ascii=False, indent=2)
    (folder / "summary.json").write_text(summary + "\n", encoding="utf-8")
    features = json.dumps(territories(outcome), ensure_ascii=False)
    (folder / "territories.geojson").write_text(features + "\n", encoding="utf-8")
    (folder / "map.html").write_text(render_page(outcome, title, band), encoding="utf-8")
    return [folder / name for name in FILES]


_ASSIGNMENT = ("account", "rep", "before", "moved", "reason", "travel_km", "workload_hours", "value")
_MOVE = ("account", "from", "to", "reason", "travel_km", "workload_hours", "value")


def _assignment(line: Line) -> Sequence[object]:
    moved = "yes" if line.moved else "no"
    return line.name, line.rep, line.before, moved, line.reason, f"{line.travel_km:.1f}", *_size(line)


def _move(line: Line) -> Sequence[object]:
    return line.name, line.before, line.rep, line.reason, f"{line.travel_km:.1f}", *_size(line)


def _size(line: Line) -> Sequence[object]:
    return (line.account.hours, line.account.value) if line.account else ("", "")


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    # With a byte order mark: a spreadsheet takes the names for its own local encoding without it.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def summary_of(outcome: Outcome) -> Mapping[str, Any]:
    """The plan's figures, beside today's, the nearest rep's and those of K-means."""
    plan = outcome.plan
    return {
        "plan": plan.name,
        "create_time": plan.create_time.ToJsonString(),
        "accounts": len(outcome.lines),
        "reps": len(outcome.loads),
        "objective": plan.objective,
        "bound": plan.bound,
        "gap": plan.gap,
        "travel_km": plan.travel_km,
        "moves": plan.moves,
        "value_moved": {"currency": plan.value_moved.currency_code, "amount": plan.value_moved.micros / 1e6},
        "worst_deviation": outcome.worst_deviation,
        "outside_band": plan.outside_band,
        "solve_seconds": plan.solve_seconds,
        "incumbent": _measure(plan.incumbent) if plan.HasField("incumbent") else None,
        "nearest_rep": _measure(plan.nearest_rep) if plan.HasField("nearest_rep") else None,
        "k_means": _measure(plan.k_means) if plan.HasField("k_means") else None,
        "breach_count": plan.breach_count,
        "rule_costs": {each.rule: each.cost for each in plan.rule_costs if not each.hard},
        "loads": [
            {
                "rep": load.rep,
                "accounts": load.accounts,
                "hours": load.hours,
                "target_hours": load.target_hours,
                "deviation": load.deviation,
                "value": load.value,
                "hour_price": load.hour_price,
            }
            for load in outcome.loads
        ],
    }


def _measure(measure: PlanMeasure) -> Mapping[str, Any]:
    read: dict[str, Any] = MessageToDict(
        measure, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return read
