"""What the worker process of a training on a table does, from the file to the best learner; knows no registry."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation
from fieldwise_runtime.worker_process import report

from .core.table import calendar
from .core.table.asked import Points, TableFitted, TableJob
from .core.table.contest import Outcome, contest
from .core.table.leaks import leaks
from .core.table.model_file import TableModel
from .core.table.splitting import Split, by_time, drawn
from .core.table.table import Table
from .table_learners import chosen, installed
from .table_reading import Reading, read
from .table_source import opened

# Share of the work that is done when the file has been read.
READ = 0.4
MOST_POINTS = 1_000


def train(path: Path, job: TableJob) -> TableFitted:
    """Read, check, split, let the learners compete.

    Raises:
        InvalidRequest: The file or the wish is wrong; every fault that was found.
        FailedPrecondition: Reasons NO_LEARNER, TABLE_REPLACED.
    """
    begun = time.process_time()
    learners = installed()
    unknown = [name for name in job.learners if name not in learners]
    if unknown:
        remedy = f"name some of {', '.join(learners)}"
        raise InvalidRequest([Violation.of("learners", name, remedy) for name in unknown])
    report(("looking at the file", 0.0))
    try:
        source = opened(path)
        reading = read(source, job.wish, lambda share: report(("reading rows", READ * share)))
    except FileNotFoundError:
        message = "the file was replaced or deleted while it was read; train again"
        raise FailedPrecondition("TABLE_REPLACED", message) from None
    table, notes = checked(reading, job)
    split = split_of(table, reading.date, job)
    wanted = chosen(learners, list(job.learners))
    tell = steps(len(wanted))
    outcome = contest(table, reading.target, split, wanted, time.process_time, tell)
    used = {plan.name: reading.kinds[plan.name] for plan in outcome.encoding.plans}
    formats = {name: form for name, form in reading.formats.items() if name in used}
    model = TableModel(reading.target, outcome.served, outcome.encoding, used, formats, outcome.predictor)
    faults = tuple(standing.fault for standing in outcome.standings if standing.fault)
    return TableFitted(
        # What was judged is in the file; the rest need not travel between processes.
        standings=tuple(replace(each, predicted=None, predictor=None) for each in outcome.standings),
        served=outcome.served,
        file=model.to_bytes(),
        target=reading.target,
        date=reading.date,
        first_test=split.first_test,
        train_rows=len(split.train),
        test_rows=len(split.test),
        rows=reading.rows,
        encoding=source.encoding,
        notes=(*notes, f"split {split.told}", *faults),
        points=points(table, reading, split, outcome),
        cpu_seconds=time.process_time() - begun,
    )


def steps(count: int) -> Callable[[str], None]:
    done = iter(range(count + 1))
    return lambda step: report((step, READ + (1 - READ) * next(done, count) / count))


def checked(reading: Reading, job: TableJob) -> tuple[Table, list[str]]:
    """The table that is learnt from, with notes on it.

    Raises:
        InvalidRequest: Dates stand twice, or columns hold the target already.
    """
    report(("checking columns", READ))
    table, notes = reading.table, list(reading.notes)
    faults = leaks(table, reading.target)
    if reading.date and not reading.sampled:
        faults += calendar.repeated(table, reading.date, job.wish.keys)
    if len(table.columns) < 2:
        faults.append(Violation("file", "no column beside the target", "add one that tells something"))
    if faults:
        raise InvalidRequest(faults)
    if reading.date:
        notes += [str(gap) for gap in calendar.gaps(table.dates(reading.date), reading.date)]
    return table, notes


def split_of(table: Table, date: str, job: TableJob) -> Split:
    """By time where there is a date; a date with one moment only cannot split anything."""
    if not date:
        if job.test_dates:
            raise InvalidRequest([Violation.of("test_dates", job.test_dates, "name the column of dates")])
        return drawn(table.rows, job.test_share)
    split = by_time(table, date, job.test_dates, job.test_share)
    if split is not None:
        return split
    moments = len(np.unique(table.dates(date)))
    remedy = "give more dates, test on fewer, or name - as the date for a random split"
    raise InvalidRequest([Violation(date, f"{moments} different dates", remedy)])


def points(table: Table, reading: Reading, split: Split, outcome: Outcome) -> Points:
    """At most 1,000 test rows, evenly taken."""
    standing = next(each for each in outcome.standings if each.learner == outcome.served)
    assert standing.predicted is not None
    places: NDArray[np.int64] = np.unique(
        np.linspace(0, len(split.test) - 1, min(MOST_POINTS, len(split.test))).astype(np.int64)
    )
    rows = split.test[places]
    times = table.dates(reading.date)[rows] if reading.date else None
    return Points(times, table.numbers(reading.target)[rows], standing.predicted[places])
