"""Fingerprints of requests, by which a repeated request_id is told from a reused one; knows no message."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TypeVar

from google.protobuf.message import Message

M = TypeVar("M", bound=Message)


def fingerprint(request: Message, ignoring: Iterable[str] = ("request_id", "decision_time")) -> str:
    """A digest of what the caller asked for: equal for the same request sent again.

    Args:
        ignoring: Top-level fields that do not belong to the question; those the message does not have are skipped.
            decision_time is filled in by the gateway and differs each time.
    """
    asked = _copy(request)
    for name in ignoring:
        if name in asked.DESCRIPTOR.fields_by_name:
            asked.ClearField(name)
    raw = asked.SerializeToString(deterministic=True)
    return hashlib.blake2b(raw, digest_size=16, person=b"fieldwise-rq").hexdigest()


def _copy(message: M) -> M:
    copied = type(message)()
    copied.CopyFrom(message)
    return copied
