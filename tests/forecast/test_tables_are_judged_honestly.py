"""Learners on one split of a table: the numbers are scikit-learn's own, the best serves, the future tells nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.table import learners
from fieldwise_forecast.core.table.asked import TableFitted, TableJob, Wish
from fieldwise_forecast.core.table.contest import Outcome, contest
from fieldwise_forecast.core.table.encoding import Encoding, learnt
from fieldwise_forecast.core.table.learners import BUILT_IN, Learner
from fieldwise_forecast.core.table.model_file import TableModel, from_bytes
from fieldwise_forecast.core.table.splitting import Split, by_time, drawn
from fieldwise_forecast.core.table.table import Dates, Numbers, Table, Texts
from fieldwise_forecast.table_job import train
from fieldwise_forecast.table_reading import Reading, read
from fieldwise_forecast.table_source import opened
from fieldwise_runtime.errors import FailedPrecondition
from tests.forecast.table_files import file, rows, stepped, straight, text

BY_NAME = {learner.name: learner for learner in BUILT_IN}


@pytest.fixture(autouse=True)
def _small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of the trees shows the same and takes a fifth of the time."""
    monkeypatch.setattr(learners, "TREES", 20)


def reading(folder: Path, count: int = 200, truth: Callable[[float, str, int], float] = straight) -> Reading:
    return read(opened(file(folder, text(rows(count, truth)))), Wish(), lambda _: None)


def split_of(table: Table) -> Split:
    split = by_time(table, "date", 0)
    assert split is not None
    return split


def competed(table: Table, *names: str) -> Outcome:
    wanted = [BY_NAME[name] for name in names or BY_NAME]
    return contest(table, "sales", split_of(table), wanted, time.process_time, lambda _: None)


def trained(folder: Path, content: str, job: TableJob) -> TableFitted:
    return train(file(folder, content), job)


def matrices(table: Table) -> tuple[Floats, Floats, Floats, Floats]:
    """Features and targets of both sides, as anyone would make them by hand from the split."""
    split = split_of(table)
    earlier, later = table.take(split.train), table.take(split.test)
    encoding = learnt(earlier.without("sales"))
    return encoding.encode(earlier), earlier.numbers("sales"), encoding.encode(later), later.numbers("sales")


