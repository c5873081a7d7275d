"""Entry point: `python -m fieldwise_recommend` serves, `... migrate` prepares the database. The only place that wires."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

import grpc
from google.protobuf.descriptor import FileDescriptor

from fieldwise.recommend.v1 import (
    answer_service_pb2,
    catalogue_service_pb2,
    contact_service_pb2,
    effect_service_pb2,
    next_purchase_service_pb2,
    pair_service_pb2,
    policy_service_pb2,
    recommend_service_pb2,
)
from fieldwise.recommend.v1.answer_service_pb2_grpc import add_AnswerServiceServicer_to_server
from fieldwise.recommend.v1.catalogue_service_pb2_grpc import add_CatalogueServiceServicer_to_server
from fieldwise.recommend.v1.contact_service_pb2_grpc import add_ContactPolicyServiceServicer_to_server
from fieldwise.recommend.v1.effect_service_pb2_grpc import add_EffectServiceServicer_to_server
from fieldwise.recommend.v1.next_purchase_service_pb2_grpc import add_NextPurchaseServiceServicer_to_server
from fieldwise.recommend.v1.pair_service_pb2_grpc import add_PairServiceServicer_to_server
from fieldwise.recommend.v1.policy_service_pb2_grpc import add_PolicyServiceServicer_to_server
from fieldwise.recommend.v1.recommend_service_pb2_grpc import add_RecommendServiceServicer_to_server
from fieldwise_executor.executor import Executor
from fieldwise_executor.local import LocalExecutor
from fieldwise_recommend.answering import Answering
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.contacting import Contacts
from fieldwise_recommend.decide import Decider
from fieldwise_recommend.drafting import Drafting
from fieldwise_recommend.effects import Effects
from fieldwise_recommend.erasing import Eraser
from fieldwise_recommend.evaluating import Evaluating
from fieldwise_recommend.next_purchasing import NextPurchasing
from fieldwise_recommend.pairing import Pairing
from fieldwise_recommend.publishing import Publishing, opened
from fieldwise_recommend.replay import Archive
from fieldwise_recommend.results import Results
from fieldwise_recommend.servicer.answers import AnswerWire
from fieldwise_recommend.servicer.catalogue import CatalogueWire
from fieldwise_recommend.servicer.contacts import ContactWire
from fieldwise_recommend.servicer.effects import EffectWire
from fieldwise_recommend.servicer.next_purchases import NextPurchaseWire
from fieldwise_recommend.servicer.pairs import PairWire
from fieldwise_recommend.servicer.policies import PolicyWire
from fieldwise_recommend.servicer.recommend import Recommend
from fieldwise_recommend.settings import Settings
from fieldwise_recommend.shops import read_shops
from fieldwise_recommend.store.answers import AnswerStore
from fieldwise_recommend.store.baselines import BaselineStore
from fieldwise_recommend.store.catalogue import CatalogueStore
from fieldwise_recommend.store.contacts import ContactStore
from fieldwise_recommend.store.decisions import Store
from fieldwise_recommend.store.experience import ExperienceStore
from fieldwise_recommend.store.next import NextStore
from fieldwise_recommend.store.pacing import OpeningStore
from fieldwise_recommend.store.pairs import PairStore
from fieldwise_recommend.store.policies import PolicyStore
from fieldwise_recommend.training import Training
from fieldwise_recommend.valuing import Valuer
from fieldwise_runtime import logs, loops, migrations, operations, server, tls, tracing
from fieldwise_runtime.database import Database, Durability
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.operations import Operations
from fieldwise_runtime.peers import COMPOSERS, Callers
from fieldwise_runtime.settings import SettingsError, load
from fieldwise_runtime.single import Single

# A file of contracts, and what adds its service to a server.
Registered = tuple[FileDescriptor, Callable[[grpc.aio.Server], None]]

PACKAGE = "fieldwise_recommend"
NAME = "fieldwise-recommend"
# Parts of the inputs that other services of ours made. Walking through all their fields would cost as much as the decision;
# what a decision computes with is checked by decide.check.
FROM_PEERS = ("profile", "scores", "parts")
_WORKERS = 2


def catalogue_file() -> bytes:
    """The catalogue that comes with the package."""
    return files(PACKAGE).joinpath("catalogue.toml").read_bytes()


@dataclass(frozen=True, slots=True)
class Shared:
    """What the services of this process have in common."""

    settings: Settings
    database: Database
    workers: Executor
    in_force: InForce
    running: Operations
    contacts: Contacts


async def wired(settings: Settings, body: bytes) -> server.Service:
    """The service on its database, with a catalogue.

    Raises:
        InvalidRequest: The catalogue has faults.
        FailedPrecondition: The database is not at the right revision, or another process serves on it.
    """
    migrations.verify(settings.database_url, PACKAGE)
    # Budgets are counted in memory: two processes would each spend them whole.
    single = await Single.claim(
        settings.database_url, NAME, standby_at=settings.listen if settings.standby else ""
    )
    # A grouped commit without waiting for the disk: a decision lost to a power cut is made again by its request_id.
    database = Database.open(settings.database_url, durability=Durability.PROCESS_CRASH)
    # Its processes read the database themselves: on this machine, whatever FIELDWISE_EXECUTOR says.
    workers = LocalExecutor(_WORKERS)
    store, catalogues = Store(database), CatalogueStore(database)
    in_force = InForce(await opened(catalogues, body), zone=settings.zone, shops=read_shops(settings.shops))
    running = Operations(database)
    await running.recover()
    contacts = Contacts(ContactStore(database), settings.zone)
    await contacts.open()
    shared = Shared(settings, database, workers, in_force, running, contacts)
    registered = [
        await _recommending(shared, store),
        _catalogue(shared, catalogues),
        _effects(shared),
        _contacts(shared),
        await _pairs(shared),
        await _next_purchases(shared),
        await _answers(shared),
        await _policies(shared),
    ]

    def register(grpc_server: grpc.aio.Server) -> None:
        for _, add in registered:
            add(grpc_server)
        running.register(grpc_server)

    async def ready() -> Mapping[str, bool]:
        return {"": await store.reachable(PACKAGE) and await single.held()}

    async def close() -> None:
        await running.close()
        await workers.close()
        await store.close()
        await single.close()

    return server.Service(
        name=NAME,
        listen=settings.listen,
        metrics=settings.metrics,
        register=register,
        service_names=[
            *(service.full_name for file, _ in registered for service in file.services_by_name.values()),
            operations.SERVICE_NAME,
        ],
        ready=ready,
        on_stop=close,
        callers=Callers(COMPOSERS),
        single=single,
        checked_by_handler=frozenset(
            f"fieldwise.recommend.v1.DecisionInputs.{field}" for field in FROM_PEERS
        ),
    )


async def _recommending(shared: Shared, store: Store) -> Registered:
    settings, database, in_force = shared.settings, shared.database, shared.in_force
    policy, experience = settings.policy, ExperienceStore(database)
    results = Results(experience, settings.currency, settings.result_days)
    await results.open()
    decider = Decider(store, in_force, policy, await store.erased(), shared.contacts, OpeningStore(database))
    wire = Recommend(
        decider,
        Valuer(in_force, policy, shared.contacts),
        Archive(store, CatalogueStore(database), in_force.catalogue, policy.currency, shared.contacts),
        Eraser(store, experience, ContactStore(database), decider, settings.database_url),
        in_force,
        policy.currency,
        results,
    )
    return recommend_service_pb2.DESCRIPTOR, partial(add_RecommendServiceServicer_to_server, wire)


def _catalogue(shared: Shared, store: CatalogueStore) -> Registered:
    in_force, changing = shared.in_force, asyncio.Lock()
    drafting, publishing = Drafting(store, in_force, changing), Publishing(store, in_force, changing)
    wire = CatalogueWire(drafting, publishing, store, in_force, shared.settings.currency)
    return catalogue_service_pb2.DESCRIPTOR, partial(add_CatalogueServiceServicer_to_server, wire)


def _effects(shared: Shared) -> Registered:
    settings, store = shared.settings, BaselineStore(shared.database)
    effects = Effects(store, shared.workers, settings.database_url, settings.currency, settings.result_days)
    return effect_service_pb2.DESCRIPTOR, partial(add_EffectServiceServicer_to_server, EffectWire(effects))


def _contacts(shared: Shared) -> Registered:
    wire = ContactWire(shared.contacts, shared.in_force)
    return contact_service_pb2.DESCRIPTOR, partial(add_ContactPolicyServiceServicer_to_server, wire)


async def _pairs(shared: Shared) -> Registered:
    pairing = Pairing(PairStore(shared.database), shared.workers, shared.in_force)
    await pairing.open()
    return pair_service_pb2.DESCRIPTOR, partial(add_PairServiceServicer_to_server, PairWire(pairing))


async def _next_purchases(shared: Shared) -> Registered:
    purchasing = NextPurchasing(NextStore(shared.database), shared.workers, shared.in_force)
    await purchasing.open()
    wire = NextPurchaseWire(purchasing)
    return next_purchase_service_pb2.DESCRIPTOR, partial(add_NextPurchaseServiceServicer_to_server, wire)


async def _answers(shared: Shared) -> Registered:
    answering = Answering(AnswerStore(shared.database), shared.in_force)
    await answering.open()
    return answer_service_pb2.DESCRIPTOR, partial(add_AnswerServiceServicer_to_server, AnswerWire(answering))


async def _policies(shared: Shared) -> Registered:
    store, url = PolicyStore(shared.database), shared.settings.database_url
    training = Training(store, shared.running, shared.workers, shared.in_force, url)
    await training.open()
    wire = PolicyWire(Evaluating(store, shared.workers, shared.in_force, url), training)
    return policy_service_pb2.DESCRIPTOR, partial(add_PolicyServiceServicer_to_server, wire)


async def serve(settings: Settings) -> None:
    await server.serve(await wired(settings, catalogue_file()))


def migrate(settings: Settings) -> None:
    if settings.database_url.startswith("sqlite:///"):
        Path(settings.database_url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    migrations.migrate(settings.database_url, PACKAGE)


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, 1 for a fault that the message explains, 2 for wrong arguments."""
    try:
        settings = load(Settings, os.environ)
        logs.configure(NAME, settings.log_level)
        if arguments == ["migrate"]:
            migrate(settings)
            return 0
        if arguments:
            sys.stderr.write(f"{PACKAGE}: got {' '.join(arguments)!r}; give nothing to serve, or `migrate`\n")
            return 2
        tls.configure("recommend", settings.tls)
        traces = tracing.configure(NAME, settings.traces)
        try:
            loops.run(serve(settings))
        finally:
            traces.shutdown()
    except (SettingsError, FieldwiseError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
