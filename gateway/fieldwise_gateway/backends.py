"""The four services as the gateway calls them: one channel and one stub each. Knows no rule."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import grpc
import grpc.aio
from google.longrunning import operations_pb2_grpc as operations_grpc

from fieldwise.allocation.v1 import allocation_service_pb2_grpc as allocation_grpc
from fieldwise.forecast.v1 import forecast_service_pb2_grpc as forecast_grpc
from fieldwise.profile.v1 import privacy_service_pb2_grpc as privacy_grpc
from fieldwise.profile.v1 import profile_service_pb2_grpc as profile_grpc
from fieldwise.recommend.v1 import recommend_service_pb2_grpc as recommend_grpc
from fieldwise_runtime.channels import connect


@dataclass(frozen=True)
class Backends:
    """Stubs of the four services, and of the operations that three of them run."""

    profile: profile_grpc.ProfileServiceAsyncStub
    privacy: privacy_grpc.PrivacyServiceAsyncStub
    forecast: forecast_grpc.ForecastServiceAsyncStub
    allocation: allocation_grpc.AllocationServiceAsyncStub
    recommend: recommend_grpc.RecommendServiceAsyncStub
    forecast_operations: operations_grpc.OperationsStub
    allocation_operations: operations_grpc.OperationsStub
    recommend_operations: operations_grpc.OperationsStub
    channels: tuple[grpc.aio.Channel, ...]

    @classmethod
    def connect(cls, profile: str, forecast: str, allocation: str, recommend: str) -> Backends:
        """Open a channel to each address; none needs to be there yet."""
        return cls.over(
            connect(profile, "profile"),
            connect(forecast, "forecast"),
            connect(allocation, "allocation"),
            connect(recommend, "recommend"),
        )

    @classmethod
    async def connected(
        cls, seconds: float, profile: str, forecast: str, allocation: str, recommend: str
    ) -> Backends:
        """The same, and wait until all four answer, at most so long: one that is away must not keep the rest from work."""
        backends = cls.connect(profile, forecast, allocation, recommend)
        ready = [asyncio.ensure_future(channel.channel_ready()) for channel in backends.channels]
        _, late = await asyncio.wait(ready, timeout=seconds)
        for each in late:
            each.cancel()
        return backends

    @classmethod
    def over(
        cls,
        profile: grpc.aio.Channel,
        forecast: grpc.aio.Channel,
        allocation: grpc.aio.Channel,
        recommend: grpc.aio.Channel,
    ) -> Backends:
        """Stubs over channels that are open already."""
        return cls(
            profile=profile_grpc.ProfileServiceStub(profile),
            privacy=privacy_grpc.PrivacyServiceStub(profile),
            forecast=forecast_grpc.ForecastServiceStub(forecast),
            allocation=allocation_grpc.AllocationServiceStub(allocation),
            recommend=recommend_grpc.RecommendServiceStub(recommend),
            forecast_operations=operations_grpc.OperationsStub(forecast),
            allocation_operations=operations_grpc.OperationsStub(allocation),
            recommend_operations=operations_grpc.OperationsStub(recommend),
            channels=(profile, forecast, allocation, recommend),
        )

    @property
    def profile_channel(self) -> grpc.aio.Channel:
        """The channel to profile, for calls that no stub here makes."""
        return self.channels[0]

    @property
    def recommend_channel(self) -> grpc.aio.Channel:
        """The channel to recommend, for calls that no stub here makes."""
        return self.channels[3]

    @property
    def forecast_channel(self) -> grpc.aio.Channel:
        """The channel to forecast, for calls that no stub here makes."""
        return self.channels[1]

    @property
    def allocation_channel(self) -> grpc.aio.Channel:
        """The channel to allocation, for calls that no stub here makes."""
        return self.channels[2]

    def reachable(self) -> dict[str, bool]:
        """Which of the four says that it serves, by name; one that was not asked for a while is called upon meanwhile."""
        names = ("profile", "forecast", "allocation", "recommend")
        return {
            name: channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY
            for name, channel in zip(names, self.channels, strict=True)
        }

    async def close(self) -> None:
        """Close all channels."""
        await asyncio.gather(*(channel.close() for channel in self.channels))
