"""Which persons may be read for a purpose, when many are read at once; knows no wire."""

from __future__ import annotations

from collections.abc import Sequence

from fieldwise_profile.consenting import Consenting
from fieldwise_profile.core.consent import together
from fieldwise_profile.core.purposes import consent_needed
from fieldwise_profile.training import Permitted, Person


def permitted_for(consenting: Consenting, purpose: int) -> Permitted | None:
    """Keeps the persons who let themselves be read for the purpose; None when it needs no consent."""
    if consent_needed(purpose) is None:
        return None

    async def permitted(persons: Sequence[Person]) -> list[Person]:
        said = await consenting.words([name for person in persons for name in person])
        return [
            person
            for person in persons
            # Whichever of his names he said it under.
            if consenting.permits(together(said.get(name, {}) for name in person), purpose).is_given
        ]

    return permitted
