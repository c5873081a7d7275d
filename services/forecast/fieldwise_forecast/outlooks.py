"""What is foreseen of one customer: next categories, products, time of contact, standing; knows no wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from .behaviour_reading import micros, searched_in, standing_of
from .core.interest import contact_time, interest_model
from .core.interest.behaviour import Behaviour
from .core.interest.contact_time import ContactTime
from .core.interest.dwell import Threshold
from .core.interest.dwell_model import MODEL as DWELL_THRESHOLDS
from .core.interest.dwell_model import DwellModel
from .core.interest.interest_model import InterestModel
from .core.interest.next_category import INPUTS, NextCategory
from .core.interest.products import Catalogue, Interest, interests
from .core.interest.standing import Standing
from .lineup import Lineups
from .profile_reader import ProfileReader

DEFAULT_MOST = 5


@dataclass(frozen=True)
class Outlook:
    """What is foreseen of a customer.

    Attributes:
        categories: Category and probability, likeliest first.
        products: Strongest first.
        versions: Names of the versions used; empty where stated rules answer.
    """

    standing: Standing
    categories: Sequence[tuple[str, float]]
    products: Sequence[Interest]
    contact: ContactTime
    versions: Sequence[str]


class Outlooks:
    """Reads a customer and applies what was learned of all."""

    def __init__(self, reader: ProfileReader, lineups: Lineups) -> None:
        self._reader = reader
        self._lineups = lineups

    async def of(self, name: str, decision_time: datetime, most: int) -> Outlook:
        """Of one customer, from what is known of him at the moment.

        Raises:
            NotFound: Reason CUSTOMER_NOT_FOUND.
            FailedPrecondition: Reason CONSENT_WITHHELD.
            Unavailable: Reason PROFILE_UNAVAILABLE.
        """
        loaded = self._lineups.current.loaded.get(interest_model.MODEL)
        profile = await self._reader.customer(name, decision_time)
        standing = standing_of(profile)
        behaviour = await self._reader.behaviour(decision_time, names=[name])
        model: InterestModel = loaded.model if loaded else untrained(behaviour)
        moment, few = micros(decision_time), most or DEFAULT_MOST
        return Outlook(
            standing,
            likeliest(model.choice, behaviour, moment)[:few],
            interests(behaviour, model.catalogue, searched_in(profile), moment)[:few],
            contact_of(model, behaviour),
            [loaded.version.name] if loaded else [],
        )

    def thresholds(self, after: str, most: int) -> tuple[list[Threshold], str]:
        """Thresholds of categories behind ``after``, by category, and the version they are of; none before the first training."""
        loaded = self._lineups.current.loaded.get(DWELL_THRESHOLDS)
        if loaded is None:
            return [], ""
        model: DwellModel = loaded.model
        found = [each for each in model.thresholds if each.category > after]
        return found[:most], loaded.version.name


def likeliest(choice: NextCategory, behaviour: Behaviour, moment: int) -> list[tuple[str, float]]:
    """Categories with their probabilities, likeliest first: everybody's for one who did nothing yet."""
    if not choice.categories:
        return []
    # Who did nothing has no row, and is somebody all the same.
    one = behaviour if behaviour.customers else replace(behaviour, customers=("",))
    (chances,) = choice.probabilities(one, moment).tolist()
    ranked = sorted(zip(choice.categories, chances, strict=True), key=lambda each: (-each[1], each[0]))
    return [(category, chance) for category, chance in ranked]


def contact_of(model: InterestModel, behaviour: Behaviour) -> ContactTime:
    hours, weekdays = contact_time.counts_of(behaviour)
    return contact_time.best_time(model.pattern, hours.sum(axis=0), weekdays.sum(axis=0))


def untrained(behaviour: Behaviour) -> InterestModel:
    """The stated rule before any training: his own shares of the last months, no hour better than another."""
    categories = behaviour.bought_categories
    own = np.array([float(name == "bought_180d") for name in INPUTS])
    uniform = np.full(len(categories), 1 / max(len(categories), 1))
    return InterestModel(NextCategory(categories, uniform, own), contact_time.UNTRAINED, Catalogue())
