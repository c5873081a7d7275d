"""Shops near a customer, in the inputs of a decision; knows no rule and no store."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from fieldwise.recommend.v1.decision_pb2 import DecisionInputs, OpenSpan, ShopNear
from fieldwise_recommend.core.playbooks.shop_file import parse
from fieldwise_recommend.core.playbooks.shops import Near, ShopsNear
from fieldwise_recommend.situation import is_withheld
from fieldwise_runtime.errors import FailedPrecondition

_DAY: Final = 86_400
# Thousands of decisions a minute record the same.
_MOST_KEPT: Final = 4096


def read_shops(path: str) -> ShopsNear:
    """The shops of a file; none of an empty path.

    Raises:
        FailedPrecondition: Reason NO_SHOP_FILE.
        InvalidRequest: The file has faults.
    """
    if not path:
        return ShopsNear()
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}); name a readable file in FIELDWISE_RECOMMEND_SHOPS, or leave it empty"
        raise FailedPrecondition("NO_SHOP_FILE", message) from error
    return parse(raw)


def look_up_shops(inputs: DecisionInputs, shops: ShopsNear) -> None:
    """Writes into the inputs the shops near the customer and when they are open; what a caller put there goes."""
    if inputs.shops:
        inputs.ClearField("shops")
    if is_withheld(inputs):
        return
    place = inputs.profile.plain.place
    if place:
        inputs.shops.extend(_messages(shops, place, inputs.decision_time.seconds // _DAY))


def _messages(shops: ShopsNear, place: str, day: int) -> Sequence[ShopNear]:
    """Of the days from the beginning of this one (UTC) on."""
    near = shops.of(place)
    if not near:
        return ()
    return [_message(each, day) for each in near]


@lru_cache(_MOST_KEPT)
def _message(near: Near, day: int) -> ShopNear:
    open_then = near.shop.open_from(day * _DAY)
    return ShopNear(
        shop=near.shop.name,
        title=near.shop.title,
        km=round(near.km, 3),
        open=[OpenSpan(start=start, end=end) for start, end in open_then],
    )
