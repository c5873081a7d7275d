"""A running, loaded installation for each part of the benchmark, every one on a copy of its own; measures nothing.

The world is loaded once per run (quick: every sixth household of the demo, full: all), into a temporary folder that goes when
the run ends. Whoever runs parts again and again keeps it: with `FIELDWISE_BENCH_COMPANY=FOLDER` it is loaded into
`FOLDER/quick` or `FOLDER/full` when that is not there yet, and stays. It is never run on itself: each `running` copies it, so
that several processes can use one folder at the same time and no part finds what another left. When what is loaded changes
(events, models, catalogue), delete the folder; migrations run on the copy.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from benchmarks.decide import world
from benchmarks.decide.company import Company, started

KEPT = "FIELDWISE_BENCH_COMPANY"
_DATABASE = ".sqlite"
# Belong to the processes that ran, and to the moment; every start makes its own.
_NOT_COPIED = shutil.ignore_patterns(
    "*.sqlite", "*-wal", "*-shm", "processes.json", "*.log", "*.lock", "logs"
)

_temporary: list[tempfile.TemporaryDirectory[str]] = []


@contextmanager
def running(*, quick: bool, environ: Mapping[str, str] | None = None) -> Iterator[Company]:
    """A loaded installation, all of it serving, stopped and deleted at the end.

    Args:
        quick: With every sixth household.
        environ: Settings of its processes besides, such as `FIELDWISE_...`.

    Calls to `company.gateway` that do not go through `company.doors()` send `company.metadata()`.
    """
    with tempfile.TemporaryDirectory(prefix="fieldwise-gateway-bench-") as folder:
        data = Path(folder) / "data"
        copied(loaded(quick=quick), data)
        company = started(data, environ)
        try:
            yield company
        finally:
            stopped(company)


def stopped(company: Company) -> None:
    """Stop what may be stopped already."""
    with suppress(ProcessLookupError):
        if company.supervisor.poll() is None:
            company.stop()


def loaded(*, quick: bool) -> Path:
    """The folder of the loaded world, loaded when it is not there; nothing runs on it."""
    root = _root()
    root.mkdir(parents=True, exist_ok=True)
    name = "quick" if quick else "full"
    with _alone(root / f"{name}.lock"):
        if not (root / name).exists():
            _load(root / name, full=not quick)
    return root / name


def copied(source: Path, target: Path) -> None:
    """Copy an installation's folder, its databases through SQLite's backup."""
    shutil.copytree(source, target, ignore=_NOT_COPIED)
    for database in source.rglob(f"*{_DATABASE}"):
        with (
            closing(sqlite3.connect(database)) as theirs,
            closing(sqlite3.connect(target / database.relative_to(source))) as ours,
        ):
            theirs.backup(ours)


def _root() -> Path:
    kept = os.environ.get(KEPT, "").strip()
    if kept:
        return Path(kept)
    if not _temporary:
        # Removed when the interpreter ends, by TemporaryDirectory's own finaliser.
        _temporary.append(tempfile.TemporaryDirectory(prefix="fieldwise-gateway-world-"))
    return Path(_temporary[0].name)


def _load(target: Path, *, full: bool) -> None:
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    company = started(partial)
    try:
        with company.doors() as doors:
            load = world.loaded(doors, company, full=full)
            world.opened(doors, load.households, full=full)
    finally:
        stopped(company)
    partial.rename(target)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Between processes: the second to come waits until the first has loaded."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
