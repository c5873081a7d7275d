"""Where customers stand in a week of a campaign, as numbers; knows no model and no policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fieldwise_recommend.core.arrays import Bools, Floats, Ints

NOTHING: Final = 0
# Weeks of contacts that are looked back on.
MEMORY: Final = 8
# What is left of a contact's weight after a week: one that forgets soon and one that does not.
_FADING: Final = (0.5, 0.85)
_LONGEST_IDLE: Final = 12
_RATE_KINDS: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Standing:
    """Customers at the beginning of a week.

    Args:
        week: From 0.
        rate: Usual weekly rate of buying before the campaign, shape (n,).
        traits: What else is known of them and does not change, shape (n, traits).
        worth: Profit of one purchase, shape (n,).
        idle: Weeks since the last purchase, shape (n,).
        contacts: Actions of the last eight weeks, newest first, NOTHING where there was none, shape (n, 8).
        reachable: Has not opted out, shape (n,).
    """

    week: int
    rate: Floats
    traits: Floats
    worth: Floats
    idle: Ints
    contacts: Ints
    reachable: Bools

    def after(self, actions: Ints, bought: Bools, left: Bools) -> Standing:
        """A week later."""
        return Standing(
            self.week + 1,
            self.rate,
            self.traits,
            self.worth,
            np.where(bought, 1, self.idle + 1).clip(max=_LONGEST_IDLE),
            np.column_stack([actions, self.contacts[:, :-1]]),
            self.reachable & ~left,
        )

    def at(self, rows: NDArray[np.generic]) -> Standing:
        """Some of the customers."""
        return Standing(
            self.week,
            self.rate[rows],
            self.traits[rows],
            self.worth[rows],
            self.idle[rows],
            self.contacts[rows],
            self.reachable[rows],
        )

    def loads(self, actions: int) -> Floats:
        """Past contacts of each kind, fading fast and slowly, shape (n, 2 x (actions - 1))."""
        fading = np.power.outer(np.array(_FADING), np.arange(self.contacts.shape[1])).T
        return np.column_stack([(self.contacts == action) @ fading for action in range(1, actions)])

    def log_odds(self) -> Floats:
        """The usual rate as log-odds, shape (n,)."""
        kept = self.rate.clip(_RATE_KINDS, 1.0 - _RATE_KINDS)
        odds: Floats = np.log(kept / (1.0 - kept))
        return odds


def joined(parts: list[Standing]) -> Standing:
    """Customers of several weeks, one under the other; the week is that of the first."""
    return Standing(
        parts[0].week,
        np.concatenate([each.rate for each in parts]),
        np.concatenate([each.traits for each in parts]),
        np.concatenate([each.worth for each in parts]),
        np.concatenate([each.idle for each in parts]),
        np.concatenate([each.contacts for each in parts]),
        np.concatenate([each.reachable for each in parts]),
    )
