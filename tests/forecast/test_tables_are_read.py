"""A user's file: what is understood, and what is refused with the field, the value and what to do."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from fieldwise_forecast import table_reading
from fieldwise_forecast.core.table.asked import TableJob, Wish
from fieldwise_forecast.core.table.table import Dates, Kind, Numbers, Texts
from fieldwise_forecast.table_job import checked
from fieldwise_forecast.table_reading import Reading, read
from fieldwise_forecast.table_source import opened
from fieldwise_runtime.errors import InvalidRequest, Violation
from tests.forecast.table_files import HEADER, Rows, file, rows, text


def reading(path: Path, wish: Wish = Wish()) -> Reading:
    return read(opened(path), wish, lambda _: None)


def faults(folder: Path, content: str | bytes, wish: Wish = Wish()) -> list[Violation]:
    """What is said of a file that cannot be trained on."""
    with pytest.raises(InvalidRequest) as refused:
        checked(reading(file(folder, content), wish), TableJob(wish))
    return list(refused.value.violations)


def test_columns_are_recognised_and_guesses_are_told(tmp_path: Path) -> None:
    found = reading(file(tmp_path, text(rows())))
    assert found.kinds == {
        "date": Kind.DATE,
        "price": Kind.NUMBER,
        "shop": Kind.TEXT,
        "sales": Kind.NUMBER,
    }
    assert (found.target, found.date) == ("sales", "date")
    assert any("target: column 'sales' was guessed" in note for note in found.notes)
    assert any("date: column 'date' was guessed" in note for note in found.notes)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_chinese_file_says_the_same_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    table = [
        [day, price, "北店" if shop == "north" else "南店", sales] for day, price, shop, sales in rows(40)
    ]
    content = text(table, ("日期", "价格", "门店", "销售额"))
    source = opened(file(tmp_path, content, encoding))
    found = read(source, Wish(), lambda _: None)
    assert source.encoding == encoding
    assert (found.target, found.date) == ("销售额", "日期")
    shops = found.table.columns["门店"]
    assert isinstance(shops, Texts)
    assert set(shops.levels) == {"北店", "南店"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024/3/5", "2024-03-05"),
        ("2024年3月5日", "2024-03-05"),
        ("05.03.2024", "2024-03-05"),
        ("20240305", "2024-03-05"),
        ("2024-03-05 14:30:00", "2024-03-05T14:30:00"),
        ("2024-03", "2024-03-01"),
    ],
)
def test_dates_are_read_as_people_write_them(tmp_path: Path, written: str, meant: str) -> None:
    table = [[written, str(i), str(i * i % 7)] for i in range(12)]
    found = reading(file(tmp_path, text(table, ("date", "price", "sales"))))
    dates = found.table.columns["date"]
    assert isinstance(dates, Dates)
    assert set(dates.values) == {np.datetime64(meant, "s")}


def test_a_day_beyond_twelve_settles_which_comes_first(tmp_path: Path) -> None:
    table = [[f"{day:02}/02/2024", str(day % 5), str(day * day % 11)] for day in range(1, 25)]
    found = reading(file(tmp_path, text(table, ("date", "price", "sales"))))
    assert found.table.dates("date").max() == np.datetime64("2024-02-24", "s")
    assert not any("month/day" in note for note in found.notes)
    either = [[f"{day:02}/02/2024", str(day % 5), str(day * day % 11)] for day in range(1, 12)]
    told = reading(file(tmp_path, text(either, ("date", "price", "sales")))).notes
    assert any("read as month/day/year" in note for note in told)


def test_numbers_may_have_thousands_and_cells_may_be_empty(tmp_path: Path) -> None:
    table = [
        [str(i), value, str(i * i % 7)]
        for i, value in enumerate(["1,234.5", "NA", "", "+7", "-3e2", *"12345"])
    ]
    found = reading(file(tmp_path, text(table, ("row", "price", "sales"))))
    price = found.table.columns["price"]
    assert isinstance(price, Numbers)
    assert price.values[:5].tolist() == pytest.approx([1234.5, np.nan, np.nan, 7, -300], nan_ok=True)


def changed(place: int, column: str, value: str, count: int = 200) -> Rows:
    """Rows with one cell changed."""
    table = rows(count)
    table[place - 1][HEADER.index(column)] = value
    return table


def test_an_empty_file_and_one_row_are_refused(tmp_path: Path) -> None:
    (empty,) = faults(tmp_path, "")
    assert (empty.field, empty.value) == ("file", "0 bytes")
    (header,) = [fault for fault in faults(tmp_path, text([])) if fault.field == "file"]
    assert header.value == "0 rows"
    one = faults(tmp_path, text(rows(1)))
    assert ("file", "1 row") in [(fault.field, fault.value) for fault in one]


def test_a_constant_target_is_refused(tmp_path: Path) -> None:
    table = [[*row[:3], "7"] for row in rows()]
    (fault,) = faults(tmp_path, text(table))
    assert (fault.field, fault.value) == ("sales", "7 in every row")


def test_infinite_values_are_refused_with_their_rows(tmp_path: Path) -> None:
    table = changed(17, "price", "inf")
    table[40][1] = "-Infinity"
    (fault,) = faults(tmp_path, text(table))
    assert (fault.field, fault.value) == ("price", "2 values infinite or beyond 1e+30, in rows 17, 41")


def test_numbers_that_no_learner_can_hold_are_refused_with_their_rows(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, text(changed(17, "price", "1e40")))
    assert (fault.field, fault.value) == ("price", "1 values infinite or beyond 1e+30, in rows 17")


def test_a_header_that_is_far_too_long_is_refused(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "a" * 200_000)
    assert fault.field == "header"


def test_cells_of_another_kind_are_refused_with_their_rows(tmp_path: Path) -> None:
    (number,) = faults(tmp_path, text(changed(9, "price", "cheap")))
    assert (number.field, number.value) == ("price", "1 cells that are no number: 'cheap' in row 9")
    (moment,) = faults(tmp_path, text(changed(12, "date", "2023-13-77")))
    assert (moment.field, moment.value) == ("date", "1 cells that are no date: '2023-13-77' in row 12")
    (empty,) = faults(tmp_path, text(changed(12, "date", "")))
    assert (empty.field, empty.value) == ("date", "no date in 1 rows, row 12 the first")


def test_dates_that_stand_twice_are_refused_with_their_rows(tmp_path: Path) -> None:
    table = rows()
    table[30][0], table[30][2] = table[29][0], table[29][2]
    (fault,) = faults(tmp_path, text(table))
    assert fault.field == "date"
    assert fault.value == "1 dates twice or more: 2023-01-31 (rows 30 and 31)"


def test_shops_with_a_row_for_each_date_are_no_repetition_unless_a_key_is_named(tmp_path: Path) -> None:
    table = [[day, price, shop, sales] for day, price, _, sales in rows(60) for shop in ("north", "south")]
    for place, row in enumerate(table):
        row[3] = str(float(row[3]) + place % 3)
    reading(file(tmp_path, text(table)))
    many = [[row[0], row[1], "north" if i % 2 else "south", row[3]] for i, row in enumerate([*table, *table])]
    for place, row in enumerate(many):
        row[3] = str(float(row[3]) + place % 5)
    assert checked(reading(file(tmp_path, text(many))), TableJob())
    wish = Wish(keys=("shop",))
    (fault,) = faults(tmp_path, text(many), wish)
    assert fault.field == "date"


def test_missing_weeks_are_told_and_not_invented(tmp_path: Path) -> None:
    weekly = [row for i, row in enumerate(rows(700)) if i % 7 == 0]
    kept = [row for i, row in enumerate(weekly) if i not in (20, 50)]
    table, notes = checked(reading(file(tmp_path, text(kept))), TableJob())
    (told,) = [note for note in notes if "missing" in note]
    assert "2 weeks are missing: 2023-05-22, 2023-12-18" in told
    assert table.rows == len(kept)


def test_a_month_more_or_less_long_is_no_gap(tmp_path: Path) -> None:
    months = [f"{2020 + i // 12}-{i % 12 + 1:02}-01" for i in range(40)]
    table = [[month, str(i % 7), str(i * i % 13)] for i, month in enumerate(months) if i != 17]
    _, notes = checked(reading(file(tmp_path, text(table, ("date", "price", "sales")))), TableJob())
    assert [note for note in notes if "missing" in note] == [
        "date: got 1 months are missing: 2021-06; add them if they are known; they are neither invented nor counted as 0"
    ]


@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("equal", lambda sales: sales),
        ("linear", lambda sales: 3 - 2 * sales),
        ("logarithm", np.log),
        ("as a text", lambda sales: f"code {sales:.0f}"),
    ],
)
def test_a_column_that_holds_the_target_is_named_and_refused(tmp_path: Path, name: str, copy: object) -> None:
    assert callable(copy)
    # Whole numbers, so that each value of the target occurs several times.
    table = [[*row[:3], f"{round(float(row[3]) / 10)}"] for row in rows(400)]
    table = [[*row, f"{copy(float(row[3]))}"] for row in table]
    (fault,) = faults(tmp_path, text(table, (*HEADER, "copied")))
    assert fault.field == "copied"
    assert "--without copied" in fault.remedy
    assert checked(
        reading(file(tmp_path, text(table, (*HEADER, "copied"))), Wish(without=("copied",))), TableJob()
    )


def test_a_column_that_merely_helps_is_not_refused(tmp_path: Path) -> None:
    table = [[*row, f"{float(row[3]) + 5 * (-1) ** i}"] for i, row in enumerate(rows(300))]
    assert checked(reading(file(tmp_path, text(table, (*HEADER, "hint")))), TableJob())


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    table = changed(5, "price", "inf")
    table[6][0] = ""
    content = text([[*row[:3], "7"] for row in table]) + "2024-01-01,9\n"
    fields = [fault.field for fault in faults(tmp_path, content)]
    assert sorted(fields) == ["date", "file", "price", "sales"]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    for content, said in (
        (b"PK\x03\x04" + b"\0" * 90, "spreadsheets"),
        (text(rows(30)).encode("utf-16"), "UTF-16"),
        (text(rows(30)).encode() + b"\xff\xff\xff", "UTF-8"),
    ):
        (fault,) = faults(tmp_path, content)
        assert fault.field == "file"
        assert said in fault.remedy
    repeated = faults(tmp_path, text(rows(30), ("date", "price", "price", "")))
    assert [fault.field for fault in repeated] == ["header", "header"]
    assert faults(tmp_path, "\n".join("1,2,3" for _ in range(30)))[0].remedy.startswith("begin the file with")


def test_columns_that_are_not_there_are_refused(tmp_path: Path) -> None:
    found = faults(tmp_path, text(rows(30)), Wish(target="revenue", keys=("branch",)))
    assert [(fault.field, fault.value) for fault in found] == [("target", "'revenue'"), ("keys", "'branch'")]


def test_names_of_rows_are_left_out_and_told(tmp_path: Path) -> None:
    table = [[*row, f"order-{i}"] for i, row in enumerate(rows(1200))]
    found = reading(file(tmp_path, text(table, (*HEADER, "order"))))
    assert "order" not in found.table.columns
    assert "column 'order' is left out: more than 1,000 different texts" in found.notes


def test_of_a_large_file_the_same_rows_are_drawn_each_time_from_all_of_it(tmp_path: Path) -> None:
    path = file(tmp_path, text(rows(2000)))
    with patch.object(table_reading, "MOST_ROWS", 500):
        one, two = reading(path), reading(path)
    assert one.rows == 2000
    assert 420 < one.table.rows < 580
    assert np.array_equal(one.table.numbering, two.table.numbering)
    assert np.histogram(one.table.numbering, bins=4, range=(0, 2000))[0].min() > 90
    assert "about 500 of 2,000 rows are learnt from, drawn with seed 42" in one.notes
