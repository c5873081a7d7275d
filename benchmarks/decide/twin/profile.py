"""The twin's profile: the same states in memory and the same cores, pictured as JSON. `python -m ... PORT`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import isnan
from typing import Any

from fastapi import FastAPI, Request

from benchmarks.decide.twin import wire
from benchmarks.decide.twin.serving import serve
from fieldwise.profile.v1.profile_service_pb2 import IngestEventsRequest
from fieldwise_profile import preparing
from fieldwise_profile.core.features import FEATURE_SET_ID, FEATURE_SET_VERSION, Purchases, features_of
from fieldwise_profile.core.fold import State
from fieldwise_profile.core.portrait import popular_unbought, portrait
from fieldwise_profile.ingest import Ingest
from fieldwise_profile.popularity import Popular
from fieldwise_profile.reading import Reader
from fieldwise_profile.settings import Settings
from fieldwise_profile.states import States
from fieldwise_profile.store import appending
from fieldwise_profile.viewing import View, Viewing
from fieldwise_runtime.database import Database
from fieldwise_runtime.settings import load


class Pictures:
    """Profiles as JSON models; keeps the last one of each customer, as ours does."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, int, Popular, wire.Profile]] = {}

    def of(self, view: View, moment: int, popular: Popular) -> wire.Profile | None:
        if view.state is None:
            return None
        kept = self._kept.get(view.customer)
        if kept is not None and kept[:2] == (view.state.count, moment) and kept[2] is popular:
            return kept[3]
        made = pictured(view.customer, view.state, moment, popular)
        self._kept[view.customer] = (view.state.count, moment, popular, made)
        return made


def pictured(customer: str, state: State, moment: int, popular: Popular) -> wire.Profile:
    bought = Purchases(state, moment)
    seen = portrait(state, bought)
    return wire.Profile(
        name=customer,
        as_of=moment,
        set_id=FEATURE_SET_ID,
        set_version=FEATURE_SET_VERSION,
        features=[None if isnan(value) else value for value in features_of(state, bought)],
        last_purchase_time=seen.last_purchase_time or None,
        last_contact_time=seen.last_contact_time or None,
        purchase_days=seen.purchase_days,
        total_spend=seen.total_spend,
        usual_gap_days=seen.usual_gap_days,
        silence_after_days=seen.silence_after_days,
        stage=int(seen.stage),
        interests=[
            wire.Interest(
                category=each.category,
                purchase_days=each.purchase_days,
                last_purchase_time=each.last_time,
                mean_gap_days=each.mean_gap_days,
                spend=each.spend,
            )
            for each in seen.interests
        ],
        popular_unbought=[
            wire.Popular(category=category, customer_share=share)
            for category, share in popular_unbought(state, popular.shares)
        ],
        usual_hour=seen.usual_hour,
        quality=seen.quality,
        issues=list(seen.issues),
        event_count=state.count,
        fresh_at=state.known_at,
    )


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[None]:
    settings = load(Settings, os.environ)
    database = Database.open(settings.database_url)
    states = States(database, await database.read(appending.position), settings.cached_customers)
    app.state.viewing = Viewing(database, states)
    sealing = preparing.opened(settings.database_url, settings.keys)
    app.state.ingest = Ingest(database, states, sealing)
    app.state.reader = Reader(settings.currency)
    app.state.pictures = Pictures()
    yield
    await database.close()


app = FastAPI(lifespan=opened)


@app.post("/profiles")
async def profiles(ask: wire.ProfilesAsk) -> wire.ProfilesAnswer:
    viewing, pictures = app.state.viewing, app.state.pictures
    popular = await viewing.popular(ask.as_of)
    views = await viewing.at(ask.names, ask.as_of)
    found = [pictures.of(view, ask.as_of, popular) for view in views]
    return wire.ProfilesAnswer(
        profiles=[profile for profile in found if profile is not None],
        not_found=[name for name, profile in zip(ask.names, found, strict=True) if profile is None],
    )


@app.post("/events")
async def events(request: Request) -> dict[str, Any]:
    """Fresh events, as the bytes that ours are sent: outside of what is timed, so no JSON was made for them."""
    batch = app.state.reader.read(IngestEventsRequest.FromString(await request.body()))
    stored = await app.state.ingest.store(batch.events)
    return {"accepted": len(stored.rows), "rejected": len(batch.rejected)}


if __name__ == "__main__":
    serve(app)
