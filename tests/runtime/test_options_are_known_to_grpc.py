"""gRPC passes over an option whose name it does not know; here a misspelled one is found."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from fieldwise_runtime import channels, server

OPTIONS = sorted({name for name, _ in (*server._OPTIONS, *channels._OPTIONS)})


@pytest.fixture(scope="module")
def library() -> bytes:
    found = find_spec("grpc._cython.cygrpc")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).read_bytes()


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_stands_in_the_library(name: str, library: bytes) -> None:
    assert name.encode() in library


def test_a_name_that_only_looks_right_is_not_there(library: bytes) -> None:
    assert b"grpc.http2.min_recv_ping_interval_without_data_ms" not in library
