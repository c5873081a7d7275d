"""Quantiles of the named rivals on the same weeks: AutoETS of statsforecast, conformal XGBoost of mlforecast; knows nothing of ours."""

from __future__ import annotations

import logging
import warnings
from typing import Any, Final

import numpy as np

from fieldwise_forecast.core.features import Floats

# Central intervals whose ends, with the point between them, are the seven quantiles of ours.
INTERVALS: Final = (90, 80, 50)
LAGS: Final = range(1, 7)
# Two windows of eight weeks are all that mlforecast can set aside of 27 weeks and still learn from six lags.
WINDOWS: Final = 2
TREES: Final = 100


def auto_ets(history: Floats, horizon: int) -> Floats:
    """Quantiles of shape (n_series, horizon, 7); a year of weeks shows no season, so none is asked for."""
    from statsforecast import StatsForecast
    from statsforecast.models import AutoETS

    model = StatsForecast([AutoETS(season_length=1)], freq=1, n_jobs=1)
    found = model.forecast(df=long_table(history), h=horizon, level=sorted(INTERVALS))
    return ends(found, "AutoETS", len(history), horizon)


def conformal_xgboost(history: Floats, horizon: int) -> Floats:
    """The same of mlforecast: XGBoost for absolute errors on standardised lags, conformal intervals by series and step."""
    from mlforecast import MLForecast
    from mlforecast.target_transforms import LocalStandardScaler
    from mlforecast.utils import PredictionIntervals

    logging.getLogger("mlforecast").setLevel(logging.ERROR)
    engine = MLForecast(
        {"xgb": absolute_error_trees()}, freq=1, lags=LAGS, target_transforms=[LocalStandardScaler()]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine.fit(
            long_table(history), prediction_intervals=PredictionIntervals(n_windows=WINDOWS, h=horizon)
        )
        found = engine.predict(horizon, level=sorted(INTERVALS))
    return ends(found, "xgb", len(history), horizon)


def absolute_error_trees() -> Any:
    """XGBoost for absolute errors as mlforecast takes it.

    Not `xgboost.XGBRegressor`: that class is empty in a process that loaded XGBoost without scikit-learn, as ours do.
    """
    from sklearn.base import BaseEstimator, RegressorMixin

    from fieldwise_forecast.core.light_xgboost import xgb

    parameters = {"objective": "reg:absoluteerror", "max_depth": 4, "eta": 0.08, "nthread": 1, "seed": 1}

    class Trees(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
        def fit(self, rows: Any, target: Any) -> Any:
            self.booster_ = xgb.train(parameters, xgb.QuantileDMatrix(rows, target, nthread=1), TREES)
            return self

        def predict(self, rows: Any) -> Any:
            return self.booster_.inplace_predict(rows)

    return Trees()


def long_table(history: Floats) -> Any:
    """One row per series and week, as both libraries read it."""
    import pandas as pd

    count, weeks = history.shape
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(count), weeks),
            "ds": np.tile(np.arange(weeks), count),
            "y": history.ravel(),
        }
    )


def ends(found: Any, name: str, count: int, horizon: int) -> Floats:
    """Ends of the intervals and the point, ascending by level."""
    low = [f"{name}-lo-{level}" for level in INTERVALS]
    high = [f"{name}-hi-{level}" for level in reversed(INTERVALS)]
    table = found.sort_values(["unique_id", "ds"])[[*low, name, *high]]
    return np.asarray(table.to_numpy(dtype=np.float64).reshape(count, horizon, 2 * len(INTERVALS) + 1))
