"""The twin's allocation: reps and prices from memory by the same core, answered as JSON. `python -m ... PORT`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import sqlalchemy as sa
from fastapi import FastAPI

from benchmarks.decide.twin import wire
from benchmarks.decide.twin.serving import serve
from fieldwise.allocation.v1 import price_pb2
from fieldwise_allocation import store, store_prices
from fieldwise_allocation.core.terms import Window, look_up
from fieldwise_allocation.settings import Settings
from fieldwise_runtime.database import Database
from fieldwise_runtime.settings import load

Windows = tuple[Window[wire.PriceSet], ...]


def read(connection: sa.Connection) -> tuple[Mapping[str, str], Windows]:
    windows = tuple(
        Window(w.version, w.valid_from, w.valid_until, price_set(price_pb2.PriceSet.FromString(w.prices)))
        for w in store_prices.price_sets(connection)
    )
    return store.assignments(connection), windows


def price_set(stored: price_pb2.PriceSet) -> wire.PriceSet:
    return wire.PriceSet(
        name=stored.name,
        valid_from=stored.valid_from.ToMicroseconds(),
        valid_until=stored.valid_until.ToMicroseconds(),
        prices=[
            wire.Price(
                resource=price.resource,
                unit=price.unit,
                micros_per_unit=price.micros_per_unit,
                capacity=price.capacity,
                used=price.used,
            )
            for price in stored.prices
        ],
    )


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[None]:
    database = Database.open(load(Settings, os.environ).database_url)
    app.state.reps, app.state.windows = await database.read(read)
    yield
    await database.close()


app = FastAPI(lifespan=opened)


@app.post("/terms")
async def terms(ask: wire.TermsAsk) -> wire.TermsAnswer:
    found = look_up(ask.customers, app.state.reps, app.state.windows, ask.decision_time * 1000)
    part = wire.Part(name="allocation", state=found.standing.name)
    prices = None
    if found.window is not None:
        prices = found.window.prices
        part.version, part.as_of, part.age = (
            prices.name,
            prices.valid_from,
            ask.decision_time - prices.valid_from,
        )
    return wire.TermsAnswer(reps=list(found.reps), price_set=prices, part=part)


if __name__ == "__main__":
    serve(app)
