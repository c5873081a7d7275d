"""Entry point: `python -m fieldwise_profile` serves, `... migrate` prepares the database. The only place that wires."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import grpc
from google.protobuf.descriptor import FileDescriptor

from fieldwise.profile.v1 import (
    identity_service_pb2,
    privacy_service_pb2,
    profile_service_pb2,
    quality_service_pb2,
    schema_service_pb2,
    segment_service_pb2,
    tag_service_pb2,
)
from fieldwise.profile.v1.identity_service_pb2_grpc import add_IdentityServiceServicer_to_server
from fieldwise.profile.v1.privacy_service_pb2_grpc import add_PrivacyServiceServicer_to_server
from fieldwise.profile.v1.profile_service_pb2_grpc import add_ProfileServiceServicer_to_server
from fieldwise.profile.v1.quality_service_pb2_grpc import add_QualityServiceServicer_to_server
from fieldwise.profile.v1.schema_service_pb2_grpc import add_SchemaServiceServicer_to_server
from fieldwise.profile.v1.segment_service_pb2_grpc import add_SegmentServiceServicer_to_server
from fieldwise.profile.v1.tag_service_pb2_grpc import add_TagServiceServicer_to_server
from fieldwise_executor.executor import opened
from fieldwise_profile import identity_weights, measures, preparing
from fieldwise_profile.auditing import Auditing
from fieldwise_profile.behaving import Behaving
from fieldwise_profile.consenting import Consenting
from fieldwise_profile.core.consent import Unasked
from fieldwise_profile.core.identity.policy import Thresholds
from fieldwise_profile.core.purposes import Purpose
from fieldwise_profile.core.register import days_told
from fieldwise_profile.dead_letters import DeadLetters
from fieldwise_profile.duplicates import Duplicates
from fieldwise_profile.erasing import Around, Erasing
from fieldwise_profile.exporting import Exporting
from fieldwise_profile.field_qualities import FieldQualities
from fieldwise_profile.identifying import Identifying
from fieldwise_profile.identities import Identities
from fieldwise_profile.ingest import Ingest
from fieldwise_profile.lifecycles import Lifecycles
from fieldwise_profile.linking import Linking
from fieldwise_profile.listing_events import EventLists
from fieldwise_profile.listing_links import Listing
from fieldwise_profile.listing_outcomes import OutcomeLists
from fieldwise_profile.matching import Matching
from fieldwise_profile.permitting import permitted_for
from fieldwise_profile.picturing import Pictures
from fieldwise_profile.reading import Reader
from fieldwise_profile.rebuilding import Rebuilding
from fieldwise_profile.replaying import Replaying
from fieldwise_profile.resolving import Resolving
from fieldwise_profile.retention import Retention
from fieldwise_profile.reviewing import Reviewing
from fieldwise_profile.rotating import Rotating
from fieldwise_profile.schemas import Catalogue
from fieldwise_profile.sealing import Sealing
from fieldwise_profile.segmenting import Segments
from fieldwise_profile.servicer.identity import IdentityParts, IdentityWire
from fieldwise_profile.servicer.privacy import Parts as PrivacyParts
from fieldwise_profile.servicer.privacy import Privacy
from fieldwise_profile.servicer.profiles import Parts, Profiles
from fieldwise_profile.servicer.quality import QualityWire
from fieldwise_profile.servicer.schemas import Parts as SchemaParts
from fieldwise_profile.servicer.schemas import SchemasAndLetters
from fieldwise_profile.servicer.segments import SegmentWire
from fieldwise_profile.servicer.tags import TagWire
from fieldwise_profile.settings import Settings
from fieldwise_profile.showing import Showing
from fieldwise_profile.standings import Standings
from fieldwise_profile.states import States
from fieldwise_profile.store import appending, consents, identity_export, identity_records
from fieldwise_profile.store.identity_records import Registry
from fieldwise_profile.tag_reading import TagReading
from fieldwise_profile.tag_reports import TagReports
from fieldwise_profile.tag_worth import TagWorth
from fieldwise_profile.tagging import Tags
from fieldwise_profile.telling_changes import ChangeTelling
from fieldwise_profile.training import Training
from fieldwise_profile.trying import Trying
from fieldwise_profile.viewing import Viewing
from fieldwise_profile.watching import Watching
from fieldwise_runtime import logs, loops, migrations, server, tls, tracing
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.peers import COMPOSERS, Callers
from fieldwise_runtime.settings import SettingsError, load

PACKAGE: Final = "fieldwise_profile"
NAME: Final = "fieldwise-profile"
# How late this process may see what another process wrote to the same PostgreSQL.
_FOLLOW_SECONDS: Final = 0.25
# How often unfinished erasures are taken up again, and reads of personal fields are written down.
_TEND_SECONDS: Final = 30.0


async def wired(settings: Settings) -> server.Service:
    """The service on its database.

    Raises:
        FailedPrecondition: The database is not at the right revision, or the key file is not the one of the database.
    """
    migrations.verify(settings.database_url, PACKAGE)
    sealing = preparing.opened(settings.database_url, settings.keys)
    # Full durability: a device deletes its own copy of an event once the event is acknowledged.
    database = Database.open(settings.database_url)
    position = await database.read(appending.position)
    states = States(database, position, settings.cached_customers, sealing)
    unasked = Unasked(settings.unasked)
    people = await Identities.load(database)
    viewing = Viewing(database, states, people, sealing)
    training = Training(database, settings.database_url, people=people)
    executor = await opened(settings.executor, settings.executor_processes)
    segments = Segments(database, viewing, unasked, executor)
    consenting = Consenting(database, sealing, unasked)
    lifecycles = Lifecycles(database, training, permitted_for(consenting, Purpose.TRAINING))
    standings = Standings(database, viewing, unasked, executor)
    # What other processes may make anew as well; read at start, then followed.
    tags = Tags(database, segments)
    followed = (segments.load, lifecycles.load, standings.load, tags.catch_up)
    for load_latest in followed:
        await load_latest()
    pictures = Pictures(settings.currency, settings.cached_customers, (segments, lifecycles, standings, tags))
    showing = Showing(viewing, pictures, unasked, FieldQualities(database, sealing))
    watching = Watching(database, states, showing, people)
    auditing = Auditing(database, sealing)
    catalogue = Catalogue(database, auditing)
    await catalogue.load()
    reader = Reader(settings.currency, lambda: catalogue.current)
    identity = _identity(database, states, sealing, people, settings)
    ingest = Ingest(
        database, states, sealing, beside=(consents.keep, identity.registry.keep, auditing.identified)
    )
    erasing = Erasing(
        database,
        sealing,
        auditing,
        # Whoever keeps something of customers adds what deletes it and what forgets it here.
        Around(
            url=settings.database_url,
            members=people.members,
            committed=states.committed,
            erasers=(identity_records.erase,),
            forgetters=(
                showing.forget,
                reader.forget,
                segments.forget,
                identity.matching.forget,
                people.forget,
            ),
        ),
    )
    await erasing.begin()
    works = [_tend((erasing.take_up, auditing.flush))]
    if settings.identity_lookup == "background":
        works.append(identity.identifying.run())
    if database.dialect == "postgresql":
        level = (states.catch_up, identity.linking.catch_up, erasing.follow, catalogue.load, *followed)
        works.append(_follow(level))
    background = [asyncio.create_task(work) for work in works]
    retention = Retention(
        database, sealing, auditing, days_told(settings.retention), catalogue.current, showing.forget
    )
    privacy_parts = PrivacyParts(
        reader=reader,
        ingest=ingest,
        consenting=consenting,
        exporting=Exporting(database, sealing, auditing, people.members, (identity_export.lines,)),
        erasing=erasing,
        auditing=auditing,
        retention=retention,
        rotating=Rotating(database, sealing, auditing),
    )
    profiles = Profiles(
        Parts(
            database=database,
            reader=reader,
            ingest=ingest,
            showing=showing,
            training=training,
            behaving=Behaving(database, settings.database_url, training),
            consenting=consenting,
            watching=watching,
            changes=ChangeTelling(states, showing),
            event_lists=EventLists(database, sealing),
            outcomes=OutcomeLists(database, consenting, people.members),
            rebuilding=Rebuilding(database, states, showing.forget, sealing),
            auditing=auditing,
            currency=settings.currency,
        )
    )
    served = _served(
        profiles,
        SegmentWire(segments, lifecycles, settings.currency),
        QualityWire(
            Replaying(database, viewing, segments),
            Reviewing(database, sealing, auditing, people.members),
            standings,
        ),
        TagWire(
            tags,
            TagReading(database, viewing, showing, tags),
            TagWorth(database, settings.database_url, viewing, tags, unasked),
            TagReports(database),
        ),
        IdentityWire(identity.parts),
        Privacy(privacy_parts),
        SchemasAndLetters(SchemaParts(catalogue, DeadLetters(database, reader, sealing, ingest), auditing)),
    )

    def register(grpc_server: grpc.aio.Server) -> None:
        for _, add, servicer in served:
            add(servicer, grpc_server)

    async def ready() -> Mapping[str, bool]:
        return {"": await database.reachable(PACKAGE)}

    async def close() -> None:
        for task in background:
            task.cancel()
        await auditing.flush()
        await watching.close()
        await viewing.close()
        await executor.close()
        await database.close()

    return server.Service(
        name=NAME,
        listen=settings.listen,
        metrics=settings.metrics,
        measure=partial(measures.measure, database),
        register=register,
        service_names=[each.full_name for file, *_ in served for each in file.services_by_name.values()],
        ready=ready,
        on_stop=close,
        callers=Callers(COMPOSERS | {"forecast"}),
        # A fault in one event rejects that event, never its batch.
        checked_by_handler=frozenset(
            {
                "fieldwise.profile.v1.IngestEventsRequest.events",
                # What was refused is kept as it came.
                "fieldwise.profile.v1.KeepRefusedEventsRequest.events",
            }
        ),
    )


_Served = tuple[FileDescriptor, Callable[[Any, grpc.aio.Server], None], object]


def _served(
    profiles: Profiles,
    segments: SegmentWire,
    quality: QualityWire,
    tags: TagWire,
    identity: IdentityWire,
    privacy: Privacy,
    schemas: SchemasAndLetters,
) -> tuple[_Served, ...]:
    """One line for each proto service: what it is called, how it is added, what answers it."""
    return (
        (profile_service_pb2.DESCRIPTOR, add_ProfileServiceServicer_to_server, profiles),
        (segment_service_pb2.DESCRIPTOR, add_SegmentServiceServicer_to_server, segments),
        (quality_service_pb2.DESCRIPTOR, add_QualityServiceServicer_to_server, quality),
        (tag_service_pb2.DESCRIPTOR, add_TagServiceServicer_to_server, tags),
        (identity_service_pb2.DESCRIPTOR, add_IdentityServiceServicer_to_server, identity),
        (privacy_service_pb2.DESCRIPTOR, add_PrivacyServiceServicer_to_server, privacy),
        (schema_service_pb2.DESCRIPTOR, add_SchemaServiceServicer_to_server, schemas),
    )


@dataclass(frozen=True)
class _Identity:
    """What finds out who is who."""

    registry: Registry
    matching: Matching
    linking: Linking
    identifying: Identifying
    parts: IdentityParts


def _identity(
    database: Database, states: States, sealing: Sealing, people: Identities, settings: Settings
) -> _Identity:
    registry = Registry(sealing.blind)
    most_sharing = settings.identity_most_sharing
    weights = identity_weights.installed(settings.identity_weights)
    matching = Matching(database, registry, sealing.opened, weights, most_sharing)
    linking = Linking(database, people, states)
    thresholds = Thresholds(settings.identity_link, settings.identity_review)
    parts = IdentityParts(
        duplicates=Duplicates(matching, people),
        linking=linking,
        listing=Listing(database),
        resolving=Resolving(database, matching, linking, thresholds, most_sharing),
        identities=people,
    )
    identifying = Identifying(database, matching, linking, people, thresholds)
    return _Identity(registry, matching, linking, identifying, parts)


async def _follow(catch_ups: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Keeps level with what other processes write. A database that is away is health's matter; here we try again."""
    trying = Trying()
    while True:
        await asyncio.sleep(_FOLLOW_SECONDS)
        for catch_up in catch_ups:
            await trying.result(catch_up)


async def _tend(works: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Does what has to be done now and then, and first of all at the start; what fails is tried again."""
    trying = Trying()
    while True:
        for work in works:
            await trying.result(work)
        await asyncio.sleep(_TEND_SECONDS)


async def serve(settings: Settings) -> None:
    await server.serve(await wired(settings))


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, 1 for a fault that the message explains, 2 for wrong arguments."""
    if arguments not in ([], ["migrate"]):
        sys.stderr.write(f"{PACKAGE}: got {' '.join(arguments)!r}; give nothing to serve, or `migrate`\n")
        return 2
    try:
        settings = load(Settings, os.environ)
        logs.configure(NAME, settings.log_level)
        if arguments:
            migrations.migrate(settings.database_url, PACKAGE)
        else:
            _serve(settings)
    except (SettingsError, FieldwiseError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _serve(settings: Settings) -> None:
    tls.configure("profile", settings.tls)
    traces = tracing.configure(NAME, settings.traces_address)
    try:
        loops.run(serve(settings))
    finally:
        traces.shutdown()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
