"""Builders of inputs and a service on real sockets and a real SQLite file; they show only what matters."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
from hypothesis import strategies as st

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise.forecast.v1.score_pb2 import CustomerScores
from fieldwise.profile.v1.event_pb2 import Event, OutcomeKind
from fieldwise.profile.v1.profile_pb2 import LifecycleStage, Profile
from fieldwise.recommend.v1 import recommend_service_pb2_grpc as rpc
from fieldwise.recommend.v1.decision_pb2 import Decision, DecisionInputs
from fieldwise.recommend.v1.recommend_service_pb2 import BatchRecommendActionsRequest
from fieldwise_recommend.__main__ import catalogue_file, migrate, wired
from fieldwise_recommend.contacting import Contacts
from fieldwise_recommend.core.catalogue import Catalogue
from fieldwise_recommend.core.catalogue_file import parse
from fieldwise_recommend.core.ledger import Ledger
from fieldwise_recommend.core.policy import Policy
from fieldwise_recommend.core.ranking import Ruling
from fieldwise_recommend.ruling import Case, case_of, complete, look_up_supply, rule
from fieldwise_recommend.settings import Settings
from fieldwise_recommend.situation import prices_of
from fieldwise_runtime import server

NOW = 1_513_000_000  # 2017-12-11 13:46:40 UTC
DAY = 86_400
CATALOGUE: Catalogue = parse(catalogue_file())
# No control group and no chance, unless a test asks for them.
PLAIN = Settings(control_share=0.0, exploration=0.0, listen="127.0.0.1:0")


def a_profile(
    customer: str = "customers/1",
    *,
    days_silent: float = 4.0,
    purchase_days: int = 60,
    usual_gap: float = 5.0,
    silence_after: float = 14.0,
    total_spend: float = 2400.0,
    usual_hour: int | None = 17,
) -> Profile:
    profile = Profile(name=customer, purchase_days=purchase_days, usual_gap_days=usual_gap, event_count=900)
    profile.silence_after_days = silence_after
    profile.stage = LifecycleStage.LIFECYCLE_STAGE_ACTIVE
    profile.last_purchase_time.FromSeconds(NOW - int(days_silent * DAY))
    profile.last_contact_time.FromSeconds(NOW - 20 * DAY)
    profile.total_spend.currency_code = "USD"
    profile.total_spend.micros = int(total_spend * 1e6)
    for index, category in enumerate(["CHEESE", "SOFT DRINKS", "BEEF", "COFFEE"]):
        interest = profile.interests.add(
            category=category, purchase_days=20 - index, mean_gap_days=6.0 + index
        )
        interest.last_purchase_time.FromSeconds(NOW - (7 + 3 * index) * DAY)
        interest.spend.currency_code = "USD"
        interest.spend.micros = 90_000_000 - index * 10_000_000
    profile.popular_unbought.add(category="YOGURT", customer_share=0.41)
    profile.features.set_id = "customer-behaviour"
    profile.features.set_version = 1
    profile.features.values.extend([float(n) for n in range(24)])
    profile.features.as_of.FromSeconds(NOW)
    profile.data_quality.score = 0.9
    if usual_hour is not None:
        profile.usual_hour = usual_hour
    return profile


def some_scores(
    customer: str = "customers/1", *, p_buy: float = 0.9, p_silent: float = 0.1, spend: float = 150.0
) -> CustomerScores:
    scores = CustomerScores(customer=customer)
    scores.spend_if_buys.currency_code = "USD"
    scores.spend_if_buys.micros = int(spend * 1e6)
    for model, probability in (("models/buys-28d", p_buy), ("models/silent-28d", p_silent)):
        prediction = scores.predictions.add(
            model=model, model_version=f"{model}/versions/1", probability=probability
        )
        prediction.base_log_odds = 0.3
        for number in range(5):
            prediction.contributions.add(feature=f"feature_{number}", value=float(number), log_odds=0.1)
    return scores


def prices(
    name: str = "priceSets/1",
    *,
    minute: float = 0.1,
    coupon: float = 0.2,
    slot: float = 0.05,
    minutes: float = 1e6,
    coupons: float = 1e6,
    slots: float = 1e6,
    reps: Sequence[str] = ("reps/wang",),
) -> PriceSet:
    """Prices in currency units and capacities."""
    price_set = PriceSet(name=name)
    for rep in reps:
        price_set.prices.add(
            resource=f"{rep}/minutes", unit="min", micros_per_unit=minute * 1e6, capacity=minutes
        )
    price_set.prices.add(resource="coupon-money", unit="USD", micros_per_unit=coupon * 1e6, capacity=coupons)
    price_set.prices.add(resource="email-slots", unit="1", micros_per_unit=slot * 1e6, capacity=slots)
    price_set.valid_from.FromSeconds(NOW - DAY)
    price_set.valid_until.FromSeconds(NOW + 6 * DAY)
    return price_set


def inputs_for(
    customer: str = "customers/1",
    *,
    profile: Profile | None = None,
    scores: CustomerScores | None = None,
    rep: str = "reps/wang",
    cold: bool = False,
    **fields: Any,
) -> DecisionInputs:
    made = DecisionInputs(
        decision=f"decisions/{uuid.uuid4()}", customer=customer, rep=rep, trace_id="ab" * 16
    )
    made.request_id = str(uuid.uuid4())
    made.fingerprint = "f1"
    made.decision_time.FromSeconds(NOW)
    if not cold:
        made.profile.CopyFrom(profile or a_profile(customer))
        made.scores.CopyFrom(scores or some_scores(customer))
    for name in ("profile", "forecast", "allocation"):
        made.parts.add(name=name, state=1, version="1")
    made.MergeFrom(DecisionInputs(**fields))
    return made


def batch(*inputs: DecisionInputs, price_set: PriceSet | None = None) -> BatchRecommendActionsRequest:
    return BatchRecommendActionsRequest(inputs=inputs, price_set=price_set)


def an_outcome(
    decision: str, event_id: str = "o1", amount: float | None = None, at: int = NOW + DAY
) -> Event:
    event = Event(event_id=event_id, source="fieldwise", customer="customers/1")
    event.event_time.FromSeconds(at)
    event.outcome.decision = decision
    event.outcome.kind = OutcomeKind.OUTCOME_KIND_PURCHASED
    if amount is not None:
        event.outcome.amount.currency_code = "USD"
        event.outcome.amount.micros = int(amount * 1e6)
    return event


@asynccontextmanager
async def serving(
    url: str, settings: Settings = PLAIN, body: bytes | None = None
) -> AsyncIterator[rpc.RecommendServiceAsyncStub]:
    """A stub to a service on the database at ``url``; may be started again on the same one."""
    async with connected(url, settings, body) as channel:
        yield rpc.RecommendServiceStub(channel)


@asynccontextmanager
async def connected(
    url: str, settings: Settings = PLAIN, body: bytes | None = None
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to all services of recommend on the database at ``url``."""
    own = replace(settings, database_url=url)
    migrate(own)
    running = await server.start(await wired(own, body or catalogue_file()))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        try:
            yield channel
        finally:
            await running.stop()


