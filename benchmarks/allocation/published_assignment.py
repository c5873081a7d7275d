"""Published assignment instances with known values: gap to the best known at 20 s and 60 s of two workers; knows no generator.

A full run takes a few, chosen by rule: of each type the one with the most pairs (and the most items among equals), and of type d
also the one with the fewest items per agent. Types c and d run to 60 s; the others run to 20 s, and are held by then to what is asked
of 60 s. FIELDWISE_EVERY_INSTANCE=1 runs all 93 with ours alone, and takes up to three hours. Finished runs are kept (`kept_traces`):
one that is stopped goes on where it was.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.allocation.assignment_peers import Trace, compared, only_ours
from benchmarks.report import Row
from fieldwise_allocation.core.assignment.problem import Problem

FOLDER = Path("../shared/data/gap")
# Seconds of the issue as CPU seconds of two workers, ours and the peers' alike.
AT = {"20 s": 40.0, "60 s": 120.0}
LONG_KINDS = {"c", "d"}
QUICK_SECONDS, QUICK = 6.0, ("cattrysse1994/gap12-0", "chu1997/c05100")
MUST = {"a": 0.15, "b": 0.15, "c": 0.15, "d": 0.4, "e": 0.15, "gap": 0.15}
STRETCH = {"a": 0.1, "b": 0.1, "c": 0.1, "d": 0.25, "e": 0.1, "gap": 0.1}
NOTHING = 100.0


@dataclass(frozen=True)
class Instance:
    """A file and the best value known for it."""

    path: str
    items: int
    agents: int
    known: float

    @property
    def kind(self) -> str:
        name = self.path.split("/")[1]
        return "gap" if name.startswith("gap") else name[0]

    def read(self) -> Problem:
        figures = np.array((FOLDER / self.path).read_text().split(), dtype=np.float64)
        m, n = int(figures[0]), int(figures[1])
        cost, use = (figures[2 + k * m * n :][: m * n].reshape(m, n).T for k in (0, 1))
        capacity = figures[2 + 2 * m * n :][:m]
        return Problem(np.ascontiguousarray(cost), np.ascontiguousarray(use), capacity, np.full(m, float(n)))


def instances() -> list[Instance]:
    """All published instances."""
    with (FOLDER / "known_values.csv").open() as lines:
        return [
            Instance(
                line["Path"],
                int(line["Item number"]),
                int(line["Agent number"]),
                float(line["Best known solution value"]),
            )
            for line in csv.DictReader(lines)
        ]


def chosen(every: list[Instance]) -> list[Instance]:
    """The rule of the full run."""
    hardest = [
        max(
            (each for each in every if each.kind == kind),
            key=lambda each: (each.items * each.agents, each.items),
        )
        for kind in MUST
    ]
    crowded = min((each for each in every if each.kind == "d"), key=lambda each: each.items / each.agents)
    return [*hardest, crowded]


def rows(*, quick: bool) -> Iterator[Row]:
    every = instances()
    if os.environ.get("FIELDWISE_EVERY_INSTANCE"):
        yield from _all(every)
    elif quick:
        yield from _beside([each for each in every if each.path in QUICK], {"3 s": QUICK_SECONDS}, keep=False)
    else:
        some = chosen(every)
        yield from _beside(
            [each for each in some if each.kind not in LONG_KINDS], {"20 s": AT["20 s"]}, keep=True
        )
        yield from _beside([each for each in some if each.kind in LONG_KINDS], AT, keep=True)


def _beside(some: list[Instance], moments: dict[str, float], *, keep: bool) -> Iterator[Row]:
    """One run to the last moment gives the figures of all.

    Args:
        keep: Runs are kept, and a benchmark that was stopped goes on where it was.
    """
    traces = {
        each: compared(each.read(), max(moments.values()), each.path if keep else None) for each in some
    }
    for label, seconds in moments.items():
        for each, of in traces.items():
            yield from _rows_of(each, of, label, seconds, last=seconds == max(moments.values()))
        worse = sum(_worse(of, seconds) for of in traces.values())
        kinds = ", ".join(each.kind for each in some)
        metric = (
            f"published, {label} of 2 workers ({seconds:g} CPU-s), types {kinds}: worse than a direct solver"
        )
        yield Row(metric, worse, "instances", "must", "<= 0")


def _rows_of(
    each: Instance, of: dict[str, Trace], label: str, seconds: float, *, last: bool
) -> Iterator[Row]:
    gap = {name: _gap(each, trace, seconds) for name, trace in of.items()}
    metric = f"{each.path} ({each.items} x {each.agents}), {label}: gap to the best known"
    if last:
        yield Row(metric, gap["ours"], "%", "must", f"<= {MUST[each.kind]}", "CP-SAT", gap["CP-SAT"])
        yield Row(metric, gap["ours"], "%", "stretch", f"<= {STRETCH[each.kind]}", "HiGHS", gap["HiGHS"])
    else:
        yield Row(metric, gap["ours"], "%", "info", "", "CP-SAT", gap["CP-SAT"])
        yield Row(metric, gap["ours"], "%", "info", "", "HiGHS", gap["HiGHS"])


def _gap(each: Instance, trace: Trace, seconds: float) -> float:
    """Percent above the best known value; 100 where nothing was found."""
    return min(NOTHING, 100.0 * (trace.at(seconds) / each.known - 1.0))


def _worse(of: dict[str, Trace], seconds: float) -> bool:
    return of["ours"].at(seconds) > min(of[name].at(seconds) for name in ("CP-SAT", "HiGHS")) + 1e-6


def _all(every: list[Instance]) -> Iterator[Row]:
    """Worst gap of each type over all of its instances, ours alone."""
    seconds = AT["60 s"]
    worst: dict[str, float] = {}
    for each in every:
        gap = _gap(each, only_ours(each.read(), seconds, each.path), seconds)
        print(f"# {each.path} {gap:.4f} %", flush=True)
        worst[each.kind] = max(gap, worst.get(each.kind, 0.0))
    for kind, gap in worst.items():
        metric = f"published, all of type {kind}, 60 s of 2 workers: worst gap to the best known"
        yield Row(metric, gap, "%", "must", f"<= {MUST[kind]}")
