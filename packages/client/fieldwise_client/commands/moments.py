"""Moments given on the command line; knows no command."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(moment: datetime | None) -> datetime | None:
    """One without an offset is UTC."""
    return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC)
