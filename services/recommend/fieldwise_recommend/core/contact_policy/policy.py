"""The contact policy: caps, quiet hours, rests, and what is wrong with one; knows no customer, no wire and no store."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from fieldwise_recommend.core.catalogue import CHANNELS, NO_CHANNEL
from fieldwise_recommend.core.contact_policy.terms import Cap
from fieldwise_runtime.errors import Violation

# What customers do about contacts.
REFUSED: Final = "refused"
UNANSWERED: Final = "unanswered"
COMPLAINED: Final = "complained"
OPTED_OUT: Final = "opted_out"
# Days without an answer after which a contact that took place counts as unanswered.
ANSWER_DAYS: Final = 3
# The longest window and rest that a rule may have.
MOST_DAYS: Final = 366
MINUTES: Final = 1440
_WEEK: Final = 7 * MINUTES
_LEAST_FREE: Final = 60


class Suppression(NamedTuple):
    """After ``limit`` of an event within ``window`` days a customer rests for ``rest`` days, from one channel if it is named."""

    event: str
    limit: int
    window: int
    rest: int
    channel: str = ""


class Quiet(NamedTuple):
    """From minute ``start`` of the local day to minute ``end``, of the next day when that is not later.

    ``weekdays`` are those on which it begins, 1 (Monday) to 7; empty: all. ``channels``; empty: all.
    """

    start: int
    end: int
    weekdays: frozenset[int] = frozenset()
    channels: tuple[str, ...] = ()

    @property
    def minutes(self) -> int:
        return self.end - self.start if self.end > self.start else self.end - self.start + MINUTES


# At most one in so many days, unless the policy has a cap for the action: the next occasion is a year away, give or take the days in which it is near.
ONCE: Final = (Cap(1, 300, action="actions/email-birthday"),)
# Obeyed at once, whatever the policy. Who opts out is known to profile as well, which keeps his word for good: 30 days bridge an outage.
AT_ONCE: Final = (Suppression(COMPLAINED, 1, 180, 180), Suppression(OPTED_OUT, 1, 30, 30))


@dataclass(frozen=True, slots=True)
class ContactPolicy:
    """Args: immediate, general: Channels, as `Terms` and `Situation` have them."""

    caps: tuple[Cap, ...] = ()
    quiet: tuple[Quiet, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    immediate: frozenset[str] = frozenset()
    general: frozenset[str] = frozenset()

    @property
    def limits(self) -> tuple[Cap, ...]:
        """All caps, those that hold whatever is set included."""
        own = {cap.action for cap in self.caps}
        return (*self.caps, *(cap for cap in ONCE if cap.action not in own))

    @property
    def rests(self) -> tuple[Suppression, ...]:
        """All rules for rests, those that hold whatever is set included."""
        own = {rule.event for rule in self.suppressions}
        return (*self.suppressions, *(rule for rule in AT_ONCE if rule.event not in own))


def faults_of(policy: ContactPolicy, actions: Collection[str], at: str) -> list[Violation]:
    """All that is wrong with a policy, each with its field below ``at``.

    Args:
        actions: Families of the catalogue in force.
    """
    found: list[Violation] = []
    for path, channel in _channels(policy):
        if channel not in CHANNELS or channel == NO_CHANNEL:
            remedy = f"name one of {', '.join(each for each in CHANNELS if each != NO_CHANNEL)}"
            found.append(Violation.of(f"{at}.{path}", channel, remedy))
    for number, cap in enumerate(policy.caps):
        if cap.action and cap.action not in actions:
            remedy = "name an action of the catalogue; its treatments count together"
            found.append(Violation.of(f"{at}.caps[{number}].action", cap.action, remedy))
    for channel in CHANNELS:
        free = _WEEK - len(_quiet_minutes(policy.quiet, channel))
        if channel != NO_CHANNEL and free < _LEAST_FREE:
            remedy = f"leave at least {_LEAST_FREE} minutes of the week in which {channel} may be used"
            found.append(Violation.of(f"{at}.quiet_hours", f"{free} minutes free for {channel}", remedy))
    return found


def _channels(policy: ContactPolicy) -> Iterator[tuple[str, str]]:
    for number, cap in enumerate(policy.caps):
        if cap.channel:
            yield f"caps[{number}].channel", cap.channel
    for number, rule in enumerate(policy.suppressions):
        if rule.channel:
            yield f"suppressions[{number}].channel", rule.channel
    for number, quiet in enumerate(policy.quiet):
        for channel in quiet.channels:
            yield f"quiet_hours[{number}].channels", channel
    for channel in sorted(policy.immediate):
        yield "immediate_channels", channel
    for channel in sorted(policy.general):
        yield "general_channels", channel


def _quiet_minutes(quiet: tuple[Quiet, ...], channel: str) -> set[int]:
    """Minutes of the week, from Monday 00:00, that are quiet in a channel."""
    taken: set[int] = set()
    for each in quiet:
        if each.channels and channel not in each.channels:
            continue
        for day in each.weekdays or range(1, 8):
            start = (day - 1) * MINUTES + each.start
            taken.update(minute % _WEEK for minute in range(start, start + each.minutes))
    return taken
