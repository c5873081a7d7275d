"""Drafts of actions, and which catalogue was put in force when, in SQL; knows no rule."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from fieldwise_recommend.core.catalogue_writing import written
from fieldwise_recommend.core.drafts import Change, Draft, State
from fieldwise_recommend.store.decisions import catalogues, decisions
from fieldwise_recommend.store.experience import choices
from fieldwise_runtime.database import Database, upsert

_metadata: Final = sa.MetaData()

catalogue_drafts: Final = sa.Table(
    "catalogue_drafts",
    _metadata,
    sa.Column("subject", sa.String(80), primary_key=True),
    sa.Column("change", sa.String(16), nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # TOML
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("authors", sa.Text, nullable=False),  # JSON
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("base_version", sa.String(12), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),  # microseconds since 1970
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Column("request_id", sa.String(128), nullable=False),
)
# Every time a catalogue came into force; the last row says which is.
catalogue_releases: Final = sa.Table(
    "catalogue_releases",
    _metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.String(12), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("changes", sa.Text, nullable=False),  # JSON
    sa.Column("released_at", sa.BigInteger, nullable=False),  # microseconds since 1970
    sa.Column("request_id", sa.String(128), nullable=True, unique=True),  # NULL: it came with the program
    sa.Column("fingerprint", sa.String(64), nullable=False),
)


class Kind(StrEnum):
    """How a catalogue came to be in force."""

    SHIPPED = "shipped"
    PUBLISHED = "published"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Made:
    """One change of a published version, and who made it."""

    subject: str
    change: str
    authors: tuple[str, ...]
    reviewer: str
    note: str


@dataclass(frozen=True, slots=True)
class Release:
    """A catalogue that was put in force; ``released_at`` in microseconds since 1970, 0 for what came with the program."""

    number: int
    version: str
    kind: Kind
    actor: str
    note: str
    released_at: int
    changes: tuple[Made, ...] = ()
    request_id: str | None = None
    fingerprint: str = ""


class CatalogueStore:
    """All statements about the catalogue's life."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self) -> Release | None:
        """What is in force."""
        found = await self.releases(1)
        return found[0] if found else None

    async def releases(self, most: int, below: int | None = None) -> list[Release]:
        """The newest, newest first; with ``below`` only those of smaller numbers."""
        query = sa.select(catalogue_releases).order_by(catalogue_releases.c.number.desc()).limit(most)
        if below is not None:
            query = query.where(catalogue_releases.c.number < below)
        return await self._releases(query)

    async def release_of(self, request_id: str) -> Release | None:
        """What a request put in force."""
        query = sa.select(catalogue_releases).where(catalogue_releases.c.request_id == request_id)
        return next(iter(await self._releases(query)), None)

    async def was_in_force(self, version: str) -> bool:
        query = sa.select(catalogue_releases).where(catalogue_releases.c.version == version).limit(1)
        return bool(await self._releases(query))

    async def _releases(self, query: sa.Select[Any]) -> list[Release]:
        return await self._database.read(
            lambda connection: [_release(row) for row in connection.execute(query)]
        )

    async def body(self, version: str) -> bytes | None:
        """The file of a version."""
        query = sa.select(catalogues.c.body).where(catalogues.c.version == version)
        return await self._database.read(lambda connection: connection.execute(query).scalar_one_or_none())

    async def put_in_force(self, release: Release, body: bytes, published: Sequence[str]) -> None:
        """Keeps a release and its file, and drops the drafts that it was made of; all or nothing."""
        kept = upsert(catalogues, self._database.dialect).on_conflict_do_nothing()
        values = {**asdict(release), "changes": json.dumps([asdict(made) for made in release.changes])}

        def work(connection: sa.Connection) -> None:
            connection.execute(kept, {"version": release.version, "body": body})
            connection.execute(sa.insert(catalogue_releases), values)
            if published:
                connection.execute(
                    sa.delete(catalogue_drafts).where(catalogue_drafts.c.subject.in_(published))
                )

        await self._database.write(work)

    async def recent_inputs(self, most: int) -> list[bytes]:
        """What the newest decisions were made from, newest first; those of erased customers are empty and left out."""
        query = (
            sa.select(decisions.c.inputs)
            .join(choices, choices.c.decision == decisions.c.name)
            .where(decisions.c.customer != "")
            .order_by(choices.c.decision_time.desc(), choices.c.decision.desc())
            .limit(most)
        )
        return await self._database.read(lambda connection: list(connection.execute(query).scalars()))

    async def drafts(self) -> list[Draft]:
        """All drafts, by subject."""
        query = sa.select(catalogue_drafts).order_by(catalogue_drafts.c.subject)
        return await self._database.read(
            lambda connection: [_draft(row) for row in connection.execute(query)]
        )

    async def keep(self, drafts: Sequence[Draft]) -> None:
        """Writes drafts over those of the same subjects."""
        subjects = [draft.subject for draft in drafts]

        def work(connection: sa.Connection) -> None:
            connection.execute(sa.delete(catalogue_drafts).where(catalogue_drafts.c.subject.in_(subjects)))
            connection.execute(sa.insert(catalogue_drafts), [_values(draft) for draft in drafts])

        if drafts:
            await self._database.write(work)

    async def drop(self, subject: str) -> None:
        gone = sa.delete(catalogue_drafts).where(catalogue_drafts.c.subject == subject)

        def work(connection: sa.Connection) -> None:
            connection.execute(gone)

        await self._database.write(work)


def _release(row: Any) -> Release:
    made = tuple(Made(**{**each, "authors": tuple(each["authors"])}) for each in json.loads(row.changes))
    return Release(
        row.number,
        row.version,
        Kind(row.kind),
        row.actor,
        row.note,
        row.released_at,
        made,
        row.request_id,
        row.fingerprint,
    )


def _draft(row: Any) -> Draft:
    return Draft(
        subject=row.subject,
        change=Change(row.change),
        table=tomllib.loads(row.body),
        authors=tuple(json.loads(row.authors)),
        created_at=row.created_at,
        changed_at=row.changed_at,
        base_version=row.base_version,
        request_id=row.request_id,
        note=row.note,
        state=State(row.state),
        reviewer=row.reviewer,
    )


def _values(draft: Draft) -> dict[str, object]:
    return {
        "subject": draft.subject,
        "change": draft.change,
        "body": written(draft.table).decode(),
        "state": draft.state,
        "authors": json.dumps(draft.authors),
        "reviewer": draft.reviewer,
        "note": draft.note,
        "base_version": draft.base_version,
        "created_at": draft.created_at,
        "changed_at": draft.changed_at,
        "request_id": draft.request_id,
    }
