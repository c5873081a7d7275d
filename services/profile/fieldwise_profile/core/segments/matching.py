"""Segments of a new fit matched to those of the one before, so that ids stay with the people; knows no measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

# Below this share of common customers (of those in either) a new group is no successor of the old one. Two groups that
# share half of their people each have one third.
SAME_GROUP: Final = 1 / 3

Labels = npt.NDArray[np.int64]


def kept_ids(before: Labels, after: Labels, old_ids: Sequence[int], count: int, next_id: int) -> list[int]:
    """Ids for the ``count`` new groups.

    Each group takes the id of the old one with which it shares most people: the assignment that is best for all together
    (Hungarian method). Groups without a predecessor get new ids, the larger ones first.

    Args:
        before: Place in ``old_ids`` of each customer's old segment.
        after: Each customer's new group, 0 to count - 1.
        next_id: The first id that was never used.
    Source: Kuhn (1955), The Hungarian method for the assignment problem; Jaccard (1912) for the share.
    """
    # Late: it takes half a second, and only a fitting needs it.
    from scipy.optimize import linear_sum_assignment

    shared = _shared(before, after, len(old_ids), count)
    olds, news = linear_sum_assignment(shared, maximize=True)
    found = {
        int(new): old_ids[int(old)]
        for old, new in zip(olds, news, strict=True)
        if shared[old, new] >= SAME_GROUP
    }
    sizes = np.bincount(after, minlength=count)
    for group in sorted(set(range(count)) - set(found), key=lambda group: (-int(sizes[group]), group)):
        found[group] = next_id
        next_id += 1
    return [found[group] for group in range(count)]


def _shared(before: Labels, after: Labels, olds: int, news: int) -> npt.NDArray[np.float64]:
    """People in both groups as a share of those in either."""
    both = np.zeros((olds, news))
    np.add.at(both, (before, after), 1.0)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    found: npt.NDArray[np.float64] = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    return found
