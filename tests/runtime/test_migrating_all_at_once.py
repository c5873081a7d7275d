"""One process that migrates several packages, and the newest revision as read without Alembic."""

from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from fieldwise_client.supervisor.layout import MIGRATED
from fieldwise_runtime import migrate_all, migrations

ENVIRONMENT = Path(migrations.__file__).with_name("alembic_environment")


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDWISE_DATA", str(tmp_path))


def url(package: str, folder: Path) -> str:
    return migrate_all.database_of(package, {"FIELDWISE_DATA": str(folder)})


def test_every_process_of_an_installation_finds_its_database_migrated(tmp_path: Path) -> None:
    assert migrate_all.main(MIGRATED) == 0
    for package in MIGRATED:
        migrations.verify(url(package, tmp_path), package)
    assert {file.stem for file in tmp_path.glob("*.sqlite")} == {
        *("traces", "profile", "forecast", "allocation", "recommend", "gateway", "jobs")
    }


def test_every_fault_is_told_and_the_others_are_migrated_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIELDWISE_JOBS_DATABASE_URL", "mysql://somewhere")
    assert migrate_all.main(["fieldwise_gateway.jobs", "fieldwise_nobody", "fieldwise_gateway"]) == 1
    faults = capsys.readouterr().err
    assert "fieldwise_gateway.jobs: FIELDWISE_JOBS_DATABASE_URL" in faults
    assert "fieldwise_nobody" in faults
    migrations.verify(url("fieldwise_gateway", tmp_path), "fieldwise_gateway")


@pytest.mark.parametrize("package", MIGRATED)
def test_the_newest_revision_is_the_one_alembic_finds(package: str, tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(ENVIRONMENT))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(migrations._versions(package)))
    assert migrations.newest(package) == ScriptDirectory.from_config(config).get_current_head()
