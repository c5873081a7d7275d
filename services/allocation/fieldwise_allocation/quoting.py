"""Terms for decisions, answered from memory: assignments and prices as of the last change; knows nothing of solvers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from google.protobuf import timestamp_pb2
from opentelemetry import trace

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import price_pb2
from fieldwise.type.v1 import provenance_pb2
from fieldwise_allocation import store, store_prices
from fieldwise_allocation.core.terms import Standing, Window, in_force, look_up
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import NotFound, Unavailable
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.tracing import parse_traceparent

log = get_logger(__name__)

# How long a change by another replica may stay unseen; our own changes are seen at once.
LOOK_SECONDS = 1.0

_STATES = {
    Standing.FRESH: provenance_pb2.PART_STATE_FRESH,
    Standing.LAST_VALID: provenance_pb2.PART_STATE_LAST_VALID,
    Standing.MISSING: provenance_pb2.PART_STATE_MISSING,
}


class Quotes:
    """Everything a decision needs of allocation, in memory."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._revision = ""
        self._reps: dict[str, str] = {}
        self._windows: tuple[Window[price_pb2.PriceSet], ...] = ()
        self._solves: Mapping[int, trace.SpanContext] = {}
        self._looking: asyncio.Task[None] | None = None
        self._followers: set[asyncio.Event] = set()

    @property
    def reps(self) -> Mapping[str, str]:
        """Rep of each customer who has one; another object whenever it changed."""
        return self._reps

    @property
    def windows(self) -> Sequence[Window[price_pb2.PriceSet]]:
        """All prices that may matter, oldest version first; another object whenever they changed."""
        return self._windows

    @contextmanager
    def followed(self) -> Iterator[asyncio.Event]:
        """An event that is set when terms changed; whoever waits for it clears it."""
        changed = asyncio.Event()
        self._followers.add(changed)
        try:
            yield changed
        finally:
            self._followers.discard(changed)

    async def open(self) -> None:
        """Read what is in force, and look for changes from now on."""
        await self.refresh()
        self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def refresh(self) -> None:
        """Read what is in force if it has changed; call it after a change of our own."""
        known = self._revision
        read = await self._db.read(lambda connection: _read(connection, known))
        if read is not None:
            self._revision, reps, self._windows = read
            if reps != self._reps:
                self._reps = reps
            self._solves = _solves(self._windows)
            for changed in self._followers:
                changed.set()

    def look_up(
        self, customers: Sequence[str], decision_time: timestamp_pb2.Timestamp
    ) -> service_pb2.LookUpTermsResponse:
        """Reps and prices at a moment: no database, no waiting. The call's span is linked to the solve of the prices."""
        terms = look_up(customers, self._reps, self._windows, decision_time.ToNanoseconds())
        part = part_of(terms.window, terms.standing)
        if terms.window is None:
            return service_pb2.LookUpTermsResponse(reps=terms.reps, part=part)
        part.age.FromNanoseconds(decision_time.ToNanoseconds() - terms.window.valid_from)
        solve = self._solves.get(terms.window.version)
        if solve is not None:
            trace.get_current_span().add_link(solve)
        return service_pb2.LookUpTermsResponse(reps=terms.reps, price_set=terms.window.prices, part=part)

    def prices(self, decision_time: timestamp_pb2.Timestamp) -> price_pb2.PriceSet:
        """The prices in force at a moment.

        Raises:
            NotFound: Reason NO_PRICES.
        """
        window, standing = in_force(self._windows, decision_time.ToNanoseconds())
        if window is None or standing is not Standing.FRESH:
            moment = decision_time.ToJsonString()
            raise NotFound(
                f"a price set in force at {moment}", "solve one with SolvePrices", reason="NO_PRICES"
            )
        return window.prices

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.refresh()
            except (sa.exc.SQLAlchemyError, Unavailable) as error:
                # Health tells of a database that is away; what is in memory still answers.
                log.warning("terms not refreshed", error=type(error).__name__)


def _read(
    connection: sa.Connection, known: str
) -> tuple[str, dict[str, str], tuple[Window[price_pb2.PriceSet], ...]] | None:
    revision = store.revision(connection)
    if revision == known:
        return None
    windows = tuple(
        Window(w.version, w.valid_from, w.valid_until, price_pb2.PriceSet.FromString(w.prices))
        for w in store_prices.price_sets(connection)
    )
    return revision, store.assignments(connection), windows


def _solves(windows: Sequence[Window[price_pb2.PriceSet]]) -> dict[int, trace.SpanContext]:
    """Where each price set was solved, by its version."""
    found = ((window.version, parse_traceparent(window.prices.traceparent)) for window in windows)
    return {version: context for version, context in found if context is not None}


def part_of(window: Window[price_pb2.PriceSet] | None, standing: Standing) -> provenance_pb2.Part:
    """Where prices stand, without their age. They are as old as the start of their period: they are solved for it."""
    part = provenance_pb2.Part(name="allocation", state=_STATES[standing])
    if window is None:
        part.detail = "no prices hold yet; solve them with SolvePrices"
        return part
    part.version = window.prices.name
    part.as_of.CopyFrom(window.prices.valid_from)
    if standing is Standing.LAST_VALID:
        part.detail = f"prices ran out at {window.prices.valid_until.ToJsonString()}; solve them anew"
    return part
