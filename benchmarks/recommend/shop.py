"""A shop for benchmarks: a catalogue of 50 actions with rules, customers of every kind, prices, and recommend as a process of its own."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import uuid
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from benchmarks.processes import free_port, start_module, stop, wait_for_port
from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise.profile.v1.profile_pb2 import LifecycleStage, Profile
from fieldwise.recommend.v1.decision_pb2 import Decision, DecisionInputs
from fieldwise.recommend.v1.policy_pb2 import PolicyVersion
from fieldwise.recommend.v1.recommend_service_pb2 import BatchRecommendActionsRequest
from fieldwise.recommend.v1.recommend_service_pb2_grpc import RecommendServiceStub
from fieldwise_recommend.core.next_purchase.shortlist import (
    DISCOVERY_INPUTS,
    REPEAT_INPUTS,
    Popularity,
    Tables,
)
from fieldwise_recommend.core.pair_rules.book import Rule
from fieldwise_recommend.core.policy_learning.effect_table import EffectTable, Measured, Question
from fieldwise_recommend.store.next import Learned, NextStore
from fieldwise_recommend.store.pairs import PairStore
from fieldwise_recommend.store.policies import PolicyStore
from fieldwise_runtime.database import Database

NOW: Final = 1_513_000_000
DAY: Final = 86_400
ACTIONS: Final = 50
# Answers of hundreds of decisions are larger than gRPC lets through by default.
OPTIONS: Final = [("grpc.max_receive_message_length", 64 << 20)]
REPS: Final = tuple(f"reps/{number}" for number in range(20))
_CATEGORIES: Final = tuple(f"CATEGORY {number}" for number in range(12))
_OTHERS: Final = tuple(f"OTHER {number}" for number in range(88))
# (reason codes, rule): each kind of customer has something to be said for it.
_KINDS: Final = (
    (("LIKELY_TO_BUY", "USUAL_GAP"), "p_buy >= {share}"),
    (("LOYAL", "BEST_SPEND"), "purchase_days >= {days} && total_spend >= {money}"),
    (("SILENT_DAYS", "UNLIKELY_TO_BUY"), "silence_ratio >= {ratio}"),
    (("LIKELY_TO_FALL_SILENT", "DAYS_SINCE_CONTACT"), "p_silent >= {share} && days_since_contact >= {rest}"),
    (("BEST_SPEND", "USUAL_GAP"), "total_spend >= {money} && silence_ratio <= {ratio}"),
)
_LEARNED: Final = "learned"
_CHANNELS: Final = ("email", "email", "mail", "call")
_HEAD: Final = """
[priors]
p_buy = 0.60
p_silent = 0.20
spend_if_buys = 100.0
[coupons]
redemption_share = 0.12
[margins]
default = 0.25
[[actions]]
name = "actions/leave-alone"
title = "Leave the customer alone"
channel = "none"
explorable = true
"""


def catalogue(seed: int, actions: int = ACTIONS) -> bytes:
    """A catalogue in the shape of the shipped one: leave alone and ``actions - 1`` others, each with rules, effect, cost and uses."""
    chance = random.Random(seed)
    return (_HEAD + "".join(_action(chance, number) for number in range(actions - 1))).encode()


def _action(chance: random.Random, number: int) -> str:
    channel = chance.choice(_CHANNELS)
    reasons, rule = _KINDS[number % len(_KINDS)]
    told = rule.format(
        share=round(chance.uniform(0.1, 0.8), 2),
        days=chance.randrange(2, 40),
        money=chance.randrange(50, 3000),
        ratio=round(chance.uniform(0.3, 2), 2),
        rest=chance.randrange(1, 30),
    )
    effect = f"{{ lift = {chance.uniform(0.01, 0.2):.3f}, spend_lift = {chance.uniform(0, 0.03):.3f} }}"
    lines = [
        "[[actions]]",
        f'name = "actions/a{number}"',
        f'title = "Action {number}"',
        f'channel = "{channel}"',
        f"cost = {chance.uniform(0.01, 0.5):.2f}",
        f"effect = {effect}",
        f'applicability = "{told}"',
        f"reasons = [{', '.join(f'{chr(34)}{code}{chr(34)}' for code in reasons)}]",
        f'about = "{chance.choice(["", "", "", "restock", "unbought"])}"',
    ]
    if channel == "call":
        lines += ["needs_rep = true", f"uses = {{ rep-minutes = {chance.randrange(3, 15)} }}"]
    elif channel == "mail":
        lines.append(f"coupon = {chance.uniform(1, 6):.1f}")
    else:
        lines += ["uses = { email-slots = 1 }", "explorable = true"]
    return "\n".join(lines) + "\n"


def prices(chance: random.Random, *, scarce: bool = False) -> PriceSet:
    """Prices around what the actions are worth; with ``scarce`` some things have too little left for the dearer actions."""
    price_set = PriceSet(name=f"priceSets/{uuid.UUID(int=chance.getrandbits(128))}")
    for rep in REPS:
        capacity = chance.choice([5.0, 1e9]) if scarce else 1e9
        _priced(price_set, f"{rep}/minutes", "min", chance.uniform(0.02, 0.4), capacity)
    _priced(price_set, "coupon-money", "USD", chance.uniform(0, 0.8), 1e9)
    _priced(price_set, "email-slots", "1", chance.uniform(0, 0.3), 1e9)
    price_set.valid_from.FromSeconds(NOW - DAY)
    price_set.valid_until.FromSeconds(NOW + 6 * DAY)
    return price_set


def _priced(price_set: PriceSet, resource: str, unit: str, price: float, capacity: float) -> None:
    price_set.prices.add(resource=resource, unit=unit, micros_per_unit=price * 1e6, capacity=capacity)


def inputs_of(chance: random.Random) -> DecisionInputs:
    """All that is known of one customer: loyal, silent, new or, one in fifty, unknown."""
    number = chance.randrange(10**9)
    customer = f"customers/{number}"
    name = uuid.UUID(int=chance.getrandbits(128), version=4)
    made = DecisionInputs(decision=f"decisions/{name}", request_id=str(name), fingerprint="f", max_actions=3)
    made.customer, made.trace_id = customer, f"{chance.getrandbits(128):032x}"
    made.decision_time.FromSeconds(NOW)
    made.rep = chance.choice(REPS) if chance.random() < 0.9 else ""
    if chance.random() < 0.98:
        _add_profile(made.profile, customer, chance)
        _add_scores(made, chance)
    for part in ("profile", "forecast", "allocation"):
        made.parts.add(name=part, state=1, version="1")
    return made


def _add_profile(profile: Profile, customer: str, chance: random.Random) -> None:
    profile.name = customer
    profile.purchase_days = int(chance.lognormvariate(2.5, 1.2))
    profile.usual_gap_days = round(chance.lognormvariate(2, 0.8), 2)
    profile.silence_after_days = max(14.0, 3 * profile.usual_gap_days)
    profile.stage = LifecycleStage.LIFECYCLE_STAGE_ACTIVE
    profile.event_count = 10 * profile.purchase_days
    profile.last_purchase_time.FromSeconds(NOW - int(chance.lognormvariate(2, 1.2) * DAY))
    profile.last_contact_time.FromSeconds(NOW - int(chance.uniform(0, 60) * DAY))
    profile.total_spend.currency_code = "USD"
    profile.total_spend.micros = int(profile.purchase_days * chance.lognormvariate(3, 0.6) * 1e6)
    for category in chance.sample(_CATEGORIES, 5):
        interest = profile.interests.add(category=category, purchase_days=chance.randrange(1, 30))
        interest.mean_gap_days = chance.uniform(3, 40)
        interest.last_purchase_time.FromSeconds(NOW - int(chance.uniform(1, 60) * DAY))
        interest.spend.currency_code, interest.spend.micros = "USD", chance.randrange(10**6, 10**8)
    profile.popular_unbought.add(category="CATEGORY 99", customer_share=0.4)
    further = profile.further
    further.bought.extend(_OTHERS[:20])
    further.purchase_days.extend(range(20, 0, -1))
    further.last_purchase_seconds.extend(range(NOW - 40 * DAY, NOW - 20 * DAY, DAY))
    further.mean_gap_days.extend([9.5] * 20)
    further.unbought.extend(_OTHERS[20:40])
    further.customer_shares.extend([0.2] * 20)
    profile.features.set_id, profile.features.set_version = "customer-behaviour", 1
    profile.features.values.extend([chance.random() for _ in range(24)])
    profile.data_quality.score = 0.9
    profile.usual_hour = chance.randrange(24)


def _add_scores(made: DecisionInputs, chance: random.Random) -> None:
    made.scores.customer = made.customer
    made.scores.spend_if_buys.currency_code = "USD"
    made.scores.spend_if_buys.micros = int(chance.lognormvariate(4.5, 0.7) * 1e6)
    for model, probability in (
        ("models/buys-28d", chance.betavariate(2, 1)),
        ("models/silent-28d", chance.betavariate(1, 3)),
    ):
        prediction = made.scores.predictions.add(model=model, model_version=f"{model}/versions/1")
        prediction.probability = probability
        for number in range(5):
            prediction.contributions.add(feature=f"f{number}", value=1.0, log_odds=0.1)


def decided(
    stub: RecommendServiceStub,
    chance: random.Random,
    count: int,
    batch: int,
    priced: Callable[[], PriceSet],
) -> list[Decision]:
    """Decisions about ``count`` new customers, in calls of ``batch``, each at the prices that ``priced`` gives then."""
    made: list[Decision] = []
    while len(made) < count:
        inputs = [inputs_of(chance) for _ in range(batch)]
        request = BatchRecommendActionsRequest(inputs=inputs, price_set=priced())
        made += [each.decision for each in stub.BatchRecommendActions(request).decided]
    return made


@dataclass
class Service:
    """The process of recommend and its door; ``start`` again after a kill goes on with the same database."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @contextmanager
    def stub(self) -> Iterator[RecommendServiceStub]:
        with grpc.insecure_channel(self.address, options=OPTIONS) as channel:
            yield RecommendServiceStub(channel)

    def kill(self) -> None:
        """SIGKILL: nothing is put in order."""
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        self.process = _started(self.folder, self.port)


