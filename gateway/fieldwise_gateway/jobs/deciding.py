"""decide-for-all: every customer gets an action or is explicitly left alone, under the prices in force. Knows no schedule.

It goes on where it stopped, as long as the process lives; customers who were decided for keep their decision in any case. How far it
came is in no file: the place is the name of a customer, and an erasure must find every one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise_gateway import parts
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.core.diversity import LEAVE_ALONE, diversity
from fieldwise_gateway.decide import Answer, Decider
from fieldwise_gateway.deciding import (
    SECONDS,
    catalogue_of,
    decide_each,
    key_of,
    price_set_in_force,
)
from fieldwise_gateway.snapshots import Snapshots

# Customers between two notes of how far it is. Services wait for each other at the end of a page, so it holds many chunks.
_PAGE: Final = 5_000
# Nothing is remembered: what is missing stands out instead of being stood in for by what another customer's answer left.
_NO_MEMORY: Final = 1

# Gets a sentence on how far the work is.
Told = Callable[[str], None]


@dataclass
class Place:
    """How far the last run came under which prices; the token is empty when it came to its end."""

    key: str = ""
    token: str = ""

    def under(self, key: str) -> str:
        """The page to go on with; empty for the first, and when the last run belongs to other prices."""
        return self.token if self.key == key else ""


async def decide_for_all(
    backends: Backends, place: Place, now: datetime, told: Told | None
) -> tuple[str, list[str]]:
    """Decide for every customer that profile lists for decisions.

    Raises:
        Unavailable: NOT_DECIDED; recommend did not answer. Run it again: it goes on from there.
        RpcError: Another service did not answer.
    """
    decider = Decider(backends, Snapshots(_NO_MEMORY), lambda: now, SECONDS)
    price_set = await price_set_in_force(backends, now)
    key = key_of(price_set, now)
    token = place.under(key)
    resumed = " (going on where it stopped)" if token else ""
    counts: Counter[str] = Counter()
    degraded = 0
    async for names, after in _names(backends, token):
        answers = await decide_each(decider, key, names)
        counts.update(answer.decision.chosen_action for answer in answers)
        degraded += sum(_is_degraded(answer) for answer in answers)
        place.key, place.token = key, after
        if told is not None:
            told(f"decided for {counts.total():,} customers{resumed}")
    summary = _summary(counts, degraded, await catalogue_of(backends))
    return summary + resumed, [price_set] if price_set else []


async def _names(backends: Backends, token: str) -> AsyncIterator[tuple[list[str], str]]:
    """Names of the customers, page by page, and the token of the page after; empty on the last."""
    while True:
        page = await backends.profile.ListCustomers(
            profile_pb.ListCustomersRequest(
                page_size=_PAGE, page_token=token, purpose=consent_pb2.PURPOSE_DECISION
            )
        )
        token = page.next_page_token
        if page.names:
            yield list(page.names), token
        if not token:
            return


def _is_degraded(answer: Answer) -> bool:
    return any(parts.is_degraded(part) for part in answer.decision.parts)


def _summary(counts: Counter[str], degraded: int, catalogue: list[str]) -> str:
    found = diversity(counts, catalogue)
    total, alone = counts.total(), counts[LEAVE_ALONE]
    listed = ", ".join(f"{name.removeprefix('actions/')} {count:,}" for name, count in counts.most_common())
    return (
        f"decided for {total:,} customers: {total - alone:,} with an action, {alone:,} left alone, 0 without either; "
        f"most frequent action {found.most_frequent_share:.1%} of the actions, entropy {found.entropy_bits:.2f} bits, "
        f"{found.coverage:.0%} of the catalogue used; something stood in for {degraded:,} ({listed})"
    )
