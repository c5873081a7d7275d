"""Events on the wire into events of the core, with every reason why one is refused; knows no table.

Almost all events of a load are purchases of known customers and sources without a fault. They take a short way, which accepts
only what the field rules accept; every other event is checked rule by rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import BadRequest

from fieldwise.profile.v1 import event_pb2, profile_service_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_profile.core.event import SECOND, Event, Kind
from fieldwise_profile.core.features import MICROS, moment_of
from fieldwise_runtime.errors import Violation
from fieldwise_runtime.rules import violations

# A billion units of currency: beyond it a line is a fault of the source, and sums could leave 64 bits.
MOST_MONEY: Final = 1_000_000_000 * MICROS
_YEAR_2000: Final = 946_684_800
_YEAR_2100: Final = 4_102_444_800
_NANOS: Final = 1_000_000_000
_MOST_KNOWN: Final = 1_000_000
_WHAT: Final = "set exactly one of purchase, mailing, redemption, contact, outcome"


@dataclass(frozen=True)
class Batch:
    """One request, read: what is to be stored, and what was refused."""

    number: int
    events: Sequence[Event]
    rejected: Sequence[profile_service_pb2.RejectedEvent]


class Reader:
    """Reads batches in the installation's currency, and remembers names that were right."""

    def __init__(self, currency: str) -> None:
        self._currency = currency
        self._sources: set[str] = set()
        self._customers: set[str] = set()

    def read(self, request: profile_service_pb2.IngestEventsRequest) -> Batch:
        now = moment_of(request.decision_time.seconds, request.decision_time.nanos)
        accepted: list[Event] = []
        rejected: list[profile_service_pb2.RejectedEvent] = []
        for index, sent in enumerate(request.events):
            event = self._plain_purchase(sent, now)
            if event is None:
                faults = [*violations(sent), *self._faults(sent, now)]
                if faults:
                    rejected.append(_rejection(index, sent.event_id, faults))
                    continue
                event = self._checked(sent, now)
            accepted.append(event)
        return Batch(request.batch_number, accepted, rejected)

    def _plain_purchase(self, sent: event_pb2.Event, now: int) -> Event | None:
        """The event, when it is a purchase that is right at a glance; None says nothing about it."""
        if sent.WhichOneof("what") != "purchase":
            return None
        source, customer, event_id = sent.source, sent.customer, sent.event_id
        if source not in self._sources or customer not in self._customers:
            return None
        event_time = _moment(sent.event_time)
        known_at = _moment(sent.known_at) if sent.HasField("known_at") else now
        line = sent.purchase
        product, category, basket, quantity = line.product, line.category, line.basket, line.quantity
        amount, discount = self._plain_money(line.amount), 0
        if line.HasField("discount"):
            discount = self._plain_money(line.discount)
        if (
            0 < event_time <= known_at <= now
            and amount >= 0
            and discount >= 0
            and quantity >= 0
            and 0 < len(product) <= 64
            and 0 < len(category) <= 64
            and len(basket) <= 64
            and 0 < len(event_id) <= 128
            and "\0" not in event_id + product + category + basket
        ):
            return Event(
                source,
                event_id,
                customer,
                event_time,
                known_at,
                1,
                product,
                category,
                quantity,
                amount,
                discount,
                basket or None,
            )
        return None

    def _plain_money(self, money: money_pb2.Money) -> int:
        """Micros of the installation's currency; -1 for anything to look at twice."""
        micros = money.micros
        return micros if money.currency_code == self._currency and 0 <= micros <= MOST_MONEY else -1

    def _faults(self, sent: event_pb2.Event, now: int) -> list[Violation]:
        """What the field rules cannot say."""
        found: list[Violation] = []
        if sent.WhichOneof("what") is None:
            found.append(Violation("what", "nothing", _WHAT))
        found += _time_faults(sent, now)
        for path, money in _money_of(sent):
            found += self._money_faults(path, money)
        found += _zero_characters(sent)
        return found

    def _money_faults(self, path: str, money: money_pb2.Money) -> list[Violation]:
        found: list[Violation] = []
        code = money.currency_code
        if code and code != self._currency:
            remedy = f"FOREIGN_CURRENCY: convert it, this installation keeps {self._currency} only"
            found.append(Violation.of(f"{path}.currency_code", code, remedy))
        if not 0 <= money.micros <= MOST_MONEY:
            remedy = f"give 0 to {MOST_MONEY} micros; a return is no purchase"
            found.append(Violation.of(f"{path}.micros", money.micros, remedy))
        return found

    def _checked(self, sent: event_pb2.Event, now: int) -> Event:
        self._remember(sent)
        event_time = moment_of(sent.event_time.seconds, sent.event_time.nanos)
        # Known since now, not since it happened: a row of training that was made before must stay as it was.
        known_at = _moment(sent.known_at) if sent.HasField("known_at") else now
        what = sent.WhichOneof("what")
        assert what is not None
        details = _DETAILS[what](getattr(sent, what))
        return Event(sent.source, sent.event_id, sent.customer, event_time, known_at, **details)

    def _remember(self, sent: event_pb2.Event) -> None:
        for names, name in ((self._sources, sent.source), (self._customers, sent.customer)):
            # Forgetting costs a moment, growing without end would cost the process.
            if len(names) >= _MOST_KNOWN:
                names.clear()
            names.add(name)


