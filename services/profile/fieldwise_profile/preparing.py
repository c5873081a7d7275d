"""What a new installation of profile needs beside its tables: the key file; knows no server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa

from fieldwise_profile import key_file
from fieldwise_profile.sealing import Sealing
from fieldwise_profile.store import customer_keys
from fieldwise_runtime import engines
from fieldwise_runtime.logs import get_logger

log: Final = get_logger(__name__)


def prepare(url: str) -> None:
    """Makes the key file of a database that has no customers' keys yet; checks it otherwise. Runs after each migration.

    Raises:
        FailedPrecondition: Reason KEYS_UNUSABLE; customers' keys exist and the file that opens them does not.
    """
    path = key_file.path_of(os.environ.get(key_file.VARIABLE, "").strip(), url)
    with _reading(url) as connection:
        # Never beside customers' keys: new keys would open none of them, and hide that the old ones are missing.
        if customer_keys.one(connection) is None and key_file.make(path):
            log.info("keys made", path=str(path))
        Sealing.at(path).check(connection)


def opened(url: str, told: str) -> Sealing:
    """The keys of a database, checked.

    Args:
        told: Where the key file is, as the setting says.
    Raises:
        FailedPrecondition: Reason KEYS_UNUSABLE.
    """
    sealing = Sealing.at(key_file.path_of(told, url))
    with _reading(url) as connection:
        sealing.check(connection)
    return sealing


@contextmanager
def _reading(url: str) -> Iterator[sa.Connection]:
    engine = engines.reading(url, connections=1)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
