"""A question of visits as arrays that a search reads; knows no dates and no names."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

# Columns of `Problem.tour_floats`.
OPENS, CLOSES, LONGEST, CAPACITY, PER_KM, PER_MINUTE, REST_FIRST, REST_LAST, REST_MINUTES = range(9)
TOUR_FLOATS = 9
# Columns of `Problem.tour_whole`.
START, END, DAY, KIND = range(4)
# Stands in a sequence for the break of the tour.
REST = -1
# Stops of one tour: a day of more is refused.
MOST_IN_A_TOUR = 250

Sequences = list[list[int]]


@dataclass(frozen=True)
class Problem:
    """Stops, tours and travel, minutes and money.

    Attributes:
        km, minutes: Travel between places, shape (p, p), not necessarily symmetric.
        place: Place of each stop, shape (n,).
        service: Minutes at each stop, shape (n,).
        load: What each stop takes of a tour's capacity, shape (n,).
        penalty: Money lost when a stop is left out, shape (n,); far above all prizes when it is mandatory.
        opens, closes: When a visit may begin, minutes after midnight, shape (n, days); closed days have opens > closes.
        able: Whether a tour of a kind may do a stop, shape (n, kinds), 0 or 1.
        tour_floats: Shape (t, TOUR_FLOATS); REST_MINUTES 0 is a tour without a break.
        tour_whole: Shape (t, 4): places where it starts and ends, day and kind. Tours of a kind are alike in everything.
    """

    km: Floats
    minutes: Floats
    place: Whole
    service: Floats
    load: Floats
    penalty: Floats
    opens: Floats
    closes: Floats
    able: Whole
    tour_floats: Floats
    tour_whole: Whole
    mandatory: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def stops(self) -> int:
        return len(self.place)

    @property
    def tours(self) -> int:
        return len(self.tour_whole)
