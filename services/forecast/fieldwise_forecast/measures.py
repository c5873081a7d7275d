"""What forecast tells operators of its models: age, drift, which version answers; knows no customer and no wire."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

from fieldwise_runtime.metrics import Few, gauge

if TYPE_CHECKING:
    from .models_report import ModelState

TRAINED: Final = gauge(
    "fieldwise_model_trained_time_seconds",
    "When the version that answers was trained, by the business clock, in seconds since 1970.",
    "model",
)
RETRAIN: Final = gauge(
    "fieldwise_model_retrain_seconds",
    "After how long a model is trained anew; what users train themselves has none.",
    "model",
)
CHAMPION: Final = gauge("fieldwise_model_champion_version", "Number of the version that answers.", "model")
DRIFT: Final = gauge(
    "fieldwise_model_drift", "How far a model has drifted, in units of its alarm: 1 and more is one.", "model"
)

_names: Final = Few()
_TABLE: Final = "table"


def tell(states: Sequence[ModelState]) -> None:
    """Sets the gauges of all models that answer."""
    for state in states:
        if state.champion is None:
            continue
        name = _names.of(state.model)
        TRAINED.labels(name).set(state.champion.train_time.timestamp())
        CHAMPION.labels(name).set(state.champion.number)
        if math.isfinite(state.drift.score):
            DRIFT.labels(name).set(state.drift.score)
        if state.kind != _TABLE:
            RETRAIN.labels(name).set(state.settings.retrain_days * 86_400)


async def measure(states: Callable[[], Awaitable[Sequence[ModelState]]]) -> None:
    """Looks at all models."""
    tell(await states())
