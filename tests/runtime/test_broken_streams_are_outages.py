"""grpc.aio tells a stream that broke under a message as INTERNAL; between our servers that is an outage of the peer."""

from __future__ import annotations

import grpc
import grpc.aio

from fieldwise_runtime.errors import from_rpc_error


def error(details: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(
        grpc.StatusCode.INTERNAL, grpc.aio.Metadata(), grpc.aio.Metadata(), details=details
    )


def test_a_stream_that_broke_while_sending_is_unavailable() -> None:
    fault = from_rpc_error(error("Internal error from Core"))
    assert (fault.code, fault.reason) == (grpc.StatusCode.UNAVAILABLE, "STREAM_BROKE")


def test_a_server_that_says_internal_is_believed() -> None:
    assert from_rpc_error(error("a fault of the server")).code == grpc.StatusCode.INTERNAL
