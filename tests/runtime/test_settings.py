"""Settings from an environment: defaults, parsing, and all faults at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from fieldwise_runtime import settings
from fieldwise_runtime.settings import SettingsError, load, setting


@dataclass(frozen=True)
class Settings:
    data: Path = settings.data_folder()
    currency: str = settings.company_currency()
    traces: str = settings.traces_address()
    listen: str = settings.listen_address("profile", 50051)
    peer: str = settings.peer_address("forecast", 50052)
    database: str = settings.service_database_url("profile")
    workers: int = setting("WORKERS", default=2, parse=settings.whole_number(1, 8), doc="processes")
    eager: bool = setting("EAGER", default=False, parse=settings.boolean)


@dataclass(frozen=True)
class Needy:
    key: str = setting("KEY", doc="the signing key")


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load(Settings, {}) == Settings()
    assert load(Settings, {}).listen == "127.0.0.1:50051"
    assert load(Settings, {}).database == "sqlite:///.fieldwise/profile.sqlite"


def test_the_database_lies_in_the_data_folder() -> None:
    assert load(Settings, {"FIELDWISE_DATA": "/var/fw"}).database == "sqlite:////var/fw/profile.sqlite"


def test_values_are_parsed() -> None:
    environ = {"WORKERS": "3", "EAGER": "true", "FIELDWISE_FORECAST_ADDRESS": "10.0.0.1:1, 10.0.0.2:1"}
    loaded = load(Settings, environ)
    assert (loaded.workers, loaded.eager, loaded.peer) == (3, True, "10.0.0.1:1,10.0.0.2:1")


def test_every_bad_value_is_reported_at_once_with_a_remedy() -> None:
    environ = {
        "WORKERS": "9",
        "EAGER": "yes",
        "FIELDWISE_PROFILE_LISTEN": "here",
        "FIELDWISE_CURRENCY": "usd",
    }
    with pytest.raises(SettingsError) as caught:
        load(Settings, environ)
    assert caught.value.faults == [
        "FIELDWISE_CURRENCY: got 'usd'; give an ISO 4217 code, such as USD",
        "FIELDWISE_PROFILE_LISTEN: got 'here'; give host:port, such as 127.0.0.1:50050",
        "WORKERS: got '9'; give a whole number from 1 to 8",
        "EAGER: got 'yes'; give true or false",
    ]


def test_what_is_required_and_missing_is_asked_for_by_its_meaning() -> None:
    with pytest.raises(SettingsError, match=r"KEY: not set; set it \(the signing key\)"):
        load(Needy, {"KEY": " "})


def test_a_password_is_not_repeated_by_a_fault() -> None:
    with pytest.raises(SettingsError) as caught:
        load(Settings, {"FIELDWISE_PROFILE_DATABASE_URL": "mysql://me:secret@host/db"})
    assert "secret" not in str(caught.value)


def test_settings_describe_themselves() -> None:
    assert ("WORKERS", "2", "processes") in settings.described(Settings)
