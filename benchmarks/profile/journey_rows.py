"""Complete Journey as rows of tags and outcomes at cut-offs, by profile's own fold and rules; knows no service and no learner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from fieldwise_client.demo.complete_journey import CLOCK, History
from fieldwise_profile.core.event import DAY, SECOND, Happening, Kind
from fieldwise_profile.core.tags.fields import FIELDS
from fieldwise_profile.core.tags.worth import Target
from fieldwise_profile.tag_worth import WINDOW_DAYS, Read, read_customer
from fieldwise_rules.compiler import compiled

CLOCK_MOMENT: Final = int(CLOCK.timestamp()) * SECOND


def journey_rows(history: History, tags: dict[str, str], target: Target, cutoffs: int) -> Read:
    """Rows of all households at cut-offs 28 days apart, the last outcome ending at the demo's clock."""
    rules = [compiled(expression, FIELDS) for expression in tags.values()]
    moments = [CLOCK_MOMENT - back * WINDOW_DAYS * DAY for back in range(cutoffs, -1, -1)]
    found = Read([], [], [], [])
    for household, happenings in households(history):
        read_customer(found, household, happenings, moments, rules, target)
    return found


def households(history: History) -> Iterator[tuple[int, list[Happening]]]:
    by_household: dict[int, list[Happening]] = defaultdict(list)
    bought = history.purchases
    columns = (
        bought.household,
        bought.seconds,
        bought.category,
        bought.amount_micros,
        bought.discount_micros,
    )
    for household, seconds, category, amount, discount in zip(
        *(each.tolist() for each in columns), strict=True
    ):
        time = seconds * SECOND
        by_household[household].append(
            Happening(time, time, int(Kind.PURCHASE), bought.categories[category], amount, discount)
        )
    for mailed in history.mailed:
        time = mailed.seconds * SECOND
        by_household[mailed.household].append(Happening(time, time, int(Kind.MAILING), None, None, None))
    for redeemed in history.redeemed:
        time = redeemed.seconds * SECOND
        by_household[redeemed.household].append(Happening(time, time, int(Kind.REDEMPTION), None, None, None))
    yield from sorted(by_household.items())