def test_the_leaderboard_is_what_scikit_learn_says_on_the_same_split(tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import mean_absolute_error, mean_squared_error

    table = reading(tmp_path).table
    train_rows, train_sales, test_rows, test_sales = matrices(table)
    theirs = {
        "linear-regression": LinearRegression(),
        "decision-tree": learners.decision_tree(),
        "random-forest": learners.random_forest(len(train_sales)),
    }
    standings = {each.learner: each for each in competed(table, *theirs).standings}
    for name, estimator in theirs.items():
        predicted = estimator.fit(train_rows, train_sales).predict(test_rows)
        measures = standings[name].measures
        assert measures is not None
        assert measures.mse == pytest.approx(mean_squared_error(test_sales, predicted), rel=1e-9)
        assert measures.mae == pytest.approx(mean_absolute_error(test_sales, predicted), rel=1e-9)
        whole = np.abs(test_sales - predicted).sum() / np.abs(test_sales).sum()
        assert measures.wape == pytest.approx(whole, rel=1e-9)


def test_the_best_serves_whichever_it_is(tmp_path: Path) -> None:
    # Sales that rise for ever, which no tree can follow, and steps that no line can follow.
    assert competed(reading(tmp_path, truth=straight).table).served == "linear-regression"
    on_steps = competed(reading(tmp_path, 400, stepped).table)
    assert on_steps.served in ("xgboost", "random-forest", "decision-tree")
    errors = [each.measures.mse for each in on_steps.standings if each.measures is not None]
    assert errors == sorted(errors)
    assert on_steps.standings[-1].learner in ("base", "linear-regression")


def test_rows_are_split_by_time_whatever_their_order_in_the_file(tmp_path: Path) -> None:
    table = reading(tmp_path).table
    split = split_of(table)
    dates = table.dates("date")
    assert dates[split.train].max() < dates[split.test].min()
    assert len(split.test) == 40
    shuffled = table.take(np.random.default_rng(3).permutation(table.rows))
    again = split_of(shuffled)
    assert np.array_equal(shuffled.numbering[again.train], table.numbering[split.train])
    last_five = by_time(table, "date", 5)
    assert last_five is not None
    assert len(last_five.test) == 5


def test_without_dates_rows_are_drawn_with_seed_42(tmp_path: Path) -> None:
    wish = Wish(date="-", without=("date",))
    fitted = trained(tmp_path, text(rows()), TableJob(wish, learners=("base",)))
    assert fitted.first_test is None
    assert (fitted.train_rows, fitted.test_rows) == (160, 40)
    assert any("at random with seed 42" in note for note in fitted.notes)
    one, two = drawn(200), drawn(200)
    assert np.array_equal(one.test, two.test)
    assert sorted([*one.train, *one.test]) == list(range(200))


def test_appending_future_rows_changes_no_earlier_score(tmp_path: Path) -> None:
    known = rows(200)
    # A future unlike the past: another shop, other prices, empty cells, other sales.
    future = [["2024-01-01", "99", "moon", "-5000"], ["2024-01-02", "", "", "9e6"]]
    quick = ("base", "linear-regression", "decision-tree", "xgboost")
    job = TableJob(Wish(date="date", before=np.datetime64("2023-07-21", "s")), learners=quick)
    before, after = (trained(tmp_path, text(table), job) for table in (known, [*known, *future]))
    assert before.file == after.file
    assert [each.measures for each in before.standings] == [each.measures for each in after.standings]
    assert np.array_equal(before.points.predicted, after.points.predicted)
    assert before.notes == after.notes
    # And without `before`, what is learnt on the training side and said of earlier test rows stays as it is.
    table = read(opened(file(tmp_path, text(known))), Wish(), lambda _: None).table
    longer = read(opened(file(tmp_path, text([*known, *future]))), Wish(), lambda _: None).table
    cut = split_of(table)
    moved = Split(cut.train, np.append(cut.test, [200, 201]), cut.first_test)
    wanted = [BY_NAME[name] for name in quick]
    one = contest(table, "sales", cut, wanted, time.process_time, lambda _: None).standings
    two = contest(longer, "sales", moved, wanted, time.process_time, lambda _: None).standings
    said = {each.learner: each.predicted for each in two}
    for each in one:
        predicted = said[each.learner]
        assert each.predicted is not None
        assert predicted is not None
        assert np.array_equal(each.predicted, predicted[: len(cut.test)])


def test_the_same_file_gives_the_same_model_to_the_byte(tmp_path: Path) -> None:
    one, two = (trained(tmp_path, text(rows(80, stepped)), TableJob()) for _ in range(2))
    assert one.file == two.file


@pytest.mark.parametrize("name", list(BY_NAME))
def test_a_model_read_back_from_its_file_says_the_same_without_pickle(tmp_path: Path, name: str) -> None:
    found = reading(tmp_path, 300, stepped)
    outcome = competed(found.table, name)
    model = TableModel("sales", name, outcome.encoding, found.kinds, found.formats, outcome.predictor)
    content = model.to_bytes()
    again = from_bytes(content, BY_NAME)
    asked = found.table.without("sales")
    assert np.array_equal(model.predict(asked), again.predict(asked))
    assert again.encoding == model.encoding
    assert b"sklearn" not in content
    with pytest.raises(FailedPrecondition, match="not installed"):
        from_bytes(content, {})
    with pytest.raises(FailedPrecondition, match="no model of a table"):
        from_bytes(b"\x80\x04pickled", BY_NAME)


def test_our_arrays_say_what_the_forest_of_scikit_learn_says(tmp_path: Path) -> None:
    table = reading(tmp_path, 400, stepped).table
    train_rows, train_sales, test_rows, _ = matrices(table)
    theirs = learners.random_forest(len(train_sales)).fit(train_rows, train_sales)
    ours = learners.forest(train_rows, train_sales)
    assert ours.predict(test_rows) == pytest.approx(theirs.predict(test_rows), rel=1e-12)


def test_an_unseen_text_counts_as_none_of_the_known_and_is_flagged(tmp_path: Path) -> None:
    found = reading(tmp_path)
    outcome = competed(found.table, "linear-regression")
    model = TableModel("sales", "linear-regression", outcome.encoding, found.kinds, {}, outcome.predictor)
    asked = found.table.without("sales").take(np.array([0, 0]))
    strange = Texts(np.array([0, 1], dtype=np.int32), ("north", "moon"))
    asked = Table({**asked.columns, "shop": strange}, asked.numbering)
    assert model.unseen(asked) == [[], ["shop"]]
    assert np.isfinite(model.predict(asked)).all()


def test_an_empty_cell_is_the_median_and_says_so() -> None:
    column = Numbers(np.array([1.0, np.nan, 3.0, 8.0]))
    table = Table({"price": column}, np.arange(4))
    encoding = learnt(table)
    assert encoding.features == ["price", "price is empty"]
    assert encoding.encode(table).tolist() == [[1, 0], [3, 1], [3, 0], [8, 0]]
    assert Encoding.from_plain(encoding.to_plain()) == encoding


def test_a_date_becomes_what_people_see_in_a_calendar() -> None:
    days = np.array(["2024-02-29T06:00:00", "2024-01-01T00:00:00"], dtype="datetime64[s]")
    table = Table({"day": Dates(days)}, np.arange(2))
    encoding = learnt(table)
    seen = dict(zip(encoding.features, encoding.encode(table).T.tolist(), strict=True))
    assert seen["day: days since 2024-01-01"] == [59.25, 0]
    assert seen["day: day of month"] == [29, 1]
    assert (seen["day: Thursday"], seen["day: Monday"], seen["day: hour"]) == ([1, 0], [0, 1], [6, 0])
    assert "day: sine of year" not in seen  # a season that was not seen whole cannot be told from a trend


def test_a_file_that_goes_away_while_it_is_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="train again"):
        train(tmp_path / "gone.csv", TableJob())


class Broken:
    """A learner of another package that cannot even be fitted."""


def failing(_: Floats, __: Floats) -> Broken:
    raise ValueError("no licence")


def test_a_foreign_learner_that_fails_is_told_and_harms_nobody(tmp_path: Path) -> None:
    broken = Learner("broken", failing, lambda _: Broken(), foreign=True)  # type: ignore[arg-type, return-value]  # it never answers
    table = reading(tmp_path).table
    wanted = [*BUILT_IN, broken]
    outcome = contest(table, "sales", split_of(table), wanted, time.process_time, lambda _: None)
    assert outcome.served == "linear-regression"
    (fault,) = [each.fault for each in outcome.standings if each.fault]
    assert fault == "broken failed: no licence"
