"""Tables of one's own: the leaderboard's truth, what is refused, what large files cost, how long it takes end to end."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration

from benchmarks.forecast import tutorial
from benchmarks.forecast.table_process import cost_of
from benchmarks.forecast.table_worlds import WORLDS, table, write_large
from benchmarks.report import Row
from fieldwise.forecast.v1 import table_service_pb2 as pb
from fieldwise.forecast.v1 import table_service_pb2_grpc
from fieldwise_forecast.__main__ import PACKAGE, assembled
from fieldwise_forecast.core.table import learners
from fieldwise_forecast.core.table.asked import TableFitted, TableJob, Wish
from fieldwise_forecast.core.table.encoding import learnt
from fieldwise_forecast.core.table.splitting import by_time
from fieldwise_forecast.profile_reader import timestamp
from fieldwise_forecast.settings import Settings
from fieldwise_forecast.table_job import train
from fieldwise_forecast.table_reading import read
from fieldwise_forecast.table_source import opened
from fieldwise_runtime import migrations
from fieldwise_runtime.errors import InvalidRequest
from fieldwise_runtime.server import start

EXAMPLE = tutorial.FILE
QUICK_ROWS, FULL_ROWS = 100_000, 10_000_000
SEEDS = (1, 2)
SMALL = 400

FOREIGN = """
import numpy as np

class Ridge:
    def fit(self, X, y):
        self.weights = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y, rcond=None)[0]

    def predict(self, X):
        return np.column_stack([X, np.ones(len(X))]) @ self.weights

    def to_bytes(self):
        return self.weights.tobytes()

    @classmethod
    def from_bytes(cls, content):
        found = cls()
        found.weights = np.frombuffer(content)
        return found
"""


def rows(*, quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        yield from example()
        yield from agreement()
        yield from best_serves(Path(folder))
        yield from future(Path(folder))
        yield from encodings(Path(folder))
        yield from refusals(Path(folder))
        yield from foreign(Path(folder))
        yield from tutorial.rows()
        yield from asyncio.run(end_to_end(Path(folder)))
        yield from large(Path(folder), QUICK_ROWS if quick else FULL_ROWS)


def example() -> Iterator[Row]:
    """The tutorial's file: every learner on one split, and who serves."""
    fitted = train(EXAMPLE, TableJob())
    scores = {each.learner: each.measures for each in fitted.standings if each.measures is not None}
    for learner, measures in scores.items():
        yield Row(f"sales_data.csv, MSE of {learner}", measures.mse, "sales^2")
        yield Row(f"sales_data.csv, WAPE of {learner}", measures.wape, "share")
    best = min(scores, key=lambda name: scores[name].mse)
    yield Row(
        "sales_data.csv: the best by MSE serves", float(fitted.served == best), "1 is yes", "must", ">= 1"
    )
    by_time = fitted.first_test is not None
    yield Row("sales_data.csv: split by time", float(by_time), "1 is yes", "must", ">= 1")


def agreement() -> Iterator[Row]:
    """Our leaderboard beside scikit-learn, fitted and judged by hand on the same split."""
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import mean_absolute_error, mean_squared_error

    whole = read(opened(EXAMPLE), Wish(), lambda _: None).table
    split = by_time(whole, "date", 0)
    assert split is not None
    earlier, later = whole.take(split.train), whole.take(split.test)
    encoding = learnt(earlier.without("sales"))
    early, sales = encoding.encode(earlier), earlier.numbers("sales")
    late, actual = encoding.encode(later), later.numbers("sales")
    fitted = train(EXAMPLE, TableJob())
    theirs = {
        "linear-regression": LinearRegression(),
        "decision-tree": learners.decision_tree(),
        "random-forest": learners.random_forest(len(sales)),
    }
    for name, estimator in theirs.items():
        said = estimator.fit(early, sales).predict(late)
        ours = next(each.measures for each in fitted.standings if each.learner == name)
        assert ours is not None
        off = max(
            abs(ours.mse / mean_squared_error(actual, said) - 1),
            abs(ours.mae / mean_absolute_error(actual, said) - 1),
        )
        yield Row(f"{name}: MSE and MAE off scikit-learn's own, relative", off, "", "must", "<= 1e-9")


