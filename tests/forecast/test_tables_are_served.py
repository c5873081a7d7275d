"""TableService from end to end over a socket: a file in, a leaderboard and predictions out."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2

from fieldwise.forecast.v1 import forecast_service_pb2, model_pb2, table_service_pb2_grpc
from fieldwise.forecast.v1 import table_service_pb2 as pb
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_runtime.errors import from_rpc_error, from_status
from tests.forecast.forecast_servers import NOWHERE, Forecast, forecast_server
from tests.forecast.forecast_worlds import NOW
from tests.forecast.table_files import rows, stepped, straight, text

QUICK = ("base", "linear-regression")


@dataclass(frozen=True)
class Served:
    """A running service as those see it who bring files."""

    forecast: Forecast
    stub: Any

    async def created(self, content: bytes, table: str = "sales", **more: Any) -> pb.Table:
        checksum = hashlib.sha256(content).hexdigest()
        request = pb.CreateTableRequest(
            table_id=table,
            size=len(content),
            checksum=checksum,
            request_id="r",
            decision_time=timestamp(NOW),
            **more,
        )
        created: pb.Table = await self.stub.CreateTable(request)
        return created

    async def wrote(self, offset: int, content: bytes, table: str = "sales") -> pb.Table:
        request = pb.WriteTableRequest(name=f"tables/{table}", offset=offset, content=content)
        written: pb.Table = await self.stub.WriteTable(request)
        return written

    async def uploaded(self, content: str, table: str = "sales", **more: Any) -> None:
        await self.created(content.encode(), table, **more)
        await self.wrote(0, content.encode(), table)

    async def trained(self, request_id: str = "t", **more: Any) -> operations_pb2.Operation:
        more = {"learners": ["base"]} | more
        request = pb.TrainTableRequest(
            name="tables/sales", request_id=request_id, decision_time=timestamp(NOW), **more
        )
        started = await self.stub.TrainTable(request)
        return await self.forecast.ended(started.name)

    async def report(self, request_id: str = "t", **more: Any) -> pb.TableReport:
        operation = await self.trained(request_id, **more)
        found = pb.TableReport()
        assert operation.response.Unpack(found), operation.error
        return found

    async def predicted(self, *asked: dict[str, str]) -> pb.PredictTableResponse:
        listed = [pb.TableRow(values=row) for row in asked]
        answer: pb.PredictTableResponse = await self.stub.PredictTable(
            pb.PredictTableRequest(name="tables/sales", rows=listed)
        )
        return answer


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    async with forecast_server(folder, NOWHERE) as forecast:
        yield Served(forecast, table_service_pb2_grpc.TableServiceStub(forecast.channel))


ROW = {"date": "2023-08-01", "price": "10", "shop": "north"}


async def test_a_file_becomes_a_leaderboard_and_predictions_that_survive_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.uploaded(text(rows(200, straight)))
        report = await served.report(learners=QUICK)
        answer = await served.predicted(ROW, ROW | {"shop": "moon"}, {"price": "10"})
        short = await served.predicted({"price": "10"})
    version = report.version
    assert version.name == "models/table-sales/versions/1"
    assert version.role == model_pb2.MODEL_ROLE_CHAMPION
    assert version.learner == "linear-regression"
    assert {score.learner for score in version.leaderboard} == set(QUICK)
    assert set(version.leaderboard[0].metrics) == {"mse", "mae", "wape"}
    assert (report.target, report.date, report.split_by_time) == ("sales", "date", True)
    assert len(report.points) == version.test_rows == 40
    assert report.points[0].date.ToJsonString() == "2023-06-11T00:00:00Z"
    assert answer.model_version == version.name
    # 500 - 20 x 10 + 30 + 0.5 x 211 days, with noise of 3 a row.
    assert answer.predictions[0].value == pytest.approx(435.5, abs=5)
    assert [list(each.unseen) for each in answer.predictions] == [[], ["shop"], []]
    assert (list(answer.missing), list(short.missing)) == ([], ["date", "shop"])
    async with serving(tmp_path) as served:
        again = await served.predicted(ROW)
        versions = await served.forecast.stub.ListModelVersions(
            forecast_service_pb2.ListModelVersionsRequest()
        )
    assert again.predictions[0] == answer.predictions[0]
    assert [each.name for each in versions.versions] == [version.name]


async def test_a_broken_upload_goes_on_where_it_stopped(tmp_path: Path) -> None:
    content = text(rows(60)).encode()
    async with serving(tmp_path) as served:
        await served.created(content)
        await served.wrote(0, content[:700])
        with pytest.raises(grpc.aio.AioRpcError) as early:
            await served.trained()
    async with serving(tmp_path) as served:
        table = await served.created(content)
        assert table.received == 700
        with pytest.raises(grpc.aio.AioRpcError) as gap:
            await served.wrote(900, content[900:])
        # A piece that overlaps what is there adds only what is new.
        await served.wrote(500, content[500:1000])
        table = await served.wrote(1000, content[1000:])
        assert table.received == len(content)
    fault = from_rpc_error(gap.value)
    assert (fault.reason, fault.metadata["received"]) == ("WRONG_OFFSET", "700")
    incomplete = from_rpc_error(early.value)
    assert (incomplete.reason, incomplete.metadata["received"]) == ("TABLE_INCOMPLETE", "700")


async def test_bytes_that_changed_on_the_way_are_refused_and_sent_again(tmp_path: Path) -> None:
    content = text(rows(60)).encode()
    async with serving(tmp_path) as served:
        await served.created(content)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await served.wrote(0, content[:-4] + b"9999")
        assert (await served.created(content)).received == 0
        assert (await served.wrote(0, content)).received == len(content)
    assert from_rpc_error(refused.value).reason == "CHECKSUM_DIFFERS"


async def test_another_file_under_the_name_has_to_be_asked_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.uploaded(text(rows(60, straight)))
        version = (await served.report()).version
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await served.created(text(rows(60, stepped)).encode())
        await served.uploaded(text(rows(60, stepped)), replace=True)
        listed = await served.stub.ListTables(pb.ListTablesRequest())
        await served.stub.DeleteTable(pb.DeleteTableRequest(name="tables/sales"))
        left = await served.stub.ListTables(pb.ListTablesRequest())
        answer = await served.predicted(ROW)
    assert from_rpc_error(refused.value).reason == "TABLE_EXISTS"
    assert [(table.name, table.champion) for table in listed.tables] == [("tables/sales", version.name)]
    assert not left.tables
    assert not list((tmp_path / "tables" / "sales").iterdir())
    assert answer.model_version == version.name


async def test_the_same_file_and_question_give_the_same_version(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.uploaded(text(rows(60)))
        one, two = await asyncio.gather(served.report("one"), served.report("two"))
        other = await served.report("three", test_dates=5)
    assert one == two
    assert other.version.name == "models/table-sales/versions/2"
    assert other.version.test_rows == 5


async def test_every_fault_of_a_file_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    good = rows(60)
    bad = [[*row[:3], "7"] for row in good]
    bad[4][1] = "inf"
    async with serving(tmp_path) as served:
        await served.uploaded(text(good))
        with pytest.raises(grpc.aio.AioRpcError) as untrained:
            await served.predicted(ROW)
        champion = (await served.report()).version.name
        await served.uploaded(text(bad), replace=True)
        operation = await served.trained("t2")
        table = await served.stub.GetTable(pb.GetTableRequest(name="tables/sales"))
        answer = await served.predicted(ROW)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await served.predicted(ROW, ROW | {"price": "cheap", "date": "soon"}, ROW | {"price": "inf"})
        with pytest.raises(grpc.aio.AioRpcError) as another:
            await served.predicted(ROW, {"prise": "10"})
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await served.stub.GetTable(pb.GetTableRequest(name="tables/nobody"))
    fault = from_status(operation.error)
    assert fault.code == grpc.StatusCode.INVALID_ARGUMENT
    assert {violation.field for violation in fault.violations} == {"price", "sales"}
    assert (table.champion, answer.model_version) == (champion, champion)
    assert from_rpc_error(untrained.value).reason == "NO_MODEL"
    fields = {violation.field for violation in from_rpc_error(refused.value).violations}
    assert fields == {"rows[1].values['price']", "rows[1].values['date']", "rows[2].values['price']"}
    (stranger,) = from_rpc_error(another.value).violations
    assert (stranger.field, stranger.value) == ("rows[1]", "'prise'")
    assert from_rpc_error(unknown.value).reason == "TABLE_NOT_FOUND"


async def test_a_training_that_is_cancelled_leaves_nothing_and_can_be_asked_for_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.uploaded(text(rows(60)))
        request = pb.TrainTableRequest(name="tables/sales", request_id="t", decision_time=timestamp(NOW))
        started = await served.stub.TrainTable(request)
        await asyncio.sleep(0.2)
        cancel = operations_pb2.CancelOperationRequest(name=started.name)
        await served.forecast.operations.CancelOperation(cancel)
        ended = await served.forecast.ended(started.name)
        again = await served.report("t2")
    assert from_status(ended.error).reason == "OPERATION_CANCELLED"
    assert again.version.name == "models/table-sales/versions/1"
