"""Profiles of customers for a purpose: what may be shown of whom, at one moment; knows no request."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from fieldwise.profile.v1 import profile_pb2
from fieldwise_profile.core.consent import Permission, Unasked, permission
from fieldwise_profile.core.event import Kind
from fieldwise_profile.core.field_quality import FieldQuality
from fieldwise_profile.core.purposes import Purpose, consent_needed
from fieldwise_profile.field_qualities import FieldQualities
from fieldwise_profile.picturing import Pictures, Sight
from fieldwise_profile.viewing import View, Viewing
from fieldwise_runtime.errors import FailedPrecondition, NotFound

# What the words of searches may be shown for.
WORDS_FOR = frozenset({Purpose.DECISION, Purpose.SERVICE, Purpose.RIGHTS})
# After everything that can be known.
_EVER = (1 << 62) - 1


@dataclass(frozen=True)
class Look:
    """What is wanted.

    Args:
        moment: Microseconds.
        purpose: A `Purpose`.
        full: Everything that is known.
    """

    moment: int
    purpose: int
    full: bool = False


class Showing:
    """Shows customers, each by what he consented to.

    Args:
        unasked: The installation's rule for those never asked.
    """

    def __init__(
        self, viewing: Viewing, pictures: Pictures, unasked: Unasked, fields: FieldQualities | None = None
    ) -> None:
        self._viewing = viewing
        self._fields = fields
        self._pictures = pictures
        self._unasked = unasked

    async def shown(self, names: Sequence[str], look: Look) -> list[profile_pb2.Profile | None]:
        """The profiles, in the order asked; None for whom nothing is known of. They are shared: never to be changed."""
        popular = await self._viewing.popular(look.moment)
        sight = Sight(look.moment, popular, look.full, look.purpose in WORDS_FOR, look.purpose)
        views = await self._viewing.at(names, look.moment)
        fields = await self._fields_of(views, look)
        return [
            self._pictures.of(view, sight, self.permitted(view, look.purpose), fields.get(view.customer, ()))
            for view in views
        ]

    async def _fields_of(self, views: Sequence[View], look: Look) -> Mapping[str, tuple[FieldQuality, ...]]:
        """Of those of whom a source stated something; a profile that is not full shows none."""
        if not look.full or self._fields is None:
            return {}
        stated = {
            view.customer: view.members
            for view in views
            if view.state is not None and view.state.last[Kind.IDENTIFICATION]
        }
        return await self._fields.of(stated, look.moment) if stated else {}

    async def readable(self, name: str, purpose: int) -> tuple[str, ...]:
        """All names of the person, when he may be read for the purpose.

        Raises:
            NotFound: Reason CUSTOMER_NOT_FOUND.
            FailedPrecondition: Reason CONSENT_WITHHELD.
        """
        (view,) = await self._viewing.at([name], _EVER)
        if view.state is None:
            remedy = "ingest an event of the customer, or correct the name"
            raise NotFound(name, remedy, reason="CUSTOMER_NOT_FOUND")
        if not self.permitted(view, purpose).is_given:
            message = (
                f"{name} has not consented to {Purpose(purpose).name}; read for a purpose that needs no consent "
                "(SERVICE, RIGHTS, UPKEEP), or ask the customer"
            )
            raise FailedPrecondition("CONSENT_WITHHELD", message)
        return view.members

    def permitted(self, view: View, purpose: int) -> Permission:
        """Whether the customer lets himself be read for the purpose."""
        return permission(view.consents, consent_needed(purpose), self._unasked)

    def versions(self) -> tuple[int, ...]:
        """Changes when tags, segments or links did: what profiles show beside events."""
        return (self._viewing.revision, *self._pictures.versions())

    def pictured(self) -> tuple[int, ...]:
        """Changes when tags or segments did."""
        return self._pictures.versions()

    def forget(self, customers: Collection[str]) -> None:
        """Drops what is in memory of customers: they are read anew, or never again."""
        self._viewing.forget(customers)
        self._pictures.forget(customers)
