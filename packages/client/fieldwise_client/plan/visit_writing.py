"""A plan of visits as files: visits and what is left out as CSV, tours as GeoJSON, a map as a page. Knows no channel."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fieldwise.allocation.v1.visit_pb2 import DayVisits, VisitingRep, VisitPlan, VisitStop

FILES = ("visits.csv", "left_out.csv", "tours.geojson", "map.html")
Point = tuple[float, float]
_WIDTH, _HEIGHT, _EDGE = 1000.0, 700.0, 40.0


def write_visits(
    plan: VisitPlan,
    days: Sequence[DayVisits],
    stops: Iterable[VisitStop],
    reps: Iterable[VisitingRep],
    folder: Path,
) -> list[Path]:
    """Write the files into the folder; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    at = {stop.name: (stop.place.longitude, stop.place.latitude) for stop in stops}
    homes = {rep.name: (rep.start.longitude, rep.start.latitude) for rep in reps}
    lines = {(day.rep, _date(day)): _line(day, at, homes) for day in days}
    _write_csv(folder / "visits.csv", _VISIT, (row for day in days for row in _visits(day)))
    _write_csv(folder / "left_out.csv", _LEFT, map(_left, plan.left_out))
    features = json.dumps(_features(days, at, lines), ensure_ascii=False)
    (folder / "tours.geojson").write_text(features + "\n", encoding="utf-8")
    (folder / "map.html").write_text(_page(plan, days, lines, at), encoding="utf-8")
    return [folder / name for name in FILES]


def headline(plan: VisitPlan) -> str:
    """The plan in one line for people."""
    stopped = f" ({plan.stopped.lower().replace('_', ' ')})" if plan.stopped else ""
    return (
        f"{plan.visits} visits on {plan.days} rep-days, {len(plan.left_out)} left out; {plan.travel_km:,.0f} km, "
        f"{plan.hours:,.1f} hours; earns {_amount(plan.profit.micros)} of at most {_amount(plan.profit_bound.micros)} "
        f"{plan.profit.currency_code}{stopped}"
    )


def time_of(minute: float) -> str:
    """A time of the day, such as 08:30."""
    whole = round(minute)
    return f"{whole // 60:02}:{whole % 60:02}"


_VISIT = ("rep", "date", "order", "stop", "arrives", "begins", "leaves", "wait_minutes", "prize")
_LEFT = ("stop", "reason", "missing_skills", "missing_minutes", "missing_prize")


def _visits(day: DayVisits) -> Iterable[Sequence[object]]:
    for i, visit in enumerate(day.visits):
        times = (visit.arrives_minute, visit.begins_minute, visit.leaves_minute)
        wait = round(visit.begins_minute - visit.arrives_minute, 1)
        yield day.rep, _date(day), i + 1, visit.stop, *map(time_of, times), wait, visit.prize.micros / 1e6


def _left(out: Any) -> Sequence[object]:
    prize = out.missing_prize.micros / 1e6 if out.HasField("missing_prize") else ""
    minutes = round(out.missing_minutes, 1) if out.missing_minutes else ""
    return out.stop, out.reason, ";".join(out.missing_skills), minutes, prize


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    # With a byte order mark: a spreadsheet takes the names for its own local encoding without it.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _date(day: DayVisits) -> str:
    return f"{day.date.year:04}-{day.date.month:02}-{day.date.day:02}"


def _line(day: DayVisits, at: Mapping[str, Point], homes: Mapping[str, Point]) -> list[Point]:
    return [homes[day.rep], *(at[visit.stop] for visit in day.visits), homes[day.rep]]


def _features(
    days: Sequence[DayVisits], at: Mapping[str, Point], lines: Mapping[tuple[str, str], list[Point]]
) -> Mapping[str, Any]:
    tours = [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": lines[day.rep, _date(day)]},
            "properties": {
                "rep": day.rep,
                "date": _date(day),
                "km": day.travel_km,
                "visits": len(day.visits),
            },
        }
        for day in days
    ]
    points = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": at[visit.stop]},
            "properties": {
                "stop": visit.stop,
                "rep": day.rep,
                "date": _date(day),
                "order": i + 1,
                "begins": time_of(visit.begins_minute),
            },
        }
        for day in days
        for i, visit in enumerate(day.visits)
    ]
    return {"type": "FeatureCollection", "features": [*tours, *points]}


def _page(
    plan: VisitPlan,
    days: Sequence[DayVisits],
    lines: Mapping[tuple[str, str], list[Point]],
    at: Mapping[str, Point],
) -> str:
    """One page with every tour as a line; it loads nothing from elsewhere."""
    every = [point for line in lines.values() for point in line] or [(0.0, 0.0)]
    west, east = min(p[0] for p in every), max(p[0] for p in every)
    south, north = min(p[1] for p in every), max(p[1] for p in every)
    scale = min(
        (_WIDTH - 2 * _EDGE) / max(east - west, 1e-6), (_HEIGHT - 2 * _EDGE) / max(north - south, 1e-6)
    )

    def shown(point: Point) -> str:
        return f"{_EDGE + (point[0] - west) * scale:.1f},{_EDGE + (north - point[1]) * scale:.1f}"

    drawn = []
    for i, day in enumerate(days):
        colour = f"hsl({i * 137 % 360} 65% 45%)"
        title = html.escape(f"{day.rep}, {_date(day)}: {len(day.visits)} visits, {day.travel_km:.0f} km")
        points = " ".join(map(shown, lines[day.rep, _date(day)]))
        drawn.append(f'<polyline points="{points}" stroke="{colour}"><title>{title}</title></polyline>')
        for visit in day.visits:
            x, y = shown(at[visit.stop]).split(",")
            told = html.escape(f"{visit.stop}, {time_of(visit.begins_minute)}")
            drawn.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"><title>{told}</title></circle>')
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Visits</title>'
        "<style>body{font:16px system-ui;margin:1rem}svg{width:100%;height:auto;border:1px solid #ccc}"
        "polyline{fill:none;stroke-width:2}</style>"
        f"<p>{html.escape(headline(plan))}</p>"
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="Tours">{"".join(drawn)}</svg></html>\n'
    )


def _amount(micros: int) -> str:
    return f"{micros / 1e6:,.0f}"