@contextmanager
def serving(body: bytes | None = None, *, learned: bool = False, **environ: str) -> Iterator[Service]:
    """Recommend on an empty SQLite file, with this catalogue (default: the shipped one).

    Args:
        learned: With a released policy of four segments, rules of what is bought together and tables of what is bought next in force, as after
            months of use.
    """
    with tempfile.TemporaryDirectory(prefix="fieldwise-recommend-") as name:
        folder = Path(name)
        if body is not None:
            (folder / "catalogue.toml").write_bytes(body)
        (folder / "environ").write_text("\n".join(f"{key}={value}" for key, value in environ.items()))
        if learned:
            (folder / "learned").touch()
        port = free_port()
        service = Service(folder, port, _started(folder, port))
        try:
            yield service
        finally:
            stop([service.process])


def _started(folder: Path, port: int) -> subprocess.Popen[bytes]:
    lines = (folder / "environ").read_text().splitlines()
    environ = dict(line.split("=", 1) for line in lines) | {
        "FIELDWISE_RECOMMEND_DATABASE_URL": f"sqlite:///{folder / 'recommend.sqlite'}",
        "FIELDWISE_RECOMMEND_LISTEN": f"127.0.0.1:{port}",
        "FIELDWISE_LOG_LEVEL": "WARNING",
    }
    body = folder / "catalogue.toml"
    own = [str(body)] if body.exists() else []
    own += [_LEARNED] if (folder / "learned").exists() else []
    process = start_module("benchmarks.recommend.shop", *own, environ=environ)
    wait_for_port(port)
    return process


