"""One more learner for tables of more rows than one process gets: trained and scored in pieces wherever heavy work is done; knows no registry."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from fieldwise_executor.executor import Executor
from fieldwise_executor.kept import Kept
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.workers import run_in_process

from .core.features import Floats
from .core.table import model_file
from .core.table.asked import TableFitted, places_of
from .core.table.contest import Standing, checked
from .core.table.learners import ALL_ROWS, BOOSTING, ROUNDS
from .core.table.measures import measured
from .kinds import Tell
from .spreading import scored, trained
from .table_learners import installed
from .table_pieces import Piece, Rows, Whole, asked_rows, cut, learnt_rows

log = get_logger(__name__)

CUT_SECONDS, FIT_SECONDS = 1800.0, 7200.0
# Shares of the whole work that are done when the file is cut, and when the trees have grown.
COMPETED, CUT, FITTED = 0.6, 0.65, 0.95


class AllRows:
    """Lets a learner on all rows compete with those on a sample.

    Args:
        folder: Parts of a training that was broken off; the same one goes on where it was.
    """

    def __init__(self, executor: Executor, folder: Path) -> None:
        self._executor = executor
        self._folder = folder

    def forget(self, table: str) -> None:
        """Remove what is kept of a table."""
        shutil.rmtree(self._folder / table, ignore_errors=True)

    async def joined(
        self, table: str, checksum: str, fitted: TableFitted, whole: Whole, tell: Tell
    ) -> TableFitted:
        """The contest with one learner more. One that breaks down is told in the notes, and the others stand."""
        try:
            return await self._joined(table, checksum, fitted, whole, tell)
        except Exception as error:  # the others have done their work, and what failed may be a cluster
            log.exception("learner on all rows failed", table=table)
            note = f"{ALL_ROWS.name} failed: {error}"
            return replace(fitted, notes=(*fitted.notes, note), unfinished=True)

    async def _joined(
        self, table: str, checksum: str, fitted: TableFitted, whole: Whole, tell: Tell
    ) -> TableFitted:
        tell("cutting the file", COMPETED)
        pieces = await run_in_process(
            cut,
            whole,
            timeout=CUT_SECONDS,
            on_message=lambda share: tell("cutting the file", COMPETED + (CUT - COMPETED) * share),
        )
        folder = self._folder / table / key_of(checksum, whole, pieces)
        await asyncio.to_thread(remove_others, folder)
        learning = [piece for piece in pieces if piece.learnt]
        booster, seconds = await self._booster(folder, whole.how, learning, tell)
        asked = [piece for piece in pieces if len(piece.tests)]
        predicted = await self._predicted(folder, booster, whole, asked, tell)
        await asyncio.to_thread(self.forget, table)
        learnt = sum(piece.learnt for piece in learning)
        note = f"{ALL_ROWS.name} learns from {learnt:,} rows in {len(learning):,} pieces; the others from the sample"
        standing = Standing(ALL_ROWS.name, measured(whole.answers, predicted), seconds, predicted)
        return with_standing(replace(fitted, notes=(*fitted.notes, note)), standing, booster, learnt)

    async def _booster(
        self, folder: Path, how: Rows, pieces: Sequence[Piece], tell: Tell
    ) -> tuple[bytes, float]:
        """The trees and the CPU seconds they took, as far as they are told."""
        kept = Kept(folder / "trees")
        if 0 in kept:
            found: tuple[bytes, float] = kept[0]
            return found
        seconds = 0.0
        step = f"fitting {ALL_ROWS.name}"

        def grown(done: float, so_far: float) -> None:
            nonlocal seconds
            seconds = so_far
            tell(step, CUT + (FITTED - CUT) * done)

        tell(step, CUT)
        load = partial(learnt_rows, how)
        booster = await trained(
            self._executor, load, pieces, BOOSTING, ROUNDS, timeout=FIT_SECONDS, tell=grown
        )
        await asyncio.to_thread(kept.keep, 0, (booster, seconds))
        return booster, seconds

    async def _predicted(
        self, folder: Path, booster: bytes, whole: Whole, pieces: Sequence[Piece], tell: Tell
    ) -> Floats:
        """What the trees say of each test row, in the order of the split."""
        found = np.full(len(whole.tests), np.nan)
        order = np.argsort(whole.tests)
        numbers = whole.tests[order]
        load = partial(asked_rows, whole.how)
        done = 0
        async for index, values in scored(
            self._executor, booster, load, pieces, kept=Kept(folder / "scores")
        ):
            found[order[np.searchsorted(numbers, pieces[index].tests)]] = values
            done += 1
            tell(f"scoring {ALL_ROWS.name}", FITTED + (1 - FITTED) * done / len(pieces))
        return checked(found, len(whole.tests))


def with_standing(fitted: TableFitted, standing: Standing, booster: bytes, learnt: int) -> TableFitted:
    """The leaderboard with one more on it, which serves when it is the best."""
    assert standing.measures is not None
    assert standing.predicted is not None
    standings = sorted((*fitted.standings, replace(standing, predicted=None)), key=mse_of)
    served = next(each for each in fitted.standings if each.learner == fitted.served)
    joined = replace(
        fitted, standings=tuple(standings), cpu_seconds=fitted.cpu_seconds + standing.fit_cpu_seconds
    )
    if standing.measures.mse >= mse_of(served):
        return joined
    before = model_file.from_bytes(fitted.file, installed())
    model = replace(before, learner=ALL_ROWS.name, predictor=ALL_ROWS.load(booster))
    shown = standing.predicted[places_of(len(standing.predicted))]
    points = replace(fitted.points, predicted=shown)
    return replace(joined, served=ALL_ROWS.name, file=model.to_bytes(), points=points, train_rows=learnt)


def mse_of(standing: Standing) -> float:
    return np.inf if standing.measures is None else standing.measures.mse


def key_of(checksum: str, whole: Whole, pieces: Sequence[Piece]) -> str:
    """A name for everything that the trees and what they say depend on."""
    how = whole.how
    found = hashlib.sha256(f"{checksum} {how.target} {how.date} {how.first_test} {how.limit}".encode())
    found.update(f"{sorted(how.kinds.items())} {sorted(how.formats.items())}".encode())
    found.update(json.dumps([how.encoding.to_plain(), BOOSTING, ROUNDS]).encode())
    for piece in pieces:
        found.update(f"{piece.begin} {piece.end} {piece.first} {piece.learnt}".encode())
        found.update(piece.tests.tobytes())
    return found.hexdigest()[:32]


def remove_others(folder: Path) -> None:
    """Parts kept of another training on the table will never be asked for again."""
    if folder.parent.exists():
        for other in folder.parent.iterdir():
            if other != folder:
                shutil.rmtree(other)
