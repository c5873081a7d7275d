"""The asynchronous client's calls about API keys and who calls. Thin; requests are in a module of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta

from fieldwise.gateway.v1 import access_service_pb2 as access
from fieldwise_client import access_requests as of_access
from fieldwise_client.aio_caller import AsyncCaller
from fieldwise_client.talks import Patience, ask


class AsyncAccessCalls(AsyncCaller):
    """Keys of the installation."""

    async def whoami(self, *, timeout: float | None = None) -> access.Caller:
        """Who calls with this client's key, and what he may do."""
        return await self._send(of_access.GET_CALLER, access.GetCallerRequest(), timeout)

    async def create_key(
        self,
        role: str,
        *,
        scopes: Iterable[str] = (),
        reps: Iterable[str] = (),
        label: str = "",
        calls_per_second: float = 0.0,
        expires: datetime | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> access.CreateApiKeyResponse:
        """A new key; its secret is in this answer and nowhere else.

        Args:
            role: app, planner, rep, manager, ops, privacy_officer or operator.
            scopes: Narrows the scopes of the role to these; empty leaves them all.
            reps: Whom a rep's or manager's key acts for.
            calls_per_second: 0 means what the gateway's settings say.
            expires: With a zone; None for never.
        """
        request = of_access.create_key(role, scopes, reps, label, calls_per_second, expires, request_id)
        return await self._send(of_access.CREATE_KEY, request, timeout)

    async def api_keys(
        self, *, ended: bool = False, timeout: float | None = None
    ) -> AsyncIterator[access.ApiKey]:
        """Keys, newest first; with ``ended`` those that were revoked or have expired as well."""
        request = access.ListApiKeysRequest(show_ended=ended)
        async for page in self._pages(of_access.LIST_KEYS, request, self._within(timeout)):
            for each in page.api_keys:
                yield each

    async def rotate_key(
        self, key: str, *, overlap: timedelta | None = None, timeout: float | None = None
    ) -> access.RotateApiKeyResponse:
        """A new secret for a key; the one before works for ``overlap`` more, a day when nothing is said."""
        # Never tried again by itself: a second rotation would end the secret that apps still use.
        once = Patience(self._within(timeout).timeout, retries=0)
        return await self._lead(ask(of_access.ROTATE_KEY, of_access.rotate_key(key, overlap), once))

    async def revoke_key(self, key: str, *, timeout: float | None = None) -> access.ApiKey:
        """Ends a key within a second."""
        return await self._send(of_access.REVOKE_KEY, of_access.revoke_key(key), timeout)
