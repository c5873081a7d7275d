"""Links and reviews of customers, as lines of what is known of them; knows no decision about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa

from fieldwise_profile.store.identity_tables import identity_links, identity_reviews


def lines(connection: sa.Connection, customers: Sequence[str]) -> Iterator[Mapping[str, object]]:
    """Every link, revoked ones too, and every review that names one of the customers."""
    for kind, table in (("link", identity_links), ("review", identity_reviews)):
        named = table.c.a.in_(customers) | table.c.b.in_(customers)
        for row in connection.execute(sa.select(table).where(named).order_by(table.c.id)).mappings():
            yield {"type": kind, **{name: value for name, value in row.items() if value is not None}}
