"""The best parameters by likelihood, all of them positive, with exact gradients; knows no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats
from .histories import Histories

# Fewer customers than this say nothing about how customers differ.
FEWEST_CUSTOMERS = 50
# Shape parameters beyond this mean "all customers alike": the likelihood is flat there.
LARGEST = 1e4

# The log-likelihood and its derivative by each parameter.
LogLikelihood = Callable[[Floats], tuple[float, Floats]]


def most_likely(log_likelihood: LogLikelihood, starts: Sequence[Floats], customers: float) -> Floats:
    """The parameters of the highest likelihood found from any of the starts, tried until one converges.

    The search runs over the logarithms: no parameter can turn negative, and steps are relative.
    """

    def loss(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        value, slope = log_likelihood(parameters)
        return -value / customers, -slope * parameters / customers

    best, lowest = starts[0], np.inf
    bounds = [(-np.log(LARGEST), np.log(LARGEST))] * len(starts[0])
    for start in starts:
        found = minimize(loss, np.log(start), jac=True, method="L-BFGS-B", bounds=bounds, options=OPTIONS)
        if found.fun < lowest:
            best, lowest = np.exp(found.x), float(found.fun)
        if found.success:
            break
    return np.asarray(best, dtype=np.float64)


OPTIONS = {"maxiter": 300, "ftol": 1e-10, "gtol": 1e-6, "maxcor": 20}


def time_scale(histories: Histories) -> float:
    """The factor that makes the mean age 1.

    Fitted in it, days and weeks give the same answer, and no power of a large number overflows.

    Raises:
        FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
    """
    customers = float(histories.weights.sum())
    buyers = float(histories.weights[histories.repeats > 0].sum())
    if customers < FEWEST_CUSTOMERS or buyers < 2:
        message = (
            f"lifetimes cannot be fitted: {customers:.0f} customers, {buyers:.0f} of whom bought again; "
            f"at least {FEWEST_CUSTOMERS} and 2 are needed. Ingest more history or train at a later time."
        )
        raise FailedPrecondition("NOT_ENOUGH_HISTORY", message)
    return customers / float(histories.weights @ histories.age)
