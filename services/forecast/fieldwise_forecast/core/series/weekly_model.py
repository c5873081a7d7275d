"""A trained model of weekly sales: forecasts with their distribution, what it was tested on, and its file; knows no training and no wire."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats
from .backtest import Lift
from .distribution import Distribution
from .error_law import ErrorLaw

WEEK = timedelta(days=7)
MICROS = 1_000_000
# Ends of the 90 and of the 80 % interval.
ENDS = (0.05, 0.1, 0.9, 0.95)
# A fixed time, so that the same training gives the same file and the same checksum.
FILE_TIME = (1980, 1, 1, 0, 0, 0)
# More takes four times as long and saves a tenth.
COMPRESSION = 1


@dataclass(frozen=True)
class CategoryForecast:
    """One category; money in currency units.

    Attributes:
        row: Its place in the arrays of the model.
        seen: Weeks that came after a version had forecast them, by this model and those before it.
        inside80: How many of them fell inside the 80 % interval that had been given.
    """

    category: str
    row: int
    naive: float
    size: float
    wape: float
    naive_wape: float
    seen: int = 0
    inside80: int = 0

    @property
    def realised_coverage80(self) -> float | None:
        """Share of weeks so far inside their interval; None before any came."""
        return self.inside80 / self.seen if self.seen else None


@dataclass(frozen=True)
class Quantile:
    """The actual stays at or below ``value`` (micros of the currency) with probability ``level``."""

    level: float
    value: int


@dataclass(frozen=True)
class Point:
    """One week of a forecast, in micros of the currency."""

    week: datetime
    mean: int
    low80: int
    high80: int
    low90: int
    high90: int
    naive: int
    quantiles: tuple[Quantile, ...] = ()


@dataclass(frozen=True)
class Promised:
    """What a model forecasts from its end on, in currency units; arrays of shape (n_categories, n_weeks)."""

    begin: datetime
    categories: tuple[str, ...]
    mean: Floats
    low80: Floats
    high80: Floats
    low90: Floats
    high90: Floats
    naive: Floats


@dataclass(frozen=True)
class Honest:
    """Forecasts made in the past from what was known then, in currency units.

    Attributes:
        origins: First week forecast by each.
        actual, forecast: Shape (n_origins, n_categories, horizon), NaN where the week has not come.
    """

    origins: tuple[datetime, ...]
    categories: tuple[str, ...]
    actual: Floats
    forecast: Floats


@dataclass(frozen=True)
class WeeklyModel:
    """Forecasts of all categories from the end of the history on.

    Attributes:
        first_week: Monday of the first week known.
        history: What was known, shape (n_categories, n_weeks), currency units; rows in the order of ``categories``.
        categories: Largest first.
        forecast, scale: From the end of the history, and the usual size of their errors, shape (n_categories, n_steps).
        law: How the forecasts miss.
        tested: Lengths of history of the backtest.
        backtest: Its forecasts, shape (n_tested, n_categories, horizon).
        lift: On the latest of them.
        learned: What the forecasts come from, as its own file.
    """

    first_week: datetime
    history: Floats
    categories: tuple[CategoryForecast, ...]
    forecast: Floats
    scale: Floats
    law: ErrorLaw
    tested: tuple[int, ...]
    backtest: Floats
    lift: Lift
    learned: bytes

    @property
    def end(self) -> datetime:
        """Monday after the last week known."""
        return self.first_week + int(self.history.shape[1]) * WEEK

    @property
    def steps(self) -> int:
        """Weeks that are forecast."""
        return int(self.forecast.shape[1])

    @cached_property
    def ahead(self) -> Distribution:
        """The distribution of all categories from the end of the history."""
        common, own = self.law.joint.covariances(self.steps)
        return Distribution(self.law, self.forecast, self.scale, np.zeros_like(self.forecast), common, own)

    @cached_property
    def ends(self) -> Floats:
        """Ends of the intervals, shape (n_categories, n_steps, 4); the forecast lies between them."""
        found = self.ahead.quantile(ENDS)
        found[..., :2] = np.minimum(found[..., :2], self.forecast[..., None])
        found[..., 2:] = np.maximum(found[..., 2:], self.forecast[..., None])
        return found

    def points(
        self, category: CategoryForecast, decision_time: datetime, horizon: int, levels: Sequence[float] = ()
    ) -> list[Point]:
        """The first ``horizon`` weeks that have not ended at ``decision_time``, with quantiles at ``levels``.

        Raises:
            FailedPrecondition: As ``gap``.
        """
        gap = self.gap(decision_time, horizon)
        steps = range(gap, gap + horizon)
        asked = sorted(set(levels))
        quantiles = self.ahead.of([category.row]).quantile(asked)[0] if asked else None
        return [self.point(category, step, asked, quantiles) for step in steps]

    def gap(self, decision_time: datetime, horizon: int) -> int:
        """Whole weeks between the end of the history and ``decision_time``.

        Raises:
            FailedPrecondition: Reason STALE_MODEL, ``horizon`` weeks from then lie further ahead than is forecast; reason
                MODEL_FROM_THE_FUTURE, the model has seen weeks that had not ended at ``decision_time``.
        """
        gap = (decision_time - self.end) // WEEK
        if gap < 0:
            raise FailedPrecondition("MODEL_FROM_THE_FUTURE", self.future_message(decision_time))
        if gap + horizon > self.steps:
            raise FailedPrecondition("STALE_MODEL", self.stale_message(decision_time, horizon))
        return gap

    def point(
        self, category: CategoryForecast, step: int, levels: Sequence[float], quantiles: Floats | None
    ) -> Point:
        low90, low80, high80, high90 = (self.ends[category.row, step] * MICROS).round().astype(int).tolist()
        listed = () if quantiles is None else zip(levels, quantiles[step].tolist(), strict=True)
        return Point(
            week=self.end + step * WEEK,
            mean=round(float(self.forecast[category.row, step]) * MICROS),
            low80=low80,
            high80=high80,
            low90=low90,
            high90=high90,
            naive=round(category.naive * MICROS),
            quantiles=tuple(Quantile(level, round(value * MICROS)) for level, value in listed),
        )

    def promised(self) -> Promised:
        """Everything it forecasts."""
        low90, low80, high80, high90 = np.moveaxis(self.ends, 2, 0)
        naive = np.repeat(np.array([[one.naive] for one in self.categories]), self.steps, axis=1)
        names = tuple(one.category for one in self.categories)
        return Promised(self.end, names, self.forecast, low80, high80, low90, high90, naive)

    def honest(self) -> Honest:
        """What it would have forecast in the past."""
        horizon = self.backtest.shape[2]
        padded = np.pad(self.history, ((0, 0), (0, horizon)), constant_values=np.nan)
        actual = np.stack([padded[:, origin : origin + horizon] for origin in self.tested])
        origins = tuple(self.first_week + origin * WEEK for origin in self.tested)
        return Honest(origins, tuple(one.category for one in self.categories), actual, self.backtest)

    def future_message(self, decision_time: datetime) -> str:
        return (
            f"models/weekly-sales has seen sales until {self.end:%Y-%m-%d}, after decision_time "
            f"{decision_time:%Y-%m-%d}; ask for a later time or train at this one"
        )

    def stale_message(self, decision_time: datetime, horizon: int) -> str:
        return (
            f"models/weekly-sales has seen sales until {self.end:%Y-%m-%d} and forecasts {self.steps} weeks "
            f"from there; {horizon} weeks from {decision_time:%Y-%m-%d} lie beyond: train it again"
        )


ARRAYS = ("history", "forecast", "scale", "backtest")


def to_file(model: WeeklyModel) -> bytes:
    """A zip of plain JSON, arrays in NumPy's own format, and the learner's file."""
    plain = {
        "first_week": model.first_week.isoformat(),
        "categories": [asdict(one) for one in model.categories],
        "law": model.law.to_plain(),
        "tested": list(model.tested),
        "lift": asdict(model.lift),
    }
    parts = {f"{name}.npy": packed(getattr(model, name)) for name in ARRAYS}
    parts |= {"model.json": json.dumps(plain, sort_keys=True).encode(), "learned": model.learned}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(parts.items()):
            archive.writestr(zipfile.ZipInfo(name, FILE_TIME), content, zipfile.ZIP_DEFLATED, COMPRESSION)
    return buffer.getvalue()


def from_file(raw: bytes) -> WeeklyModel:
    """The model in a file whose checksum was right.

    Raises:
        FailedPrecondition: Reason MODEL_FILE_REFUSED, an earlier release wrote it.
    """
    if not zipfile.is_zipfile(io.BytesIO(raw)):
        message = "the file of models/weekly-sales is of an earlier release; train the model again"
        raise FailedPrecondition("MODEL_FILE_REFUSED", message)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        plain = json.loads(archive.read("model.json"))
        arrays = {name: unpacked(archive.read(f"{name}.npy")) for name in ARRAYS}
        learned = archive.read("learned")
    return WeeklyModel(
        first_week=datetime.fromisoformat(plain["first_week"]),
        categories=tuple(CategoryForecast(**one) for one in plain["categories"]),
        law=ErrorLaw.from_plain(plain["law"]),
        tested=tuple(plain["tested"]),
        lift=Lift(**plain["lift"]),
        learned=learned,
        **arrays,
    )


def packed(array: Floats) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def unpacked(raw: bytes) -> Any:
    return np.load(io.BytesIO(raw), allow_pickle=False)
