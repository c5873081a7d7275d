"""What is asked of tables of one's own, and how a file is uploaded piece by piece. Knows no channel."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from google.longrunning import operations_pb2

from fieldwise.forecast.v1 import table_service_pb2 as tables
from fieldwise_client.errors import FailedPrecondition, InvalidRequest
from fieldwise_client.names import new_request_id, resource
from fieldwise_client.requests import timestamp
from fieldwise_client.talks import M, Method, Patience, Talk, ask

# Large files on slow lines.
UPLOAD_SECONDS = 3_600.0
PIECE = 1 << 20
_HASHED = 1 << 20

Uploaded = Callable[[int, int], None]


def _of(method: str, answer: type[M]) -> Method[M]:
    return Method("gateway", f"/fieldwise.forecast.v1.TableService/{method}", answer)


CREATE_TABLE = _of("CreateTable", tables.Table)
WRITE_TABLE = _of("WriteTable", tables.Table)
GET_TABLE = _of("GetTable", tables.Table)
LIST_TABLES = _of("ListTables", tables.ListTablesResponse)
DELETE_TABLE = _of("DeleteTable", tables.DeleteTableResponse)
TRAIN_TABLE = _of("TrainTable", operations_pb2.Operation)
PREDICT_TABLE = _of("PredictTable", tables.PredictTableResponse)


def upload(
    table: str, path: Path, replace: bool, patience: Patience, progress: Uploaded | None
) -> Talk[tables.Table]:
    """Send a file; one that was broken off goes on where it stopped, one that is there already is not sent.

    Args:
        progress: Gets the bytes that have arrived and the bytes in all.
    """
    size = path.stat().st_size
    if not size:
        raise InvalidRequest.of(str(path), "0 bytes", "send a file with a header and rows")
    request = create(table, size, digest(path), replace)
    made: tables.Table = yield from ask(CREATE_TABLE, request, patience)
    told: Uploaded = progress or _silent
    at = made.received
    with path.open("rb") as file:
        while at < size:
            told(at, size)
            file.seek(at)
            at, made = yield from _sent(request.table_id, at, file.read(PIECE), patience)
    told(size, size)
    return made


def _sent(table: str, at: int, piece: bytes, patience: Patience) -> Talk[tuple[int, tables.Table]]:
    """Where to go on, and the table, after a piece."""
    if not piece:
        raise FailedPrecondition("the file became shorter while it was sent; send it again")
    name = resource("tables", table)
    request = tables.WriteTableRequest(name=name, offset=at, content=piece)
    try:
        written: tables.Table = yield from ask(WRITE_TABLE, request, patience)
    except FailedPrecondition as refused:
        if refused.reason != "WRONG_OFFSET":
            raise
        # Somebody else sends the same file, or a server lost what was not on disk yet.
        return int(refused.metadata["received"]), tables.Table(name=name)
    return at + len(piece), written


def _silent(_arrived: int, _size: int) -> None: ...


def digest(path: Path) -> str:
    """SHA-256 of a file in hex."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_HASHED):
            found.update(piece)
    return found.hexdigest()


def create(table: str, size: int, checksum: str, replace: bool) -> tables.CreateTableRequest:
    return tables.CreateTableRequest(
        table_id=table.removeprefix("tables/"),
        size=size,
        checksum=checksum,
        replace=replace,
        request_id=new_request_id(),
    )


def train(
    table: str,
    *,
    target: str,
    date: str,
    keys: Sequence[str],
    test_share: float,
    test_dates: int,
    learners: Sequence[str],
    without: Sequence[str],
    before: datetime | None,
    request_id: str | None,
) -> tables.TrainTableRequest:
    return tables.TrainTableRequest(
        name=resource("tables", table),
        request_id=request_id or new_request_id(),
        target=target,
        date=date,
        keys=keys,
        test_share=test_share,
        test_dates=test_dates,
        learners=learners,
        without=without,
        before=None if before is None else timestamp("before", before),
    )


def predict(table: str, rows: Iterable[Mapping[str, str]]) -> tables.PredictTableRequest:
    return tables.PredictTableRequest(
        name=resource("tables", table), rows=[tables.TableRow(values=row) for row in rows]
    )


def get(table: str) -> tables.GetTableRequest:
    return tables.GetTableRequest(name=resource("tables", table))


def delete(table: str) -> tables.DeleteTableRequest:
    return tables.DeleteTableRequest(name=resource("tables", table))
