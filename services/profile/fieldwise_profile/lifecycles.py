"""Counting how customers move between lifecycle stages, and the stage that comes next; knows no wire.

The count is made when asked for and kept; between two counts every profile is answered from the last one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Final

from fieldwise.profile.v1 import profile_pb2
from fieldwise_profile.core.event import DAY
from fieldwise_profile.core.features import COLUMNS, Purchases
from fieldwise_profile.core.fold import State
from fieldwise_profile.core.lifecycle import STAGES, STEP_DAYS, Matrix, Place, Step, matrix, place_of, steps
from fieldwise_profile.picturing import Sight
from fieldwise_profile.store import fits
from fieldwise_profile.training import Permitted, Rows, Training
from fieldwise_runtime.database import Database
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

PERIODS: Final = 12
_NAMES: Final = tuple(column.name for column in COLUMNS)
PURCHASE_DAYS: Final = _NAMES.index("purchase_days")
SILENCE_RATIO: Final = _NAMES.index("silence_ratio")


class Lifecycles:
    """The last count, and the making of the next; an addition to full profiles.

    Args:
        permitted: Which persons may be read for training.
    """

    def __init__(self, database: Database, training: Training, permitted: Permitted | None) -> None:
        self._database = database
        self._training = training
        self._permitted = permitted
        self._number = 0
        self._one_fits = asyncio.Lock()
        self.latest: Matrix | None = None

    @property
    def version(self) -> int:
        """Which count is the last; 0 before the first."""
        return self._number

    async def load(self) -> None:
        """Takes up the last count that any process made."""
        if await self._database.read(fits.latest_number) != self._number:
            found = await self._database.read(fits.latest_lifecycle)
            if found is not None:
                self._number, self.latest = found

    def add(self, profile: profile_pb2.Profile, state: State, bought: Purchases, sight: Sight) -> None:
        """Writes the probabilities of the next stage into a full profile, once moves were counted."""
        if self.latest is None or not sight.full:
            return
        values = profile.features.values
        following = self.latest.next_stage(place_of(values[PURCHASE_DAYS], values[SILENCE_RATIO]))
        profile.next_stage.extend(
            profile_pb2.StageProbability(stage=profile_pb2.LifecycleStage.ValueType(stage), probability=share)
            for stage, share in zip(STAGES, following, strict=True)
        )

    async def fit(self, as_of: int, periods: int = PERIODS) -> AsyncGenerator[int | Matrix, None]:
        """Counts the steps of all customers: first the customers read so far, again and again, at last the matrix, kept."""
        cutoffs = [as_of - back * STEP_DAYS * DAY for back in range(periods, -1, -1)]
        places: dict[str, dict[int, Place]] = {}
        async with self._one_fits:
            async for rows in self._training.rows(cutoffs, (), self._permitted):
                _take(places, rows)
                yield len(places)
            counted = matrix(list(_steps(places, cutoffs)), as_of, periods)
            self._number = await self._database.write(
                lambda connection: fits.keep_lifecycle(connection, counted)
            )
            self.latest = counted
        log.info("lifecycle counted", number=self._number, customers=counted.customers, periods=periods)
        yield counted


def _take(places: dict[str, dict[int, Place]], rows: Rows) -> None:
    width = len(COLUMNS)
    for index, name in enumerate(rows.names):
        bought = rows.values[index * width + PURCHASE_DAYS]
        silence = rows.values[index * width + SILENCE_RATIO]
        places.setdefault(name, {})[rows.cutoff] = place_of(bought, silence)


def _steps(places: dict[str, dict[int, Place]], cutoffs: list[int]) -> Iterator[Step]:
    for name, own in places.items():
        yield from steps(name, [own.get(cutoff) for cutoff in cutoffs])
