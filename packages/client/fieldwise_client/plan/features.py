"""Accounts and reps from GeoJSON (RFC 7946): points with their properties as a table. Knows no column by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from fieldwise_client.plan.table import Fault, Row, Table, decoded, form_faults

SUFFIXES = (".geojson", ".json")


def read_features(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    """A FeatureCollection of points as a table: properties are columns, the point is lat and lon.

    Lists among the properties become words parted by semicolons. A feature counts as one line, the first as line 2, as
    below a header. What is wrong with its form is a fault, not an exception.
    """
    try:
        read = json.loads(decoded(path.read_bytes()))
    except OSError as error:
        return _unreadable(path, f"{error.strerror}; give a file that can be read")
    except ValueError as error:
        return _unreadable(path, f"{error}; give JSON")
    features = read.get("features") if isinstance(read, dict) else None
    if not isinstance(features, list) or not all(isinstance(each, dict) for each in features):
        return _unreadable(path, "give a FeatureCollection with a list of features")
    rows, faults = [], []
    for number, feature in enumerate(features, 2):
        cells = {key.lower(): _cell(value) for key, value in (feature.get("properties") or {}).items()}
        where = _point(feature.get("geometry"))
        if where is None:
            faults.append(
                Fault(
                    path.name, number, "geometry", str(feature.get("geometry"))[:60], "give a Point, or null"
                )
            )
        rows.append(Row(number, cells | (where or {})))
    columns = tuple(dict.fromkeys(column for row in rows for column in row.cells))
    # Properties that we do not know are the map maker's own.
    known = tuple(column for column in columns if column in (*required, *optional))
    return Table(
        path.name, known, tuple(rows), (*faults, *form_faults(path.name, known, rows, required, optional))
    )


def _unreadable(path: Path, remedy: str) -> Table:
    return Table(path.name, (), (), (Fault(path.name, 0, "file", str(path), remedy),))


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ";".join(str(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value).strip()


def _point(geometry: object) -> dict[str, str] | None:
    """Latitude and longitude of a point; nothing for a feature without a place, None for another geometry."""
    if geometry is None:
        return {}
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        return None
    at = geometry.get("coordinates")
    if not isinstance(at, list) or len(at) < 2:
        return None
    return {"lat": str(at[1]), "lon": str(at[0])}
