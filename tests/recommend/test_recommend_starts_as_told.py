"""Settings, start and stop of the real process: bad values at once, an unprepared database refused with its cure."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from fieldwise_recommend import erasing, store
from fieldwise_recommend.settings import Settings
from fieldwise_runtime import migrations
from fieldwise_runtime.settings import SettingsError, load


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fieldwise_recommend", *arguments]
    env = os.environ | {"FIELDWISE_DATA": str(folder / "data")} | environment
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)


def test_bad_settings_are_all_named() -> None:
    environment = {
        "FIELDWISE_RECOMMEND_CONTROL_SHARE": "1.0",
        "FIELDWISE_RECOMMEND_EXPLORATION": "nan",
        "FIELDWISE_RECOMMEND_PACING": "fast",
        "FIELDWISE_RECOMMEND_EXPLORATION_FLOOR": "0.01",
        "FIELDWISE_TIME_ZONE": "Paris",
    }
    with pytest.raises(SettingsError) as refused:
        load(Settings, environment)
    assert [fault.split(":")[0] for fault in refused.value.faults] == list(environment)


def test_defaults_are_a_small_control_group_and_little_chance() -> None:
    policy = load(Settings, {}).policy
    assert (policy.control_share, policy.exploration, policy.pacing) == (0.05, 0.02, 1.0)
    assert (policy.floor, policy.dearest, policy.pacing_gain) == (0.001, 10_000_000, 4.0)


def test_a_database_that_was_not_prepared_is_refused_with_its_cure(tmp_path: Path) -> None:
    started = run(tmp_path)
    assert started.returncode == 1
    assert "python -m fieldwise_recommend migrate" in started.stderr
    assert "Traceback" not in started.stderr


def test_an_unknown_word_is_refused(tmp_path: Path) -> None:
    unknown = run(tmp_path, "migrat")
    assert (unknown.returncode, "migrate" in unknown.stderr) == (2, True)


def tables() -> dict[str, sa.Table]:
    """Those of every store, by name."""
    stores = Path(store.__path__[0]).glob("[a-z]*.py")
    modules = [importlib.import_module(f"fieldwise_recommend.store.{file.stem}") for file in stores]
    listed = [each for module in modules for each in vars(module).values() if isinstance(each, sa.Table)]
    return {table.name: table for table in listed}


def test_every_table_that_names_customers_is_scrubbed_when_one_is_erased() -> None:
    naming = {name for name, table in tables().items() if "customer" in table.columns}
    assert {"decisions", "choices", "contacts"} < naming
    assert naming <= {*erasing.TABLES, "erased_customers"}


def test_the_migrated_database_has_the_tables_of_the_stores_and_no_others(database_url: str) -> None:
    for _ in range(2):  # a second time changes nothing
        migrations.migrate(database_url, "fieldwise_recommend")
    url = database_url.replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(url)
    found = sa.inspect(engine)
    assert set(found.get_table_names()) == {*tables(), "operations", "fieldwise_recommend_revision"}
    for table in tables().values():
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: bool(column.nullable) for column in table.columns}
        assert found.get_pk_constraint(table.name)["constrained_columns"] == [
            c.name for c in table.primary_key
        ]
    engine.dispose()
