"""Versions of tags and reports on their worth, written once and read back; knows no rule."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from fieldwise_profile.core.purposes import Purpose
from fieldwise_profile.core.tags.tag import Tag, TagState
from fieldwise_profile.core.tags.worth import TagReport, report_from_json, report_to_json
from fieldwise_profile.store.tag_tables import tag_reports, tag_versions


def version_count(connection: sa.Connection) -> int:
    """How many versions there are; as none is ever deleted, it says whether tags have changed."""
    found: int = connection.execute(sa.select(sa.func.count()).select_from(tag_versions)).scalar_one()
    return found


def latest(connection: sa.Connection) -> list[Tag]:
    """Every tag as it is now, ascending by name."""
    last = (
        sa.select(tag_versions.c.name, sa.func.max(tag_versions.c.version).label("version"))
        .group_by(tag_versions.c.name)
        .subquery()
    )
    statement = sa.select(tag_versions).join(
        last, sa.and_(tag_versions.c.name == last.c.name, tag_versions.c.version == last.c.version)
    )
    return sorted((_tag(row) for row in connection.execute(statement)), key=lambda tag: tag.name)


def versions(connection: sa.Connection, name: str, below: int, most: int) -> list[Tag]:
    """Versions of a tag, newest first, those below a version only; 0 for all."""
    statement = sa.select(tag_versions).where(tag_versions.c.name == name)
    if below:
        statement = statement.where(tag_versions.c.version < below)
    rows = connection.execute(statement.order_by(tag_versions.c.version.desc()).limit(most))
    return [_tag(row) for row in rows]


def version(connection: sa.Connection, name: str, number: int = 0) -> Tag | None:
    """One version of a tag; the last one for 0."""
    statement = sa.select(tag_versions).where(tag_versions.c.name == name)
    if number:
        statement = statement.where(tag_versions.c.version == number)
    row = connection.execute(statement.order_by(tag_versions.c.version.desc()).limit(1)).one_or_none()
    return None if row is None else _tag(row)


def keep(connection: sa.Connection, tag: Tag) -> None:
    """Stores a version."""
    values = tag.__dict__ | {"purposes": json.dumps(sorted(int(purpose) for purpose in tag.purposes))}
    connection.execute(sa.insert(tag_versions).values({**values, "state": int(tag.state)}))


def _tag(row: sa.Row[Any]) -> Tag:
    return Tag(
        name=row.name,
        expression=row.expression,
        description=row.description,
        purposes=tuple(Purpose(number) for number in json.loads(row.purposes)),
        state=TagState(row.state),
        version=row.version,
        created_at=row.created_at,
        changed_at=row.changed_at,
        note=row.note,
    )


def keep_report(connection: sa.Connection, report: TagReport) -> int:
    """Stores a report; returns its number."""
    last = connection.execute(sa.select(sa.func.max(tag_reports.c.number))).scalar_one()
    number = (last or 0) + 1
    values = {"number": number, "target": int(report.target), "as_of": report.as_of}
    connection.execute(sa.insert(tag_reports).values(report=report_to_json(report), **values))
    return number


def report(connection: sa.Connection, number: int) -> tuple[int, TagReport] | None:
    """A report and its number; the last one for 0."""
    statement = sa.select(tag_reports.c.number, tag_reports.c.report)
    if number:
        statement = statement.where(tag_reports.c.number == number)
    row = connection.execute(statement.order_by(tag_reports.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else (row.number, report_from_json(row.report))


def reports(connection: sa.Connection, below: int, most: int) -> Sequence[tuple[int, TagReport]]:
    """Reports, newest first, those below a number only; 0 for all."""
    statement = sa.select(tag_reports.c.number, tag_reports.c.report)
    if below:
        statement = statement.where(tag_reports.c.number < below)
    rows = connection.execute(statement.order_by(tag_reports.c.number.desc()).limit(most))
    return [(row.number, report_from_json(row.report)) for row in rows]
