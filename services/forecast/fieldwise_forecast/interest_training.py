"""Training what customers want next and what a long look is worth: what is read, and the tasks of it; knows no registry."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from .core.interest import dwell_model, interest_model
from .core.interest.dwell_model import DwellModel
from .core.interest.interest_model import InterestModel
from .fitting_job import Task
from .profile_reader import ProfileReader

# Older deeds have faded to less than half of a half, and looks of last year say little of today's pages.
HISTORY = timedelta(days=365)
# Some 300 MB. What is learned is everybody's: more customers would change it little.
MOST_DEEDS = 4_000_000
INTEREST_MODELS = (interest_model.MODEL, dwell_model.MODEL)


async def interest_tasks(
    reader: ProfileReader, models: Sequence[str], decision_time: datetime, tell: Callable[[str, float], None]
) -> list[Task]:
    """One task for each model; both share what was read."""
    tell("reading behaviour", 0.3)
    behaviour = await reader.behaviour(decision_time, decision_time - HISTORY, most=MOST_DEEDS)
    until = micros_of(decision_time)
    fits = {
        interest_model.MODEL: Task(
            interest_model.MODEL, interest_model.STEPS, partial(interest_model.train, behaviour, until)
        ),
        dwell_model.MODEL: Task(
            dwell_model.MODEL, dwell_model.STEPS, partial(dwell_model.train, behaviour, until)
        ),
    }
    return [task for model, task in fits.items() if model in models]


def interest_from_file(content: bytes) -> InterestModel | DwellModel:
    """Either model of this kind, by what its file says it is.

    Raises:
        FailedPrecondition: Reason MODEL_FILE_REFUSED.
    """
    if json.loads(content).get("model") == dwell_model.MODEL:
        return dwell_model.from_file(content)
    return interest_model.from_file(content)


def micros_of(moment: datetime) -> int:
    return (moment - interest_model.EPOCH) // timedelta(microseconds=1)
