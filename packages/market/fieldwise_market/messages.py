"""Rows of a simulated log as events of the contract; knows no truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import event_pb2
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_market.rows import Kind, Rows
from fieldwise_market.vocabulary import (
    ALL_AGENTS,
    CASE_TOPICS,
    CATEGORIES,
    CLICK_TARGETS,
    SEARCH_WORDS,
    product_name,
)

_ONLINE: Final = ("store", "web", "app")
_REACHED_BY: Final = ("", "call", "email", "sms")
_PRODUCTS: Final = [[product_name(c, p) for p in range(20)] for c in range(len(CATEGORIES))]
_SOURCES: Final = {
    Kind.PURCHASE: "pos", Kind.VIEW: "web", Kind.CLICK: "web", Kind.SEARCH: "web", Kind.MESSAGE: "mail", Kind.VISIT: "crm",
    Kind.CALL: "crm", Kind.COUPON_RECEIVED: "campaigns", Kind.REDEMPTION: "pos", Kind.REVIEW: "web", Kind.SERVICE_CASE: "desk",
    Kind.SATISFACTION: "desk", Kind.IDENTIFICATION: "crm", Kind.CONSENT: "crm",
}  # fmt: skip

# time, customer, kind, category, product, channel, flag, ref, number, extra, third
_Row = tuple[int, int, int, int, int, int, int, int, int, int, int]
_Part = Callable[["Writer", _Row], dict[str, Any]]


class Writer:
    """Writes rows as events of one world."""

    def __init__(
        self, seed: int, customers: Sequence[str], people: Sequence[event_pb2.Identification], currency: str
    ) -> None:
        self._seed = seed
        self._customers = customers
        self._people = people
        self._currency = currency

    def events(self, rows: Rows, first: int, start_us: int) -> Iterator[event_pb2.Event]:
        """Each row as an event; its id is its place in the world, so it tells nothing that the time does not."""
        for place, row in enumerate(map(tuple, _chunked(rows)), first):
            yield self._event(place, row, start_us)

    def _event(self, place: int, row: Any, start_us: int) -> event_pb2.Event:
        micros = row[0] + start_us
        at = Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)
        return event_pb2.Event(
            event_id=f"{self._seed}-{place}",
            source=_SOURCES[row[2]],
            customer=self._customers[row[1]],
            event_time=at,
            known_at=at,
            **_PARTS[row[2]](self, row),
        )

    def _money(self, cents: int) -> Money:
        return Money(currency_code=self._currency, micros=cents * 10_000)

    def _purchase(self, row: _Row) -> dict[str, Any]:
        line = event_pb2.Purchase(
            product=_PRODUCTS[row[3]][row[4]],
            category=CATEGORIES[row[3]],
            quantity=row[8],
            amount=self._money(row[9]),
            discount=self._money(row[10]) if row[10] else None,
            basket=f"b{row[1]}-{row[7]}",
        )
        return {"purchase": line}

    def _view(self, row: _Row) -> dict[str, Any]:
        view = event_pb2.View(
            product=_PRODUCTS[row[3]][row[4]],
            category=CATEGORIES[row[3]],
            dwell_ms=None if row[8] < 0 else row[8],
            channel=_ONLINE[row[5]],
            agent=ALL_AGENTS[row[7]],
        )
        return {"view": view}

    def _click(self, row: _Row) -> dict[str, Any]:
        product = _PRODUCTS[row[3]][row[4]]
        click = event_pb2.Click(
            target=f"{product}/{CLICK_TARGETS[row[6]]}",
            product=product,
            category=CATEGORIES[row[3]],
            channel=_ONLINE[row[5]],
            agent=ALL_AGENTS[row[7]],
        )
        return {"click": click}

    def _search(self, row: _Row) -> dict[str, Any]:
        chinese, english = SEARCH_WORDS[row[3]]
        words = (chinese if row[6] else english)[row[8]]
        return {
            "search": event_pb2.Search(
                query=words, category=CATEGORIES[row[3]], results=row[9], channel=_ONLINE[row[5]]
            )
        }

    def _message(self, row: _Row) -> dict[str, Any]:
        stage = event_pb2.MessageStage.ValueType(row[6])
        return {
            "message": event_pb2.Message(stage=stage, channel="email", message=f"m{row[8]}", campaign="news")
        }

    def _visit(self, row: _Row) -> dict[str, Any]:
        return {"visit": event_pb2.Visit(rep=f"reps/{row[7]}", minutes=row[8])}

    def _call(self, row: _Row) -> dict[str, Any]:
        return {"call": event_pb2.Call(rep=f"reps/{row[7]}", inbound=bool(row[6]), seconds=row[8])}

    def _coupon(self, row: _Row) -> dict[str, Any]:
        coupon = f"k{row[1]}-{row[8]}"
        return {
            "coupon_received": event_pb2.CouponReceived(campaign=f"c{row[7]}", coupon=coupon, channel="email")
        }

    def _redemption(self, row: _Row) -> dict[str, Any]:
        return {"redemption": event_pb2.Redemption(campaign=f"c{row[7]}")}

    def _review(self, row: _Row) -> dict[str, Any]:
        product = _PRODUCTS[row[3]][row[4]]
        return {"review": event_pb2.Review(product=product, category=CATEGORIES[row[3]], rating=row[8])}

    def _service_case(self, row: _Row) -> dict[str, Any]:
        case = f"s{row[7]}"
        return {
            "service_case": event_pb2.ServiceCase(case=case, closed=bool(row[6]), topic=CASE_TOPICS[row[8]])
        }

    def _satisfaction(self, row: _Row) -> dict[str, Any]:
        scale = event_pb2.SatisfactionScale.ValueType(row[6])
        return {"satisfaction": event_pb2.Satisfaction(scale=scale, score=row[8])}

    def _identification(self, row: _Row) -> dict[str, Any]:
        return {"identification": self._people[row[1]]}

    def _consent(self, row: _Row) -> dict[str, Any]:
        granted = bool(row[6])
        consent = event_pb2.Consent(granted=granted, policy_version="1", proof="synthetic" if granted else "")
        if row[8]:
            consent.purpose = row[8]  # type: ignore[assignment]  # the number of an enum value
        else:
            consent.channel = _REACHED_BY[row[5]]
        return {"consent": consent}


_PARTS: Final[dict[int, _Part]] = {
    Kind.PURCHASE: Writer._purchase, Kind.VIEW: Writer._view, Kind.CLICK: Writer._click, Kind.SEARCH: Writer._search,
    Kind.MESSAGE: Writer._message, Kind.VISIT: Writer._visit, Kind.CALL: Writer._call, Kind.COUPON_RECEIVED: Writer._coupon,
    Kind.REDEMPTION: Writer._redemption, Kind.REVIEW: Writer._review, Kind.SERVICE_CASE: Writer._service_case,
    Kind.SATISFACTION: Writer._satisfaction, Kind.IDENTIFICATION: Writer._identification, Kind.CONSENT: Writer._consent,
}  # fmt: skip


def _chunked(rows: Rows, size: int = 8192) -> Iterator[Any]:
    """Rows as Python tuples, a few thousand at a time, so that a large world is not held twice."""
    for first in range(0, len(rows), size):
        yield from rows[first : first + size].tolist()
