"""Migrations of a service's database, a one-shot command before start; knows no table.

A service brings `<package>/migrations/versions/*.py` (Alembic revisions): no ini file, no env.py. One that needs more than
tables (profile its key file) brings `<package>/preparing.py` with `prepare(url)`, which runs after each migration.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from fieldwise_runtime import engines
from fieldwise_runtime.errors import FailedPrecondition, Unavailable
from fieldwise_runtime.logs import get_logger

if TYPE_CHECKING:
    # Imported where a migration runs only: verifying at every start would otherwise take longer for this import than for
    # all else that a service needs of its database.
    from alembic.config import Config

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
    if _folder(package).joinpath("preparing.py").exists():
        importlib.import_module(f"{package}.preparing").prepare(url)


def verify(url: str, package: str) -> None:
    """Checks that the database is at the newest revision of ``package``.

    Raises:
        FailedPrecondition: It is not; the message names the command that cures it.
        Unavailable: The database does not answer.
    """
    if _is_missing_file(url):
        raise _behind(package, "nothing", newest(package))
    engine = engines.writing(url, survives_power_loss=True)
    try:
        with engine.connect() as connection:
            found = _revision(connection, package)
    except sa.exc.OperationalError as error:
        raise _unreachable(engine, error) from error
    finally:
        engine.dispose()
    if found != newest(package):
        raise _behind(package, found or "nothing", newest(package))


def _migrate(connection: sa.Connection, package: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    # On SQLite the transaction was begun IMMEDIATE, which is such a lock.
    from alembic import command

    before = _revision(connection, package)
    config = _config(package)
    config.attributes["connection"] = connection
    config.attributes["version_table"] = _version_table(package)
    command.upgrade(config, "head")
    log.info("database migrated", package=package, before=before or "nothing", after=newest(package))


def _config(package: str) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_ENVIRONMENT).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(_versions(package)).replace("%", "%%"))
    return config


def _versions(package: str) -> Path:
    return _folder(package) / "migrations" / "versions"


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"package {package!r} cannot be imported; install it")
    return Path(spec.submodule_search_locations[0])


def newest(package: str) -> str:
    """The revision this program needs: the one revision that no other comes after; read from the files without running them."""
    written = [_identifiers(file) for file in sorted(_versions(package).glob("*.py"))]
    followed = {each.get("down_revision") for each in written}
    newest = [each["revision"] for each in written if each["revision"] not in followed]
    if len(newest) > 1:
        raise ValueError(f"{package} has {len(newest)} newest revisions, {newest}; make one follow the other")
    return str(newest[0]) if newest else ""


def _identifiers(file: Path) -> dict[str, object]:
    """`revision` and `down_revision` of a revision file, which are literals in it."""
    found: dict[str, object] = {}
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found |= _assigned(target, node.value)
    return found


def _assigned(target: ast.expr, value: ast.expr) -> dict[str, object]:
    """What `name = literal` and `name, name = literal, literal` give; nothing for any other name."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=True)
        return {name: literal for pair in pairs for name, literal in _assigned(*pair).items()}
    if isinstance(target, ast.Name) and target.id in ("revision", "down_revision"):
        return {target.id: ast.literal_eval(value)}
    return {}


def _version_table(package: str) -> str:
    # Named by package, so that services that share a PostgreSQL database do not take each other's revision for theirs.
    return f"{package}_revision"


def _revision(connection: sa.Connection, package: str) -> str:
    return recorded(connection, package) if sa.inspect(connection).has_table(_version_table(package)) else ""


def recorded(connection: sa.Connection, package: str) -> str:
    """The revision that the database is at, in one select.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: It was never migrated for ``package``.
    """
    table = sa.table(_version_table(package), sa.column("version_num"))
    return connection.execute(sa.select(table.c.version_num)).scalar() or ""


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
