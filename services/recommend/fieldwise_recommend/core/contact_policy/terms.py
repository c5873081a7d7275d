"""What stands between one customer and a contact at one moment; knows no policy, no time zone and no other customer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from fieldwise_recommend.core.catalogue import NO_CHANNEL, Action
from fieldwise_recommend.core.eligibility import Rejection

CONTACT_CAP: Final = "CONTACT_CAP"
QUIET_HOURS: Final = "QUIET_HOURS"
SUPPRESSED: Final = "SUPPRESSED"
DAY: Final = 86_400
_HOUR: Final = 3_600

# Named tuples: a few are built for every decision about a customer who was reached before.


class Cap(NamedTuple):
    """At most so many contacts in any ``days`` in a row, of one channel and one action (treatments together) where they are named."""

    most: int
    days: int
    channel: str = ""
    action: str = ""

    def covers(self, channel: str, action: str) -> bool:
        return self.channel in ("", channel) and self.action in ("", action)

    @property
    def fact(self) -> str:
        """Its name in rejections, as ``contacts_28d/email``."""
        return "/".join(each for each in (f"contacts_{self.days}d", self.channel, self.action) if each)


class Contact(NamedTuple):
    """A contact that was decided: an action (treatments together) in its channel at ``due``, seconds since 1970."""

    channel: str
    action: str
    due: int


class Rest(NamedTuple):
    """The customer did ``event`` so often (``found``, of ``limit``) that he is left in peace until a moment, in seconds since 1970."""

    event: str
    channel: str
    found: int
    limit: int
    until: int


class Span(NamedTuple):
    """From ``start`` to just before ``end`` (seconds since 1970) nobody is reached, through one channel or, if empty, at all."""

    channel: str
    start: int
    end: int


class Terms(NamedTuple):
    """What a decision at ``moment`` (seconds since 1970) finds.

    Args:
        contacts: Of the longest window, those to come included; one that was decided twice may stand here twice.
        immediate: Channels whose actions are carried out at the moment of the decision.
    """

    moment: int
    caps: tuple[Cap, ...] = ()
    contacts: tuple[Contact, ...] = ()
    rests: tuple[Rest, ...] = ()
    quiet: tuple[Span, ...] = ()
    immediate: frozenset[str] = frozenset()

    def refusal(self, action: Action) -> Rejection | None:
        """Why the action may not reach the customer; None when it may, or reaches nobody."""
        channel = action.channel
        if channel == NO_CHANNEL:
            return None
        for rest in self.rests:
            if rest.channel in ("", channel) and self.moment < rest.until:
                return Rejection(action.name, SUPPRESSED, rest.event, float(rest.found), float(rest.limit))
        for cap in self.caps:
            if cap.covers(channel, action.family) and (found := self._counted(cap, action)) >= cap.most:
                return Rejection(action.name, CONTACT_CAP, cap.fact, float(found), float(cap.most))
        return self._quiet_now(action) if self.quiet else None

    def time_for(self, action: Action, wished: int) -> int:
        """When to carry the action out: at once, when it is planned already, or at the wished time once it is not quiet."""
        if action.channel in self.immediate:
            return self.moment
        return self.planned(action) or after_quiet(self.quiet, action.channel, wished)

    def planned(self, action: Action) -> int:
        """When the same action is to take place that was decided before; 0 when it is not."""
        return max((each.due for each in self.contacts if self._same_to_come(each, action)), default=0)

    def _counted(self, cap: Cap, action: Action) -> int:
        """Contacts that leave the less room: the same one decided anew is no other."""
        since = self.moment - cap.days * DAY
        return len(
            {
                each
                for each in self.contacts
                if each.due > since
                and cap.covers(each.channel, each.action)
                and not self._same_to_come(each, action)
            }
        )

    def _same_to_come(self, contact: Contact, action: Action) -> bool:
        return contact.due > self.moment and contact[:2] == (action.channel, action.family)

    def _quiet_now(self, action: Action) -> Rejection | None:
        if action.channel not in self.immediate:
            return None
        hours = (after_quiet(self.quiet, action.channel, self.moment) - self.moment) / _HOUR
        return Rejection(action.name, QUIET_HOURS, "quiet_hours_left", hours) if hours else None


def reached(caps: Iterable[Cap], contacts: Collection[Contact], moment: int) -> tuple[Cap, ...]:
    """The caps that can refuse anything with these contacts: few customers have any, and 50 actions are asked about."""
    return tuple([cap for cap in caps if _covered(cap, contacts, moment - cap.days * DAY) >= cap.most])


def _covered(cap: Cap, contacts: Iterable[Contact], since: int) -> int:
    return sum(1 for each in contacts if each.due > since and cap.covers(each.channel, each.action))


def after_quiet(quiet: Iterable[Span], channel: str, moment: int) -> int:
    """The first moment from ``moment`` on that is in none of the spans, which are in the order of their starts."""
    for span in quiet:
        if span.channel in ("", channel) and span.start <= moment < span.end:
            moment = span.end
    return moment
