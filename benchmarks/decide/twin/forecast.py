"""The twin's forecast: the same models, engines and contributions, answered as JSON. `python -m ... PORT`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from fastapi import FastAPI

from benchmarks.decide.twin import wire
from benchmarks.decide.twin.serving import serve
from fieldwise_forecast import store
from fieldwise_forecast.core import probability
from fieldwise_forecast.core.contributions import largest
from fieldwise_forecast.core.features import ACTIVE_WINDOWS, SPEND_WHEN_ACTIVE, Floats
from fieldwise_forecast.core.probability import ProbabilityModel
from fieldwise_forecast.core.questions import BUYS, SILENT, Question
from fieldwise_forecast.core.versions import Version
from fieldwise_forecast.model_files import content_of
from fieldwise_forecast.settings import Settings
from fieldwise_runtime.database import Database
from fieldwise_runtime.settings import load


@dataclass(frozen=True)
class Champion:
    """A trained answer to a question."""

    question: Question
    version: str
    model: ProbabilityModel


class Scorer:
    """Scores one customer at a time and remembers the answers by features, as ours does."""

    def __init__(self, champions: list[Champion]) -> None:
        self._champions = champions
        self._kept: dict[tuple[str, tuple[float | None, ...] | None], wire.Scores] = {}
        self.versions = ",".join(sorted(champion.version for champion in champions))

    def scores(self, ask: wire.CustomerFeatures) -> wire.Scores:
        key = (ask.customer, None if ask.features is None else tuple(ask.features))
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = self._scored(ask)
        return kept

    def _scored(self, ask: wire.CustomerFeatures) -> wire.Scores:
        if ask.features is None:
            predictions = [base_rate(champion) for champion in self._champions]
            return wire.Scores(
                customer=ask.customer, predictions=predictions, spend_if_buys=self._spend(None)
            )
        row = np.array([[np.nan if value is None else value for value in ask.features]], dtype=np.float64)
        return wire.Scores(
            customer=ask.customer,
            predictions=[predicted(champion, row) for champion in self._champions],
            spend_if_buys=self._spend(row[0]),
        )

    def _spend(self, row: Floats | None) -> int:
        about = self._champions[0].model.about
        if row is None:
            return about.spend.expected_micros(np.nan, 0.0)
        columns = about.feature_set
        own, windows = row[columns.column(SPEND_WHEN_ACTIVE)], row[columns.column(ACTIVE_WINDOWS)]
        return about.spend.expected_micros(float(own), float(windows))


def predicted(champion: Champion, row: Floats) -> wire.Prediction:
    model = champion.model
    if not champion.question.population(model.feature_set, row)[0]:
        return base_rate(champion)
    single = row.astype(np.float32)
    raw = model.log_odds(single)
    parts = model.contributions(single)[0]
    return wire.Prediction(
        model=f"models/{champion.question.model}",
        model_version=champion.version,
        probability=float(probability.probability(raw)[0]),
        log_odds=float(raw[0]),
        base_log_odds=model.base,
        contributions=[
            wire.Contribution(feature=name, value=known(column, row[0]), log_odds=log_odds)
            for column, name, log_odds in largest(parts, model.feature_set.names)
        ],
    )


def known(column: int | None, row: Floats) -> float | None:
    return None if column is None or np.isnan(row[column]) else float(row[column])


def base_rate(champion: Champion) -> wire.Prediction:
    p = champion.model.about.base_rate
    name = f"models/{champion.question.model}"
    return wire.Prediction(model=name, model_version="", probability=p, log_odds=float(np.log(p / (1 - p))))


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[None]:
    settings = load(Settings, os.environ)
    database = Database.open(settings.database_url)
    serving: dict[str, Version] = {}
    for version in await database.read(store.serving):
        serving.setdefault(version.model, version)
    app.state.scorer = Scorer(
        [
            Champion(
                question,
                serving[question.model].name,
                probability.from_file(content_of(settings.models_folder, serving[question.model].file)),
            )
            for question in (BUYS, SILENT)
        ]
    )
    yield
    await database.close()


app = FastAPI(lifespan=opened)


@app.post("/scores")
async def scores(ask: wire.ScoresAsk) -> wire.ScoresAnswer:
    scorer: Scorer = app.state.scorer
    part = wire.Part(name="forecast", version=scorer.versions, as_of=ask.decision_time)
    return wire.ScoresAnswer(scores=[scorer.scores(each) for each in ask.customers], part=part)


if __name__ == "__main__":
    serve(app)
