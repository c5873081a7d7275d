"""What customers buy next: learned in a worker process, shown, and looked up for a decision; knows no statistics."""

from __future__ import annotations

from typing import Final

from fieldwise.profile.v1.profile_pb2 import Profile
from fieldwise.recommend.v1 import next_purchase_service_pb2 as wire
from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise_executor.executor import Executor
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.core.next_purchase.shortlist import (
    DISCOVERY_INPUTS,
    REPEAT_INPUTS,
    WINDOW_DAYS,
    Find,
    Habit,
    Tables,
)
from fieldwise_recommend.pairing import faults_of
from fieldwise_recommend.situation import is_withheld
from fieldwise_recommend.store.next import Learned, NextStore
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

_SECONDS: Final = 600.0
_DAY: Final = 86_400.0


class NextPurchasing:
    """Tables of what is bought next."""

    def __init__(self, store: NextStore, executor: Executor, in_force: InForce) -> None:
        self._store = store
        self._executor = executor
        self._in_force = in_force
        self._learned = Learned()

    async def open(self) -> None:
        """Puts in force what was learned last."""
        self._put_in_force(await self._store.newest())

    async def learn(self, request: wire.LearnNextPurchasesRequest) -> wire.LearnNextPurchasesResponse:
        """Learns tables and puts them in force.

        Raises:
            InvalidRequest: Columns of different lengths, or a number out of range; with every fault.
            FailedPrecondition: Reason TOO_LITTLE_HISTORY.
        """
        faults = faults_of(request)
        if faults:
            raise InvalidRequest(faults)
        learned = None
        if request.word:
            learned = await self._executor.run(
                learned_in_worker, request.SerializeToString(), timeout=_SECONDS
            )
        if learned is None:
            message = f"there are too few purchases that were followed by others within {WINDOW_DAYS} days; ingest a longer history"
            raise FailedPrecondition("TOO_LITTLE_HISTORY", message)
        self._put_in_force(await self._store.replace(learned))
        log.info("next purchases learned", customers=learned.customers, version=self._learned.tables.version)
        return wire.LearnNextPurchasesResponse(tables=self.tables())

    def tables(self) -> wire.NextPurchaseTables:
        """Those in force.

        Raises:
            FailedPrecondition: Reason NOT_LEARNED.
        """
        tables = self._learned.tables
        if not tables.version:
            raise FailedPrecondition("NOT_LEARNED", "nothing was learned yet; run the job learn-next")
        repeat, repeat_base, discovery, discovery_base = self._learned.losses
        return wire.NextPurchaseTables(
            version=tables.version,
            window_days=WINDOW_DAYS,
            things=len(tables.words),
            customers=self._learned.customers,
            repeat_weights=_weights(("base", *REPEAT_INPUTS), tables.repeat),
            discovery_weights=_weights(("base", *DISCOVERY_INPUTS), tables.discovery),
            repeat_log_loss=repeat,
            repeat_base_log_loss=repeat_base,
            discovery_log_loss=discovery,
            discovery_base_log_loss=discovery_base,
        )

    def _put_in_force(self, learned: Learned) -> None:
        self._learned = learned
        self._in_force.next_tables = learned.tables


def look_up_next(inputs: DecisionInputs, tables: Tables) -> None:
    """Writes into the inputs what he may buy next; what a caller put there goes."""
    inputs.ClearField("next_purchase")
    if not tables.version or not inputs.HasField("profile") or is_withheld(inputs):
        return
    profile = inputs.profile
    if not profile.HasField("last_purchase_time"):
        return
    now = inputs.decision_time.seconds
    habits = _habits(profile, now)
    trips = profile.purchase_days
    since_any = (now - profile.last_purchase_time.seconds) / _DAY
    told = inputs.next_purchase
    told.window_days, told.tables_version = WINDOW_DAYS, tables.version
    by_name = {each.category: each for each in habits}
    for found in tables.repeats(habits, trips, since_any):
        habit = by_name[found.category]
        told.repeats.add(
            category=found.category,
            probability=found.probability,
            purchase_days=habit.days,
            days_since=habit.since,
        )
    finds = [Find(each.category, each.customer_share) for each in profile.popular_unbought]
    finds += map(Find, profile.further.unbought, profile.further.customer_shares)
    shares = dict(finds)
    for found in tables.discoveries(finds, habits, trips, since_any):
        told.discoveries.add(
            category=found.category,
            probability=found.probability,
            customer_share=shares[found.category],
            given=found.given,
        )


def _habits(profile: Profile, now: int) -> list[Habit]:
    found = []
    for each in profile.interests:
        gap = each.mean_gap_days if each.HasField("mean_gap_days") else None
        since = max(0.0, (now - each.last_purchase_time.seconds) / _DAY)
        found.append(Habit(each.category, each.purchase_days, since, gap))
    further = profile.further
    for category, days, last, gap in zip(
        further.bought,
        further.purchase_days,
        further.last_purchase_seconds,
        further.mean_gap_days,
        strict=True,
    ):
        found.append(Habit(category, days, max(0.0, (now - last) / _DAY), gap or None))
    return found


def _weights(names: tuple[str, ...], weights: tuple[float, ...]) -> list[wire.NextPurchaseWeight]:
    pairs = zip(names, weights, strict=True) if weights else ()
    return [wire.NextPurchaseWeight(input=name, weight=weight) for name, weight in pairs]


def learned_in_worker(body: bytes) -> Learned | None:
    """`next_purchase_worker.learned`; numpy is imported there and never by the process that decides."""
    from fieldwise_recommend.next_purchase_worker import learned

    return learned(body)
