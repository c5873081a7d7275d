"""Every price set that was published, by version and by time; knows no solver and no decision."""

from __future__ import annotations

from dataclasses import dataclass

from fieldwise_allocation import store_prices
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import InvalidRequest, NotFound, Violation
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

# Prices of 5,000 reps take 300 kB.
USUAL, MOST = 20, 100


@dataclass(frozen=True)
class Times:
    """Price sets that hold at ``since`` or later and before ``until``, nanoseconds since 1970; None sets no limit."""

    since: int | None
    until: int | None


async def price_set(db: Database, name: str) -> bytes:
    """One price set, as it was published.

    Raises:
        NotFound: Reason PRICE_SET_NOT_FOUND.
    """
    version = int(name.removeprefix("priceSets/"))
    body = await db.read(lambda connection: store_prices.price_set(connection, version))
    if body is None:
        raise NotFound(name, "list them with ListPriceSets", reason="PRICE_SET_NOT_FOUND")
    return body


async def page(db: Database, times: Times, size: int, token: str) -> tuple[list[bytes], str]:
    """(price sets, newest first; the token of the next page, empty on the last).

    Raises:
        InvalidRequest: Times the wrong way round, a token of another list.
    """
    if times.since is not None and times.until is not None and times.until <= times.since:
        raise InvalidRequest([Violation.of("until", times.until, "give a moment after since")])
    scope = f"price sets {times.since} {times.until}"
    cursor = cursor_of(token, scope)
    most = clamp_page_size(size, default=USUAL, most=MOST)
    found = await db.read(
        lambda connection: store_prices.history(
            connection,
            before=int(cursor) if cursor else None,
            since=times.since,
            until=times.until,
            most=most + 1,
        )
    )
    shown = found[:most]
    more = page_token(str(shown[-1].version), scope) if len(found) > most else ""
    return [each.prices for each in shown], more
