"""What the worker process of a training on a table does, from the file to the best learner; knows no registry."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation
from fieldwise_runtime.worker_process import report

from .core.table import calendar
from .core.table.asked import Points, TableFitted, TableJob, places_of
from .core.table.contest import Outcome, contest
from .core.table.leaks import leaks
from .core.table.learners import ALL_ROWS
from .core.table.model_file import TableModel
from .core.table.splitting import Split, by_time, drawn
from .core.table.table import Table
from .table_learners import chosen, installed
from .table_pieces import Rows, Whole
from .table_reading import Reading, read
from .table_source import Source, opened

# Share of the work that is done when the file has been read.
READ = 0.4
# And when the learners have competed, where one on all rows follows.
COMPETED = 0.6


def train(path: Path, job: TableJob) -> TableFitted:
    """As `competed`, of the learners in this process alone."""
    return competed(path, job)[0]


def competed(path: Path, job: TableJob) -> tuple[TableFitted, Whole | None]:
    """Read, check, split, let the learners compete; with what a learner on all rows needs, if one is wanted and there are more.

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
        reading = read(source, job.wish, lambda share: report(("reading rows", READ * share)), job.most_rows)
    except FileNotFoundError:
        message = "the file was replaced or deleted while it was read; train again"
        raise FailedPrecondition("TABLE_REPLACED", message) from None
    table, notes = checked(reading, job)
    split = split_of(table, reading.date, job)
    wanted = chosen(learners, list(job.learners))
    more = reading.sampled and (not job.learners or ALL_ROWS.name in job.learners)
    tell = steps(len(wanted), COMPETED if more else 1.0)
    outcome = contest(table, reading.target, split, wanted, time.process_time, tell)
    used = {plan.name: reading.kinds[plan.name] for plan in outcome.encoding.plans}
    formats = {name: form for name, form in reading.formats.items() if name in used}
    model = TableModel(reading.target, outcome.served, outcome.encoding, used, formats, outcome.predictor)
    faults = tuple(standing.fault for standing in outcome.standings if standing.fault)
    fitted = TableFitted(
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
    return fitted, whole(source, table, reading, split, outcome) if more else None


def steps(count: int, until: float) -> Callable[[str], None]:
    done = iter(range(count + 1))
    return lambda step: report((step, READ + (until - READ) * next(done, count) / count))


def whole(source: Source, table: Table, reading: Reading, split: Split, outcome: Outcome) -> Whole:
    """All rows of the file, read and divided as those of the sample were."""
    names = {plan.name for plan in outcome.encoding.plans} | {reading.target, reading.date} - {""}
    how = Rows(
        # Absolute: other processes may stand in another folder.
        source=replace(source, path=source.path.absolute()),
        target=reading.target,
        date=reading.date,
        kinds={name: reading.kinds[name] for name in sorted(names)},
        formats={name: form for name, form in reading.formats.items() if name in names},
        limit=reading.limit,
        encoding=outcome.encoding,
        first_test=split.first_test,
    )
    later = table.take(split.test)
    return Whole(how, reading.rows, later.numbering, later.numbers(reading.target))


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
    places = places_of(len(split.test))
    rows = split.test[places]
    times = table.dates(reading.date)[rows] if reading.date else None
    return Points(times, table.numbers(reading.target)[rows], standing.predicted[places])
