"""What others use to tell who will buy: a forest, XGBoost, a logistic regression, BG/NBD of lifetimes; each untuned."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable

import numpy as np

from fieldwise_forecast.core.features import FeatureSet, Floats
from fieldwise_forecast.core.light_xgboost import xgb

Fit = Callable[[FeatureSet, Floats, Floats, Floats], Floats]
SEED = 1
WINDOW_WEEKS = 4.0
PENALTIES = (0.0, 0.001, 0.01, 0.1)


def forest(_: FeatureSet, rows: Floats, labels: Floats, test: Floats) -> Floats:
    from sklearn.ensemble import RandomForestClassifier

    learner = RandomForestClassifier(300, min_samples_leaf=20, n_jobs=1, random_state=SEED)
    return probabilities(learner.fit(rows.astype(np.float32), labels), test.astype(np.float32))


def boosted(_: FeatureSet, rows: Floats, labels: Floats, test: Floats) -> Floats:
    asked = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.03, "nthread": 1, "seed": SEED}
    learner = xgb.train(asked, xgb.QuantileDMatrix(rows.astype(np.float32), labels, nthread=1), 300)
    return np.asarray(learner.inplace_predict(test.astype(np.float32)), dtype=np.float64)


def logit(_: FeatureSet, rows: Floats, labels: Floats, test: Floats) -> Floats:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    def logs(values: Floats) -> Floats:
        return np.asarray(np.sign(values) * np.log1p(np.abs(values)))

    learner = make_pipeline(
        FunctionTransformer(logs),
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )
    return probabilities(learner.fit(rows, labels), test)


def bg_nbd(columns: FeatureSet, _: Floats, labels: Floats, test: Floats) -> Floats:
    """1 - exp(-expected purchase days of 4 weeks), fitted on the test cut-off's own histories, which hold no answer."""
    bought, first, last = (
        test[:, columns.column(name)]
        for name in ("purchase_days", "days_since_first_purchase", "days_since_purchase")
    )
    known = bought > 0
    repeats = bought[known] - 1
    age, recency = first[known] / 7, np.where(repeats > 0, (first - last)[known] / 7, 0.0)
    found = np.full(len(test), float(labels.mean()))
    found[known] = -np.expm1(-expected(repeats, recency, age))
    return found


def expected(repeats: Floats, recency: Floats, age: Floats) -> Floats:
    """Purchases expected in 4 weeks, with the smallest penalty with which lifetimes gives everybody a number."""
    numbers = numbers_with(PENALTIES[0], repeats, recency, age)
    for penalty in PENALTIES[1:]:
        if np.isfinite(numbers).all():
            return numbers
        numbers = numbers_with(penalty, repeats, recency, age)
    # Its hypergeometric series overflows for a few customers: those get the mean of the others.
    return np.where(np.isfinite(numbers), numbers, np.nanmean(numbers))


def numbers_with(penalty: float, repeats: Floats, recency: Floats, age: Floats) -> Floats:
    from lifetimes import BetaGeoFitter
    from lifetimes.utils import ConvergenceError

    fitter = BetaGeoFitter(penalizer_coef=penalty)
    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(action="ignore", category=RuntimeWarning),
    ):
        try:
            fitter.fit(repeats, recency, age)
        except ConvergenceError:
            return np.full(len(repeats), np.nan)
        numbers = fitter.conditional_expected_number_of_purchases_up_to_time(
            WINDOW_WEEKS, repeats, recency, age
        )
    return np.asarray(numbers, dtype=np.float64)


def probabilities(learner: object, test: Floats) -> Floats:
    return np.asarray(learner.predict_proba(test)[:, 1], dtype=np.float64)  # type: ignore[attr-defined]  # scikit-learn has no types


PEERS: dict[str, Fit] = {
    "random forest": forest,
    "XGBoost": boosted,
    "logit on logs": logit,
    "BG/NBD (lifetimes)": bg_nbd,
}
