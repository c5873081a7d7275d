"""The synchronous client's calls about API keys and who calls. Thin; requests are in a module of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from fieldwise.gateway.v1 import access_service_pb2 as access
from fieldwise_client import access_requests as of_access
from fieldwise_client.caller import Caller
from fieldwise_client.talks import Patience, ask


class AccessCalls(Caller):
    """Keys of the installation."""

    def whoami(self, *, timeout: float | None = None) -> access.Caller:
        """Who calls with this client's key, and what he may do."""
        return self._send(of_access.GET_CALLER, access.GetCallerRequest(), timeout)

    def create_key(
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
        return self._send(of_access.CREATE_KEY, request, timeout)

    def api_keys(self, *, ended: bool = False, timeout: float | None = None) -> Iterator[access.ApiKey]:
        """Keys, newest first; with ``ended`` those that were revoked or have expired as well."""
        request = access.ListApiKeysRequest(show_ended=ended)
        for page in self._pages(of_access.LIST_KEYS, request, self._within(timeout)):
            yield from page.api_keys

    def rotate_key(
        self, key: str, *, overlap: timedelta | None = None, timeout: float | None = None
    ) -> access.RotateApiKeyResponse:
        """A new secret for a key; the one before works for ``overlap`` more, a day when nothing is said."""
        # Never tried again by itself: a second rotation would end the secret that apps still use.
        once = Patience(self._within(timeout).timeout, retries=0)
        return self._lead(ask(of_access.ROTATE_KEY, of_access.rotate_key(key, overlap), once))

    def revoke_key(self, key: str, *, timeout: float | None = None) -> access.ApiKey:
        """Ends a key within a second."""
        return self._send(of_access.REVOKE_KEY, of_access.revoke_key(key), timeout)
