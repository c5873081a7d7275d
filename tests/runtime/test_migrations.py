"""Migrations: once, by several at once, undone when they fail, and verified at start."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from fieldwise_runtime import engines, migrations
from fieldwise_runtime.errors import FailedPrecondition, Unavailable

REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = {revision!r}, {before!r}
def upgrade():
    op.create_table("table_{revision}", sa.Column("id", sa.Integer, primary_key=True))
    {then}
"""


class Package:
    """An importable package whose migrations a test writes."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.versions = folder / name / "migrations" / "versions"
        self.versions.mkdir(parents=True)
        (folder / name / "__init__.py").write_text("")

    def add(self, revision: str, before: str | None, then: str = "") -> None:
        text = REVISION.format(revision=revision, before=before, then=then)
        (self.versions / f"{revision}.py").write_text(text)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    name = f"migrated_{abs(hash(str(tmp_path)))}"
    made = Package(tmp_path, name)
    made.add("r1", None)
    made.add("r2", "r1")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return made


def tables(url: str) -> set[str]:
    engine = engines.writing(url, survives_power_loss=True)
    try:
        with engine.connect() as connection:
            return set(sa.inspect(connection).get_table_names())
    finally:
        engine.dispose()


def test_a_database_is_brought_to_the_newest_revision_and_verified(
    database_url: str, package: Package
) -> None:
    with pytest.raises(FailedPrecondition, match=f"python -m {package.name} migrate"):
        migrations.verify(database_url, package.name)
    migrations.migrate(database_url, package.name)
    migrations.verify(database_url, package.name)
    assert tables(database_url) == {"table_r1", "table_r2", f"{package.name}_revision"}


def test_a_new_revision_is_noticed_and_applied(database_url: str, package: Package) -> None:
    migrations.migrate(database_url, package.name)
    package.add("r3", "r2")
    with pytest.raises(FailedPrecondition, match="revision r2, this program needs r3"):
        migrations.verify(database_url, package.name)
    migrations.migrate(database_url, package.name)
    migrations.verify(database_url, package.name)


def test_migrating_again_changes_nothing(database_url: str, package: Package) -> None:
    migrations.migrate(database_url, package.name)
    migrations.migrate(database_url, package.name)
    migrations.verify(database_url, package.name)


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str, package: Package) -> None:
    package.add("r3", "r2", then='raise ValueError("half done")')
    with pytest.raises(ValueError, match="half done"):
        migrations.migrate(database_url, package.name)
    assert tables(database_url) == set()


def test_verifying_makes_no_file(sqlite_database_url: str, package: Package, tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition):
        migrations.verify(sqlite_database_url, package.name)
    assert not (tmp_path / "test.sqlite").exists()


def test_two_processes_may_migrate_at_once(database_url: str, package: Package) -> None:
    import subprocess

    code = f"from fieldwise_runtime import migrations; migrations.migrate({database_url!r}, {package.name!r})"
    folder = str(package.versions.parents[2])

    def run() -> int:
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {folder!r}); {code}"]
        return subprocess.run(command, check=False, timeout=60).returncode

    with ThreadPoolExecutor(2) as pool:
        assert [each.result() for each in [pool.submit(run) for _ in range(2)]] == [0, 0]
    migrations.verify(database_url, package.name)


def test_a_database_that_does_not_answer_is_named_with_a_remedy(package: Package) -> None:
    with pytest.raises(Unavailable, match=r"postgresql\+psycopg://nobody:\*\*\*@.* does not answer"):
        migrations.migrate("postgresql://nobody:secret@127.0.0.1:1/none?connect_timeout=1", package.name)


def test_what_a_service_needs_beside_its_tables_is_prepared_after_each_migration(
    sqlite_database_url: str, package: Package
) -> None:
    beside = package.versions.parents[1]
    beside.joinpath("preparing.py").write_text(
        "from pathlib import Path\n"
        "def prepare(url):\n"
        "    with Path(__file__).with_name('prepared').open('a') as file:\n"
        "        file.write(url + '\\n')\n"
    )
    migrations.migrate(sqlite_database_url, package.name)
    migrations.migrate(sqlite_database_url, package.name)
    assert beside.joinpath("prepared").read_text() == 2 * f"{sqlite_database_url}\n"
