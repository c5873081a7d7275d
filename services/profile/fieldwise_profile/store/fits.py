"""Fitted segments and lifecycle reports, written once and read at start; knows no fitting."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import sqlalchemy as sa

from fieldwise_profile.core.lifecycle import Matrix, matrix_from_json, matrix_to_json
from fieldwise_profile.core.segments.model import SegmentModel, from_json, to_json
from fieldwise_profile.store.segment_tables import lifecycle_reports, segment_fits


class SegmentFit(NamedTuple):
    """A fit with the segments by age and gender of the same customers."""

    model: SegmentModel
    statics: Mapping[str, int]


def latest_version(connection: sa.Connection) -> int:
    """Version of the last fit of segments; 0 for none."""
    return connection.execute(sa.select(sa.func.max(segment_fits.c.version))).scalar_one() or 0


def latest_number(connection: sa.Connection) -> int:
    """Number of the last lifecycle report; 0 for none."""
    return connection.execute(sa.select(sa.func.max(lifecycle_reports.c.number))).scalar_one() or 0


def keep_segments(connection: sa.Connection, fit: SegmentFit) -> SegmentFit:
    """Stores a fit as the next version; another process may have stored one since this one began."""
    model = replace(fit.model, version=latest_version(connection) + 1)
    values = {"version": model.version, "model": to_json(model), "statics": json.dumps(fit.statics)}
    connection.execute(sa.insert(segment_fits).values(values))
    return SegmentFit(model, fit.statics)


def latest_segments(connection: sa.Connection) -> SegmentFit | None:
    statement = sa.select(segment_fits).order_by(segment_fits.c.version.desc()).limit(1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else SegmentFit(from_json(row.model), json.loads(row.statics))


def keep_lifecycle(connection: sa.Connection, report: Matrix) -> int:
    """Stores a report; returns its number."""
    number = latest_number(connection) + 1
    connection.execute(sa.insert(lifecycle_reports).values(number=number, report=matrix_to_json(report)))
    return number


def latest_lifecycle(connection: sa.Connection) -> tuple[int, Matrix] | None:
    """The last report and its number."""
    statement = sa.select(lifecycle_reports).order_by(lifecycle_reports.c.number.desc()).limit(1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else (row.number, matrix_from_json(row.report))
