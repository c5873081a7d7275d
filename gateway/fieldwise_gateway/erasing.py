"""EraseCustomer at the only door: profile erases and signs, every other place follows and is added to the receipt.

A place that does not answer is left out of the receipt for now; the jobs process finishes it. Nothing is done twice wrongly: each
place erases what is there, and profile keeps the larger counts of a part that comes again. What has begun goes on when the caller
leaves: the answer of a place that erased him must reach the receipt.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.profile.v1 import privacy_service_pb2 as privacy_pb
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.pseudonyms import Pseudonyms
from fieldwise_gateway.snapshots import Snapshots
from fieldwise_runtime import deadlines
from fieldwise_runtime.errors import reason_of
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

ERASE_CUSTOMER: Final = "/fieldwise.profile.v1.PrivacyService/EraseCustomer"
# Longest for one place, when the caller gave no deadline. Profile cleans its files before it answers.
_PLACE_SECONDS: Final = 30.0
_PAGE: Final = 100
_MODELS_REMAIN: Final = (
    "trees hold thresholds and sums over many customers, nothing of one; the next training is without him"
)
_PLANS_REMAIN: Final = "in stored plans a rep and an account of nobody in his place, and sums over all accounts; the next plan is without him"
_MOST_AT_ONCE: Final = 1_000
_DECISIONS_REMAIN: Final = "names of decisions, and what was set aside for them, of nobody; the customer's id, so that nothing comes back"
_GATEWAY_REMAINS: Final = "ids of requests beside hashes of their bodies, and traces under a number that is nobody's now; none says whose they were"
_JOBS_REMAIN: Final = "runs hold sums over all customers"


class Erasing:
    """Erases a customer everywhere.

    Args:
        snapshots: What this process remembers of customers; None where nothing is.
        pseudonyms: What customers are called in traces; None where this process has not the gateway's database.
    """

    def __init__(
        self,
        backends: Backends,
        now: Callable[[], datetime],
        snapshots: Snapshots | None = None,
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        self._backends = backends
        self._now = now
        self._snapshots = snapshots
        self._pseudonyms = pseudonyms
        # The loop keeps only weak references to tasks.
        self._finishing: set[asyncio.Task[privacy_pb.ErasureReceipt]] = set()
        self._places: dict[str, Callable[[privacy_pb.ErasureReceipt], Awaitable[privacy_pb.ErasedPart]]] = {
            "recommend": self._recommend,
            "forecast": self._forecast,
            "allocation": self._allocation,
            "gateway": self._gateway,
            "jobs": self._jobs,
        }

    async def erase(
        self, request: privacy_pb.EraseCustomerRequest, _context: Any
    ) -> privacy_pb.ErasureReceipt:
        """Erase one customer, and everybody merged with him; the receipt lists the places that are done.

        Raises:
            RpcError: Profile did not erase him.
        """
        left = deadlines.remaining()
        receipt = await self._backends.privacy.EraseCustomer(
            request, timeout=_PLACE_SECONDS if left is None else left
        )
        finishing = asyncio.create_task(self._finish_unhurried(receipt))
        self._finishing.add(finishing)
        finishing.add_done_callback(self._finishing.discard)
        return await asyncio.shield(finishing)

    async def _finish_unhurried(self, receipt: privacy_pb.ErasureReceipt) -> privacy_pb.ErasureReceipt:
        deadlines.begin(None)
        return await self.finish(receipt)

    async def finish(self, receipt: privacy_pb.ErasureReceipt) -> privacy_pb.ErasureReceipt:
        """Erase wherever the receipt does not say so yet; what does not answer stays missing in it."""
        done = {part.place for part in receipt.parts}
        for place, erase in self._places.items():
            if place in done:
                continue
            try:
                receipt = await self._confirmed(receipt, await erase(receipt))
            except grpc.aio.AioRpcError as error:
                log.warning("erasure unfinished", place=place, reason=reason_of(error))
        return receipt

    async def finish_all(self) -> int:
        """Finish every erasure that lacks a place; gives how many are whole now that were not.

        Raises:
            RpcError: Profile does not answer.
        """
        whole = 0
        async for receipt in self._unfinished():
            after = await self.finish(receipt)
            whole += self._places.keys() <= {part.place for part in after.parts}
        return whole

    async def _unfinished(self) -> AsyncIterator[privacy_pb.ErasureReceipt]:
        token = ""
        while True:
            page = await self._backends.privacy.ListErasures(
                privacy_pb.ListErasuresRequest(page_size=_PAGE, page_token=token, missing=list(self._places))
            )
            for receipt in page.receipts:
                yield receipt
            token = page.next_page_token
            if not token:
                return

    async def _confirmed(
        self, receipt: privacy_pb.ErasureReceipt, part: privacy_pb.ErasedPart
    ) -> privacy_pb.ErasureReceipt:
        part.done_time.CopyFrom(self._moment())
        asked = privacy_pb.ConfirmErasureRequest(
            request_id=receipt.request_id, part=part, decision_time=part.done_time
        )
        return await self._backends.privacy.ConfirmErasure(asked)

    async def _recommend(self, receipt: privacy_pb.ErasureReceipt) -> privacy_pb.ErasedPart:
        erased = await self._backends.recommend.EraseCustomers(
            recommend_pb.EraseCustomersRequest(names=receipt.customers), timeout=_PLACE_SECONDS
        )
        return privacy_pb.ErasedPart(place="recommend", counts=erased.counts, remains=_DECISIONS_REMAIN)

    async def _forecast(self, receipt: privacy_pb.ErasureReceipt) -> privacy_pb.ErasedPart:
        part = privacy_pb.ErasedPart(place="forecast", remains=_MODELS_REMAIN)
        request = forecast_pb.ListModelVersionsRequest(page_size=1_000)
        while True:
            page = await self._backends.forecast.ListModelVersions(request)
            erased = receipt.erase_time.ToNanoseconds()
            versions = (each for each in page.versions if each.train_time.ToNanoseconds() <= erased)
            part.model_versions.extend(each.name for each in versions)
            if not page.next_page_token:
                return part
            request.page_token = page.next_page_token

    async def _allocation(self, receipt: privacy_pb.ErasureReceipt) -> privacy_pb.ErasedPart:
        counts: Counter[str] = Counter()
        for first in range(0, len(receipt.customers), _MOST_AT_ONCE):
            some = receipt.customers[first : first + _MOST_AT_ONCE]
            request = allocation_pb.EraseCustomersRequest(customers=some)
            answer = await self._backends.allocation.EraseCustomers(request, timeout=_PLACE_SECONDS)
            counts += Counter({field.name: number for field, number in answer.ListFields()})
        return privacy_pb.ErasedPart(place="allocation", counts=counts, remains=_PLANS_REMAIN)

    async def _gateway(self, receipt: privacy_pb.ErasureReceipt) -> privacy_pb.ErasedPart:
        # Where this is not the gateway: that forgets by itself within a second, since it follows profile's changes.
        forgotten = self._snapshots.erase(receipt.customers) if self._snapshots else 0
        counts = {"snapshots": forgotten}
        if self._pseudonyms is not None:
            # Empty where he had none: the counts of a place say what was there.
            counts["pseudonyms"] = await self._pseudonyms.forget(receipt.customers)
        return privacy_pb.ErasedPart(place="gateway", counts=counts, remains=_GATEWAY_REMAINS)

    async def _jobs(self, _receipt: privacy_pb.ErasureReceipt) -> privacy_pb.ErasedPart:
        return privacy_pb.ErasedPart(place="jobs", remains=_JOBS_REMAIN)

    def _moment(self) -> Timestamp:
        moment = Timestamp()
        moment.FromDatetime(self._now())
        return moment
