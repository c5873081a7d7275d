"""The panel of all nodes of a hierarchy from that of its finest level; knows no forecaster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..features import Floats
from .calendar import calendar_inputs
from .hierarchy import Hierarchy
from .panel import Known, Panel

# A sum of which more than this share would be a guess is missing.
MOST_GUESSED = 0.2


def node_panel(hierarchy: Hierarchy, bottom: Panel, countries: Sequence[str], ahead: int) -> Panel:
    """The series of all nodes with their inputs; the calendar's come along for ``ahead`` periods behind the end."""
    return replace(
        bottom,
        keys=hierarchy.keys,
        values=node_values(hierarchy, bottom.values),
        known=_known(hierarchy, bottom, countries, ahead),
    )


def node_values(hierarchy: Hierarchy, bottom: Floats) -> Floats:
    """Values of all nodes, shape (n_nodes, n_periods).

    Before a series begins it adds nothing to its sums. Where one misses a period, its last value stands in for it in its
    sums, as long as that is at most a fifth of them; otherwise the sum is missing too.
    """
    missing = np.isnan(bottom)
    begun = np.logical_or.accumulate(~missing, axis=1)
    whole = _carried(bottom)
    total = np.asarray(hierarchy.summing @ whole)
    size = np.asarray(hierarchy.summing @ np.abs(whole))
    guessed = np.asarray(hierarchy.summing @ np.where(begun & missing, np.abs(whole), 0.0))
    nothing = np.asarray(hierarchy.summing @ begun.astype(np.float64)) == 0
    values = np.where(nothing | (guessed > MOST_GUESSED * size), np.nan, total)
    values[hierarchy.sums :] = bottom
    return values


def _carried(values: Floats) -> Floats:
    """Gaps filled with the value before them, 0 before the first."""
    known = np.where(np.isnan(values), -1, np.arange(values.shape[1]))
    last = np.maximum.accumulate(known, axis=1)
    filled = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    return np.where(last < 0, 0.0, filled)


def _known(hierarchy: Hierarchy, bottom: Panel, countries: Sequence[str], ahead: int) -> Known:
    length = bottom.length + ahead
    days = calendar_inputs(bottom.frequency, bottom.start, length, countries)
    names = (*bottom.known.names, *days.names)
    if not names:
        return Known()
    shared = np.broadcast_to(days.values, (len(hierarchy.keys), *days.values.shape))
    if not bottom.known:
        return Known(names, np.array(shared))
    return Known(
        names, np.concatenate([_mean_inputs(hierarchy, bottom.known.values, length), shared], axis=2)
    )


def _mean_inputs(hierarchy: Hierarchy, values: Floats, length: int) -> Floats:
    """Inputs of a node: the mean of its series', of those that are known; shape (n_nodes, length, n_inputs)."""
    padded = np.full((values.shape[0], length, values.shape[2]), np.nan)
    padded[:, : values.shape[1]] = values[:, :length]
    flat = padded.reshape(len(padded), -1)
    count = np.asarray(hierarchy.summing @ (~np.isnan(flat)).astype(np.float64))
    total = np.asarray(hierarchy.summing @ np.nan_to_num(flat))
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean.reshape(-1, length, values.shape[2])