def best_serves(folder: Path) -> Iterator[Row]:
    """Worlds in which another learner is best each time; what serves is never worse than XGBoost."""
    served, lost = [], 0
    for world in WORLDS:
        for seed in SEEDS:
            fitted = trained(folder, table(world, SMALL, seed))
            errors = {each.learner: each.measures.mse for each in fitted.standings if each.measures}
            served.append(errors[fitted.served] <= min(errors.values()))
            lost += fitted.served != "xgboost"
    yield Row(
        "the best of the leaderboard serves, share of files", float(np.mean(served)), "share", "must", ">= 1"
    )
    yield Row("files on which XGBoost lost and another serves", lost, f"of {len(served)}", "must", ">= 1")


def future(folder: Path) -> Iterator[Row]:
    """A training as of an earlier day, with and without rows that came later."""
    known = table("steps", SMALL, 3)
    later = [["2023-01-01", "900", "moon", "7", "-5000"], ["2023-01-02", "", "", "", "1e7"]]
    job = TableJob(Wish(date="date", before=np.datetime64(known[-1][0], "s")))
    one, two = (trained(folder, each, job) for each in (known, [*known, *later]))
    same = one.file == two.file and [e.measures for e in one.standings] == [e.measures for e in two.standings]
    yield Row("scores changed by rows of the future", float(not same), "of 1", "must", "<= 0")


def encodings(folder: Path) -> Iterator[Row]:
    """The same Chinese file in three encodings gives the same model to the byte."""
    lines = table("steps", SMALL, 4)
    lines[0] = ["日期", "价格", "门店", "促销", "销售额"]
    named = [[each[0], each[1], f"{each[2]}号店", *each[3:]] for each in lines[1:]]
    files = []
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        path = folder / "chinese.csv"
        path.write_text(text([lines[0], *named]), encoding=encoding)
        files.append(train(path, TableJob()).file)
    yield Row("encodings that give another model", len(set(files)) - 1, "of 3", "must", "<= 0")


def refusals(folder: Path) -> Iterator[Row]:
    """Bad files, each of which has to be refused with the right field named."""
    good = table("line", 60, 5)
    head, body = good[0], good[1:]
    price, sales = head.index("price"), head.index("sales")
    bad: dict[str, tuple[str, list[list[str]]]] = {
        "empty file": ("file", []),
        "one row": ("file", good[:2]),
        "constant target": ("sales", [head, *([*row[:sales], "7"] for row in body)]),
        "duplicate dates": ("date", [head, *body, body[-1]]),
        "infinite value": ("price", [head, *body[:-1], [*body[-1][:price], "inf", *body[-1][price + 1 :]]]),
        "copy of the target": ("twin", [[*head, "twin"], *([*row, row[sales]] for row in body)]),
        "line of the target": (
            "twin",
            [[*head, "twin"], *([*row, str(3 - 2 * float(row[sales]))] for row in body)],
        ),
    }
    named = 0
    for field, lines in bad.values():
        try:
            trained(folder, lines)
        except InvalidRequest as refused:
            named += [fault.field for fault in refused.violations] == [field]
    yield Row(
        "bad files refused with the right field alone", named, f"of {len(bad)}", "must", f">= {len(bad)}"
    )


