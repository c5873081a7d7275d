"""What is asked of the trace store, for both clients alike; knows no channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fieldwise.gateway.v1 import traces_service_pb2 as traces
from fieldwise_client.requests import timestamp
from fieldwise_client.talks import Method

SEARCH_TRACES = Method(
    "gateway", "/fieldwise.gateway.v1.TracesService/SearchTraces", traces.SearchTracesResponse
)
EXPORT_TRACE = Method("gateway", "/fieldwise.gateway.v1.TracesService/ExportTrace", traces.ExportedTrace)
# A search through what no index holds reads every span.
SEARCH_SECONDS = 30.0
_LARGEST_PAGE = 500


@dataclass(frozen=True)
class TraceFilter:
    """Which traces are wanted; what is not set lets all through.

    Attributes:
        made: `decisions/{uuid}`, `plans/{uuid}`, `priceSets/{n}` or `operations/{service}/{uuid}`.
        customer: Whom the decision was about; nothing is found of one who was erased.
        service: A service with a span in the trace, such as `profile`.
        root_method: The call that began it, such as `Decide`.
        begun_after, begun_before: On the wall clock, with a time zone.
        attributes: Some span has each of these values.
    """

    made: str = ""
    customer: str = ""
    service: str = ""
    root_method: str = ""
    errors_only: bool = False
    degraded_only: bool = False
    at_least: timedelta | None = None
    at_most: timedelta | None = None
    begun_after: datetime | None = None
    begun_before: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def search_request(wanted: TraceFilter, most: int) -> traces.SearchTracesRequest:
    """The first page of a search.

    Raises:
        InvalidRequest: A time has no zone.
    """
    customer = wanted.customer
    if customer and "/" not in customer:
        customer = f"customers/{customer}"
    request = traces.SearchTracesRequest(
        made=wanted.made,
        customer=customer,
        service=wanted.service,
        root_method=wanted.root_method,
        errors_only=wanted.errors_only,
        degraded_only=wanted.degraded_only,
        attributes=wanted.attributes,
        page_size=min(most, _LARGEST_PAGE),
    )
    for name, length in (("min_duration", wanted.at_least), ("max_duration", wanted.at_most)):
        if length is not None:
            getattr(request, name).FromTimedelta(length)
    for name, moment in (("start_time", wanted.begun_after), ("end_time", wanted.begun_before)):
        if moment is not None:
            getattr(request, name).CopyFrom(timestamp(name, moment))
    return request


def export_request(name: str, *, protobuf: bool) -> traces.ExportTraceRequest:
    """One trace for other tools, by any name that `trace` takes."""
    form = traces.TRACE_FORM_OTLP_PROTOBUF if protobuf else traces.TRACE_FORM_OTLP_JSON
    return traces.ExportTraceRequest(name=name, form=form)
