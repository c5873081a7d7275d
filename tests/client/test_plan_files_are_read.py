"""The planner's files: every fault at once, in any usual encoding, and names of any script."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldwise_client.plan.files import Place, Question, read_question
from fieldwise_client.plan.outcome import account_messages, rep_ids, rep_messages
from fieldwise_client.plan.table import FilesAreWrong, decoded

ACCOUNTS = "name,lat,lon,workload_hours,value,needs_skills,locked\n"
REPS = "name,lat,lon,hours_per_week,skills\n"
GOOD_ACCOUNT = "Aberdeen,45.4,-98.4,0.5,100,cold-chain; hospital,\n"
GOOD_REP = "Ada,46.8,-100.7,36,cold-chain\n"


def read(folder: Path, accounts: str, reps: str, now: str = "", encoding: str = "utf-8") -> Question:
    for name, text in (("accounts.csv", accounts), ("reps.csv", reps), ("now.csv", now)):
        (folder / name).write_bytes(text.encode(encoding))
    return read_question(folder / "accounts.csv", folder / "reps.csv", folder / "now.csv" if now else None)


def faults(folder: Path, accounts: str, reps: str, now: str = "") -> list[str]:
    with pytest.raises(FilesAreWrong) as refused:
        read(folder, accounts, reps, now)
    return str(refused.value).splitlines()


def test_good_files_are_read(tmp_path: Path) -> None:
    question = read(tmp_path, ACCOUNTS + GOOD_ACCOUNT, REPS + GOOD_REP, "account,rep\nAberdeen,Ada\n")
    (account,) = question.accounts
    assert (account.name, account.place, account.incumbent) == ("Aberdeen", Place(45.4, -98.4), "Ada")
    assert account.needs_skills == ("cold-chain", "hospital")
    assert question.locks_left_aside == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_chinese_names_survive_the_usual_encodings(tmp_path: Path, encoding: str) -> None:
    question = read(tmp_path, ACCOUNTS + "北京分店,39.9,116.4,1,500,,是\n", REPS + "王伟,39.9,116.4,36,\n",
                    "account,rep\n北京分店,王伟\n", encoding)  # fmt: skip
    assert question.accounts[0].name == "北京分店"
    assert question.accounts[0].locked
    assert question.reps[0].name == "王伟"


@pytest.mark.parametrize("separator", [";", "\t"])
def test_spreadsheets_that_separate_otherwise_are_read(tmp_path: Path, separator: str) -> None:
    question = read(tmp_path, "name,workload_hours,value\nA,1,5\n".replace(",", separator), REPS + GOOD_REP)
    assert question.accounts[0].value == 5


def test_every_fault_of_all_files_is_told_at_once(tmp_path: Path) -> None:
    accounts = ACCOUNTS + "A,95,10,x,-3,,maybe\nA,,,1,1,,yes\n,1,1,99,nan,,\n"
    told = faults(tmp_path, accounts, REPS + "Ada,,,0,\nBob,1,1,200,\n", "account,rep\nA,Zoe\nQ,Ada\nA,Ada\n")
    expected = [
        "accounts.csv line 2, lat: got '95'; give a number from -90 to 90",
        "accounts.csv line 2, workload_hours: got 'x'; give a number from 0 to 80",
        "accounts.csv line 2, value: got '-3'; give a number from 0 to 1e+12",
        "accounts.csv line 2, locked: got 'maybe'; give yes or no",
        "accounts.csv line 3, name: got 'A'; it stands in line 2 already; remove one",
        "accounts.csv line 4, name: got ''; give 1 to 128 characters",
        "accounts.csv line 4, workload_hours: got '99'; give a number from 0 to 80",
        "accounts.csv line 4, value: got 'nan'; give a number from 0 to 1e+12",
        "reps.csv line 2, hours_per_week: got '0'; give more than 0, or remove the rep",
        "reps.csv line 2, lat: got ''; give the rep's home (lat and lon); the accounts have places",
        "reps.csv line 3, hours_per_week: got '200'; give a number from 0 to 80",
        "now.csv line 2, rep: got 'Zoe'; it is not in reps.csv; add it there or remove this line",
        "now.csv line 3, account: got 'Q'; it is not in accounts.csv; add it there or remove this line",
        "now.csv line 4, account: got 'A'; it stands in line 2 already; remove one",
    ]
    assert sorted(told) == sorted(expected)


def test_a_locked_account_needs_its_rep(tmp_path: Path) -> None:
    two = ACCOUNTS + "A,1,1,1,1,,yes\nB,1,1,1,1,,\n"
    assert faults(tmp_path, two, REPS + GOOD_REP, "account,rep\nB,Ada\n") == [
        "accounts.csv line 2, locked: got 'yes'; name its rep in the file given with --incumbent, or unlock it"
    ]


def test_without_incumbents_locks_are_left_aside_and_counted(tmp_path: Path) -> None:
    question = read(tmp_path, ACCOUNTS + "A,1,1,1,1,,yes\n", REPS + GOOD_REP)
    assert (question.accounts[0].locked, question.locks_left_aside) == (False, 1)


def test_missing_unknown_and_doubled_columns_are_told(tmp_path: Path) -> None:
    told = faults(tmp_path, "name,value,valeu,name\nA,1,2,3\n", REPS + GOOD_REP)
    assert any("accounts.csv line 1, workload_hours" in line and "add the column" in line for line in told)
    assert any("accounts.csv line 1, valeu" in line and "known columns are" in line for line in told)
    assert any("name each column once" in line for line in told)


@pytest.mark.parametrize("text", ["", "\n\n", ACCOUNTS])
def test_an_empty_file_is_told(tmp_path: Path, text: str) -> None:
    (line,) = faults(tmp_path, text, REPS + GOOD_REP)
    assert "at least one line" in line


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FilesAreWrong, match="give a file that can be read"):
        read_question(tmp_path / "a.csv", tmp_path / "b.csv")


def test_a_line_with_too_many_cells_is_told(tmp_path: Path) -> None:
    (line,) = faults(tmp_path, ACCOUNTS + "Paris, TX,1,1,1,1,,,\n", REPS + GOOD_REP)[:1]
    assert "give 7 cells" in line or "number" in line


def test_bytes_of_no_encoding_are_still_read() -> None:
    assert decoded(b"\xff\xfe\x00") != ""
    assert "name" in decoded(b"name\xff")


def test_reps_get_plain_ids_that_differ(tmp_path: Path) -> None:
    reps = REPS + "王伟,1,1,36,\nrep-1,1,1,36,\nJo Ann,1,1,36,\n" + GOOD_REP
    question = read(tmp_path, ACCOUNTS + GOOD_ACCOUNT, reps, "account,rep\nAberdeen,王伟\n")
    ids = rep_ids(question.reps)
    assert len(set(ids.values())) == 4
    assert ids["Ada"] == "reps/Ada"
    assert ids["rep-1"] == "reps/rep-1"
    assert [rep.display_name for rep in rep_messages(question)] == ["王伟", "rep-1", "Jo Ann", "Ada"]
    assert account_messages(question, "USD")[0].incumbent == ids["王伟"]
    assert account_messages(question, "USD")[0].value.micros == 100_000_000
