"""What a customer did, event by event, each with what it counts; knows no wire and no table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

from fieldwise_profile.core.event import HOUR, OPENED, Happening, Kind
from fieldwise_profile.core.fold import UNKNOWN_CATEGORY, is_weighed, weighed_form
from fieldwise_profile.core.noise import WEIGHTS, WHOLE, weigh

# Kinds in the numbers of the contract (StreamBehaviourResponse.kind).
NUMBERS: Final = {Kind.PURCHASE: 0, Kind.VIEW: 1, Kind.CLICK: 2, Kind.SEARCH: 3, Kind.MESSAGE: 4}
UNMEASURED: Final = -1

_event_time: Final = attrgetter("event_time")


class Deed(NamedTuple):
    """One thing a customer did.

    Attributes:
        time: Microseconds since 1970.
        kind: As in `NUMBERS`.
        category: Empty for none.
        product: Empty for none.
        dwell: Milliseconds; -1 where not measured, and for what is no view.
        weight: What it counts, hundredths.
    """

    time: int
    kind: int
    category: str
    product: str
    dwell: int
    weight: int


def deeds(happenings: Sequence[Happening]) -> list[Deed]:
    """By time. Events of one moment are ordered by what they are, so the same events give the same list."""
    found = [deed(each, WHOLE) for each in happenings if not is_weighed(each) and is_own(each)]
    found += weighed([each for each in happenings if is_weighed(each)])
    return sorted(found)


def is_own(happening: Happening) -> bool:
    """Whether he did it: a message that was sent to him is none of his doing."""
    return happening.kind != Kind.MESSAGE or (happening.stage or 0) >= OPENED


def weighed(browsing: list[Happening]) -> Iterator[Deed]:
    """Each with its weight among the events of its hour."""
    browsing.sort(key=_event_time)
    for _, own in groupby(browsing, lambda each: each.event_time // HOUR):
        events = list(own)
        forms = sorted((weighed_form(each), place) for place, each in enumerate(events))
        for (_, place), reason in zip(forms, weigh([form for form, _ in forms]), strict=True):
            yield deed(events[place], WEIGHTS[reason])


def deed(happening: Happening, weight: int) -> Deed:
    category = happening.category if happening.category != UNKNOWN_CATEGORY else None
    is_timed = happening.kind == Kind.VIEW and happening.measure is not None
    return Deed(
        happening.event_time,
        NUMBERS[Kind(happening.kind)],
        category or "",
        happening.product or "",
        (happening.measure or 0) if is_timed else UNMEASURED,
        weight,
    )
