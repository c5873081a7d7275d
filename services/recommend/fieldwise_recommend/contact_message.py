"""Contact policies and terms between the wire and the core; knows no store and no rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fieldwise.recommend.v1 import contact_pb2 as pb
from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise_recommend.core.contact_policy.policy import ContactPolicy, Quiet, Suppression
from fieldwise_recommend.core.contact_policy.terms import Cap, Contact, Rest, Span, Terms, reached

_PREFIX: Final = "CONTACT_EVENT_"
_EVENTS: Final = {
    number: name.removeprefix(_PREFIX).lower() for name, number in pb.ContactEvent.items() if number
}
_NUMBERS: Final = {name: number for number, name in _EVENTS.items()}


def policy_of(message: pb.ContactPolicy) -> ContactPolicy:
    """The policy; its fields obey the rules of the contract."""
    return ContactPolicy(
        tuple(_cap(each) for each in message.caps),
        tuple(
            Quiet(each.start_minute, each.end_minute, frozenset(each.weekdays), tuple(each.channels))
            for each in message.quiet_hours
        ),
        tuple(
            Suppression(_EVENTS[each.event], each.count, each.window_days, each.rest_days, each.channel)
            for each in message.suppressions
        ),
        frozenset(message.immediate_channels),
        frozenset(message.general_channels),
    )


def shared_terms(message: pb.ContactPolicy, quiet: Iterable[Span]) -> pb.ContactTerms:
    """What all decisions of a minute record alike."""
    return pb.ContactTerms(
        policy=message.etag,
        quiet=[pb.QuietSpan(**each._asdict()) for each in quiet],
        immediate_channels=message.immediate_channels,
        general_channels=message.general_channels,
        consent_required=message.consent_required,
    )


def add_own(
    terms: pb.ContactTerms, caps: Iterable[Cap], contacts: Iterable[Contact], rests: Iterable[Rest]
) -> None:
    """What a decision records of its customer."""
    for cap in caps:
        terms.caps.add(**cap._asdict())
    for contact in contacts:
        terms.contacts.add(**contact._asdict())
    for rest in rests:
        event = _NUMBERS[rest.event]
        terms.rests.add(
            event=event, channel=rest.channel, found=rest.found, count=rest.limit, until=rest.until
        )


def terms_of(inputs: DecisionInputs) -> Terms | None:
    """What stands between the customer and a contact, as recorded; None in decisions of earlier releases."""
    if not inputs.HasField("contact"):
        return None
    contact = inputs.contact
    moment = inputs.decision_time.seconds
    known = tuple([Contact(each.channel, each.action, each.due) for each in contact.contacts])
    return Terms(
        moment,
        reached(map(_cap, contact.caps), known, moment),
        known,
        tuple(
            Rest(_EVENTS.get(each.event, ""), each.channel, each.found, each.count, each.until)
            for each in contact.rests
        ),
        tuple([Span(each.channel, each.start, each.end) for each in contact.quiet]),
        frozenset(contact.immediate_channels),
    )


def _cap(message: pb.ContactCap) -> Cap:
    return Cap(message.most, message.days, message.channel, message.action)
