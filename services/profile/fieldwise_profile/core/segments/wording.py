"""Segments in words, English and Chinese; knows no number but their sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from fieldwise_profile.core.segments.model import Deviation

Language = Literal["en", "zh"]
# More than this nobody reads as one description.
MOST_WORDS: Final = 4
_NOTHING_ODD: Final = {"en": "like most", "zh": "与多数客户相近"}
_COMMA: Final = {"en": ", ", "zh": "，"}


class _Words(NamedTuple):
    """What is said when the measure is above and below the middle, English and Chinese."""

    much: tuple[str, str]
    little: tuple[str, str]


_WORDS: Final = {
    "purchase_days_28d": _Words(("buys often", "购买频繁"), ("buys rarely", "很少购买")),
    "spend_28d": _Words(("spends much", "消费多"), ("buys little", "买得少")),
    "lines_per_purchase_day": _Words(("buys much at once", "单次购买多"), ("buys little at once", "单次购买少")),
    "spend_per_line": _Words(("buys dear things", "买贵的商品"), ("buys cheap things", "买便宜的商品")),
    "looks_elsewhere": _Words(("looks at other things than he buys", "看的与买的不同"), ("buys the kinds he looks at", "看什么买什么")),
    "discount_share": _Words(("buys at a discount", "折扣时购买"), ("buys at full price", "原价购买")),
    "redemptions_28d": _Words(("uses coupons", "常用优惠券"), ("uses no coupons", "不用优惠券")),
    "views_28d": _Words(("looks at much", "浏览多"), ("looks at little", "浏览少")),
    "clicks_28d": _Words(("clicks much", "点击多"), ("clicks little", "点击少")),
    "dwell_per_view": _Words(("looks long", "停留时间长"), ("looks briefly", "停留时间短")),
    "searches_28d": _Words(("searches much", "搜索多"), ("searches little", "搜索少")),
    "views_per_purchase_day": _Words(("looks much for what he buys", "看得多买得少"), ("buys what he looks at", "看了就买")),
    "store_share": _Words(("comes to the shop", "多到门店"), ("seldom in the shop", "少到门店")),
    "web_share": _Words(("uses the web", "多用网站"), ("seldom on the web", "少用网站")),
    "app_share": _Words(("uses the app", "多用应用"), ("seldom in the app", "少用应用")),
    "personal_share": _Words(("deals with people", "多与人沟通"), ("seldom deals with people", "少与人沟通")),
    "opened_share": _Words(("opens messages", "常打开消息"), ("leaves messages unopened", "不打开消息")),
    "gap_median": _Words(("buys at long intervals", "购买间隔长"), ("buys at short intervals", "购买间隔短")),
    "gap_irregularity": _Words(("buys irregularly", "购买不规律"), ("buys regularly", "购买规律")),
    "weekend_share": _Words(("buys at weekends", "周末购买"), ("buys on weekdays", "工作日购买")),
    "categories": _Words(("buys many kinds", "购买品类多"), ("buys few kinds", "购买品类少")),
}  # fmt: skip
# Measures that say the same: of several that are off to the same side the first is said.
_SAME: Final = (
    ("views_28d", "views_per_purchase_day", "clicks_28d", "searches_28d"),
    ("spend_28d", "purchase_days_28d", "lines_per_purchase_day"),
    ("purchase_days_28d", "gap_median"),
    ("discount_share", "redemptions_28d"),
    ("store_share", "web_share", "app_share"),
)


def words(deviations: Sequence[Deviation], language: Language) -> str:
    """What makes a segment differ, strongest first; what says the same is said once."""
    said: list[str] = []
    told: list[Deviation] = []
    for each in deviations:
        if not any(_says_the_same(each, other) for other in told):
            said.append(_said(_plainest(each, deviations), language))
        told.append(each)
    return _COMMA[language].join(said[:MOST_WORDS]) or _NOTHING_ODD[language]


def _says_the_same(one: Deviation, other: Deviation) -> bool:
    return any(one.measure in group and other.measure in group for group in _SAME)


def _plainest(deviation: Deviation, deviations: Sequence[Deviation]) -> Deviation:
    """Of what says the same and is off to the same side, what is said most plainly."""
    group = next((group for group in _SAME if deviation.measure in group), (deviation.measure,))
    alike = [
        each
        for each in deviations
        if each.measure in group and (each.deviations > 0) == (deviation.deviations > 0)
    ]
    return min(alike, key=lambda each: group.index(each.measure))


def _said(deviation: Deviation, language: Language) -> str:
    known = _WORDS[deviation.measure]
    return (known.much if deviation.deviations > 0 else known.little)[0 if language == "en" else 1]
