"""How a call is led: deadline, retries, waiting for operations. Knows no channel, no thread and no event loop.

A talk is a generator. It yields what should happen next (send this, wait that long), is sent the answer or thrown the
error, and returns the result. The sync and the async client drive the same talks.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from fieldwise_client.errors import (
    Cancelled,
    DeadlineExceeded,
    FieldwiseError,
    InvalidRequest,
    Unavailable,
    from_status,
)
from fieldwise_client.retry_budget import RetryBudget

T = TypeVar("T")
M = TypeVar("M", bound=Message)

_FIRST_WAIT = 0.05
_LONGEST_WAIT = 1.0
_POLL_SECONDS = 0.2
_CANCEL_SECONDS = 2.0
# A watch is made again for as long as a restart may take on a busy machine.
WATCH_AGAIN_SECONDS = 30.0


@dataclass(frozen=True)
class Method(Generic[M]):
    """A unary or streaming method: who serves it (the `gateway`), its path, the class of its answers."""

    peer: str
    path: str
    answer: type[M]


@dataclass(frozen=True)
class Send:
    """Make one call, with this many seconds for it."""

    method: Method[Any]
    request: Message
    timeout: float


@dataclass(frozen=True)
class Pause:
    """Wait that many seconds."""

    seconds: float


Talk = Generator[Send | Pause, Any, T]


# Most time that one decision of a batch may take on a busy machine; usually it takes a thousandth of a second.
SECONDS_PER_ITEM = 0.05


@dataclass(frozen=True)
class Patience:
    """How long a call may take in all, and how often it is tried again when nobody answers or all have too much to do."""

    timeout: float = 2.0
    retries: int = 2
    budget: RetryBudget = field(default_factory=RetryBudget, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse at once what no call could obey."""
        if not self.timeout > 0:
            raise InvalidRequest.of("timeout", self.timeout, "give seconds above 0, such as 2.0")
        if self.retries < 0:
            raise InvalidRequest.of("retries", self.retries, "give 0 or more")

    def for_many(self, items: int) -> Patience:
        """The same, with the time that so many items may take."""
        return self.within(self.timeout + SECONDS_PER_ITEM * items)

    def within(self, timeout: float) -> Patience:
        """The same, with another time."""
        return Patience(timeout, self.retries, self.budget)


def ask(method: Method[M], request: Message, patience: Patience) -> Talk[M]:
    """One call. Tried again only when nobody answered or the server asks for it, with growing waits, and never past the deadline.

    A repetition carries the same request, so the same request_id: the server does the work once.
    """
    deadline = time.monotonic() + patience.timeout
    for attempt in range(patience.retries + 1):
        try:
            answer: M = yield Send(method, request, max(0.001, deadline - time.monotonic()))
        except FieldwiseError as error:
            wait = wait_before_again(error, attempt, deadline - time.monotonic(), patience)
            if wait is None:
                raise
            yield Pause(wait)
        else:
            patience.budget.answered()
            return answer
    raise AssertionError("the last attempt returns or raises")


def wait_before_again(error: FieldwiseError, attempt: int, left: float, patience: Patience) -> float | None:
    """Seconds to wait before the same call is sent again; None when the error has to be told.

    A server that says when to come back is obeyed, and asked again only as often as the budget allows: it has enough to do.

    Args:
        attempt: That failed, from 0.
        left: Seconds until the deadline.
    """
    if attempt >= patience.retries:
        return None
    if error.retry_after is not None:
        # Never earlier than told; a little later, so that those who were told the same do not come back together.
        wait = error.retry_after * (1.0 + random.random() / 4)
        return wait if wait < left and patience.budget.take() else None
    wait = backoff(attempt)
    return wait if isinstance(error, Unavailable) and wait < left else None


def backoff(attempt: int) -> float:
    """Seconds to wait after the attempt (from 0); half of it is chance, so that callers do not come back together."""
    whole: float = min(_LONGEST_WAIT, _FIRST_WAIT * 4**attempt)
    return whole * (0.5 + random.random() / 2)


def follow(
    start: Talk[operations_pb2.Operation],
    peer: str,
    patience: Patience,
    progress: Callable[[operations_pb2.Operation], None],
) -> Talk[operations_pb2.Operation]:
    """Start an operation and wait for its end; its progress is told whenever it may have changed.

    Whatever ends the wait early (Ctrl-C, a cancelled task, the deadline, an error in ``progress``) cancels the operation.

    Raises:
        DeadlineExceeded: It was not done in time.
        FieldwiseError: It failed, or a call did.
    """
    deadline = time.monotonic() + patience.timeout
    operation = yield from start
    name = operation.name
    try:
        while not operation.done:
            progress(operation)
            if time.monotonic() >= deadline:
                raise DeadlineExceeded(
                    f"{name} was not done in {patience.timeout:g} s; allow more with timeout=..."
                )
            yield Pause(_POLL_SECONDS)
            left = patience.within(max(0.001, deadline - time.monotonic()))
            operation = yield from ask(_get(peer), operations_pb2.GetOperationRequest(name=name), left)
    except BaseException:
        yield from _give_up(peer, name)
        raise
    progress(operation)
    return operation


def response(operation: operations_pb2.Operation, kind: type[M]) -> M:
    """What a finished operation made.

    Raises:
        FieldwiseError: The typed error it ended with.
    """
    if operation.HasField("error"):
        raise from_status(operation.error)
    if not operation.done:
        raise Cancelled(f"{operation.name} did not end")
    made = kind()
    operation.response.Unpack(made)
    return made


def _give_up(peer: str, name: str) -> Talk[None]:
    with suppress(FieldwiseError):  # What made us give up is what the caller must hear.
        yield Send(_cancel(peer), operations_pb2.CancelOperationRequest(name=name), _CANCEL_SECONDS)


def _get(peer: str) -> Method[operations_pb2.Operation]:
    return Method(peer, "/google.longrunning.Operations/GetOperation", operations_pb2.Operation)


def _cancel(peer: str) -> Method[Empty]:
    return Method(peer, "/google.longrunning.Operations/CancelOperation", Empty)
