"""The libraries that weekly forecasts are compared with, on the same history; knows no data and no target."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from fieldwise_forecast.core.series.panel import Panel

Floats = npt.NDArray[np.float64]

# statsforecast and mlforecast: series and weeks as columns.
SERIES, WEEK, VALUE = "unique_id", "ds", "y"
TREES, ETA, SEED = 200, 0.05, 0
XGBOOST = {
    "objective": "reg:absoluteerror",
    "eta": ETA,
    "max_depth": 5,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "tree_method": "hist",
    "nthread": 1,
    "seed": SEED,
}


def frame(values: Floats) -> Any:
    import pandas as pd

    size, length = values.shape
    weeks = np.tile(np.arange(1, length + 1), size)
    return pd.DataFrame({SERIES: np.repeat(np.arange(size), length), WEEK: weeks, VALUE: values.ravel()})


def square(forecasts: Any, column: str, size: int) -> Floats:
    """A column of forecasts, shape (n_series, horizon)."""
    ordered = forecasts.reset_index().sort_values([SERIES, WEEK])
    return np.asarray(ordered[column].to_numpy(dtype=np.float64).reshape(size, -1))


def statistical(values: Floats, horizon: int) -> dict[str, Floats]:
    """AutoETS and AutoTheta without season, for one year shows none, and optimised SES, of statsforecast."""
    os.environ.setdefault("NIXTLA_ID_AS_COL", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from statsforecast import StatsForecast
        from statsforecast.models import AutoETS, AutoTheta, SimpleExponentialSmoothingOptimized

        ses = SimpleExponentialSmoothingOptimized(alias="SES")
        models = [AutoETS(season_length=1), AutoTheta(season_length=1), ses]
        found = StatsForecast(models=models, freq=1, n_jobs=1).forecast(df=frame(values), h=horizon)
        return {str(model): square(found, str(model), len(values)) for model in models}


def learned(panel: Panel, horizon: int) -> dict[str, Floats]:
    """mlforecast as it does best: lags, rolling means, per-series standardisation, XGBoost and LightGBM on absolute errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lightgbm

        light = lightgbm.LGBMRegressor(
            n_estimators=TREES, learning_rate=ETA, objective="l1", n_jobs=1, random_state=SEED, verbose=-1
        )
        return mlforecast(panel, horizon, {"XGBoost": boosted(), "LightGBM": light})


def boosted() -> Any:
    """XGBoost on absolute errors for mlforecast: what XGBRegressor does with these settings, by xgboost.train.

    fieldwise_forecast imports xgboost without its scikit-learn wrappers, which are then missing in this process.
    """
    import xgboost
    from sklearn.base import BaseEstimator

    class Boosted(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
        def fit(self, features: Any, targets: Any) -> Boosted:
            rows = xgboost.QuantileDMatrix(features, targets, nthread=1)
            self.booster_ = xgboost.train(XGBOOST, rows, TREES)
            return self

        def predict(self, features: Any) -> Any:
            return self.booster_.inplace_predict(features)

    return Boosted()


def mlforecast(panel: Panel, horizon: int, models: dict[str, Any]) -> dict[str, Floats]:
    """Forecasts by model's name; the panel's known inputs are exogenous columns."""
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import ExponentiallyWeightedMean, RollingMean, RollingStd
    from mlforecast.target_transforms import LocalStandardScaler

    moving: list[Any] = [RollingMean(4), RollingMean(8), RollingStd(8), ExponentiallyWeightedMean(0.3)]
    engine = MLForecast(
        models=models,
        freq=1,
        lags=list(range(1, 13)),
        lag_transforms={1: moving},
        target_transforms=[LocalStandardScaler()],
        num_threads=1,
    )
    history, ahead = with_inputs(panel, horizon)
    engine.fit(history, static_features=[])
    found = engine.predict(horizon, X_df=ahead)
    return {name: square(found, name, panel.size) for name in models}


def with_inputs(panel: Panel, horizon: int) -> tuple[Any, Any]:
    """The history with its known inputs, and the inputs of the weeks ahead; None without any."""
    history = frame(panel.values)
    if not panel.known:
        return history, None
    inputs = panel.known.values
    ahead = frame(np.zeros((panel.size, horizon))).drop(columns=VALUE)
    ahead[WEEK] += panel.length
    for i, name in enumerate(panel.known.names):
        history[name] = inputs[:, : panel.length, i].ravel()
        ahead[name] = inputs[:, panel.length : panel.length + horizon, i].ravel()
    return history, ahead
