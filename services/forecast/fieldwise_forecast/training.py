"""Training: read from profile, fit in a process of its own, register, promote, serve; knows no wire of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.workers import run_in_process

from . import store
from .core.features import FeatureSet, Snapshot, demand_columns
from .core.questions import QUESTIONS, cutoffs
from .core.versions import WEEKLY_SALES, Role, Trained, Version
from .fitting_job import Fitted, Job, fit_models
from .lineup import MODELS, Lineups
from .model_files import content_of, keep
from .profile_reader import ProfileReader

log = get_logger(__name__)

FIT_SECONDS = 3600.0
# Shares of the whole at which fitting begins and ends; reading takes about a third.
FIT_FROM, FIT_UNTIL = 0.35, 0.95

Tell = Callable[[str, float], None]


class Trainer:
    """Trains models, one training at a time: two at once would each judge itself against the same champion."""

    def __init__(self, db: Database, folder: Path, reader: ProfileReader, lineups: Lineups) -> None:
        self._db = db
        self._folder = folder
        self._reader = reader
        self._lineups = lineups
        self._turn = asyncio.Lock()

    async def train(self, models: Sequence[str], decision_time: datetime, tell: Tell) -> list[Version]:
        """New versions of the models (all when none is named), seeing nothing after ``decision_time``.

        A model that lacks history is left out and logged, as long as another could be trained.

        Raises:
            FailedPrecondition: Reason NOT_ENOUGH_HISTORY, none could be trained; FEATURE_SET_MISMATCH.
            Unavailable: Reason PROFILE_UNAVAILABLE.
        """
        async with self._turn:
            job = await self._job(models or MODELS, decision_time, tell)
            fitted = await run_in_process(
                fit_models,
                job,
                timeout=FIT_SECONDS,
                on_message=lambda step: tell(step[0], fit_share(step[1])),
            )
            demand_any(fitted)
            tell("registering versions", FIT_UNTIL)
            versions = [await self._register(trained, decision_time) for trained in fitted.trained]
            await self._lineups.reload()
            tell("done", 1.0)
            return versions

    async def _job(self, models: Sequence[str], decision_time: datetime, tell: Tell) -> Job:
        tell("reading features", 0.0)
        questions = tuple(question.model for question in QUESTIONS if question.model in models)
        feature_set: FeatureSet | None = None
        snapshots: list[Snapshot] = []
        if questions:
            feature_set, snapshots = await self._reader.snapshots(cutoffs(decision_time))
            demand_columns(feature_set)
        series = None
        if WEEKLY_SALES in models:
            tell("reading weekly sales", 0.3)
            series = await self._reader.weekly_sales(decision_time)
        champions = await self._champions()
        files = {v.model: await self._file_of(v) for v in champions if v.model in questions}
        series_champion = next((v.report.learner for v in champions if v.model == WEEKLY_SALES), "")
        known = {model: file for model, file in files.items() if file is not None}
        return Job(questions, feature_set, snapshots, series, known, series_champion)

    async def _champions(self) -> list[Version]:
        return [v for v in await self._db.read(store.serving) if v.role is Role.CHAMPION]

    async def _file_of(self, version: Version) -> bytes | None:
        """A champion's file; None where it is refused, so that a training can replace it."""
        try:
            return await asyncio.to_thread(content_of, self._folder, version.file)
        except FailedPrecondition as refusal:
            log.error("champion not compared", version=version.name, reason=refusal.message)
            return None

    async def _register(self, trained: Trained, decision_time: datetime) -> Version:
        file = await asyncio.to_thread(keep, self._folder, trained.report.model, trained.file)
        version = await self._db.write(lambda connection: store.add(connection, trained, file, decision_time))
        log.info("version registered", version=version.name, role=version.role, refusal=version.refusal)
        return version


def fit_share(share: float) -> float:
    return FIT_FROM + (FIT_UNTIL - FIT_FROM) * share


def demand_any(fitted: Fitted) -> None:
    """Fail when nothing could be trained, with every reason; otherwise log what could not."""
    if not fitted.trained:
        reasons = "; ".join(refusal.message for refusal in fitted.refused)
        raise FailedPrecondition("NOT_ENOUGH_HISTORY", reasons)
    for refusal in fitted.refused:
        log.warning("model not trained", reason=refusal.message)
