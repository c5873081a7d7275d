"""A set of series with a known truth: shops by product and place; builders for the tests of sets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from fieldwise.forecast.v1 import series_service_pb2 as pb
from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series.panel import Frequency, Panel
from fieldwise_forecast.core.series.periods import begin_of, number_of
from fieldwise_forecast.core.series.sets import Definition, Dimension
from fieldwise_forecast.profile_reader import timestamp

START = datetime(2023, 1, 2, tzinfo=UTC)
SHOPS = Definition(
    id="shops",
    measure="sales",
    unit="EUR",
    frequency=Frequency.WEEK,
    dimensions=(Dimension("product", ("department", "category")), Dimension("place", ("region",))),
    inputs=("promotion",),
)
DEPARTMENTS = {"food": ("bread", "milk"), "home": ("soap", "paper", "glass")}
REGIONS = ("north", "south")
KEYS = tuple(
    (department, category, region)
    for department, categories in DEPARTMENTS.items()
    for category in categories
    for region in REGIONS
)


def shop_sales(weeks: int = 60, seed: int = 1) -> Floats:
    """Level of category x level of region, a common slow wave and noise of a tenth, shape (10, weeks)."""
    rng = np.random.default_rng(seed)
    category = {key[1]: rng.uniform(50, 500) for key in KEYS}
    region = dict(zip(REGIONS, (1.0, 0.4), strict=True))
    level = np.array([category[key[1]] * region[key[2]] for key in KEYS])
    wave = 1 + 0.2 * np.sin(np.arange(weeks) / 12)
    return np.asarray(level[:, None] * wave * rng.lognormal(0, 0.1, (len(KEYS), weeks)))


def shop_panel(weeks: int = 60, seed: int = 1) -> Panel:
    return Panel(KEYS, START, Frequency.WEEK, shop_sales(weeks, seed))


def period(index: int) -> datetime:
    """Begin of a week of the tests' calendar."""
    return begin_of(Frequency.WEEK, number_of(Frequency.WEEK, START) + index)


def observation(keys: tuple[str, ...], index: int, value: float) -> pb.Observation:
    return pb.Observation(keys=keys, period=timestamp(period(index)), value=value)


def observations(values: Floats, first: int = 0) -> list[pb.Observation]:
    """All values that are not missing, from a period on."""
    return [
        observation(key, first + step, values[row, step])
        for row, key in enumerate(KEYS)
        for step in range(values.shape[1])
        if not np.isnan(values[row, step])
    ]


def created(**changed: Any) -> pb.CreateSeriesSetRequest:
    """A request for the shops' set."""
    shops: dict[str, Any] = {
        "measure": SHOPS.measure,
        "unit": SHOPS.unit,
        "frequency": pb.SERIES_FREQUENCY_WEEK,
        "dimensions": [pb.Dimension(name=one.name, levels=one.levels) for one in SHOPS.dimensions],
        "inputs": SHOPS.inputs,
    }
    id = changed.pop("id", SHOPS.id)
    return pb.CreateSeriesSetRequest(
        series_set_id=id, series_set=pb.SeriesSet(**shops | changed), request_id="r1"
    )
