"""The most likely value of a field, from what was stated, what is usual and what other fields imply; knows no record's place.

A noisy channel: each stated value is the true one seen through typing errors (Shannon, 1948; Kernighan, Church and Gale, 1990).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp, log
from typing import Final

from rapidfuzz.distance import OSA

from fieldwise_profile.core.cleaning.forms import Form

# How a true value comes to be stated. Ours: as in `grouping`, for one side of the pair.
_RIGHT: Final = log(0.75)
_ERRED: Final = log(0.2)
# Another letter instead of the right one, a lost one, one too many: about a dozen ways each.
_EACH_ERROR: Final = -2.5
# Any value at all: somebody else's, or another field's.
_ANYTHING: Final = -10.0
_ANY_GENDER: Final = log(0.1)


def seen_as(form: Form, stated: str, true: str) -> float:
    """Log likelihood that ``true`` was typed as ``stated`` (keys)."""
    if stated == true:
        return _RIGHT
    if form is Form.GENDER:
        return _ANY_GENDER
    most = 1 + len(true) // 5
    errors = OSA.distance(stated, true, score_cutoff=most)
    return _ERRED + _EACH_ERROR * errors if errors <= most else _ANYTHING


def chosen(scores: Mapping[str, float]) -> tuple[str, float]:
    """The best candidate and its probability among the candidates; ties go to the first in the alphabet."""
    best = min(scores, key=lambda candidate: (-scores[candidate], candidate))
    top = scores[best]
    return best, 1 / sum(exp(score - top) for score in scores.values())


def scored(
    form: Form, candidates: Iterable[str], stated: Sequence[str], prior: Callable[[str], float]
) -> dict[str, float]:
    """Log posterior, up to a constant, of each candidate."""
    return {each: prior(each) + sum(seen_as(form, one, each) for one in stated) for each in candidates}
