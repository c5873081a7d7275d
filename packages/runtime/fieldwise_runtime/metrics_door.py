"""GET /metrics on a port of its own, in a thread beside the event loop; knows no figure."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from fieldwise_runtime import metrics
from fieldwise_runtime.errors import Unavailable
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

PATH: Final = "/metrics"
# A client that says nothing, or reads nothing, gives its thread back after so long.
_SECONDS: Final = 5.0
# Scrapers are one or two; whoever comes when so many are being answered waits for the next scrape.
_MOST_AT_ONCE: Final = 8
_PLAIN: Final = [("Content-Type", "text/plain; charset=utf-8")]

_Start = Callable[[str, list[tuple[str, str]]], object]


class MetricsDoor:
    """Answers until `close`.

    Raises:
        Unavailable: Reason ADDRESS_IN_USE.
    """

    def __init__(self, listen: str) -> None:
        host, _, port = listen.rpartition(":")
        try:
            self._server = _Server((host.strip("[]"), int(port)), _Handler)
        except OSError:
            message = f"/metrics cannot listen on {listen}; end what listens there or choose another address"
            raise Unavailable("ADDRESS_IN_USE", message, metadata={"address": listen}) from None
        self._server.set_app(_answer)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stops listening; blocks for up to a tenth of a second."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self._turns = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # WSGIServer asks the resolver for this machine's full name, which may take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._turns.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._turns.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("metrics not sent")


class _Handler(WSGIRequestHandler):
    timeout = _SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape is no event."""


def _answer(environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
    if environ.get("PATH_INFO") != PATH:
        start("404 Not Found", [*_PLAIN])
        return [b"ask for /metrics\n"]
    if environ.get("REQUEST_METHOD") != "GET":
        start("405 Method Not Allowed", [*_PLAIN, ("Allow", "GET")])
        return [b"give GET\n"]
    body, content_type = metrics.page(environ.get("HTTP_ACCEPT", ""))
    start("200 OK", [("Content-Type", content_type), ("Cache-Control", "no-store")])
    return [body]
