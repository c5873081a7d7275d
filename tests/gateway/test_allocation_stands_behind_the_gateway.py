"""Apps reach allocation's services through the gateway: what is for them is passed on, what is not names the way to take."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
import pytest

from fieldwise_runtime.errors import from_rpc_error
from tests.gateway.backend_fakes import World


@pytest.mark.parametrize(("method", "instead"), [("LookUpTerms", "Decide"), ("SolvePrices", "GetPrices")])
async def test_what_is_for_decisions_only_is_refused_with_the_way_to_take(
    world: World, method: str, instead: str
) -> None:
    call: Any = world.channel.stream_unary(f"/fieldwise.allocation.v1.AllocationService/{method}")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(iter([]), timeout=5)
    fault = from_rpc_error(caught.value)
    assert (fault.code, fault.reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_AT_THE_GATEWAY")
    assert instead in fault.message


async def test_what_planners_ask_is_passed_on(world: World) -> None:
    call: Any = world.channel.unary_unary("/fieldwise.allocation.v1.AllocationService/ListBudgets")
    assert await call(b"", timeout=5) is not None
