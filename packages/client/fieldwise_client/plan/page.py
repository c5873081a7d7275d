"""The plan as one web page that needs nothing else: data and looks in one file. Knows no file name but its template's."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from importlib import resources
from typing import Any

from fieldwise.allocation.v1.plan_pb2 import PlanMeasure
from fieldwise_client.plan.files import Place
from fieldwise_client.plan.outcome import Line, Load, Outcome

# Nine hues that stay apart for colour-blind readers (after Okabe and Ito, 2008), on light and dark ground alike; with
# four shapes of mark they make 36 styles.
HUES = ("#0072b2", "#e08e00", "#009e73", "#c65f97", "#d55e00", "#3fa0dc", "#7d56b0", "#7f8500", "#8c564b")
SHAPES = ("circle", "square", "triangle", "diamond")


def render_page(outcome: Outcome, title: str, band: float) -> str:
    """The page: map, legend and figures; works from a file, calls no other host."""
    template = resources.files(__package__).joinpath("map.html").read_text("utf-8")
    # `</script>` or `<!--` in a name must not end the script that holds the data.
    data = json.dumps(page_data(outcome, title, band), ensure_ascii=False, allow_nan=False).replace(
        "<", "\\u003c"
    )
    return template.replace("{{title}}", html.escape(title)).replace("{{data}}", data)


def page_data(outcome: Outcome, title: str, band: float) -> dict[str, Any]:
    """Everything the page shows. Accounts are arrays, because there may be 100,000 of them."""
    plan = outcome.plan
    position = {load.rep: index for index, load in enumerate(outcome.loads)}
    styles = styles_of([load.home for load in outcome.loads])
    return {
        "title": title,
        "plan": plan.name,
        "made": plan.create_time.ToJsonString()[:16].replace("T", " "),
        "currency": plan.value_moved.currency_code,
        "band": band,
        "objective": plan.objective,
        "bound": plan.bound,
        "gap": plan.gap,
        "km": plan.travel_km,
        "moves": plan.moves,
        "valueMoved": plan.value_moved.micros / 1e6,
        "deviation": outcome.worst_deviation,
        "seconds": plan.solve_seconds,
        "incumbent": _measure(plan.incumbent) if plan.HasField("incumbent") else None,
        "nearest": _measure(plan.nearest_rep) if plan.HasField("nearest_rep") else None,
        "kMeans": _measure(plan.k_means) if plan.HasField("k_means") else None,
        "broken": plan.breach_count,
        "reps": [_rep(load, style) for load, style in zip(outcome.loads, styles, strict=True)],
        "accounts": [_account(line, position) for line in outcome.lines],
    }


def styles_of(homes: Sequence[Place | None]) -> list[tuple[str, str]]:
    """A colour and a shape for each rep: a colour that comes again goes far from where it was, in another shape."""
    wearers: list[list[Place | None]] = [[] for _ in HUES]
    styles = []
    for home in homes:
        hue = max(range(len(HUES)), key=lambda hue: _room(home, wearers[hue]))
        styles.append((HUES[hue], SHAPES[len(wearers[hue]) % len(SHAPES)]))
        wearers[hue].append(home)
    return styles


def _room(home: Place | None, wearers: Sequence[Place | None]) -> tuple[float, int]:
    """How far the nearest wearer of a colour is; among equals, how few wear it."""
    return min((_apart(home, other) for other in wearers), default=math.inf), -len(wearers)


def _apart(one: Place | None, other: Place | None) -> float:
    if one is None or other is None:
        return math.inf
    return math.hypot(one.lat - other.lat, (one.lon - other.lon) * math.cos(math.radians(one.lat)))


def _rep(load: Load, style: tuple[str, str]) -> dict[str, Any]:
    return {
        "name": load.rep,
        "home": [load.home.lat, load.home.lon] if load.home else None,
        "accounts": load.accounts,
        "hours": round(load.hours, 2),
        "target": round(load.target_hours, 2),
        "value": load.value,
        "price": load.hour_price,
        "colour": style[0],
        "shape": style[1],
    }


def _account(line: Line, position: dict[str, int]) -> list[Any]:
    """[name, lat, lon, hours, value, rep, rep before, km, reason, moved, rep under K-means]; reps by position, -1 for none."""
    known = line.account
    place = known.place if known else None
    return [
        line.name,
        place.lat if place else None,
        place.lon if place else None,
        known.hours if known else None,
        known.value if known else None,
        position.get(line.rep, -1),
        position.get(line.before, -1),
        round(line.travel_km, 1),
        line.reason,
        int(line.moved),
        position.get(line.k_means, -1),
    ]


def _measure(measure: PlanMeasure) -> dict[str, Any]:
    return {
        "objective": measure.objective,
        "km": measure.travel_km,
        "deviation": measure.worst_deviation,
        "moves": measure.moves,
        "broken": sum(each.count for each in measure.broken),
    }
