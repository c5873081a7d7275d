"""The twin's gateway: profile, then scores, with terms beside them, then the choice, over httpx. `python -m ... PORT`."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from benchmarks.decide.twin import wire
from benchmarks.decide.twin.serving import serve
from fieldwise_gateway.core.names import decision_name
from fieldwise_gateway.settings import Addresses, Settings
from fieldwise_runtime.settings import load

Answer = TypeVar("Answer", bound=BaseModel)
_JSON = {"content-type": "application/json"}


class Backends:
    """The four services over one pool of connections that stay open."""

    def __init__(self, addresses: Addresses, seconds: float) -> None:
        self._addresses = addresses
        limits = httpx.Limits(max_connections=256, max_keepalive_connections=256, keepalive_expiry=600)
        self.client = httpx.AsyncClient(limits=limits, timeout=seconds, trust_env=False)

    async def ask(self, service: str, path: str, body: BaseModel, answer: type[Answer]) -> Answer:
        address = getattr(self._addresses, service)
        content = body.model_dump_json()
        response = await self.client.post(f"http://{address}/{path}", content=content, headers=_JSON)
        response.raise_for_status()
        return answer.model_validate_json(response.content)


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[None]:
    settings = load(Settings, os.environ)
    app.state.clock = settings.clock.start
    app.state.backends = Backends(load(Addresses, os.environ), settings.decide_seconds)
    yield
    await app.state.backends.client.aclose()


app = FastAPI(lifespan=opened)


@app.post("/decide")
async def decide(ask: wire.DecideAsk) -> wire.Decision:
    moment = round(app.state.clock.timestamp() * 1e6)
    (profile, scores), terms = await asyncio.gather(profile_then_scores(ask, moment), terms_of(ask, moment))
    inputs = wire.Inputs(
        decision=decision_name(time.time_ns() // 1_000_000, secrets.randbits(80)),
        request_id=ask.request_id,
        fingerprint=hashlib.sha256(ask.model_dump_json().encode()).hexdigest(),
        customer=ask.customer,
        decision_time=moment,
        max_actions=ask.max_actions,
        channels=ask.channels,
        profile=profile,
        scores=scores.scores[0],
        rep=terms.reps[0],
        parts=[profile_part(profile, moment), scores.part, terms.part],
    )
    recommend = wire.RecommendAsk(inputs=[inputs], price_set=terms.price_set)
    backends: Backends = app.state.backends
    answer = await backends.ask("recommend", "decisions", recommend, wire.RecommendAnswer)
    return answer.decisions[0]


async def profile_then_scores(
    ask: wire.DecideAsk, moment: int
) -> tuple[wire.Profile | None, wire.ScoresAnswer]:
    backends: Backends = app.state.backends
    wanted = wire.ProfilesAsk(names=[ask.customer], as_of=moment)
    found = await backends.ask("profile", "profiles", wanted, wire.ProfilesAnswer)
    if ask.require_known and found.not_found:
        raise HTTPException(404, f"{ask.customer} is not known")
    profile = found.profiles[0] if found.profiles else None
    features = wire.CustomerFeatures(
        customer=ask.customer, features=None if profile is None else profile.features
    )
    scoring = wire.ScoresAsk(customers=[features], decision_time=moment)
    return profile, await backends.ask("forecast", "scores", scoring, wire.ScoresAnswer)


async def terms_of(ask: wire.DecideAsk, moment: int) -> wire.TermsAnswer:
    wanted = wire.TermsAsk(customers=[ask.customer], decision_time=moment)
    backends: Backends = app.state.backends
    return await backends.ask("allocation", "terms", wanted, wire.TermsAnswer)


def profile_part(profile: wire.Profile | None, moment: int) -> wire.Part:
    if profile is None:
        return wire.Part(name="profile", state="COLD_START")
    age = max(0, moment - profile.fresh_at)
    return wire.Part(name="profile", version=str(profile.event_count), as_of=profile.fresh_at, age=age)


if __name__ == "__main__":
    serve(app)
