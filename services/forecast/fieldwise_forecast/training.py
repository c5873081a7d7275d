"""Training: read, fit in a process of its own, register, promote what passed the gate, serve; knows no wire of ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from fieldwise_executor.executor import Executor
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition, NotFound
from fieldwise_runtime.logs import get_logger

from . import store
from .core.versions import Champion, Role, Trained, Version
from .fitting_job import Fitted, Job, Task, fit_models
from .kinds import KINDS, Kind, Sources, Tell
from .lineup import Lineups
from .model_files import content_of, keep
from .profile_reader import ProfileReader
from .store import watching
from .store.watching import Training

log = get_logger(__name__)

FIT_SECONDS = 3600.0
# Shares of the whole at which fitting begins and ends; reading takes about a third.
FIT_FROM, FIT_UNTIL = 0.35, 0.95
NOT_JUDGED = "no verdict: the first of a set, or no new periods since its champion was trained"
OUTCOMES = {Role.CHAMPION: "promoted", Role.CHALLENGER: "challenger", Role.RETIRED: "refused"}


@dataclass(frozen=True)
class Asked:
    """What a training is asked to do.

    Attributes:
        models: Ids; empty for all that are always trained.
        decision_time: Nothing later is seen.
        by: ``request``, ``schedule``, ``volume``, ``drift`` or ``update``.
        regardless_of_cost: Train even where the gain does not reach the cost.
    """

    models: Sequence[str]
    decision_time: datetime
    by: str = "request"
    regardless_of_cost: bool = False


@dataclass(frozen=True)
class Outcome:
    """New versions, and why other models were not trained, by model."""

    versions: list[Version]
    skipped: dict[str, str]


# Why a training of a model is not worth its cost, in words with both figures; empty: it is.
Worth = Callable[[str, Asked], Awaitable[str]]


async def always_worth(_: str, __: Asked) -> str:
    """Without a measured return no training is refused for its cost."""
    return ""


class Trainer:
    """Trains models, one training at a time: two at once would each judge itself against the same champion."""

    def __init__(
        self,
        db: Database,
        folder: Path,
        reader: ProfileReader,
        executor: Executor,
        lineups: Lineups,
        worth: Worth = always_worth,
    ) -> None:
        self._db = db
        self._folder = folder
        self._sources = Sources(reader, db)
        self._executor = executor
        self._lineups = lineups
        self._worth = worth
        self._turn = asyncio.Lock()

    async def train(self, asked: Asked, tell: Tell) -> Outcome:
        """New versions of the models.

        A model that lacks history, or whose training would cost more than it brings, is left out and noted.

        Raises:
            NotFound: Reason MODEL_NOT_FOUND.
            FailedPrecondition: Reason NOT_ENOUGH_HISTORY, none could be trained; FEATURE_SET_MISMATCH.
            Unavailable: Reason PROFILE_UNAVAILABLE.
        """
        async with self._turn:
            begun = time.monotonic()
            wanted, skipped = await self._worthwhile(await self._wanted(asked.models), asked)
            if not wanted:
                return Outcome([], skipped)
            tasks = await self._tasks(wanted, asked.decision_time, tell)
            fitted = await self._fitted(tasks, tell)
            for model, refusal in fitted.refused.items():
                why = refusal.message
                await self._note(Training(model, asked.decision_time, asked.by, "failed", why))
            demand_any(fitted)
            versions = await self._registered(fitted, asked, begun, tell)
            return Outcome(versions + await self._kept_up(wanted, versions, asked, tell), skipped)

    async def _kept_up(
        self, wanted: list[tuple[Kind, list[str]]], versions: Sequence[Version], asked: Asked, tell: Tell
    ) -> list[Version]:
        """Champions that stay, with the newest data: who trains expects the newest weeks to be in the forecasts."""
        kept = {version.model for version in versions if version.role is Role.CHALLENGER}
        found = []
        for kind, model in [(kind, model) for kind, ids in wanted for model in ids if model in kept]:
            if kind.update is not None:
                try:
                    found += await self._updated(kind, model, asked.decision_time, tell)
                except FailedPrecondition as refusal:
                    log.info("champion not updated", model=f"models/{model}", reason=refusal.reason)
        return found

    async def update(self, model: str, decision_time: datetime, tell: Tell) -> list[Version]:
        """The champion with the newest data alone, at a fraction of a training's cost, through the cheap gate.

        Raises:
            NotFound: Reason MODEL_NOT_FOUND.
            FailedPrecondition: Reasons NO_INCREMENTAL_UPDATE, NO_MODEL, NOTHING_NEW.
            Unavailable: Reason PROFILE_UNAVAILABLE.
        """
        async with self._turn:
            ((kind, _),) = await self._wanted([model])
            if kind.update is None:
                message = f"models/{model} has no incremental update; train it instead"
                raise FailedPrecondition("NO_INCREMENTAL_UPDATE", message)
            return await self._updated(kind, model, decision_time, tell)

    async def _updated(self, kind: Kind, model: str, decision_time: datetime, tell: Tell) -> list[Version]:
        begun = time.monotonic()
        assert kind.update is not None
        champion = self._lineups.current.champion_of(model)
        fitted = await self._fitted([await kind.update(self._sources, model, decision_time, tell)], tell)
        demand_any(fitted)
        asked = Asked([model], decision_time, by="update")
        return await self._registered(fitted, asked, begun, tell, parent=champion.number)

    async def register(self, trained: Trained, making: store.Making) -> Version:
        """Number a version, keep its file, and note what came of it; `Lineups.reload` lets it serve.

        For a model that nothing of `KINDS` trains, such as a table of one's own.
        """
        file = await asyncio.to_thread(keep, self._folder, trained.report.model, trained.file)

        def added(connection: sa.Connection) -> Version:
            champion = store.champion(connection, trained.report.model)
            if champion is not None:
                name, number = champion.model, champion.number
                watching.keep_realised(connection, self._db.dialect, name, number, trained.realised)
            return store.add(connection, trained, file, making.train_time, making)

        version = await self._db.write(added)
        log.info("version registered", version=version.name, role=version.role, refusal=version.refusal)
        return version

    async def _wanted(self, models: Sequence[str]) -> list[tuple[Kind, list[str]]]:
        """The models asked for, by kind."""
        known = await self._db.read(lambda connection: [(kind, kind.models(connection)) for kind in KINDS])
        unknown = sorted(set(models) - {model for _, ids in known for model in ids})
        if unknown:
            names = ", ".join(f"models/{model}" for model in unknown)
            raise NotFound(names, "list models to see which there are", reason="MODEL_NOT_FOUND")
        chosen = [
            (kind, [model for model in ids if (model in models if models else kind.always_trained)])
            for kind, ids in known
        ]
        return [(kind, ids) for kind, ids in chosen if ids]

    async def _worthwhile(
        self, wanted: list[tuple[Kind, list[str]]], asked: Asked
    ) -> tuple[list[tuple[Kind, list[str]]], dict[str, str]]:
        """The models whose training is worth its cost, and why the others' is not."""
        if asked.regardless_of_cost:
            return wanted, {}
        reasons = {model: await self._worth(model, asked) for _, ids in wanted for model in ids}
        skipped = {model: reason for model, reason in reasons.items() if reason}
        for model, reason in skipped.items():
            await self._note(Training(model, asked.decision_time, asked.by, "skipped", reason))
        left = [(kind, [model for model in ids if model not in skipped]) for kind, ids in wanted]
        return [(kind, ids) for kind, ids in left if ids], skipped

    async def _tasks(
        self, wanted: list[tuple[Kind, list[str]]], decision_time: datetime, tell: Tell
    ) -> list[Task]:
        return [
            task
            for kind, ids in wanted
            for task in await kind.gather(self._sources, ids, decision_time, tell)
        ]

    async def _fitted(self, tasks: Sequence[Task], tell: Tell) -> Fitted:
        job = Job(tasks, await self._champions([task.model for task in tasks]))
        return await self._executor.run(
            fit_models,
            job,
            timeout=FIT_SECONDS,
            on_message=lambda step: tell(step[0], fit_share(step[1])),
        )

    async def _champions(self, models: Sequence[str]) -> dict[str, Champion]:
        versions = await self._db.read(store.serving)
        serving = [v for v in versions if v.role is Role.CHAMPION and v.model in models]
        found = {version.model: await self._champion(version) for version in serving}
        return {model: champion for model, champion in found.items() if champion is not None}

    async def _champion(self, version: Version) -> Champion | None:
        """A champion with its file; None where it is refused, so that a training can replace it."""
        try:
            file = await asyncio.to_thread(content_of, self._folder, version.file)
        except FailedPrecondition as refusal:
            log.error("champion not compared", version=version.name, reason=refusal.message)
            return None
        return Champion(version.report, file, version.train_time)

    async def _registered(
        self, fitted: Fitted, asked: Asked, begun: float, tell: Tell, parent: int = 0
    ) -> list[Version]:
        """The new versions, serving where they were promoted."""
        tell("registering versions", FIT_UNTIL)
        kinds = await self._db.read(kind_names)
        versions = [
            await self.register(
                trained, making_of(trained, asked, fitted, kinds[trained.report.model], parent)
            )
            for trained in still_known(fitted, kinds)
        ]
        await self._lineups.reload()
        for version in versions:
            await self._note(came_of_it(version, asked, time.monotonic() - begun))
        tell("done", 1.0)
        return versions

    async def _note(self, training: Training) -> None:
        await self._db.write(lambda connection: watching.note(connection, training))