async def _learn(url: str) -> None:
    """Puts into the database what would have been learned: effects for every second action, and rules between all categories."""
    chance = random.Random(ACTIONS)
    questions = (Question("p_buy", 0.5), Question("silence_ratio", 1.0), Question("purchase_days", 10.0))
    names = [f"actions/a{number}" for number in range(0, ACTIONS - 1, 2)]
    segments = tuple(
        tuple(Measured(name, chance.randrange(-(10**6), 5 * 10**6), 10**5) for name in names)
        for _ in range(4)
    )
    rules = [
        Rule(given, goes, 0.02, chance.uniform(0.05, 0.6), 2.0, 1.6, 2.4, 1.5, 1e-6)
        for given in _CATEGORIES
        for goes in (*_CATEGORIES, *_OTHERS)
        if goes != given
    ]
    database = Database.open(url)
    policies = PolicyStore(database)
    if not await policies.in_force():
        made = PolicyVersion(decisions=100_000)
        number = await policies.add(made.SerializeToString(), EffectTable(questions, segments).text())
        await policies.release(number, NOW * 1_000_000)
        await PairStore(database).replace(rules, 7)
        await NextStore(database).replace(Learned(_next_tables(chance)))
    await database.close()


def _next_tables(chance: random.Random) -> Tables:
    """Tables of what is bought next, of a hundred categories."""
    words = (*_CATEGORIES, *_OTHERS)
    pairs = [array("f", [chance.gauss(0, 0.1) for _ in range(len(words) ** 2)]) for _ in range(3)]
    popularity = tuple(Popularity(chance.random(), chance.random(), 1.0) for _ in words)
    repeat = tuple(chance.gauss(0, 0.3) for _ in range(1 + len(REPEAT_INPUTS)))
    discovery = tuple(chance.gauss(0, 0.3) for _ in range(1 + len(DISCOVERY_INPUTS)))
    return Tables(words, popularity, tuple(pairs), repeat, discovery)


def _serve(arguments: Sequence[str]) -> None:
    """What `python -m fieldwise_recommend` does, with a catalogue of the benchmark's own."""
    import os

    from fieldwise_recommend import __main__ as service
    from fieldwise_recommend.settings import Settings
    from fieldwise_runtime import logs, loops, server
    from fieldwise_runtime.settings import load

    settings = load(Settings, os.environ)
    logs.configure(service.NAME, settings.log_level)
    service.migrate(settings)
    files = [each for each in arguments if each != _LEARNED]
    body = Path(files[0]).read_bytes() if files else service.catalogue_file()

    async def run() -> None:
        if _LEARNED in arguments:
            await _learn(settings.database_url)
        await server.serve(await service.wired(settings, body))

    loops.run(run())


if __name__ == "__main__":
    _serve(sys.argv[1:])
