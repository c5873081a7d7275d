"""Answers to contacts and coupons that came back, counted in SQL; knows no statistics. No row names a customer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Final

import sqlalchemy as sa

from fieldwise_recommend.core.answers import AnswerBook, Count, Sent
from fieldwise_recommend.core.contact_policy.book import ANSWERED
from fieldwise_recommend.store.contacts import DROPPED, contacts
from fieldwise_recommend.store.decisions import outcomes
from fieldwise_runtime.database import Database

_metadata: Final = sa.MetaData()

answers: Final = sa.Table(
    "answers",
    _metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # JSON: counts and coupons as lists
)

_DAY: Final = 86_400
_YEAR: Final = 365 * _DAY
# A contact counts once its answers may have come, a coupon once it may have been used.
_ANSWER_SECONDS: Final = 7 * _DAY
_COUPON_SECONDS: Final = 28 * _DAY
_FIRST_WEEKDAY: Final = 3
_PURCHASED: Final = "OUTCOME_KIND_PURCHASED"


class AnswerStore:
    """Statements about what contacts brought. Counts of the past stay when customers are erased: they are nobody's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> AnswerBook:
        """What is in force; an empty book before anything was counted."""
        query = sa.select(answers.c.body).order_by(answers.c.number.desc()).limit(1)
        body = await self._database.read(lambda connection: connection.execute(query).scalar())
        return AnswerBook() if body is None else _book(body)

    async def count(self, now: int, coupons: Collection[str]) -> AnswerBook:
        """Counts the contacts of the year before ``now`` (seconds since 1970) and puts that in force.

        Args:
            coupons: Actions with a coupon.
        """
        slot = (
            contacts.c.channel,
            (contacts.c.due // _DAY + _FIRST_WEEKDAY) % 7 + 1,
            contacts.c.due % _DAY // 3600,
        )
        made = sa.and_(contacts.c.state != DROPPED, contacts.c.due > now - _YEAR)
        answered = sa.func.sum(sa.case((contacts.c.state == ANSWERED, 1), else_=0))
        by_slot = (
            sa.select(*slot, sa.func.count(), answered)
            .where(made, contacts.c.due <= now - _ANSWER_SECONDS)
            .group_by(*slot)
            .order_by(*slot)
        )
        bought = sa.exists().where(
            outcomes.c.decision == contacts.c.decision,
            outcomes.c.kind == _PURCHASED,
            outcomes.c.event_time <= (contacts.c.due + _COUPON_SECONDS) * 1_000_000,
        )
        by_action = (
            sa.select(contacts.c.action, sa.func.count(), sa.func.sum(sa.case((bought, 1), else_=0)))
            .where(made, contacts.c.due <= now - _COUPON_SECONDS, contacts.c.action.in_(sorted(coupons)))
            .group_by(contacts.c.action)
            .order_by(contacts.c.action)
        )

        def work(connection: sa.Connection) -> bytes:
            found = [[list(row) for row in connection.execute(query)] for query in (by_slot, by_action)]
            body = json.dumps(found).encode()
            last = connection.execute(sa.select(sa.func.max(answers.c.number))).scalar()
            connection.execute(sa.delete(answers))
            connection.execute(sa.insert(answers), {"number": (last or 0) + 1, "body": body})
            return body

        return _book(await self._database.write(work))


def _book(body: bytes) -> AnswerBook:
    counts, sent = json.loads(body)
    version = hashlib.sha256(body).hexdigest()[:12] if counts else ""
    return AnswerBook([Count(*each) for each in counts], [Sent(*each) for each in sent], version)
