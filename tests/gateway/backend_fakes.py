"""Four small services over real sockets that answer what a test says, hang or refuse; know no rule of the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.longrunning import operations_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import allocation_service_pb2_grpc as allocation_grpc
from fieldwise.allocation.v1 import plan_pb2, price_pb2
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.forecast.v1 import forecast_service_pb2_grpc as forecast_grpc
from fieldwise.forecast.v1 import model_service_pb2 as models_pb
from fieldwise.forecast.v1 import model_service_pb2_grpc as models_grpc
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise.profile.v1 import privacy_service_pb2 as privacy_pb
from fieldwise.profile.v1 import privacy_service_pb2_grpc as privacy_grpc
from fieldwise.profile.v1 import profile_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.profile.v1 import profile_service_pb2_grpc as profile_grpc
from fieldwise.recommend.v1 import decision_pb2, result_pb2
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise.recommend.v1 import recommend_service_pb2_grpc as recommend_grpc
from fieldwise.type.v1 import provenance_pb2
from fieldwise_runtime import deadlines
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, NotFound, Violation, to_status
from fieldwise_runtime.server import RunningServer, Service, start

KNOWN = ("customers/known-1", "customers/known-2")


@dataclass
class Mood:
    """How a fake behaves: the code it aborts with, the seconds it takes, and what it saw."""

    code: grpc.StatusCode | None = None
    seconds: float = 0.0
    calls: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    budgets: list[float] = field(default_factory=list)

    async def act(self, context: Any) -> None:
        self.calls += 1
        self.begun.set()
        self.budgets.append(deadlines.remaining() or 0.0)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.code is not None:
            await context.abort(self.code, "told to")


class Telling:
    """A stream of changes that a test opens, feeds and breaks; before it is opened it ends at once."""

    def __init__(self) -> None:
        self.is_open = False
        self._listeners: list[asyncio.Queue[list[str] | None]] = []
        self.heard = asyncio.Event()

    async def stream(self) -> AsyncIterator[list[str]]:
        if not self.is_open:
            return
        told: asyncio.Queue[list[str] | None] = asyncio.Queue()
        self._listeners.append(told)
        self.heard.set()
        yield []
        while (names := await told.get()) is not None:
            yield names

    def tell(self, *names: str) -> None:
        for each in self._listeners:
            each.put_nowait(list(names))

    def end(self) -> None:
        """End the stream and do not open it again."""
        self.is_open = False
        for each in self._listeners:
            each.put_nowait(None)


class FakeProfile(profile_grpc.ProfileServiceServicer):
    def __init__(self, mood: Mood) -> None:
        self.mood = mood
        self.batches: list[profile_pb.IngestEventsRequest] = []
        self.rejects = False
        self.drained = asyncio.Event()
        self.read: list[profile_pb.GetProfileRequest] = []
        self.watched: list[profile_pb.WatchProfilesRequest] = []
        # The fake has only the methods that the gateway's tests reach.
        self.privacy = FakePrivacy()  # type: ignore[abstract]  # see above
        self.withheld: set[str] = set()
        # A stream without an end, in KiB a message: how many were taken, and whether it was ended.
        self.flood, self.flooded, self.dried = 0, 0, asyncio.Event()
        self.looked = asyncio.Event()
        self.refuses_tokens = False
        self.changes: list[tuple[str, profile_pb.ChangeKind.ValueType]] = []
        self.tells = Telling()

    async def BatchGetProfiles(self, request: Any, context: Any) -> Any:
        await self.mood.act(context)
        known = [name for name in request.names if name in KNOWN]
        answer = profile_pb.BatchGetProfilesResponse(not_found=[n for n in request.names if n not in KNOWN])
        answer.feature_set.id = "customer-behaviour"
        answer.feature_set.columns.add(name="purchase_days_28d")
        for name in known:
            if name in self.withheld:
                answer.profiles.add(name=name, withheld=True, refused_channels=["email"])
                continue
            profile = answer.profiles.add(name=name, event_count=7, usual_gap_days=7.0)
            profile.features.set_id, profile.features.set_version = "customer-behaviour", 1
            profile.features.values.append(4.0)
            profile.features.as_of.CopyFrom(request.as_of)
            profile.fresh_at.CopyFrom(request.as_of)
        return answer

    async def GetProfile(self, request: Any, context: Any) -> Any:
        await self.mood.act(context)
        self.read.append(request)
        if request.name not in KNOWN:
            raise NotFound(request.name, "ingest an event of his first", reason="CUSTOMER_NOT_FOUND")
        return profile_pb2.Profile(name=request.name, as_of=request.as_of, event_count=7)

    async def WatchProfiles(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.watched.append(request)
        for name in request.names:
            yield profile_pb2.Profile(name=name, event_count=7)
        if self.flood:
            try:
                while True:
                    yield profile_pb2.Profile(name=KNOWN[0], tags=["x" * self.flood * 1024])
                    self.flooded += 1
            finally:
                self.dried.set()
        await self.mood.act(context)

    async def ListChanges(self, request: Any, context: Any) -> Any:
        self.looked.set()
        if self.refuses_tokens and request.page_token:
            self.refuses_tokens = False
            raise InvalidRequest([Violation.of("page_token", request.page_token, "begin anew")])
        after = len(self.changes) if request.from_now else int(request.page_token or 0)
        answer = profile_pb.ListChangesResponse(next_page_token=str(len(self.changes)))
        for sequence, (customer, kind) in enumerate(self.changes[after:], after + 1):
            answer.changes.add(sequence=sequence, customer=customer, kind=kind)
        return answer

    async def WatchChanges(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Tells nothing until a test says so: then the gateway asks each time, as the other tests expect."""
        async for told in self.tells.stream():
            yield profile_pb.WatchChangesResponse(customers=told, versions="1")

    async def ListCustomers(self, request: Any, context: Any) -> Any:
        return profile_pb.ListCustomersResponse(names=KNOWN, total_size=len(KNOWN))

    async def IngestEvents(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        async for batch in request_iterator:
            await self.mood.act(context)
            if self.rejects:
                answer = profile_pb.IngestEventsResponse(batch_number=batch.batch_number)
                fault = answer.rejected.add().details.field_violations.add(field="event_time")
                fault.description = "got 2099; give a time that has come"
                yield answer
                continue
            seen = {event.event_id for earlier in self.batches for event in earlier.events}
            fresh = [event for event in batch.events if event.event_id not in seen]
            self.batches.append(batch)
            yield profile_pb.IngestEventsResponse(
                batch_number=batch.batch_number,
                accepted=len(fresh),
                duplicates=len(batch.events) - len(fresh),
            )
        # Time in which a caller who does not read to the end cancels.
        await asyncio.sleep(0.05)
        self.drained.set()


class FakePrivacy(privacy_grpc.PrivacyServiceServicer):
    """Erases at once and signs whatever it is told; what it said stays in ``receipts``."""

    def __init__(self) -> None:
        self.receipts: dict[str, privacy_pb.ErasureReceipt] = {}
        self.retentions = 0
        self.refuses = False
        self.said: Callable[[privacy_pb.SetConsentRequest], None] = lambda _: None

    async def EraseCustomer(self, request: Any, context: Any) -> Any:
        if self.refuses:
            raise FailedPrecondition("ERASURE_UNFINISHED", "a file may hold the bytes still; ask again")
        receipt = self.receipts.setdefault(
            request.request_id,
            privacy_pb.ErasureReceipt(
                request_id=request.request_id, customers=[request.name], erase_time=request.decision_time
            ),
        )
        if not receipt.parts:
            receipt.parts.add(place="profile", counts={"events": 7})
        return receipt

    async def SetConsent(self, request: Any, context: Any) -> Any:
        self.said(request)
        return privacy_pb.ConsentState(name=request.name)

    async def ConfirmErasure(self, request: Any, context: Any) -> Any:
        receipt = self.receipts[request.request_id]
        receipt.parts.append(request.part)
        return receipt

    async def ListErasures(self, request: Any, context: Any) -> Any:
        lacking = [
            receipt
            for receipt in self.receipts.values()
            if set(request.missing) - {part.place for part in receipt.parts}
        ]
        return privacy_pb.ListErasuresResponse(receipts=lacking)

    async def ApplyRetention(self, request: Any, context: Any) -> Any:
        self.retentions += 1
        return privacy_pb.ApplyRetentionResponse(removed={"search": 3})


class FakeModels(models_grpc.ModelServiceServicer):
    """Models as a test has set them, beside one that tells when the fake forecast was last trained."""

    def __init__(self) -> None:
        self.models = [models_pb.Model(name="models/buys-28d", kind="probability")]
        self.models[0].settings.retrain_days = 7
        self.models[0].settings.retrain_on_drift = True
        self.refreshed: list[models_pb.RefreshModelRequest] = []
        self.refreshing_fails = ""

    async def ListModels(self, request: Any, context: Any) -> Any:
        return models_pb.ListModelsResponse(models=self.models)

    async def ListTrainings(self, request: Any, context: Any) -> Any:
        return models_pb.ListTrainingsResponse()

    async def RefreshModel(self, request: Any, context: Any) -> Any:
        self.refreshed.append(request)
        answer = operations_pb2.Operation(name="operations/forecast/2", done=True)
        if self.refreshing_fails:
            fault = FailedPrecondition(self.refreshing_fails, "told to")
            answer.error.CopyFrom(to_status(fault))
        else:
            made = forecast_pb.TrainModelResponse()
            made.versions.add(name=f"{request.name}/versions/2")
            answer.response.Pack(made)
        return answer


class FakeForecast(forecast_grpc.ForecastServiceServicer):
    def __init__(self, mood: Mood) -> None:
        self.mood = mood
        self.models = FakeModels()  # type: ignore[abstract]  # it has the methods that the schedule reaches
        self.train_time("2017-12-25T00:00:00Z")
        self.trainings: list[forecast_pb.TrainModelRequest] = []
        self.scored: list[forecast_pb.ScoreCustomersRequest] = []
        self.training_fails = False
        self.tells = Telling()
        self.serving = ["models/buys-28d/versions/1"]

    async def WatchModels(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async for _ in self.tells.stream():
            yield forecast_pb.WatchModelsResponse(versions=self.serving)

    async def ScoreCustomers(self, request: Any, context: Any) -> Any:
        self.scored.append(request)
        await self.mood.act(context)
        answer = forecast_pb.ScoreCustomersResponse()
        answer.part.name, answer.part.state = "forecast", provenance_pb2.PART_STATE_FRESH
        answer.part.version = self.serving[0]
        for asked in request.customers:
            scores = answer.scores.add(customer=asked.customer)
            scores.spend_if_buys.currency_code, scores.spend_if_buys.micros = "USD", 80_000_000
            for model in ("buys-28d", "silent-28d"):
                version = f"models/{model}/versions/1" if asked.HasField("features") else ""
                scores.predictions.add(model=f"models/{model}", model_version=version, probability=0.5)
        return answer

    async def ListModelVersions(self, request: Any, context: Any) -> Any:
        await self.mood.act(context)
        answer = forecast_pb.ListModelVersionsResponse()
        answer.versions.add(name="models/buys-28d/versions/1").train_time.FromJsonString(self.trained)
        return answer

    async def TrainModel(self, request: Any, context: Any) -> Any:
        self.trainings.append(request)
        if self.training_fails:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "told to")
        answer = operations_pb2.Operation(name="operations/forecast/1", done=True)
        answer.response.Pack(forecast_pb.TrainModelResponse())
        self.train_time(request.decision_time.ToJsonString())
        return answer

    def train_time(self, moment: str) -> None:
        """When the newest version of each model was trained."""
        self.trained = moment
        for model in self.models.models:
            model.champion.train_time.FromJsonString(moment)


class FakeAllocation(allocation_grpc.AllocationServiceServicer):
    def __init__(self, mood: Mood) -> None:
        self.mood = mood
        self.plans: list[allocation_pb.PlanTerritoriesRequest] = []
        self.applied: list[allocation_pb.ApplyPlanRequest] = []
        self.erased: list[str] = []
        self.periods: list[allocation_pb.PricePeriod] = []
        self.prices: price_pb2.PriceSet | None = None
        self.budgets = {"email-slots": 10.0}
        self.plan = ""
        self.tells = Telling()

    async def WatchTerms(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async for _ in self.tells.stream():
            answer = allocation_pb.WatchTermsResponse(
                reassigned=True, reps_by_customer=dict.fromkeys(KNOWN, "reps/held")
            )
            period = answer.periods.add()
            period.price_set.name = "priceSets/4"
            period.part.name, period.part.state = "allocation", provenance_pb2.PART_STATE_FRESH
            yield answer

    async def LookUpTerms(self, request: Any, context: Any) -> Any:
        await self.mood.act(context)
        answer = allocation_pb.LookUpTermsResponse(reps=["reps/wang"] * len(request.customers))
        answer.price_set.name = "priceSets/3"
        answer.price_set.valid_from.CopyFrom(request.decision_time)
        answer.price_set.prices.append(
            price_pb2.Price(resource="email-slots", unit="1", micros_per_unit=5.0, capacity=10.0)
        )
        answer.part.name, answer.part.state = "allocation", provenance_pb2.PART_STATE_FRESH
        return answer

    async def PlanTerritories(self, request: Any, context: Any) -> Any:
        self.plans.append(request)
        return operations_pb2.Operation(name="operations/allocation/1")

    async def EraseCustomers(self, request: Any, context: Any) -> Any:
        await self.mood.act(context)
        self.erased += request.customers
        return allocation_pb.EraseCustomersResponse(plans=2, questions=1)

    async def ApplyPlan(self, request: Any, context: Any) -> Any:
        self.applied.append(request)
        return plan_pb2.TerritoryPlan(name=request.name)

    async def GetPrices(self, request: Any, context: Any) -> Any:
        if self.prices is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no prices")
        return self.prices

    async def ListBudgets(self, request: Any, context: Any) -> Any:
        answer = allocation_pb.ListBudgetsResponse(plan=self.plan)
        for resource, capacity in self.budgets.items():
            answer.budgets.add(resource=resource, unit="1", capacity=capacity)
        return answer

    async def SolvePrices(self, request_iterator: Any, context: Any) -> Any:
        async for message in request_iterator:
            if message.HasField("period"):
                self.periods.append(message.period)
        # A stream that its caller cancelled ends like a whole one; the cancellation comes after, during the solve.
        await asyncio.sleep(0.05)
        self.prices = price_pb2.PriceSet(name=f"priceSets/{len(self.periods)}", plan=self.plan)
        for resource, capacity in self.budgets.items():
            self.prices.prices.add(resource=resource, unit="1", capacity=capacity)
        return self.prices


class FakeRecommend(recommend_grpc.RecommendServiceServicer):
    """Chooses leave alone; remembers what it was given, and answers a repeated request_id as before."""

    def __init__(self, mood: Mood) -> None:
        self.mood = mood
        self.requests: list[recommend_pb.BatchRecommendActionsRequest] = []
        self.decided: dict[str, tuple[str, decision_pb2.Decision]] = {}
        self.erased: list[str] = []

    async def BatchRecommendActions(self, request: Any, context: Any) -> Any:
        await self.mood.act(context)
        self.requests.append(request)
        return recommend_pb.BatchRecommendActionsResponse(
            decided=[self._decide(one) for one in request.inputs]
        )

    def _decide(self, inputs: decision_pb2.DecisionInputs) -> recommend_pb.Decided:
        before = self.decided.get(inputs.request_id)
        if before is not None and before[0] != inputs.fingerprint:
            return recommend_pb.Decided(refusal="REQUEST_ID_REUSED")
        if before is None:
            decision = decision_pb2.Decision(
                name=inputs.decision,
                request_id=inputs.request_id,
                customer=inputs.customer,
                verdict=decision_pb2.VERDICT_LEAVE_ALONE,
                chosen_action="actions/leave-alone",
                parts=[
                    *inputs.parts,
                    provenance_pb2.Part(name="recommend", state=provenance_pb2.PART_STATE_FRESH),
                ],
                trace_id=inputs.trace_id,
                decision_time=inputs.decision_time,
            )
            self.decided[inputs.request_id] = (inputs.fingerprint, decision)
        return recommend_pb.Decided(
            decision=self.decided[inputs.request_id][1], repeated_request=before is not None
        )

    async def GetDecision(self, request: Any, context: Any) -> Any:
        for _, decision in self.decided.values():
            if decision.name == request.name:
                answer = decision_pb2.Decision()
                answer.CopyFrom(decision)
                if request.explain:
                    answer.counterfactuals.add(input="pacing", from_value=1.0, to_value=2.0)
                return answer
        await context.abort(grpc.StatusCode.NOT_FOUND, f"{request.name} does not exist")
        return None

    async def EraseCustomers(self, request: Any, context: Any) -> Any:
        await self.mood.act(context)
        self.erased += request.names
        return recommend_pb.EraseCustomersResponse(counts={"decisions": 2})

    async def ListDueResults(self, request: Any, context: Any) -> Any:
        return result_pb2.ListDueResultsResponse(window_days=28)

    async def GetCommitments(self, request: Any, context: Any) -> Any:
        return recommend_pb.GetCommitmentsResponse()

    async def ValueActions(self, request: Any, context: Any) -> Any:
        await self.mood.act(context)
        return recommend_pb.ValueActionsResponse()

    async def ListActions(self, request: Any, context: Any) -> Any:
        return recommend_pb.ListActionsResponse(margins={"": 0.25})


@dataclass
class Fakes:
    """The four fakes, where they listen, and how each feels."""

    profile: FakeProfile
    forecast: FakeForecast
    allocation: FakeAllocation
    recommend: FakeRecommend
    servers: dict[str, RunningServer] = field(default_factory=dict)

    def mood(self, service: str) -> Mood:
        mood: Mood = getattr(self, service).mood
        return mood

    def address(self, service: str) -> str:
        return f"127.0.0.1:{self.servers[service].port}"

    async def kill(self, service: str) -> None:
        await self.servers[service].stop()


@dataclass
class World:
    """A gateway and the fakes behind it."""

    gateway: gateway_grpc.GatewayServiceAsyncStub
    channel: grpc.aio.Channel
    fakes: Fakes
    port: int = 0  # of the gateway


def _register(name: str, fake: Any) -> Any:
    adders = {
        "profile": profile_grpc.add_ProfileServiceServicer_to_server,
        "forecast": forecast_grpc.add_ForecastServiceServicer_to_server,
        "allocation": allocation_grpc.add_AllocationServiceServicer_to_server,
        "recommend": recommend_grpc.add_RecommendServiceServicer_to_server,
    }

    def register(server: grpc.aio.Server) -> None:
        adders[name](fake, server)  # type: ignore[operator]  # the four have no common type
        if name == "profile":
            privacy_grpc.add_PrivacyServiceServicer_to_server(fake.privacy, server)
        if name == "forecast":
            models_grpc.add_ModelServiceServicer_to_server(fake.models, server)

    return register


async def started() -> Fakes:
    """The four fakes, listening."""
    # The fakes have only the methods that the gateway's tests reach.
    fakes = Fakes(
        FakeProfile(Mood()),  # type: ignore[abstract]  # see above
        FakeForecast(Mood()),  # type: ignore[abstract]  # see above
        FakeAllocation(Mood()),  # type: ignore[abstract]  # see above
        FakeRecommend(Mood()),  # type: ignore[abstract]  # see above
    )
    for name in ("profile", "forecast", "allocation", "recommend"):
        full = f"fieldwise.{name}.v1.{name.capitalize()}Service"
        service = Service(
            name=f"fake-{name}",
            listen="127.0.0.1:0",
            register=_register(name, getattr(fakes, name)),
            service_names=[full],
            checked_by_handler=frozenset({"fieldwise.profile.v1.IngestEventsRequest.events"}),
            drain_seconds=0.0,
        )
        fakes.servers[name] = await start(service)
    return fakes
