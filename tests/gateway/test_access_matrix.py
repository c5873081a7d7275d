"""Every call x role x own or foreign territory, against a table written apart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fieldwise_gateway.core.access import Role
from tests.gateway import access_by_hand as by_hand
from tests.gateway.gates import methods, standing


async def test_the_gate_gives_the_verdict_of_the_table_written_apart_in_every_cell(tmp_path: Path) -> None:
    every = methods()
    asked = list(by_hand.cells(every))
    async with standing(tmp_path) as stands:
        wrong = [
            (cell.method, cell.role, cell.verdict, got)
            for cell in asked
            if (got := await stands.verdict(cell)) != cell.verdict
        ]
    assert wrong == []
    # Neither a table that allows nothing nor one without the field would be worth its name.
    verdicts = Counter(cell.verdict for cell in asked)
    assert len(every) > 200
    assert len(asked) >= len(every) * len(Role)
    assert min(verdicts[each] for each in ("ok", "SCOPE_MISSING", "NOT_YOUR_TERRITORY")) > 50


async def test_nobody_without_a_key_enters_any_call(tmp_path: Path) -> None:
    async with standing(tmp_path) as stands:
        stands.keys = {"app": "", "rep": "fw_aaaaaaaaaaaaaaaa_" + "A" * 43}
        told = {
            await stands.verdict(by_hand.Cell(method, role, None, None, ""))
            for method in methods()
            for role in stands.keys
        }
    assert told == {"NO_CREDENTIALS", "BAD_CREDENTIALS"}
