"""TableService on the wire: translates, calls, translates back; no rules, no SQL."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import numpy as np
from google.longrunning.operations_pb2 import Operation

from fieldwise.forecast.v1 import table_service_pb2 as pb
from fieldwise.forecast.v1 import table_service_pb2_grpc
from fieldwise.forecast.v1.model_pb2 import TrainModelMetadata
from fieldwise_forecast.core.table.asked import Points, TableFitted, TableJob, Wish
from fieldwise_forecast.core.table.splitting import TEST_SHARE
from fieldwise_forecast.core.versions import Version
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_forecast.servicer.forecast import told
from fieldwise_forecast.store.tables import TableFile
from fieldwise_forecast.tables import Tables, moment, question_of
from fieldwise_forecast.wire import version_message
from fieldwise_runtime.errors import InvalidRequest, Violation
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.operations import Operations, Progress
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

PAGE, MOST = 100, 1000
TABLES = "tables"
LARGEST_PIECE = 2 << 20


class TableServicer(table_service_pb2_grpc.TableServiceServicer):
    """Tables of one's own: uploads, trainings, predictions."""

    def __init__(self, tables: Tables, operations: Operations) -> None:
        self._tables = tables
        self._operations = operations

    async def CreateTable(self, request: pb.CreateTableRequest, context: Any) -> pb.Table:
        created = request.decision_time.ToDatetime(UTC)
        file = TableFile(request.table_id, request.size, request.checksum, False, created)
        return await self._message(await self._tables.create(file, request.replace))

    async def WriteTable(self, request: pb.WriteTableRequest, context: Any) -> pb.Table:
        if not 0 < len(request.content) <= LARGEST_PIECE:
            remedy = f"give 1 to {LARGEST_PIECE:,} bytes"
            raise InvalidRequest([Violation("content", f"{len(request.content):,} bytes", remedy)])
        written = await self._tables.write(id_of(request.name), request.offset, request.content)
        return await self._message(written)

    async def GetTable(self, request: pb.GetTableRequest, context: Any) -> pb.Table:
        return await self._message(await self._tables.named(id_of(request.name)))

    async def ListTables(self, request: pb.ListTablesRequest, context: Any) -> pb.ListTablesResponse:
        size = clamp_page_size(request.page_size, PAGE, MOST)
        found = await self._tables.page(cursor_of(request.page_token, TABLES), size + 1)
        more = page_token(found[size - 1].id, TABLES) if len(found) > size else ""
        listed = [await self._message(file) for file in found[:size]]
        return pb.ListTablesResponse(tables=listed, next_page_token=more)

    async def DeleteTable(self, request: pb.DeleteTableRequest, context: Any) -> pb.DeleteTableResponse:
        await self._tables.delete(id_of(request.name))
        return pb.DeleteTableResponse()

    async def TrainTable(self, request: pb.TrainTableRequest, context: Any) -> Operation:
        table = id_of(request.name)
        file = await self._tables.whole(table)
        asked = question_of(file, fingerprint(request))
        at = request.decision_time.ToDatetime(UTC)
        job = job_of(request)

        async def work(progress: Progress) -> pb.TableReport:
            async with self._tables.turn:
                before = await self._tables.trained_before(table, asked)
                if before is not None:
                    version, report = before
                    return with_version(pb.TableReport.FromString(report), version)
                tell = told(progress, request.decision_time)
                version, fitted = await self._tables.train(file, job, at, tell)
                answer = report_message(fitted)
                if not fitted.unfinished:
                    await self._tables.remember(table, asked, version.number, answer.SerializeToString())
                return with_version(answer, version)

        waiting = TrainModelMetadata(step="waiting", decision_time=request.decision_time)
        return await self._operations.start(
            "forecast", request.request_id, fingerprint(request), work, waiting
        )

    async def PredictTable(self, request: pb.PredictTableRequest, context: Any) -> pb.PredictTableResponse:
        rows = [dict(row.values) for row in request.rows]
        version, values, unseen, missing = await self._tables.predict(id_of(request.name), rows)
        predictions = [
            pb.TablePrediction(value=value, unseen=columns)
            for value, columns in zip(values.tolist(), unseen, strict=True)
        ]
        return pb.PredictTableResponse(model_version=version.name, predictions=predictions, missing=missing)

    async def _message(self, file: TableFile) -> pb.Table:
        champion = await self._tables.champion(file.id)
        return pb.Table(
            name=f"tables/{file.id}",
            size=file.size,
            checksum=file.checksum,
            received=self._tables.received(file),
            champion="" if champion is None else champion.name,
            create_time=timestamp(file.created),
        )


def id_of(name: str) -> str:
    return name.removeprefix("tables/")


def job_of(request: pb.TrainTableRequest) -> TableJob:
    before = None
    if request.HasField("before"):
        before = np.datetime64(request.before.ToDatetime(), "s")
    wish = Wish(request.target, request.date, tuple(request.keys), tuple(request.without), before)
    share = request.test_share or TEST_SHARE
    return TableJob(wish, share, request.test_dates, tuple(request.learners))


def with_version(report: pb.TableReport, version: Version) -> pb.TableReport:
    report.version.CopyFrom(version_message(version))
    return report


def report_message(fitted: TableFitted) -> pb.TableReport:
    """The report without its version."""
    return pb.TableReport(
        target=fitted.target,
        date=fitted.date,
        split_by_time=fitted.first_test is not None,
        notes=fitted.notes,
        encoding=fitted.encoding,
        rows=fitted.rows,
        points=point_messages(fitted.points),
    )


def point_messages(points: Points) -> list[pb.TablePoint]:
    pairs = zip(points.actual.tolist(), points.predicted.tolist(), strict=True)
    found = [pb.TablePoint(actual=actual, predicted=predicted) for actual, predicted in pairs]
    if points.times is not None:
        for point, time in zip(found, points.times, strict=True):
            point.date.CopyFrom(timestamp(moment(time)))
    return found
