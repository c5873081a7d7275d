"""A search moves the product searched for: profile and forecast as processes, from the search sent to the new score in hand."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import numpy as np

from benchmarks.consents import consents
from benchmarks.processes import free_port, start_module
from benchmarks.profile.server import serving
from benchmarks.report import Row
from fieldwise.forecast.v1 import customer_service_pb2, customer_service_pb2_grpc
from fieldwise.profile.v1 import event_pb2, profile_service_pb2, profile_service_pb2_grpc
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_runtime import health

NOW = datetime(2025, 6, 4, 12, tzinfo=UTC)
CUSTOMERS, LINES = 50, 60
CATEGORIES = 12


def rows(*, quick: bool) -> Iterator[Row]:
    rounds = 100 if quick else 400
    with (
        serving() as profile,
        forecast(profile.address) as address,
        grpc.insecure_channel(profile.address) as one,
        grpc.insecure_channel(address) as other,
    ):
        stub: Any = profile_service_pb2_grpc.ProfileServiceStub(one)
        outlooks: Any = customer_service_pb2_grpc.CustomerServiceStub(other)
        asked = consents((f"customers/{n}" for n in range(CUSTOMERS)), NOW - timedelta(days=180))
        ingest(stub, [*asked, *history()], NOW)
        found = [searched(stub, outlooks, n) for n in range(rounds)]
    before, after, seconds = np.array(found).T
    yield Row(
        "searches after which the product's score rose",
        100 * float(np.mean(after > before)),
        "%",
        "must",
        ">= 100",
    )
    yield Row("score of the product searched for, before", float(np.mean(before)), "")
    yield Row("score of the product searched for, after", float(np.mean(after)), "")
    millis = 1000 * seconds
    yield Row("search sent to new score in hand, median", float(np.median(millis)), "ms")
    yield Row(
        "search sent to new score in hand, p99", float(np.quantile(millis, 0.99)), "ms", "stretch", "<= 100"
    )


def searched(stub: Any, outlooks: Any, number: int) -> tuple[float, float, float]:
    """Score of a product before and after a search for it, and the seconds between sending one and having the other."""
    customer, product = f"customers/{number % CUSTOMERS}", f"new-{number}"
    at = NOW + timedelta(seconds=number + 1)
    said = event_pb2.Search(query=f"new {number}", category=f"C{number % CATEGORIES}", product=product)
    sent = event_pb2.Event(event_id=f"s{number}", source="web", customer=customer, search=said)
    sent.event_time.FromDatetime(at)
    asked = customer_service_pb2.GetOutlookRequest(name=customer, most=100)
    asked.decision_time.FromDatetime(at + timedelta(microseconds=1))
    before = score_of(outlooks.GetOutlook(asked), product)
    begun = time.perf_counter()
    ingest(stub, [sent], at)
    after = score_of(outlooks.GetOutlook(asked), product)
    return before, after, time.perf_counter() - begun


def score_of(outlook: customer_service_pb2.Outlook, product: str) -> float:
    return next((each.score for each in outlook.products if each.product == product), 0.0)


def ingest(stub: Any, events: list[event_pb2.Event], now: datetime) -> None:
    request = profile_service_pb2.IngestEventsRequest(events=events)
    request.decision_time.FromDatetime(now)
    (answer,) = stub.IngestEvents(iter([request]))
    assert answer.accepted == len(events), answer.rejected


def history() -> Iterator[event_pb2.Event]:
    """Lines of receipts over half a year."""
    rng = np.random.default_rng(1)
    for number in range(CUSTOMERS * LINES):
        category, product = rng.integers(CATEGORIES), rng.integers(20)
        line = event_pb2.Purchase(
            product=f"p{category}-{product}",
            category=f"C{category}",
            quantity=1,
            amount=Money(currency_code="USD", micros=2_000_000),
        )
        event = event_pb2.Event(
            event_id=f"p{number}", source="pos", customer=f"customers/{number % CUSTOMERS}", purchase=line
        )
        event.event_time.FromDatetime(NOW - timedelta(days=float(rng.uniform(0.1, 180))))
        yield event


@contextmanager
def forecast(profile_address: str) -> Iterator[str]:
    """The address of a forecast service on fresh data."""
    with TemporaryDirectory(prefix="fieldwise-bench-") as folder:
        address = f"127.0.0.1:{free_port()}"
        environ = {
            "FIELDWISE_DATA": str(Path(folder)),
            "FIELDWISE_FORECAST_LISTEN": address,
            "FIELDWISE_PROFILE_ADDRESS": profile_address,
            "FIELDWISE_LOG_LEVEL": "WARNING",
        }
        command = [sys.executable, "-m", "fieldwise_forecast", "migrate"]
        subprocess.run(command, env=os.environ | environ, check=True, stdout=subprocess.DEVNULL)
        running = start_module("fieldwise_forecast", environ=environ)
        try:
            until_serving(address)
            yield address
        finally:
            running.terminate()
            running.wait(20)


def until_serving(address: str, seconds: float = 60.0) -> None:
    """Return when the service answers.

    Raises:
        TimeoutError: It does not in time.
    """
    ends = time.monotonic() + seconds
    while health.probe(address) != "SERVING":
        if time.monotonic() > ends:
            raise TimeoutError(f"forecast does not serve on {address} after {seconds} s")
        time.sleep(0.05)
