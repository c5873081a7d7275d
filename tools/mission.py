"""Runs the command of every row of docs/mission.md that says `works` and checks the figures that row claims."""

from __future__ import annotations

import operator
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "mission.md"
ROWS = 84
LIMIT_SECONDS = 600
STATES = ("works", "open")
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
NUMBER = r"-?\d[\d,]*(?:\.\d+)?"
FIGURE = re.compile(rf"^(?P<label>.+?)\s*(?P<sign><=|>=|<|>|=)\s*(?P<bound>{NUMBER})$")


class MissionError(Exception):
    """The page does not have the shape that can be checked; the message names the row and the remedy."""


@dataclass(frozen=True)
class Row:
    """One row of the table: `| number | what | state | command | must show |`."""

    number: int
    state: str
    command: str
    claims: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise MissionError(f"row {self.number}: state is {self.state!r}; write `works` or `open`.")
        if self.state == "works" and not (self.command and self.claims):
            raise MissionError(
                f"row {self.number}: works without a command in `...` and a claim in `...`; add both."
            )


def quoted(cell: str) -> tuple[str, ...]:
    """What stands in backticks in a cell, with the table's escaped bars restored."""
    return tuple(text.replace("\\|", "|") for text in re.findall(r"`([^`]+)`", cell))


def row(line: str) -> Row | None:
    """The row on this line of the page, None when it holds none."""
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    if len(cells) < 5 or not cells[0].isdigit():
        return None
    return Row(int(cells[0]), cells[2].strip("`"), next(iter(quoted(cells[3])), ""), quoted(cells[4]))


def rows(page: str) -> list[Row]:
    """All rows; raises MissionError unless they are numbered 1 to 84 in order."""
    found = [parsed for line in page.splitlines() if (parsed := row(line))]
    numbers = [parsed.number for parsed in found]
    if numbers != list(range(1, ROWS + 1)):
        odd = sorted(set(range(1, ROWS + 1)).symmetric_difference(numbers)) or "the order"
        raise MissionError(
            f"docs/mission.md must have the rows 1 to {ROWS}, each once, in order; wrong: {odd}."
        )
    return found


def figure(label: str, output: str) -> float | None:
    """The number that follows a label in what a command printed: `gap 3.2 %`, `gap: 3.2`, `gap = 3.2`."""
    found = re.search(rf"{re.escape(label)}[\s:=|]*({NUMBER})", output)
    return float(found[1].replace(",", "")) if found else None


def fault(claim: str, output: str) -> str | None:
    """Why a claim does not hold for this output; None when it does.

    A claim is either a figure with its bound, such as `gap_percent <= 5`, or words the output must contain.
    """
    parts = FIGURE.match(claim)
    if parts is None:
        return None if claim in output else f"the output does not say {claim!r}"
    value, bound = figure(parts["label"], output), float(parts["bound"].replace(",", ""))
    if value is None:
        return f"the output has no number after {parts['label']!r}"
    return (
        None if COMPARE[parts["sign"]](value, bound) else f"{claim!r} is claimed; the output says {value:g}"
    )


def execute(command: str) -> tuple[int, str]:
    """Exit code and everything printed by one command of the page, run from the root with our tools first."""
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(
            command,
            shell=True,
            cwd=ROOT,
            env=environ,
            check=False,
            text=True,
            capture_output=True,
            timeout=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return 1, f"no end after {LIMIT_SECONDS} s"
    return done.returncode, done.stdout + done.stderr


def faults(shown: Row, code: int, output: str) -> list[str]:
    """Everything that is wrong with one row, given what its command did."""
    if code:
        return [f"`{shown.command}` ended with {code}: {output.strip()[-400:]}"]
    return [found for claim in shown.claims if (found := fault(claim, output))]


def check(working: list[Row]) -> int:
    """Run each command once, print a line a row; the number of rows that do not hold."""
    ran: dict[str, tuple[int, str]] = {}
    failed = 0
    for shown in working:
        begun = time.monotonic()
        if shown.command not in ran:
            ran[shown.command] = execute(shown.command)
        found = faults(shown, *ran[shown.command])
        verdict = "FAILS" if found else "holds"
        print(
            f"  row {shown.number:>2} {verdict} {time.monotonic() - begun:5.1f} s  {shown.command}",
            flush=True,
        )
        print("".join(f"         {line}\n" for line in found), end="", flush=True)
        failed += bool(found)
    return failed


def main() -> int:
    """1 when a row that says `works` does not."""
    try:
        table = rows(PAGE.read_text(encoding="utf-8"))
    except (MissionError, FileNotFoundError) as error:
        print(error)
        return 1
    working = [shown for shown in table if shown.state == "works"]
    failed = check(working)
    print(
        f"{len(working) - failed} of {len(working)} rows that say `works` hold; {ROWS - len(working)} are open"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
