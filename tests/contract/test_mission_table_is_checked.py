"""docs/mission.md and what `make mission` makes of it: every row once, every claim a figure or words that must appear."""

from __future__ import annotations

import pytest
from mission import PAGE, ROWS, MissionError, Row, execute, fault, faults, rows


def page(*changed: str) -> str:
    """A table of 84 open rows, the first ones replaced."""
    lines = [f"| {number} | what | open | missing: all | |" for number in range(1, ROWS + 1)]
    return "\n".join([*changed, *lines[len(changed) :]])


def test_the_page_of_this_product_has_each_of_the_84_rows() -> None:
    assert len(rows(PAGE.read_text(encoding="utf-8"))) == ROWS


def test_a_row_is_read_with_its_command_and_all_its_claims() -> None:
    line = "| 1 | accuracy | works | `fieldwise plan \\| head` | `gap_percent <= 5` and `optimal` |"
    assert rows(page(line))[0] == Row(1, "works", "fieldwise plan | head", ("gap_percent <= 5", "optimal"))


def test_a_missing_row_is_named() -> None:
    with pytest.raises(MissionError, match=r"wrong: \[2\]"):
        rows(page().replace("| 2 |", "| two |"))


@pytest.mark.parametrize(("state", "command"), [("soon", "`true`"), ("works", "see the docs")])
def test_a_row_that_cannot_be_checked_is_refused(state: str, command: str) -> None:
    with pytest.raises(MissionError, match="row 1"):
        rows(page(f"| 1 | what | {state} | {command} | `ok` |"))


@pytest.mark.parametrize(
    ("claim", "output", "holds"),
    [
        ("gap <= 5", "gap: 4.9 %", True),
        ("gap <= 5", "gap 5.1", False),
        ("gap <= 5", "no figure", False),
        ("events >= 10,000", "events = 1,500,000", True),
        ("lift > 0", "lift | -0.2", False),
        ("one trace", "one trace, 5 services", True),
        ("one trace", "two traces", False),
    ],
)
def test_a_claim_holds_when_the_output_says_so(claim: str, output: str, holds: bool) -> None:
    assert (fault(claim, output) is None) == holds


def test_a_command_that_fails_fails_its_row_whatever_it_printed() -> None:
    shown = Row(1, "works", "echo fine; exit 3", ("fine",))
    assert faults(shown, *execute(shown.command)) == ["`echo fine; exit 3` ended with 3: fine"]
    assert faults(shown, *execute("echo fine")) == []