def foreign(folder: Path) -> Iterator[Row]:
    """A learner of another distribution, found by its entry point."""
    metadata = folder / "ridge-1.0.dist-info"
    metadata.mkdir()
    (folder / "bench_ridge.py").write_text(FOREIGN)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: ridge\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[fieldwise.learners]\nridge = bench_ridge:Ridge\n")
    sys.path.insert(0, str(folder))
    try:
        fitted = trained(folder, table("line", SMALL, 6), TableJob(learners=("base", "xgboost", "ridge")))
    finally:
        sys.path.remove(str(folder))
    scored = [each.learner for each in fitted.standings if each.measures is not None]
    yield Row(
        "a learner of another package in the leaderboard",
        float("ridge" in scored),
        "1 is yes",
        "must",
        ">= 1",
    )
    yield Row("and serving where it is best", float(fitted.served == "ridge"), "1 is yes", "must", ">= 1")


async def end_to_end(folder: Path) -> list[Row]:
    """The tutorial's file over a socket: upload, all learners in a process of its own, predictions."""
    settings = Settings(
        listen="127.0.0.1:0",
        database_url=f"sqlite:///{folder / 'forecast.sqlite'}",
        profile_address="127.0.0.1:1",
        data=folder,
    )
    await asyncio.to_thread(migrations.migrate, settings.database_url, PACKAGE)
    running = await start(await assembled(settings))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub: Any = table_service_pb2_grpc.TableServiceStub(channel)
        begun = time.monotonic()
        await upload_and_train(stub, operations_pb2.OperationsStub(channel))
        seconds = time.monotonic() - begun
        milliseconds = [await one_row(stub) for _ in range(200)]
    await running.stop()
    return [
        Row("sales_data.csv from upload to serving", seconds, "s", "must", "<= 60"),
        Row("one row foretold by RPC, median", float(np.median(milliseconds)), "ms"),
        Row("one row foretold by RPC, p99", float(np.quantile(milliseconds, 0.99)), "ms"),
    ]


async def upload_and_train(stub: Any, operations: Any) -> None:
    now = timestamp(datetime(2024, 6, 1, tzinfo=UTC))
    content = EXAMPLE.read_bytes()
    created = pb.CreateTableRequest(
        table_id="bench",
        size=len(content),
        checksum=hashlib.sha256(content).hexdigest(),
        request_id="bench",
        decision_time=now,
    )
    name = (await stub.CreateTable(created)).name
    await stub.WriteTable(pb.WriteTableRequest(name=name, content=content))
    asked = pb.TrainTableRequest(name=name, request_id="bench", decision_time=now)
    started = await stub.TrainTable(asked)
    wait = operations_pb2.WaitOperationRequest(name=started.name, timeout=Duration(seconds=60))
    while not (ended := await operations.WaitOperation(wait)).done:
        pass
    assert ended.HasField("response"), ended.error


async def one_row(stub: Any) -> float:
    """Milliseconds of one prediction."""
    row = {"date": "2024-01-02", "price": "9", "promotion": "1", "advertising": "57", "weather": "sun"}
    begun = time.perf_counter()
    await stub.PredictTable(pb.PredictTableRequest(name="tables/bench", rows=[pb.TableRow(values=row)]))
    return 1000 * (time.perf_counter() - begun)


def large(folder: Path, count: int) -> Iterator[Row]:
    """A large file beside what pandas needs to read it, each in a process of its own."""
    path = folder / "large.csv"
    write_large(path, count)
    ours, theirs = cost_of(path, "ours"), cost_of(path, "pandas")
    what = f"{count:,} rows ({path.stat().st_size / 1e6:,.0f} MB)"
    reading = "pandas.read_csv alone"
    yield Row(f"{what}: rows learnt from", ours.learnt_rows, "rows")
    yield Row(
        f"{what}: read twice and all learners fitted",
        ours.cpu_seconds,
        "CPU s",
        peer=reading,
        peer_value=theirs.cpu_seconds,
    )
    yield Row("large file: peak memory", ours.peak_mb, "MB", "must", "<= 1200", reading, theirs.peak_mb)


def trained(folder: Path, lines: list[list[str]], job: TableJob = TableJob()) -> TableFitted:
    path = folder / "sales_data.csv"
    path.write_text(text(lines), encoding="utf-8")
    return train(path, job)


def text(lines: list[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()
