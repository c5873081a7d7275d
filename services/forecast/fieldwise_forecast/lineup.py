"""The versions that answer, loaded: champions, or a previous version where a champion's file is refused."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, NotFound, Violation
from fieldwise_runtime.logs import get_logger

from . import store
from .core import probability
from .core.probability import ProbabilityModel
from .core.questions import QUESTIONS
from .core.series.weekly_model import WeeklyModel
from .core.versions import WEEKLY_SALES, Role, Version
from .kinds import BUILT_IN, BY_NAME
from .model_files import content_of
from .scoring import Answering, Scorer

log = get_logger(__name__)
M = TypeVar("M")

# A follower that hears nothing for longer knows that it is not told.
_LIFE_SECONDS = 0.5
# Loaded line-ups other than the champions' (replays); one takes about 5 MB.
KEPT_LINEUPS = 4


@dataclass(frozen=True)
class Loaded(Generic[M]):
    """A version and what its file holds."""

    version: Version
    model: M


@dataclass(frozen=True)
class Lineup:
    """What answers now. It never changes: a call keeps the line-up it began with while a new one takes over.

    Attributes:
        loaded: By model: its champion, or its previous version where the champion's file is refused.
        healthy: Tells by model whether its champion itself is loaded.
    """

    scorer: Scorer
    loaded: Mapping[str, Loaded[Any]]
    healthy: Mapping[str, bool]

    @property
    def series(self) -> tuple[Version, WeeklyModel] | None:
        """What forecasts weekly sales; None before its first training."""
        found = self.loaded.get(WEEKLY_SALES)
        return None if found is None else (found.version, found.model)

    def of(self, model: str, form: type[M]) -> Loaded[M]:
        """What answers for a model, which has to be of this form.

        Raises:
            FailedPrecondition: Reason NO_MODEL, it was never trained, or is of another kind.
        """
        found = self.loaded.get(model)
        if found is None or not isinstance(found.model, form):
            cure = f"train it with TrainModel (fieldwise models train {model}) and ask again"
            message = f"models/{model} has not been trained; {cure}"
            raise FailedPrecondition("NO_MODEL", message)
        return found

    def champion_of(self, model: str) -> Version:
        """The version that answers for a model.

        Raises:
            FailedPrecondition: Reason NO_MODEL.
        """
        return self.of(model, object).version


class Lineups:
    """Holds the current line-up and loads others by name."""

    def __init__(self, db: Database, folder: Path, currency: str, cached_customers: int) -> None:
        self._db = db
        self._folder = folder
        self._currency = currency
        self._cached_customers = cached_customers
        self._by_names: OrderedDict[tuple[str, ...], Scorer] = OrderedDict()
        self.current = Lineup(self._scorer({}), {}, dict.fromkeys(BUILT_IN, False))
        self._changed = asyncio.Event()
        # One at a time: a slow reload must not put back what a later one has already replaced.
        self._reloading = asyncio.Lock()

    async def reload(self) -> None:
        """Take the champions as they are registered now."""
        async with self._reloading:
            versions = await self._db.read(store.serving)
            self.current = await asyncio.to_thread(self._loaded, versions)
        self._changed.set()
        self._changed = asyncio.Event()
        log.info("models loaded", versions=self.current.scorer.version_names, healthy=self.current.healthy)

    async def follow(self) -> AsyncIterator[tuple[str, ...]]:
        """The versions that score, several times a second and at once when they change, until it is ended."""
        while True:
            changed = self._changed
            yield self.current.scorer.version_names
            with suppress(TimeoutError):
                async with asyncio.timeout(_LIFE_SECONDS):
                    await changed.wait()

    async def of_versions(self, names: Sequence[str]) -> Scorer:
        """A scorer of exactly these versions; questions without one get their prior.

        Raises:
            NotFound: Reason MODEL_VERSION_NOT_FOUND.
            InvalidRequest: Two versions of one model, or a version that gives no probability.
            FailedPrecondition: Reason MODEL_FILE_REFUSED.
        """
        wanted = tuple(sorted(set(names)))
        if wanted == self.current.scorer.version_names:
            return self.current.scorer
        if wanted not in self._by_names:
            demand_one_per_question(names)
            versions = [await self._version(name) for name in wanted]
            self._by_names[wanted] = await asyncio.to_thread(self._scorer_of, versions)
        self._by_names.move_to_end(wanted)
        scorer = self._by_names[wanted]
        while len(self._by_names) > KEPT_LINEUPS:
            self._by_names.popitem(last=False)
        return scorer

    async def _version(self, name: str) -> Version:
        _, model, _, number = name.split("/")
        found = await self._db.read(lambda connection: store.named(connection, model, int(number)))
        if found is None:
            raise NotFound(name, "list model versions to see what is kept", reason="MODEL_VERSION_NOT_FOUND")
        return found

    async def version_of(self, name: str, form: type[M]) -> Loaded[M]:
        """Any kept version by its name, ``models/{model}/versions/{n}``.

        Raises:
            NotFound: Reason MODEL_VERSION_NOT_FOUND.
            FailedPrecondition: Reasons MODEL_FILE_REFUSED; NO_MODEL, it is of another kind.
        """
        version = await self._version(name)
        found = await asyncio.to_thread(self._read, version)
        if not isinstance(found.model, form):
            raise FailedPrecondition(
                "NO_MODEL", f"{name} is of kind {version.kind}; name a version of another model"
            )
        return found

    def _loaded(self, versions: Sequence[Version]) -> Lineup:
        loaded: dict[str, Loaded[Any]] = {}
        for model in dict.fromkeys(version.model for version in versions):
            readable = self._first_readable([version for version in versions if version.model == model])
            loaded |= {model: readable} if readable else {}
        probabilities = {
            model: (each.version, each.model)
            for model, each in loaded.items()
            if isinstance(each.model, ProbabilityModel)
        }
        known = (*BUILT_IN, *(version.model for version in versions))
        healthy = {model: model in loaded and loaded[model].version.role is Role.CHAMPION for model in known}
        return Lineup(self._scorer(probabilities), loaded, healthy)

    def _first_readable(self, versions: Sequence[Version]) -> Loaded[Any] | None:
        for version in versions:
            try:
                return self._read(version)
            except FailedPrecondition as refusal:
                log.error("model file refused", version=version.name, reason=refusal.message)
        return None

    def _read(self, version: Version) -> Loaded[Any]:
        """The model of a version; one that answers already is not read again."""
        here = self.current.loaded.get(version.model)
        if here is not None and here.version.file == version.file:
            return Loaded(version, here.model)
        return Loaded(version, BY_NAME[version.kind].load(content_of(self._folder, version.file)))

    def _scorer_of(self, versions: Sequence[Version]) -> Scorer:
        read = probability.from_file
        return self._scorer({v.model: (v, read(content_of(self._folder, v.file))) for v in versions})

    def _scorer(self, loaded: Mapping[str, tuple[Version, ProbabilityModel]]) -> Scorer:
        answering = [Answering(question, *loaded.get(question.model, (None, None))) for question in QUESTIONS]
        return Scorer(answering, self._currency, self._cached_customers)


def demand_one_per_question(names: Sequence[str]) -> None:
    """Refuse what cannot score a customer, all of it at once."""
    known = [question.model for question in QUESTIONS]
    seen: dict[str, str] = {}
    faults = []
    for i, name in enumerate(names):
        model = name.split("/")[1]
        if model not in known:
            remedy = f"name versions of {' or '.join(f'models/{each}' for each in known)}"
            faults.append(Violation.of(f"model_versions[{i}]", name, remedy))
        elif seen.setdefault(model, name) != name:
            faults.append(Violation.of(f"model_versions[{i}]", name, f"name one version of models/{model}"))
    if faults:
        raise InvalidRequest(faults)
