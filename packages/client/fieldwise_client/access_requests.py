"""Requests about API keys and who calls. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from fieldwise.gateway.v1 import access_service_pb2 as access
from fieldwise_client.names import new_request_id, resource
from fieldwise_client.requests import timestamp
from fieldwise_client.talks import M, Method


def _of_access(name: str, answer: type[M]) -> Method[M]:
    return Method("gateway", f"/fieldwise.gateway.v1.AccessService/{name}", answer)


CREATE_KEY = _of_access("CreateApiKey", access.CreateApiKeyResponse)
LIST_KEYS = _of_access("ListApiKeys", access.ListApiKeysResponse)
ROTATE_KEY = _of_access("RotateApiKey", access.RotateApiKeyResponse)
REVOKE_KEY = _of_access("RevokeApiKey", access.ApiKey)
GET_CALLER = _of_access("GetCaller", access.Caller)


def create_key(
    role: str,
    scopes: Iterable[str],
    reps: Iterable[str],
    label: str,
    calls_per_second: float,
    expires: datetime | None,
    request_id: str | None,
) -> access.CreateApiKeyRequest:
    request = access.CreateApiKeyRequest(
        role=role,
        scopes=scopes,
        reps=[resource("reps", rep) for rep in reps],
        label=label,
        calls_per_second=calls_per_second,
        request_id=request_id or new_request_id(),
    )
    if expires is not None:
        request.expire_time.CopyFrom(timestamp("expires", expires))
    return request


def rotate_key(key: str, overlap: timedelta | None) -> access.RotateApiKeyRequest:
    request = access.RotateApiKeyRequest(name=resource("apiKeys", key))
    if overlap is not None:
        request.overlap.FromTimedelta(overlap)
    return request


def revoke_key(key: str) -> access.RevokeApiKeyRequest:
    return access.RevokeApiKeyRequest(name=resource("apiKeys", key))
