"""A server that only says that it does not serve: where a process will answer once it takes over; knows no service.

Peers are connected already when it does, and come back at once when its place is taken, instead of at their next attempt.
"""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2_grpc

from fieldwise_runtime import tls
from fieldwise_runtime.health_states import HealthStates


class PlaceHolder:
    """Holds an address from `open` to `leave`."""

    def __init__(self, server: grpc.aio.Server, states: HealthStates) -> None:
        self._server = server
        self._states = states

    @classmethod
    async def open(cls, listen: str) -> PlaceHolder:
        """Health is NOT_SERVING for every name.

        Raises:
            RuntimeError: The address cannot be listened on.
        """
        server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        states = HealthStates()
        states.leave()
        health_pb2_grpc.add_HealthServicer_to_server(states, server)
        identity = tls.current()
        if identity is None:
            server.add_insecure_port(listen)
        else:
            server.add_secure_port(listen, identity.server_credentials(of_apps=False))
        await server.start()
        return cls(server, states)

    async def leave(self) -> None:
        """The address is free when this returns."""
        self._states.end()
        await self._server.stop(0)