def came_of_it(version: Version, asked: Asked, seconds: float) -> Training:
    words = version.refusal or (version.verdict.words if version.verdict else NOT_JUDGED)
    outcome = OUTCOMES[version.role]
    return Training(version.model, asked.decision_time, asked.by, outcome, words, version.number, seconds)


def kind_names(connection: sa.Connection) -> dict[str, str]:
    """By model that there is now: the name of its kind."""
    return {model: kind.name for kind in KINDS for model in kind.models(connection)}


def still_known(fitted: Fitted, kinds: Mapping[str, str]) -> list[Trained]:
    """What was fitted of models that were not deleted meanwhile.

    Raises:
        NotFound: Reason MODEL_NOT_FOUND, none is left.
    """
    left = [trained for trained in fitted.trained if trained.report.model in kinds]
    models = [trained.report.model for trained in fitted.trained]
    gone = ", ".join(f"models/{model}" for model in models if model not in kinds)
    if gone:
        log.warning("models deleted while they were trained", models=gone)
    if not left:
        raise NotFound(gone, "it was deleted while it was trained", reason="MODEL_NOT_FOUND")
    return left


def making_of(trained: Trained, asked: Asked, fitted: Fitted, kind: str, parent: int) -> store.Making:
    spent = fitted.cpu_seconds[trained.report.model]
    return store.Making(asked.decision_time, kind, parent, asked.by, spent)


def fit_share(share: float) -> float:
    return FIT_FROM + (FIT_UNTIL - FIT_FROM) * share


def demand_any(fitted: Fitted) -> None:
    """Fail when nothing could be trained, with every reason; otherwise log what could not."""
    if not fitted.trained:
        refusals = list(fitted.refused.values())
        if len(refusals) == 1:
            raise refusals[0]
        reasons = "; ".join(refusal.message for refusal in refusals)
        raise FailedPrecondition("NOT_ENOUGH_HISTORY", reasons)
    for model, refusal in fitted.refused.items():
        log.warning("model not trained", model=f"models/{model}", reason=refusal.message)
