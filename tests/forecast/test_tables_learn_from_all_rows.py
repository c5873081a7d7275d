"""A table of more rows than one process gets: one learner more, on all rows, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldwise.forecast.v1 import table_service_pb2 as pb
from fieldwise.forecast.v1.model_pb2 import TrainModelMetadata
from fieldwise_executor.executor import opened as executor_at
from fieldwise_forecast import table_all_rows
from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.table.asked import TableFitted, TableJob, Wish
from fieldwise_forecast.core.table.model_file import from_bytes
from fieldwise_forecast.servicer import tables as servicer
from fieldwise_forecast.table_all_rows import CUT, AllRows
from fieldwise_forecast.table_job import competed
from fieldwise_forecast.table_learners import installed
from fieldwise_forecast.table_pieces import Whole, asked_rows, cut, learnt_rows
from fieldwise_forecast.table_reading import read
from fieldwise_forecast.table_source import opened
from fieldwise_runtime.errors import FailedPrecondition
from tests.forecast.table_files import FIRST, file, text
from tests.forecast.test_tables_are_served import serving

ALL = "xgboost-all-rows"
HEADER = ("date", "price", "shop", "visitors", "sales")
SAMPLE = 1_000


def waves(count: int, shops: Sequence[str] = ("north", "south"), seed: int = 3) -> list[list[str]]:
    """Sales in waves over price and visitors, other ones in each shop: few rows show them badly. Forty rows a day."""
    rng = np.random.default_rng(seed)
    price, visitors = rng.uniform(5, 15, count).round(2), rng.uniform(0, 100, count).round(1)
    shop = rng.integers(0, 2, count)
    sales = 200 + 60 * np.sin(2 * price + 2 * shop) * np.cos(visitors / 8) + rng.normal(0, 3, count)
    days = [str(np.datetime64(FIRST) + i // 40) for i in range(count)]
    return [
        [days[i], f"{price[i]}", shops[shop[i]], f"{visitors[i]}", f"{sales[i]:.2f}"] for i in range(count)
    ]


def contest(path: Path, wish: Wish = Wish(target="sales")) -> tuple[TableFitted, Whole]:
    fitted, whole = competed(path, TableJob(wish, learners=("xgboost", ALL), most_rows=SAMPLE))
    assert whole is not None
    return fitted, whole


def loaded(whole: Whole, most_bytes: int) -> tuple[int, Floats, Floats]:
    """How many pieces, and the features and targets that are learnt from, in the order of the file."""
    pieces = cut(whole, most_bytes)
    parts = [learnt_rows(whole.how, piece) for piece in pieces if piece.learnt]
    assert [len(labels) for _, labels in parts] == [piece.learnt for piece in pieces if piece.learnt]
    features, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    return len(pieces), features, labels


async def test_the_learner_on_all_rows_wins_where_rows_help_and_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_it_is = servicer.job_of
    monkeypatch.setattr(servicer, "job_of", lambda asked: replace(as_it_is(asked), most_rows=SAMPLE))
    table = waves(12_000)
    async with serving(tmp_path) as served:
        await served.uploaded(text(table, HEADER))
        operation = await served.trained(learners=["base", "xgboost", ALL], target="sales")
        report = pb.TableReport()
        assert operation.response.Unpack(report), operation.error
        last = TrainModelMetadata()
        assert operation.metadata.Unpack(last)
        asked = [dict(zip(HEADER[:4], row, strict=False)) for row in table[-200:]]
        answer = await served.predicted(*asked)
    version = report.version
    mse = {score.learner: score.metrics["mse"] for score in version.leaderboard}
    assert set(mse) == {"base", "xgboost", ALL}
    assert version.learner == ALL
    assert mse[ALL] < 0.8 * mse["xgboost"]
    assert (last.step, last.progress) == (f"scoring {ALL}", 1.0)
    error = np.array([each.value for each in answer.predictions]) - [float(row[4]) for row in table[-200:]]
    assert np.mean(error**2) == pytest.approx(mse[ALL], rel=0.5)
    shown = [point.predicted - point.actual for point in report.points]
    assert np.mean(np.square(shown)) == pytest.approx(mse[ALL], rel=1e-5)
    # All rows before the test, and none of those beside and after the sample's test rows.
    first = min(point.date.ToJsonString() for point in report.points)[:10]
    assert version.train_rows == sum(row[0] < first for row in table)
    assert not list((tmp_path / "table-parts").iterdir())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
@pytest.mark.parametrize("date", ["date", "-"])
def test_pieces_are_the_rows_of_the_file_whatever_is_in_them(
    tmp_path: Path, encoding: str, date: str
) -> None:
    shops = ("北店\n二楼", 'the "south", big')
    table = waves(3_000, shops)
    table[7][4] = ""
    path = file(tmp_path, text(table, HEADER), encoding)
    fitted, whole = contest(path, Wish("sales", date))
    few, one, ones = loaded(whole, 1 << 30)
    many, other, others = loaded(whole, 9_000)
    assert (few, many > 10) == (1, True)
    assert np.array_equal(one, other)
    assert np.array_equal(ones, others)
    everything = read(opened(path), Wish("sales", date), lambda _: None).table
    if fitted.first_test is None:
        learnt = ~np.isin(everything.numbering, whole.tests)
    else:
        learnt = everything.dates("date") < fitted.first_test
    assert np.array_equal(others, everything.numbers("sales")[learnt])
    encoded = whole.how.encoding.encode(everything.take(np.flatnonzero(learnt)))
    assert np.array_equal(other, encoded.astype(np.float32))


def test_test_rows_are_those_of_the_sample(tmp_path: Path) -> None:
    _, whole = contest(file(tmp_path, text(waves(3_000), HEADER)))
    pieces = [piece for piece in cut(whole, 9_000) if len(piece.tests)]
    answers = np.concatenate([asked_rows(whole.how, piece)[1] for piece in pieces])
    assert np.array_equal(answers, whole.answers[np.argsort(whole.tests)])


def test_rows_that_a_limit_leaves_out_are_in_no_piece(tmp_path: Path) -> None:
    table = waves(3_000)
    wish = Wish("sales", "date", before=np.datetime64(table[2_000][0], "s"))
    _, whole = contest(file(tmp_path, text(table, HEADER)), wish)
    _, features, labels = loaded(whole, 9_000)
    table[2_000:] = [[*row[:4], "9999"] for row in table[2_000:]]
    _, changed = contest(file(tmp_path, text(table, HEADER)), wish)
    assert np.array_equal(features, loaded(changed, 9_000)[1])
    assert np.array_equal(labels, loaded(changed, 9_000)[2])
    assert labels.max() < 9999


def test_a_file_that_cannot_be_cut_is_told(tmp_path: Path) -> None:
    _, whole = contest(file(tmp_path, text(waves(3_000), HEADER)))
    with pytest.raises(FailedPrecondition, match="cut into pieces"):
        cut(replace(whole, rows=whole.rows + 1))
    with pytest.raises(FailedPrecondition, match="cut into pieces"):
        cut(whole, 10)


async def test_a_scoring_that_breaks_down_leaves_the_others_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted, whole = contest(file(tmp_path, text(waves(6_000), HEADER)))
    more = AllRows(await executor_at("local", 1), tmp_path / "parts")
    steps: list[str] = []

    async def joined() -> TableFitted:
        steps.clear()
        return await more.joined("sales", "c", fitted, whole, lambda step, _: steps.append(step))

    with monkeypatch.context() as broken:
        broken.setattr(table_all_rows, "scored", None)
        first = await joined()
    assert (first.served, first.unfinished) == ("xgboost", True)
    assert first.notes[-1].startswith(f"{ALL} failed")
    second = await joined()
    assert (second.served, second.unfinished) == (ALL, False)
    # The trees were there already.
    assert f"fitting {ALL}" not in steps
    assert from_bytes(second.file, installed()).learner == ALL
    assert not list((tmp_path / "parts").iterdir())


async def test_it_can_be_cancelled(tmp_path: Path) -> None:
    fitted, whole = contest(file(tmp_path, text(waves(3_000), HEADER)))
    more = AllRows(await executor_at("local", 1), tmp_path / "parts")
    growing = asyncio.Event()

    def tell(step: str, share: float) -> None:
        if step == f"fitting {ALL}" and share > CUT:
            growing.set()

    training = asyncio.create_task(more.joined("sales", "c", fitted, whole, tell))
    await growing.wait()
    training.cancel()
    with pytest.raises(asyncio.CancelledError):
        await training
