"""The twin's recommend: the same core, ledger and store, answered as JSON. `python -m ... PORT`.

Decisions are stored whole (as JSON) by the same store through the same writer, with the same durability, before they
are answered.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from google.protobuf.timestamp_pb2 import Timestamp

from benchmarks.decide.twin import wire
from benchmarks.decide.twin.rendering import rendered
from benchmarks.decide.twin.serving import serve
from benchmarks.decide.twin.situation import situation_of
from fieldwise_recommend.__main__ import catalogue_file
from fieldwise_recommend.core.catalogue import Catalogue
from fieldwise_recommend.core.catalogue_file import parse
from fieldwise_recommend.core.ledger import Hold, Ledger
from fieldwise_recommend.core.policy import Policy
from fieldwise_recommend.core.ranking import decide, fitting
from fieldwise_recommend.core.situation import Chance, Price, Supply
from fieldwise_recommend.periods import period_name
from fieldwise_recommend.settings import Settings
from fieldwise_recommend.store.decisions import AlreadyDecided, DecisionRow, Store
from fieldwise_runtime.database import Database, Durability
from fieldwise_runtime.settings import load


@dataclass
class Period:
    """A price set, and what is set aside of the budgets of its week."""

    name: str
    key: str
    body: bytes
    prices: dict[str, Price]
    ledger: Ledger
    stored: bool = False


@dataclass
class Decider:
    """Decides, sets aside and stores."""

    store: Store
    catalogue: Catalogue
    policy: Policy
    periods: dict[str, Period]

    async def decided(self, ask: wire.RecommendAsk) -> list[wire.Decision]:
        period = await self.period(ask.price_set)
        made = [self.made(inputs, period) for inputs in ask.inputs]
        holds = [hold for _, _, hold in made if hold is not None]
        price_set = None if period.stored else (period.key, period.body)
        try:
            await self.store.add_decisions([row for _, row, _ in made], period.name, holds, price_set)
        except AlreadyDecided:
            for hold in holds:
                period.ledger.release(hold)
            return await self.earlier(ask)
        period.stored = True
        return [decision for decision, _, _ in made]

    async def earlier(self, ask: wire.RecommendAsk) -> list[wire.Decision]:
        known = await self.store.known([inputs.request_id for inputs in ask.inputs])
        return [wire.Decision.model_validate_json(each.decision) for each in known.values()]

    async def period(self, price_set: wire.PriceSet | None) -> Period:
        if price_set is None:
            return Period("", "", b"", {}, Ledger(), stored=True)
        known = self.periods.get(price_set.name)
        if known is None:
            body = price_set.model_dump_json().encode()
            key = hashlib.blake2b(body, digest_size=16).hexdigest()
            prices = {p.resource: Price(p.unit, p.micros_per_unit, p.capacity) for p in price_set.prices}
            name = period_name(moment(price_set.valid_until))
            ledger = Ledger(await self.store.holds(name))
            known = self.periods[price_set.name] = Period(name, key, body, prices, ledger)
        return known

    def made(self, inputs: wire.Inputs, period: Period) -> tuple[wire.Decision, DecisionRow, Hold | None]:
        situation = situation_of(inputs, self.catalogue)
        offers, rejections = fitting(self.catalogue, situation)
        chance = self.policy.chance(inputs.customer, inputs.decision)
        taking = [offer for offer in offers if offer.uses]
        self.complete(inputs, chance)
        if taking and period.prices:
            inputs.scarce = period.ledger.shortages((offer.uses for offer in taking), period.prices)
            held = ((offer.action.name, offer.uses) for offer in taking)
            inputs.reserved = [
                name for name, uses in held if period.ledger.holds(inputs.customer, name, uses)
            ]
        supply = Supply(period.prices or None, inputs.pacing, inputs.scarce, frozenset(inputs.reserved))
        ruling = decide(offers, rejections, situation, supply, chance)
        decision = rendered(inputs, situation, ruling)
        chosen = ruling.chosen
        hold = Hold(inputs.customer, chosen.action.name, chosen.uses) if chosen.uses else None
        if hold is not None:
            period.ledger.reserve(hold)
        return decision, row_of(inputs, decision, period.key), hold

    def complete(self, inputs: wire.Inputs, chance: Chance) -> None:
        inputs.catalogue_version, inputs.pacing = self.catalogue.version, self.policy.pacing
        inputs.exploration, inputs.draw, inputs.control_group = (
            chance.exploration,
            chance.draw,
            chance.control_group,
        )


def moment(micros: int) -> Timestamp:
    found = Timestamp()
    found.FromMicroseconds(micros)
    return found


def row_of(inputs: wire.Inputs, decision: wire.Decision, price_key: str) -> DecisionRow:
    return DecisionRow(
        inputs.decision,
        inputs.request_id,
        inputs.fingerprint,
        inputs.customer,
        inputs.decision_time,
        inputs.catalogue_version,
        decision.chosen_action,
        price_key,
        inputs.model_dump_json().encode(),
        decision.model_dump_json().encode(),
    )


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[None]:
    settings = load(Settings, os.environ)
    # As our recommend opens it: a grouped commit that survives a crash of the process.
    store = Store(Database.open(settings.database_url, durability=Durability.PROCESS_CRASH))
    app.state.decider = Decider(store, parse(catalogue_file()), settings.policy, {})
    yield
    await store.close()


app = FastAPI(lifespan=opened)


@app.post("/decisions")
async def decisions(ask: wire.RecommendAsk) -> wire.RecommendAnswer:
    return wire.RecommendAnswer(decisions=await app.state.decider.decided(ask))


if __name__ == "__main__":
    serve(app)
