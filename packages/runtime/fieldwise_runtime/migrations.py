"""Migrations of a service's database, a one-shot command before start; knows no table.

A service brings `<package>/migrations/versions/*.py` (Alembic revisions) and nothing else: no ini file, no env.py.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from fieldwise_runtime import engines
from fieldwise_runtime.errors import FailedPrecondition, Unavailable
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

_ENVIRONMENT: Final = Path(__file__).with_name("alembic_environment")
# Any number will do, as long as every migration of ours takes the same one.
_LOCK: Final = 0x6669656C64


def migrate(url: str, package: str) -> None:
    """Brings the database to the newest revision of ``package``. Safe to run at once from several processes.

    Raises:
        Unavailable: The database does not answer.
    """
    engine = engines.migrating(url)
    try:
        with engine.begin() as connection:
            _migrate(connection, package)
    except sa.exc.OperationalError as error:
        raise _unreachable(engine, error) from error
    finally:
        engine.dispose()


def verify(url: str, package: str) -> None:
    """Checks that the database is at the newest revision of ``package``.

    Raises:
        FailedPrecondition: It is not; the message names the command that cures it.
        Unavailable: The database does not answer.
    """
    if _is_missing_file(url):
        raise _behind(package, "nothing", _newest(package))
    engine = engines.writing(url, survives_power_loss=True)
    try:
        with engine.connect() as connection:
            found = _revision(connection, package)
    except sa.exc.OperationalError as error:
        raise _unreachable(engine, error) from error
    finally:
        engine.dispose()
    if found != _newest(package):
        raise _behind(package, found or "nothing", _newest(package))


def _migrate(connection: sa.Connection, package: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    # On SQLite the transaction was begun IMMEDIATE, which is such a lock.
    before = _revision(connection, package)
    config = _config(package)
    config.attributes["connection"] = connection
    config.attributes["version_table"] = _version_table(package)
    command.upgrade(config, "head")
    log.info("database migrated", package=package, before=before or "nothing", after=_newest(package))


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_ENVIRONMENT).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(_versions(package)).replace("%", "%%"))
    return config


def _versions(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"package {package!r} cannot be imported; install it")
    return Path(spec.submodule_search_locations[0]) / "migrations" / "versions"


def _newest(package: str) -> str:
    return ScriptDirectory.from_config(_config(package)).get_current_head() or ""


def _version_table(package: str) -> str:
    # Named by package, so that services that share a PostgreSQL database do not take each other's revision for theirs.
    return f"{package}_revision"


def _revision(connection: sa.Connection, package: str) -> str:
    context = MigrationContext.configure(connection, opts={"version_table": _version_table(package)})
    return context.get_current_revision() or ""


def _is_missing_file(url: str) -> bool:
    # Connecting would make an empty file.
    parts = engines.parsed(url)
    return parts.drivername == "sqlite" and not Path(parts.database or "").exists()


def _behind(package: str, found: str, wanted: str) -> FailedPrecondition:
    return FailedPrecondition(
        "DATABASE_REVISION",
        f"the database of {package} is at revision {found}, this program needs {wanted}; "
        f"run `python -m {package} migrate`",
        metadata={"found": found, "needed": wanted},
    )


def _unreachable(engine: sa.Engine, error: sa.exc.OperationalError) -> Unavailable:
    shown = engine.url.render_as_string(hide_password=True)
    return Unavailable(
        "DATABASE_UNREACHABLE",
        f"database {shown} does not answer ({error.orig}); start it or correct the URL",
    )
