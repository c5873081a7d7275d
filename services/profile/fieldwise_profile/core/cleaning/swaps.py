"""Values that stand in each other's field; knows one record and what is usual in each field."""

from __future__ import annotations

from typing import Final

import numpy as np

from fieldwise_profile.core.cleaning.corpus import Corpus, Record
from fieldwise_profile.core.cleaning.forms import FORMS, fits, key

# A value moves only where it fits better by this much, in units of log frequency; a form that does not fit costs as much.
STAYING: Final = 3.0
_MISFIT: Final = -14.0


def unswapped(record: Record, corpus: Corpus) -> dict[str, str]:
    """The record with each value in the field where it most likely belongs."""
    names = [name for name in record if name in FORMS]
    stated = [name for name in names if key(FORMS[name], record[name])]
    if not any(_is_odd(name, record[name], corpus) for name in stated):
        return dict(record)
    belonging = np.array([[_belonging(record, own, other, corpus) for other in names] for own in stated])
    from scipy.optimize import linear_sum_assignment  # late: only a review of records needs it

    rows, columns = linear_sum_assignment(belonging, maximize=True)
    moved = dict(record) | dict.fromkeys(stated, "")
    for row, column in zip(rows, columns, strict=True):
        moved[names[column]] = record[stated[row]]
    return moved


def _is_odd(name: str, value: str, corpus: Corpus) -> bool:
    form = FORMS[name]
    return not fits(form, value) or corpus.column(name).words_are_new(key(form, value))


def _belonging(record: Record, own: str, other: str, corpus: Corpus) -> float:
    form = FORMS[other]
    value = record[own]
    fit = corpus.column(other).likeness(key(form, value)) if fits(form, value) else _MISFIT
    return fit + (STAYING if own == other else 0.0)
