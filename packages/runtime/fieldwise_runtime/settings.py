"""Settings: environment variables into a frozen dataclass; knows no service and no file but the data folder's name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

S = TypeVar("S")
T = TypeVar("T")

DEFAULT_DATA = ".fieldwise"


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()


@dataclasses.dataclass(frozen=True)
class Setting:
    """How one field is read: its variable, its default (a value or a function of the environment) and its parser."""

    name: str
    default: object
    default_from: Callable[[Mapping[str, str]], object] | None
    parse: Callable[[str], object]
    doc: str
    secret: bool


class SettingsError(Exception):
    """Every bad variable at once, one a line: name, value, remedy."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def setting(
    name: str,
    *,
    default: object = REQUIRED,
    default_from: Callable[[Mapping[str, str]], object] | None = None,
    parse: Callable[[str], T] = str,  # type: ignore[assignment]  # mypy cannot tie T to a parameter's default
    doc: str = "",
    secret: bool = False,
) -> Any:
    """A dataclass field that is read from the environment variable ``name``.

    Args:
        default: The value (already parsed) when the variable is unset or empty; without it the variable is required.
        default_from: The same, computed from the whole environment.
        parse: Text to value; raises ValueError whose text is the remedy.
        secret: A fault does not repeat the value.
    """
    read = Setting(name, default, default_from, parse, doc, secret)
    if isinstance(default, _Required):
        return dataclasses.field(kw_only=True, metadata={"setting": read})
    return dataclasses.field(kw_only=True, default=default, metadata={"setting": read})


def load(cls: type[S], environ: Mapping[str, str]) -> S:
    """Reads every field of ``cls`` that was made by `setting`.

    Raises:
        SettingsError: One or more variables are missing or wrong; all of them are named.
    """
    values: dict[str, object] = {}
    faults: list[str] = []
    for field_name, wanted in _settings_of(cls):
        try:
            values[field_name] = _read(wanted, environ)
        except ValueError as fault:
            faults.append(_fault(wanted, environ.get(wanted.name, "").strip(), str(fault)))
    if faults:
        raise SettingsError(faults)
    return cls(**values)


def described(cls: type[Any]) -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of every setting, in the order of the class: what documentation lists."""
    return [(wanted.name, repr(wanted.default), wanted.doc) for _, wanted in _settings_of(cls)]


def _settings_of(cls: type[Any]) -> list[tuple[str, Setting]]:
    return [(f.name, f.metadata["setting"]) for f in dataclasses.fields(cls) if "setting" in f.metadata]


def _fault(wanted: Setting, value: str, remedy: str) -> str:
    if not value:
        return f"{wanted.name}: not set; {remedy}"
    return f"{wanted.name}: got {'(hidden)' if wanted.secret else repr(value)}; {remedy}"


def _read(wanted: Setting, environ: Mapping[str, str]) -> object:
    text = environ.get(wanted.name, "").strip()
    if text:
        return wanted.parse(text)
    if wanted.default_from is not None:
        return wanted.default_from(environ)
    if isinstance(wanted.default, _Required):
        raise ValueError(f"set it ({wanted.doc})" if wanted.doc else "set it")
    return wanted.default


def address(text: str) -> str:
    """``host:port``, with port 0 to 65535."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("give host:port, such as 127.0.0.1:50050")
    return text


def addresses(text: str) -> str:
    """One ``host:port`` or several, separated by commas."""
    return ",".join(address(part.strip()) for part in text.split(","))


def boolean(text: str) -> bool:
    """A yes or no, written true or false."""
    lowered = text.lower()
    if lowered not in ("true", "false"):
        raise ValueError("give true or false")
    return lowered == "true"


