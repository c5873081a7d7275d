"""Parts of the HTTP face by themselves: JSON read and written strictly, decompression, room, origins."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.profile.v1 import event_pb2
from fieldwise.recommend.v1 import decision_pb2
from fieldwise_gateway.http import environment
from fieldwise_gateway.http.bodies import Held, Room, decompressed
from fieldwise_gateway.http.json_answers import written
from fieldwise_gateway.http.json_requests import read
from fieldwise_runtime.errors import FieldwiseError, InvalidRequest, ResourceExhausted, Violation

KIND = gateway_pb.DecideRequest.DESCRIPTOR
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["customers/1", "NaN", "1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [field.json_name for field in KIND.fields] + ["events", "channels", "@type", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


def test_all_requests_together_hold_no_more_than_their_room() -> None:
    room = Room(100)
    first, second = Held(room), Held(room)
    first.add(60)
    with pytest.raises(ResourceExhausted, match="other requests") as refused:
        second.add(41)
    assert refused.value.retry_after_seconds == 1.0
    first.release()
    second.add(100)


def test_decompression_looks_at_its_bound_while_it_goes() -> None:
    bomb = zlib.compressobj(9, wbits=31)
    packed = b"".join(bomb.compress(b"\0" * (1 << 20)) for _ in range(16)) + bomb.flush()
    with pytest.raises(ResourceExhausted, match="1048576"):
        decompressed(packed, "gzip", 1 << 20)
    many = gzip.compress(b"") * 50_000
    with pytest.raises(InvalidRequest, match="behind its end"):
        decompressed(many, "gzip", 1 << 20)


@settings(max_examples=150, deadline=None)
@given(JSON_VALUES, st.sampled_from([KIND, event_pb2.Event.DESCRIPTOR, decision_pb2.Decision.DESCRIPTOR]))
def test_any_json_is_a_request_or_is_refused(value: Any, kind: Any) -> None:
    faults: tuple[Violation, ...] = ()
    try:
        read(json.dumps(value).encode(), kind)
    except FieldwiseError as refused:
        faults = refused.violations or (Violation("", "", ""),)
    assert all(fault.field and fault.remedy for fault in faults)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(body + b"\xff", KIND)


def test_an_origin_is_a_scheme_and_a_host() -> None:
    assert environment.origins("https://a.example, http://localhost:3000/") == (
        "https://a.example",
        "http://localhost:3000",
    )
    for bad in ("*", "a.example", "https://a.example/app", "null", "ftp://a.example"):
        with pytest.raises(ValueError, match="give origins"):
            environment.origins(bad)


def test_numbers_that_are_none_are_written_as_words() -> None:
    decision = decision_pb2.Decision(choice_probability=float("nan"))
    assert json.loads(written(decision)) == {"choiceProbability": "NaN"}
    assert written(gateway_pb.DecideRequest(max_actions=0)) == b"{}"
