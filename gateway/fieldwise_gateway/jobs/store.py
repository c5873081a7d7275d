"""The jobs process's database: what ran, and how far outcomes were carried."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from fieldwise.gateway.v1 import jobs_service_pb2 as jobs_pb
from fieldwise_runtime.database import Database, upsert

metadata = sa.MetaData()

runs_table = sa.Table(
    "runs",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job", sa.String(32), nullable=False),
    sa.Column("run", sa.LargeBinary, nullable=False, comment="fieldwise.gateway.v1.JobRun"),
)

cursors_table = sa.Table(
    "cursors",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("position", sa.String(200), nullable=False),
)


class JobStore:
    """What ran, and how far outcomes were carried."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, run: jobs_pb.JobRun) -> None:
        """Keep a run that ended."""
        row = {"job": run.job, "run": run.SerializeToString()}
        await self._database.write(lambda connection: connection.execute(runs_table.insert().values(row)))

    async def newest(self, most: int) -> list[jobs_pb.JobRun]:
        """The newest runs, newest first."""
        chosen = sa.select(runs_table.c.run).order_by(runs_table.c.number.desc()).limit(most)
        rows = await self._database.read(lambda connection: connection.execute(chosen).scalars().all())
        return [jobs_pb.JobRun.FromString(raw) for raw in rows]

    async def last_time(self, job: str) -> datetime | None:
        """Business time of the newest run of a job, also of one that failed; None when it never ran."""
        chosen = sa.select(runs_table.c.run).where(runs_table.c.job == job)
        newest = chosen.order_by(runs_table.c.number.desc()).limit(1)
        raw = await self._database.read(lambda connection: connection.execute(newest).scalar())
        return None if raw is None else jobs_pb.JobRun.FromString(raw).decision_time.ToDatetime(tzinfo=UTC)

    async def position(self, name: str) -> str:
        """How far ``name`` was carried; empty for the beginning."""
        chosen = sa.select(cursors_table.c.position).where(cursors_table.c.name == name)
        return await self._database.read(lambda connection: connection.execute(chosen).scalar()) or ""

    async def move(self, name: str, position: str) -> None:
        """Remember how far ``name`` was carried."""
        statement = (
            upsert(cursors_table, self._database.dialect)
            .values(name=name, position=position)
            .on_conflict_do_update(index_elements=["name"], set_={"position": position})
        )
        await self._database.write(lambda connection: connection.execute(statement))
