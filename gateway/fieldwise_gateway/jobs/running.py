"""Runs jobs by name, keeps what they did, one trace each."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from fieldwise.allocation.v1 import price_pb2
from fieldwise.gateway.v1 import jobs_service_pb2 as jobs_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.clock import BusinessClock
from fieldwise_gateway.jobs import measures, upkeep
from fieldwise_gateway.jobs.carrying import carry_outcomes
from fieldwise_gateway.jobs.deciding import Place, Told, decide_for_all
from fieldwise_gateway.jobs.due import WEEKLY_SALES, Due, begin_to_count, due_trainings
from fieldwise_gateway.jobs.measuring import measure_results
from fieldwise_gateway.jobs.pairing import learn_answers, learn_next, learn_pairs
from fieldwise_gateway.jobs.pricing import solve_prices
from fieldwise_gateway.jobs.store import JobStore
from fieldwise_gateway.jobs.training import refresh_model, train_models
from fieldwise_gateway.pseudonyms import Pseudonyms
from fieldwise_runtime.tracing import current_trace_id

# At a business time and with an id of the request; gives a summary and the names of what it made.
Work = Callable[[datetime, str], Awaitable[tuple[str, list[str]]]]


class Jobs:
    """The jobs that there are. Two runs of the same job never overlap."""

    def __init__(
        self, backends: Backends, store: JobStore, clock: BusinessClock, pseudonyms: Pseudonyms | None = None
    ) -> None:
        self._backends = backends
        self._store = store
        self._clock = clock
        self._place = Place()
        self._works: dict[str, Work] = {
            "solve-prices": self._solve_prices,
            "train-models": self._train_models,
            "refresh-models": self._refresh_models,
            "carry-outcomes": self._carry_outcomes,
            "fit-segments": self._upkeep(upkeep.fit_segments),
            "fit-lifecycle": self._upkeep(upkeep.fit_lifecycle),
            "measure-accuracy": self._upkeep(upkeep.measure_accuracy),
            "resolve-identities": self._upkeep(upkeep.resolve_identities),
            "report-tags": self._upkeep(upkeep.report_tags),
            "apply-retention": self._upkeep(upkeep.apply_retention),
            "measure-results": self._upkeep(measure_results),
            "learn-pairs": self._upkeep(learn_pairs),
            "learn-next": self._upkeep(learn_next),
            "learn-answers": self._upkeep(learn_answers),
            "finish-erasures": self._upkeep(partial(upkeep.finish_erasures, pseudonyms=pseudonyms)),
            "decide-for-all": self._decide_for_all,
        }
        self._locks = {job: asyncio.Lock() for job in self._works}

    async def run(self, job: str, request_id: str, told: Told | None = None) -> jobs_pb.JobRun:
        """Run a job now and keep what it did; what it raises is kept too, and raised.

        Args:
            told: Gets a sentence each time a job that goes over all customers is further.
        """
        if told is not None and job == "decide-for-all":
            return await self._kept(job, request_id, partial(self._decide_for_all, told=told))
        return await self._kept(job, request_id, self._works[job])

    async def price(self, request_id: str, reason: price_pb2.PriceReason.ValueType) -> jobs_pb.JobRun:
        """Run solve-prices, and keep with the prices why."""
        return await self._kept("solve-prices", request_id, partial(self._solve_prices, reason=reason))

    async def _kept(self, job: str, request_id: str, work: Work) -> jobs_pb.JobRun:
        async with self._locks[job]:
            now = await self._clock.refresh()
            run = jobs_pb.JobRun(job=job, trace_id=current_trace_id())
            run.decision_time.FromDatetime(now)
            begun = time.monotonic()
            try:
                run.summary, made = await work(now, request_id)
                run.made.extend(made)
            except BaseException as error:  # A run that was cancelled is kept as one, too.
                run.fault = str(error) or type(error).__name__
                raise
            finally:
                run.took.FromMicroseconds(round((time.monotonic() - begun) * 1e6))
                measures.job_ended(job, bool(run.fault))
                await self._store.add(run)
            return run

    def _upkeep(self, work: Callable[[Backends, datetime], Awaitable[tuple[str, list[str]]]]) -> Work:
        # Each goes over what is there now, so that a repetition needs no id to be recognised by.
        return lambda now, _request_id: work(self._backends, now)

    async def newest(self, most: int) -> list[jobs_pb.JobRun]:
        """The newest runs, newest first."""
        return await self._store.newest(most)

    async def _solve_prices(
        self,
        now: datetime,
        request_id: str,
        reason: price_pb2.PriceReason.ValueType = price_pb2.PRICE_REASON_ASKED,
    ) -> tuple[str, list[str]]:
        prices = await solve_prices(self._backends, now, request_id, reason)
        scarce = sum(price.micros_per_unit > 0 for price in prices.prices)
        summary = (
            f"priced {prices.candidates} candidates of {prices.customers} customers: {scarce} of {len(prices.prices)} "
            f"resources are scarce, gap {prices.gap:.4%}"
        )
        return summary, [prices.name]

    async def _train_models(self, now: datetime, request_id: str) -> tuple[str, list[str]]:
        """The models that are due, each group with what asks for it; all of them when none is due."""
        groups = await due_trainings(self._backends, self._store, now) or [Due("", [])]
        told, made = [], []
        for group in groups:
            # One request for each group, the same ones when the run is repeated; an id holds 64 characters.
            own_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{request_id}/{group.trigger}").hex
            answer = await train_models(self._backends, now, own_id, group.models, group.trigger)
            made += [version.name for version in answer.versions]
            asked_by = f" by {group.trigger}" if group.trigger else ""
            told.append(f"trained {len(answer.versions)} model versions{asked_by}")
            told += [f"{skipped.model} skipped: {skipped.reason}" for skipped in answer.skipped]
        await begin_to_count(self._store)
        return "; ".join(told), made

    async def _refresh_models(self, now: datetime, request_id: str) -> tuple[str, list[str]]:
        answer = await refresh_model(self._backends, now, request_id, WEEKLY_SALES)
        made = [version.name for version in answer.versions]
        return f"updated {len(made)} models with the newest week", made

    async def _carry_outcomes(self, now: datetime, request_id: str) -> tuple[str, list[str]]:
        return f"carried {await carry_outcomes(self._backends, self._store)} outcomes", []

    async def _decide_for_all(
        self, now: datetime, request_id: str, told: Told | None = None
    ) -> tuple[str, list[str]]:
        return await decide_for_all(self._backends, self._place, now, told)
