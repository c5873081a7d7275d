"""Users' tables: uploaded, trained on, asked; knows no wire, no SQL and no cell."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from fieldwise_executor.executor import Executor
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidRequest,
    NotFound,
    Violation,
)
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.workers import run_in_process

from . import store
from .core.features import Floats
from .core.table.asked import TableFitted, TableJob
from .core.table.contest import Standing
from .core.table.model_file import TableModel
from .core.versions import LearnerScore, Report, Trained, Version
from .kinds import Tell
from .lineup import Lineups
from .model_files import keep
from .store import tables as stored
from .store.tables import TableFile, Training
from .table_files import TableFiles
from .table_learners import installed

log = get_logger(__name__)

TRAIN_SECONDS = 7200.0
KIND = "table"


class Tables:
    """Keeps tables and trains on them.

    Args:
        executor: Trains on all rows where a table has more than one process gets.
        parts: Folder of parts of such trainings that were broken off.
    Attributes:
        turn: Held by who trains: one training at a time, so that a second one with the same question finds the first one's answer.
    """

    def __init__(
        self,
        db: Database,
        files: TableFiles,
        lineups: Lineups,
        models: Path,
        executor: Executor,
        parts: Path,
    ) -> None:
        self._db = db
        self._files = files
        self._lineups = lineups
        self._models = models
        self._executor = executor
        self._parts = parts
        self.turn = asyncio.Lock()
        self._writing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    # Uploading

    async def create(self, wanted: TableFile, replacing: bool) -> TableFile:
        """Begin an upload, or go on with the same one.

        Raises:
            AlreadyExists: Reason TABLE_EXISTS, another file is under this id.
        """
        async with self._writing[wanted.id]:
            here = await self._named(wanted.id)
            if here is not None and (here.size, here.checksum) == (wanted.size, wanted.checksum):
                return await self._with_its_file(here)
            if here is not None and not replacing:
                remedy = "ask to replace it (--replace), or choose another name"
                raise AlreadyExists(f"tables/{wanted.id}", remedy, reason="TABLE_EXISTS")
            await self._db.write(lambda connection: stored.put(connection, self._db.dialect, wanted))
            await asyncio.to_thread(self._files.remove, wanted.id, wanted.checksum)
            return wanted

    async def _with_its_file(self, file: TableFile) -> TableFile:
        """The table as it is; one whose file somebody has taken away is open again for uploading."""
        if not file.complete or self.received(file) == file.size:
            return file
        again = replace(file, complete=False)
        await self._db.write(lambda connection: stored.put(connection, self._db.dialect, again))
        return again

    async def write(self, table: str, offset: int, content: bytes) -> TableFile:
        """Append a piece; the last one closes the file.

        Raises:
            FailedPrecondition: Reasons WRONG_OFFSET, CHECKSUM_DIFFERS.
            InvalidRequest: The piece goes beyond the size that was announced.
        """
        async with self._writing[table]:
            file = await self.named(table)
            if file.complete:
                return file
            if offset + len(content) > file.size:
                remedy = f"the file was announced with {file.size:,} bytes: send no more"
                raise InvalidRequest([Violation.of("offset", offset, remedy)])
            append = self._files.append
            here = await asyncio.to_thread(append, table, file.checksum, offset, content)
            if here < file.size:
                return file
            await asyncio.to_thread(self._files.check, table, file.checksum)
            await self._db.write(lambda connection: stored.complete(connection, table))
            return replace(file, complete=True)

    async def delete(self, table: str) -> None:
        """Forget a table and its file; versions that were trained on it stay.

        Raises:
            NotFound: Reason TABLE_NOT_FOUND.
        """
        async with self._writing[table]:
            await self.named(table)
            await self._db.write(lambda connection: stored.remove(connection, table))
            await asyncio.to_thread(self._files.remove, table)
            await asyncio.to_thread(shutil.rmtree, self._parts / table, ignore_errors=True)

    async def named(self, table: str) -> TableFile:
        """One table.

        Raises:
            NotFound: Reason TABLE_NOT_FOUND.
        """
        found = await self._named(table)
        if found is None:
            raise NotFound(f"tables/{table}", "upload it first", reason="TABLE_NOT_FOUND")
        return found

    async def _named(self, table: str) -> TableFile | None:
        return await self._db.read(lambda connection: stored.named(connection, table))

    async def page(self, after: str, most: int) -> list[TableFile]:
        """Tables by name, those after one when it is given."""
        return await self._db.read(lambda connection: stored.page(connection, after, most))

    def received(self, file: TableFile) -> int:
        """Bytes of a table that have arrived."""
        return self._files.received(file.id, file.checksum)

    async def champion(self, table: str) -> Version | None:
        """The version that answers for a table."""
        return await self._db.read(lambda connection: store.champion(connection, model_of(table)))

    # Training

    async def whole(self, table: str) -> TableFile:
        """A table that has wholly arrived.

        Raises:
            NotFound: Reason TABLE_NOT_FOUND.
            FailedPrecondition: Reason TABLE_INCOMPLETE.
        """
        file = await self.named(table)
        if not file.complete:
            here = self.received(file)
            message = f"{here:,} of {file.size:,} bytes of tables/{table} have arrived; send the rest first"
            raise FailedPrecondition("TABLE_INCOMPLETE", message, metadata={"received": str(here)})
        return file

    async def trained_before(self, table: str, asked: str) -> tuple[Version, bytes] | None:
        """The version and the report that the same question to the same file gave, as long as that version serves."""
        done = await self._db.read(lambda connection: stored.training(connection, table, asked))
        champion = await self.champion(table)
        if done is None or champion is None or champion.number != done.number:
            return None
        return champion, done.report

    async def train(
        self, file: TableFile, job: TableJob, at: datetime, tell: Tell
    ) -> tuple[Version, TableFitted]:
        """Let the learners compete in a process of their own, and one more on all rows of a large table; the best serves at once.

        Raises:
            InvalidRequest: The file or what is asked of it is wrong; every fault.
            FailedPrecondition: Reason NO_LEARNER.
        """
        # Late, and here: reading files takes 30 MB that a server without tables need not have.
        from .table_all_rows import AllRows
        from .table_job import competed

        path = self._files.path(file.id, file.checksum)
        fitted, whole = await run_in_process(
            competed, path, job, timeout=TRAIN_SECONDS, on_message=lambda step: tell(*step)
        )
        if whole is not None:
            more = AllRows(self._executor, self._parts)
            fitted = await more.joined(file.id, file.checksum, fitted, whole, tell)
        version = await self._register(file.id, fitted, at)
        await self._lineups.reload()
        return version, fitted

    async def remember(self, table: str, asked: str, number: int, report: bytes) -> None:
        """Keep a report, so that the same question need not be trained again."""
        done = Training(number, report)
        dialect = self._db.dialect
        await self._db.write(lambda connection: stored.remember(connection, dialect, table, asked, done))

    async def _register(self, table: str, fitted: TableFitted, at: datetime) -> Version:
        trained = Trained(report_of(table, fitted, at), fitted.file, "")
        file = await asyncio.to_thread(keep, self._models, model_of(table), fitted.file)
        making = store.Making(at, KIND, cpu_seconds=fitted.cpu_seconds)
        version = await self._db.write(lambda connection: store.add(connection, trained, file, at, making))
        log.info("table trained", version=version.name, learner=fitted.served, rows=fitted.rows)
        return version

    # Asking

    async def predict(
        self, table: str, rows: Sequence[dict[str, str]]
    ) -> tuple[Version, Floats, list[list[str]], list[str]]:
        """The version that answers, a prediction per row, per row the columns with a text it has never seen, columns that no row has.

        Raises:
            FailedPrecondition: Reason NO_MODEL.
            InvalidRequest: A cell is not of its column's kind; every one that was found.
        """
        loaded = self._lineups.current.loaded.get(model_of(table))
        if loaded is None or not isinstance(loaded.model, TableModel):
            await self.named(table)
            message = f"tables/{table} has not been trained; call TrainTable (fieldwise forecast train)"
            raise FailedPrecondition("NO_MODEL", message)
        values, unseen = await asyncio.to_thread(answered, loaded.model, rows)
        return loaded.version, values, unseen, missing_columns(loaded.model, rows)


def answered(model: TableModel, rows: Sequence[dict[str, str]]) -> tuple[Floats, list[list[str]]]:
    from .table_asking import table_of  # late, as in Tables.train

    table = table_of(model, rows)
    return model.predict(table), model.unseen(table)


def missing_columns(model: TableModel, rows: Sequence[dict[str, str]]) -> list[str]:
    given = {name for row in rows for name in row}
    return [name for name in model.kinds if name not in given]


def question_of(file: TableFile, asked: str) -> str:
    """What makes a training the same as another: the bytes of the file, all that was asked, and who competes."""
    return hashlib.sha256(f"{file.checksum} {asked} {sorted(installed())}".encode()).hexdigest()


def model_of(table: str) -> str:
    """The id of the model that answers for a table."""
    return f"table-{table}"


def report_of(table: str, fitted: TableFitted, at: datetime) -> Report:
    """What the registry keeps of a training. Without a date the moment of training stands for the test."""
    return Report(
        model=model_of(table),
        learner=fitted.served,
        feature_set=None,
        train_cutoffs=(),
        test_cutoff=at if fitted.first_test is None else moment(fitted.first_test),
        train_rows=fitted.train_rows,
        test_rows=fitted.test_rows,
        leaderboard=tuple(score_of(each) for each in fitted.standings if each.measures is not None),
        engine_difference=0.0,
        base_rate=0.0,
        metric="mse",
    )


def score_of(standing: Standing) -> LearnerScore:
    assert standing.measures is not None
    return LearnerScore(standing.learner, asdict(standing.measures), standing.fit_cpu_seconds)


def moment(time: np.datetime64) -> datetime:
    """A date of the file, which knows no zone, as if it were UTC."""
    return datetime.fromtimestamp(int(time.astype("datetime64[s]").astype(np.int64)), UTC)