def _moment(time: Timestamp) -> int:
    """Microseconds of a plausible Timestamp; 0 for any other."""
    seconds, nanos = time.seconds, time.nanos
    if _YEAR_2000 <= seconds < _YEAR_2100 and 0 <= nanos < _NANOS:
        return seconds * SECOND + nanos // 1000
    return 0


def _time_faults(sent: event_pb2.Event, now: int) -> list[Violation]:
    found: list[Violation] = []
    event_time, known_at = _moment(sent.event_time), _moment(sent.known_at)
    if event_time > now:
        remedy = f"send a time that is not after decision_time, {shown_time(now)}"
        found.append(Violation("event_time", shown_time(event_time), remedy))
    if sent.HasField("known_at") and 0 < known_at < event_time:
        remedy = f"send a time that is not before event_time, {shown_time(event_time)}, or leave it out"
        found.append(Violation("known_at", shown_time(known_at), remedy))
    if known_at > now:
        remedy = f"send a time that is not after decision_time, {shown_time(now)}, or leave it out"
        found.append(Violation("known_at", shown_time(known_at), remedy))
    return found


def shown_time(moment: int) -> str:
    """A moment as errors print it."""
    return datetime.fromtimestamp(moment / SECOND, UTC).isoformat().replace("+00:00", "Z")


def _money_of(sent: event_pb2.Event) -> list[tuple[str, money_pb2.Money]]:
    if sent.HasField("purchase"):
        named = [("purchase.amount", sent.purchase.amount)]
        return (
            [*named, ("purchase.discount", sent.purchase.discount)]
            if sent.purchase.HasField("discount")
            else named
        )
    if sent.HasField("outcome") and sent.outcome.HasField("amount"):
        return [("outcome.amount", sent.outcome.amount)]
    return []


def _zero_characters(sent: event_pb2.Event) -> list[Violation]:
    """Texts with a zero character, which PostgreSQL cannot keep."""
    what = sent.WhichOneof("what")
    texts = [("event_id", sent.event_id)]
    if what is not None:
        inner = getattr(sent, what)
        texts += [
            (f"{what}.{field.name}", value) for field, value in inner.ListFields() if isinstance(value, str)
        ]
    remedy = "leave the zero character out"
    return [Violation.of(path, text, remedy) for path, text in texts if "\0" in text]


def _purchase(line: event_pb2.Purchase) -> dict[str, Any]:
    return {
        "kind": int(Kind.PURCHASE),
        "product": line.product,
        "category": line.category,
        "quantity": line.quantity,
        "amount": line.amount.micros,
        "discount": line.discount.micros,
        "basket": line.basket or None,
    }


def _mailing(mailing: event_pb2.Mailing) -> dict[str, Any]:
    return {"kind": int(Kind.MAILING), "campaign": mailing.campaign}


def _redemption(redemption: event_pb2.Redemption) -> dict[str, Any]:
    kind = int(Kind.REDEMPTION)
    return {"kind": kind, "campaign": redemption.campaign, "coupon": redemption.coupon or None}


def _contact(contact: event_pb2.Contact) -> dict[str, Any]:
    return {"kind": int(Kind.CONTACT), "channel": contact.channel, "rep": contact.rep or None}


def _outcome(outcome: event_pb2.Outcome) -> dict[str, Any]:
    return {
        "kind": int(Kind.OUTCOME),
        "decision": outcome.decision,
        "outcome": int(outcome.kind),
        "amount": outcome.amount.micros if outcome.HasField("amount") else None,
        "reporter": outcome.reporter or None,
    }


_DETAILS: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "purchase": _purchase,
    "mailing": _mailing,
    "redemption": _redemption,
    "contact": _contact,
    "outcome": _outcome,
}


def _rejection(index: int, event_id: str, faults: Sequence[Violation]) -> profile_service_pb2.RejectedEvent:
    rejected = profile_service_pb2.RejectedEvent(index=index, event_id=event_id)
    listed: BadRequest = rejected.details
    for fault in faults:
        listed.field_violations.add(field=fault.field, description=fault.description)
    return rejected