def in_file(folder: Path) -> str:
    """The URL of a SQLite file in a folder."""
    return f"sqlite:///{folder / 'recommend.sqlite'}"


def clear(message: Any, field: str) -> None:
    """Unsets a field that is named at run time, which the typed stubs do not foresee."""
    message.ClearField(field)


@st.composite
def random_inputs(draw: st.DrawFn) -> DecisionInputs:
    """A customer of any kind: loyal, silent, new or unknown, with or without scores, rep and offered channels."""
    customer = f"customers/{draw(st.integers(1, 10_000))}"
    days = draw(st.floats(0, 400))
    profile = a_profile(
        customer,
        days_silent=days,
        purchase_days=draw(st.integers(0, 300)),
        usual_gap=draw(st.floats(0.5, 60)),
        silence_after=draw(st.floats(14, 120)),
        total_spend=draw(st.floats(0, 20_000)),
        usual_hour=draw(st.none() | st.integers(0, 23)),
    )
    unknown = ("interests", "popular_unbought", "usual_gap_days", "last_contact_time")
    for field in draw(st.sets(st.sampled_from(unknown))):
        clear(profile, field)
    probability = st.floats(0, 1)
    scores = some_scores(
        customer, p_buy=draw(probability), p_silent=draw(probability), spend=draw(st.floats(0, 3000))
    )
    made = inputs_for(customer, profile=profile, scores=scores, rep=draw(st.sampled_from(["reps/wang", ""])))
    for field in draw(st.sets(st.sampled_from(["profile", "scores"]), max_size=1)):
        clear(made, field)
    made.channels.extend(draw(st.sets(st.sampled_from(["call", "email", "mail"]))))
    made.max_actions = draw(st.integers(0, 12))
    return made


@st.composite
def random_prices(draw: st.DrawFn) -> PriceSet | None:
    """Prices of any height and budgets that may be empty; sometimes none at all."""
    if draw(st.integers(0, 9)) == 0:
        return None
    price = st.floats(0, 3)
    capacity = st.sampled_from([0.0, 5.0, 1e6])
    return prices(
        minute=draw(price),
        coupon=draw(price),
        slot=draw(price),
        minutes=draw(capacity),
        coupons=draw(capacity),
        slots=draw(capacity),
    )


@dataclass(frozen=True)
class Made:
    """A decision made without server and store, and what it was made from."""

    inputs: DecisionInputs
    decision: Decision
    ruling: Ruling
    case: Case


def made_from(inputs: DecisionInputs, price_set: PriceSet | None, policy: Policy = Policy()) -> Made:
    """What the service does between reading a request and storing the decision."""
    complete(inputs, CATALOGUE, policy)
    inputs.pacing = policy.pacing
    prices_now = None if price_set is None else prices_of(price_set)
    case = case_of(inputs, CATALOGUE)
    look_up_supply(inputs, case, prices_now, Ledger(), Contacts())
    decision = Decision()
    ruling = rule(inputs, case, prices_now, decision, policy.currency)
    return Made(inputs, decision, ruling, case)
