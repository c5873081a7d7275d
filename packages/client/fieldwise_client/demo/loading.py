"""Sends batches of the demo's history and counts what became of them; knows neither the source nor the channel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb

Ingest = Callable[[Iterator[gateway_pb.IngestEventsRequest]], Iterable[profile_pb.IngestEventsResponse]]


@dataclass(frozen=True)
class Loaded:
    """What became of the events that were sent; ``batches`` counts from the oldest of the whole history."""

    batches: int = 0
    accepted: int = 0
    duplicates: int = 0

    def with_answer(self, answer: profile_pb.IngestEventsResponse) -> Loaded:
        """After one more batch was acknowledged."""
        return Loaded(
            int(answer.batch_number) + 1,
            self.accepted + int(answer.accepted),
            self.duplicates + int(answer.duplicates),
        )


class EventsRefused(Exception):
    """The installation refused events of the demo; the message quotes the first refusal."""


def load(
    ingest: Ingest,
    batches: Iterator[gateway_pb.IngestEventsRequest],
    acknowledged: Callable[[Loaded], None],
) -> Loaded:
    """Send the batches; each call of ``acknowledged`` tells what is durable by then.

    Raises:
        EventsRefused: An event was refused, which a demo event never is by an installation of its own.
    """
    total = Loaded()
    for answer in ingest(batches):
        if answer.rejected:
            raise EventsRefused(_refusal(answer))
        total = total.with_answer(answer)
        acknowledged(total)
    return total


def _refusal(answer: profile_pb.IngestEventsResponse) -> str:
    first = answer.rejected[0]
    reasons = "; ".join(f"{each.field}: {each.description}" for each in first.details.field_violations)
    return (
        f"{len(answer.rejected)} events of batch {answer.batch_number} were refused; the first, {first.event_id}: "
        f"{reasons}. The demo is in USD and ends on 2017-12-25: check FIELDWISE_CURRENCY and the clock."
    )
