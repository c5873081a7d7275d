"""What is asked of plans and prices beyond the gateway's own calls: methods and how to wait for long ones. Knows no channel."""

from __future__ import annotations

from collections.abc import Callable

from google.longrunning import operations_pb2
from google.protobuf.message import Message

from fieldwise_client.talks import M, Method, Patience, Talk, ask, follow, response

# A large plan takes its time.
SOLVE_SECONDS = 3_600.0

# Gets an operation each time there is news of it.
Told = Callable[[operations_pb2.Operation], None]


def of_allocation(service: str, method: str, answer: type[M]) -> Method[M]:
    """A method of one of allocation's services, asked at the gateway."""
    return Method("gateway", f"/fieldwise.allocation.v1.{service}/{method}", answer)


def finished(
    method: Method[operations_pb2.Operation],
    request: Message,
    kind: type[M],
    patience: Patience,
    told: Told | None = None,
) -> Talk[M]:
    """Start a long operation of allocation's and wait for what it makes; leaving early cancels it."""
    operation = yield from follow(
        ask(method, request, patience), "gateway", patience, told or (lambda _operation: None)
    )
    made: M = response(operation, kind)
    return made