def whole_number(at_least: int = 0, at_most: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers within inclusive limits."""
    limits = f"of {at_least} or more" if at_most is None else f"from {at_least} to {at_most}"

    def parse(text: str) -> int:
        digits = text.removeprefix("-")
        if not digits.isdecimal() or int(text) < at_least or (at_most is not None and int(text) > at_most):
            raise ValueError(f"give a whole number {limits}")
        return int(text)

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser that accepts these words only."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"give one of {', '.join(choices)}")
        return text

    return parse


def currency_code(text: str) -> str:
    """An ISO 4217 code in capitals."""
    if not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
        raise ValueError("give an ISO 4217 code, such as USD")
    return text


def database_url(text: str) -> str:
    """A SQLite or PostgreSQL address."""
    if not text.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise ValueError("give sqlite:///<file> or postgresql://user@host/database")
    return text


def data_folder() -> Any:
    """The folder of all files of a local installation, FIELDWISE_DATA."""
    return setting(
        "FIELDWISE_DATA", default=Path(DEFAULT_DATA), parse=Path, doc="folder of databases and models"
    )


def company_currency() -> Any:
    """The installation's one currency, FIELDWISE_CURRENCY."""
    return setting("FIELDWISE_CURRENCY", default="USD", parse=currency_code, doc="ISO 4217 code of all money")


def log_level() -> Any:
    """FIELDWISE_LOG_LEVEL."""
    levels = one_of("DEBUG", "INFO", "WARNING", "ERROR")
    return setting(
        "FIELDWISE_LOG_LEVEL", default="INFO", parse=levels, doc="least severe line that is logged"
    )


def traces_address() -> Any:
    """The OTLP/gRPC receiver of spans, FIELDWISE_TRACES_ADDRESS; empty turns recording off."""
    return setting(
        "FIELDWISE_TRACES_ADDRESS", default="", parse=address, doc="OTLP/gRPC receiver; empty: off"
    )


def tls_folder() -> Any:
    """The folder of this installation's certificates, FIELDWISE_TLS; empty: no TLS."""
    return setting(
        "FIELDWISE_TLS",
        default="",
        parse=str,
        doc="folder of ca.pem and of each process's <name>.pem and <name>-key.pem; empty: no TLS",
    )


def standby() -> Any:
    """FIELDWISE_STANDBY."""
    return setting(
        "FIELDWISE_STANDBY",
        default=False,
        parse=boolean,
        doc="true: a second forecast, allocation or recommend on one PostgreSQL waits to take over, instead of ending",
    )


def listen_address(service: str, port: int) -> Any:
    """Where a service listens, FIELDWISE_<SERVICE>_LISTEN."""
    name = f"FIELDWISE_{service.upper()}_LISTEN"
    return setting(name, default=f"127.0.0.1:{port}", parse=address, doc=f"where {service} listens")


def metrics_address(service: str) -> Any:
    """Where a process tells its figures over HTTP, FIELDWISE_<SERVICE>_METRICS_LISTEN; empty: nowhere."""
    name = f"FIELDWISE_{service.upper()}_METRICS_LISTEN"
    return setting(
        name, default="", parse=address, doc=f"where {service} answers GET /metrics; empty: nowhere"
    )


def peer_address(service: str, port: int) -> Any:
    """Where peers reach a service, FIELDWISE_<SERVICE>_ADDRESS; several replicas are separated by commas."""
    name = f"FIELDWISE_{service.upper()}_ADDRESS"
    return setting(name, default=f"127.0.0.1:{port}", parse=addresses, doc=f"where peers reach {service}")


def service_database_url(service: str) -> Any:
    """A service's own database, FIELDWISE_<SERVICE>_DATABASE_URL; by default a SQLite file in the data folder."""

    def beside_the_rest(environ: Mapping[str, str]) -> str:
        folder = environ.get("FIELDWISE_DATA", "").strip() or DEFAULT_DATA
        return f"sqlite:///{Path(folder) / service}.sqlite"

    return setting(
        f"FIELDWISE_{service.upper()}_DATABASE_URL",
        default=f"sqlite:///{DEFAULT_DATA}/{service}.sqlite",
        default_from=beside_the_rest,
        parse=database_url,
        doc=f"database of {service}",
        secret=True,  # it may hold a password
    )
