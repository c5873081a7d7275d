"""grpc.aio tells a stream that broke under a message as INTERNAL; for a caller nobody answered, and it is tried again."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest

import fieldwise_client as fw
from fieldwise_client.errors import from_rpc_error


def error(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=details)


def test_a_stream_that_broke_while_sending_is_unavailable() -> None:
    assert isinstance(
        from_rpc_error(error(grpc.StatusCode.INTERNAL, "Internal error from Core")), fw.Unavailable
    )


@pytest.mark.parametrize("details", ["", "a fault of the server"])
def test_a_server_that_says_internal_is_believed(details: str) -> None:
    assert not isinstance(from_rpc_error(error(grpc.StatusCode.INTERNAL, details)), fw.Unavailable)
