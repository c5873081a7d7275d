"""Accounts that cost the same everywhere, spread evenly in workload and value; knows nothing of solvers."""

from __future__ import annotations

import numpy as np

from fieldwise_allocation.core.instance import Instance, Ints


def spread(instance: Instance) -> Ints:
    """The largest account first, each to the allowed rep who is then furthest below his shares.

    When nobody travels and nobody moves every plan in the bands costs 0; this one also gives every rep his share
    of the value, as far as the largest first can.
    """
    hours_part = instance.workload / max(float(instance.workload.sum()), 1e-300)
    value_part = instance.value / max(float(instance.value.sum()), 1e-300)
    share = instance.target / max(float(instance.target.sum()), 1e-300)
    hours, value = np.zeros_like(share), np.zeros_like(share)
    rep_of = np.zeros(len(hours_part), dtype=np.int64)
    rows, reps = instance.allowed, np.arange(len(share))
    for j in np.lexsort((value_part, np.maximum(hours_part, value_part)))[::-1]:
        fullness = np.maximum(hours + hours_part[j], value + value_part[j]) / share
        choice = reps[np.argmin(np.where(rows[j], fullness + 1e-3 * (hours + value) / share, np.inf))]
        rep_of[j] = choice
        hours[choice] += hours_part[j]
        value[choice] += value_part[j]
    return rep_of
