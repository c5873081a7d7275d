"""The long run: a hundred kills of the service during ingest, merges and erasures."""

from __future__ import annotations

import pytest

from benchmarks.profile import kills


@pytest.mark.soak
def test_a_hundred_kills_lose_nothing_double_nothing_and_bring_nobody_back() -> None:
    missed = [row for row in kills.rows(quick=False) if not row.ok]
    assert missed == []
