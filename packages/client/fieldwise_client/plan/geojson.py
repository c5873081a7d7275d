"""Territories as GeoJSON (RFC 7946): accounts and homes as points, each rep's territory as a hull. Knows no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fieldwise_client.plan.hulls import hull
from fieldwise_client.plan.outcome import Line, Load, Outcome


def territories(outcome: Outcome) -> Mapping[str, Any]:
    """A FeatureCollection: each account as a point, each rep's home, and the hull of each territory."""
    features = [*_accounts(outcome.lines), *_reps(outcome)]
    return {"type": "FeatureCollection", "features": features}


def _accounts(lines: Iterable[Line]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        account = line.account
        place = account.place if account else None
        properties = {
            "kind": "account",
            "account": line.name,
            "rep": line.rep,
            "before": line.before,
            "moved": line.moved,
            "reason": line.reason,
            "travel_km": round(line.travel_km, 1),
            "workload_hours": account.hours if account else None,
            "value": account.value if account else None,
        }
        yield _feature(_geometry("Point", [place.lon, place.lat]) if place else None, properties)


def _reps(outcome: Outcome) -> Iterator[Mapping[str, Any]]:
    points: dict[str, list[tuple[float, float]]] = {}
    for line in outcome.lines:
        if line.account and line.account.place:
            points.setdefault(line.rep, []).append((line.account.place.lon, line.account.place.lat))
    for load in outcome.loads:
        if load.home:
            yield _feature(_geometry("Point", [load.home.lon, load.home.lat]), _properties("home", load))
        corners = hull(points.get(load.rep, []))
        if len(corners) > 2:
            ring = [list(corner) for corner in (*corners, corners[0])]
            yield _feature(_geometry("Polygon", [ring]), _properties("territory", load))


def _properties(kind: str, load: Load) -> Mapping[str, Any]:
    return {
        "kind": kind,
        "rep": load.rep,
        "accounts": load.accounts,
        "hours": round(load.hours, 3),
        "target_hours": round(load.target_hours, 3),
        "value": load.value,
        "hour_price": load.hour_price,
    }


def _geometry(kind: str, coordinates: Sequence[Any]) -> Mapping[str, Any]:
    return {"type": kind, "coordinates": coordinates}


def _feature(geometry: Mapping[str, Any] | None, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}
