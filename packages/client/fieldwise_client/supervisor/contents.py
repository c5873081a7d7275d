"""What is in an installation, as its gateway and trace store tell; knows no process."""

from __future__ import annotations

from datetime import UTC

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise_client.errors import FieldwiseError
from fieldwise_client.installation import Installation
from fieldwise_client.supervisor.overview import Contents, said
from fieldwise_client.supervisor.places import Places


def contents_now(places: Places) -> Contents:
    """Asked now; what does not answer is said to be not known."""
    with Installation(places) as installation:
        return Contents(
            clock=said(lambda: _clock(installation), FieldwiseError),
            customers=said(lambda: f"{installation.customers_known():,}", FieldwiseError),
            models=said(lambda: _models(installation), FieldwiseError),
            prices=said(lambda: _prices(installation), FieldwiseError),
            traces=said(lambda: _traces(installation), FieldwiseError),
        )


def _clock(installation: Installation) -> str:
    clock = installation.clock()
    return f"{_moment(clock.now)} ({'recorded: moved by hand' if clock.recorded else 'wall clock'})"


def _models(installation: Installation) -> str:
    champions = sorted(installation.champions(), key=lambda each: each.name)
    return (
        ", ".join(f"{each.name} ({each.learner})" for each in champions)
        or "none trained: stated priors answer"
    )


def _prices(installation: Installation) -> str:
    found = installation.prices()
    if found is None:
        return "none solved: actions that use scarce things are not offered"
    scarce = sum(1 for price in found.prices if price.micros_per_unit > 0)
    return (
        f"{found.name}, {_moment(found.valid_from)} to {_moment(found.valid_until)}, "
        f"{scarce} of {len(found.prices)} resources scarce"
    )


def _traces(installation: Installation) -> str:
    store = installation.trace_store()
    return f"{store.spans:,} of {store.capacity:,} spans"


def _moment(stamp: Timestamp) -> str:
    return f"{stamp.ToDatetime(tzinfo=UTC):%Y-%m-%d %H:%MZ}"
