"""The gate as a gateway opens it: keys, tokens, the first operator's key; knows no setting's name."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fieldwise_gateway.access import Access
from fieldwise_gateway.gatekeeping import AccessKeeper
from fieldwise_gateway.issuer_keys import TokenKeys
from fieldwise_gateway.key_store import KeyStore
from fieldwise_gateway.keyring import Keyring, first_operator
from fieldwise_gateway.territories import Assignments, Territories
from fieldwise_gateway.tokens import Tokens
from fieldwise_runtime.database import Database
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# Below the data folder; clients on this machine look for it there.
OPERATOR_KEY: Final = Path("access") / "operator.key"


@dataclass(frozen=True, slots=True)
class Rules:
    """Who is let in.

    Attributes:
        open: Everybody, as operator.
        data: The data folder.
        issuer: Of tokens; empty when none are taken.
        audience: Of tokens.
        keys: File or address of the issuer's public keys.
        leeway: Seconds that the issuer's clock may differ.
        calls_per_second: Limit of callers who have none of their own; 0 for none.
    """

    open: bool
    data: Path
    issuer: str = ""
    audience: str = ""
    keys: str = ""
    leeway: float = 30.0
    calls_per_second: float = 0.0


class Gate:
    """What stands before every call, and what has to run for it."""

    def __init__(self, rules: Rules, database: Database, assignments: Assignments) -> None:
        self._rules = rules
        self.keyring = Keyring(KeyStore(database), rules.calls_per_second)
        self._keys = TokenKeys(rules.keys) if rules.issuer else None
        self.access = Access(None if rules.open else self.keyring, self._tokens())
        self.territories = Territories(assignments)
        self.keeper = AccessKeeper(self.access, self.territories)

    async def open(self) -> list[asyncio.Task[None]]:
        """Read the keys, make the first one where there is none, and follow changes; the tasks that do."""
        await self.keyring.open()
        if self._rules.open:
            log.warning(
                "access is open: everybody is operator; whoever reaches this machine may do everything"
            )
        elif not self.keyring.all():
            await self._make_first()
        running: list[Coroutine[Any, Any, None]] = [self.keyring.follow()]
        if self._keys is not None:
            running.append(self._keys.follow())
        return [asyncio.create_task(each) for each in running]

    def _tokens(self) -> Tokens | None:
        if self._keys is None:
            return None
        rules = self._rules
        return Tokens(self._keys, rules.issuer, rules.audience, rules.leeway, rules.calls_per_second)

    async def _make_first(self) -> None:
        place = self._rules.data / OPERATOR_KEY
        if await self.keyring.make_first(first_operator(time.time()), lambda secret: put(place, secret)):
            log.info("first operator key made", file=str(place))


def put(place: Path, secret: str) -> None:
    """Write a secret for the owner of the process alone; what stood there before is replaced at once or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkstemp gives it to the owner alone from the beginning.
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=".operator-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


async def new_operator_key(database: Database, data: Path) -> Path:
    """Another operator key, for whoever lost the others and reaches the database; gives the file it is in."""
    keyring = Keyring(KeyStore(database))
    await keyring.open()
    _, secret = await keyring.make(first_operator(time.time()), f"operator-key {time.time():.6f}")
    place = data / OPERATOR_KEY
    put(place, secret)
    return place
