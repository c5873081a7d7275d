"""The versions that answer, loaded: champions, or a previous version where a champion's file is refused."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, NotFound, Violation
from fieldwise_runtime.logs import get_logger

from . import store
from .core import probability, weekly
from .core.probability import ProbabilityModel
from .core.questions import QUESTIONS
from .core.versions import WEEKLY_SALES, Role, Version
from .core.weekly import WeeklyModel
from .model_files import content_of
from .scoring import Answering, Scorer

log = get_logger(__name__)
M = TypeVar("M")

MODELS = (*(question.model for question in QUESTIONS), WEEKLY_SALES)
# Loaded line-ups other than the champions' (replays); one takes about 5 MB.
KEPT_LINEUPS = 4


@dataclass(frozen=True)
class Lineup:
    """What answers now. It never changes: a call keeps the line-up it began with while a new one takes over.

    ``healthy`` tells by model whether its champion itself is loaded.
    """

    scorer: Scorer
    series: tuple[Version, WeeklyModel] | None
    healthy: Mapping[str, bool]


class Lineups:
    """Holds the current line-up and loads others by name."""

    def __init__(self, db: Database, folder: Path, currency: str, cached_customers: int) -> None:
        self._db = db
        self._folder = folder
        self._currency = currency
        self._cached_customers = cached_customers
        self._by_names: OrderedDict[tuple[str, ...], Scorer] = OrderedDict()
        self.current = Lineup(self._scorer({}), None, dict.fromkeys(MODELS, False))

    async def reload(self) -> None:
        """Take the champions as they are registered now."""
        versions = await self._db.read(store.serving)
        self.current = await asyncio.to_thread(self._loaded, versions)
        log.info("models loaded", versions=self.current.scorer.version_names, healthy=self.current.healthy)

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

    def _loaded(self, versions: Sequence[Version]) -> Lineup:
        probabilities: dict[str, tuple[Version, ProbabilityModel]] = {}
        series = None
        healthy = dict.fromkeys(MODELS, False)
        for model in MODELS:
            own = [version for version in versions if version.model == model]
            if model == WEEKLY_SALES:
                series = self._first_readable(own, weekly.from_file)
                healthy[model] = is_champion(series)
            else:
                readable = self._first_readable(own, probability.from_file)
                probabilities |= {model: readable} if readable else {}
                healthy[model] = is_champion(readable)
        return Lineup(self._scorer(probabilities), series, healthy)

    def _first_readable(
        self, versions: Sequence[Version], read: Callable[[bytes], M]
    ) -> tuple[Version, M] | None:
        for version in versions:
            try:
                return version, read(content_of(self._folder, version.file))
            except FailedPrecondition as refusal:
                log.error("model file refused", version=version.name, reason=refusal.message)
        return None

    def _scorer_of(self, versions: Sequence[Version]) -> Scorer:
        read = probability.from_file
        return self._scorer({v.model: (v, read(content_of(self._folder, v.file))) for v in versions})

    def _scorer(self, loaded: Mapping[str, tuple[Version, ProbabilityModel]]) -> Scorer:
        answering = [Answering(question, *loaded.get(question.model, (None, None))) for question in QUESTIONS]
        return Scorer(answering, self._currency, self._cached_customers)


def is_champion(loaded: tuple[Version, object] | None) -> bool:
    return loaded is not None and loaded[0].role is Role.CHAMPION


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
