"""What would have changed a decision -> a sentence, English and Chinese. Knows the names of inputs, no terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from fieldwise_client.names import short
from fieldwise_client.wording.phrases import MOST_CHARACTERS, clipped, phrase
from fieldwise_client.wording.table import Words

_CHANGES: Final[Mapping[str, Words]] = {
    "fell": Words(
        "{action} would be chosen if {what} fell from {was} to {new}.",
        "若{what}从 {was} 降到 {new}，则会选择 {action}。",
    ),
    "rose": Words(
        "{action} would be chosen if {what} rose from {was} to {new}.",
        "若{what}从 {was} 升到 {new}，则会选择 {action}。",
    ),
    "control_group": Words(
        "{action} would be chosen if the customer were not in the control group.",
        "若客户不在对照组，则会选择 {action}。",
    ),
    "exploration": Words(
        "{action} would be chosen if nothing were left to chance.", "若不随机选择，则会选择 {action}。"
    ),
}
_INPUTS: Final[Mapping[str, Words]] = {
    "minutes": Words("the price of an hour of {name}", "{name} 每小时的价格"),
    "prices": Words("the price of {name}", "{name} 的价格"),
    "left": Words("what is left of {name}", "{name} 的余量"),
    "pacing": Words("the factor on all prices", "所有价格的系数"),
    "cost": Words("the cost of {name}", "{name} 的成本"),
    "lift": Words("the share that {name} brings to buy", "{name} 促成购买的比例"),
    "p_buy": Words("the probability of a purchase", "购买概率"),
    "p_silent": Words("the probability of silence", "沉默概率"),
    "spend_if_buys": Words("the expected spend", "预期消费"),
    "total_spend": Words("the spend so far", "累计消费"),
    "purchase_days": Words("the days with a purchase", "购买天数"),
    "days_since_purchase": Words("the days since the last purchase", "距上次购买的天数"),
    "days_since_contact": Words("the days since the last contact", "距上次联系的天数"),
    "usual_gap_days": Words("the usual gap in days", "平时的购买间隔天数"),
}
# Names are cut to this, so that two of them fit into a short sentence.
_NAME: Final = 24
_MOST_DECIMALS: Final = 6


class _Shown(NamedTuple):
    """How an input is told: whose words, of what, its numbers times ``factor``, a sign behind them, and the fewest decimals."""

    words: str
    name: str = ""
    factor: float = 1.0
    sign: str = ""
    decimals: int = 0


def change_text(
    name: str, was: float, new: float, becomes: str, language: str = "en", pacing: float = 1.0
) -> str:
    """One sentence of at most 140 characters: which action would be chosen with which value of an input.

    Args:
        name: The input, as `Counterfactual.input`.
        pacing: The decision's factor on all prices; prices are told as they are paid.
    """
    action = clipped(short(becomes), _NAME)
    if name in _CHANGES:
        return phrase(_CHANGES, name, language, {"action": action})
    shown = _shown(name, pacing)
    what = phrase(_INPUTS, shown.words, language, {"name": clipped(shown.name, _NAME)})
    old, told = _numbers(was * shown.factor, new * shown.factor, shown.decimals)
    arguments = {"action": action, "what": what, "was": old + shown.sign, "new": told + shown.sign}
    return clipped(phrase(_CHANGES, "fell" if new < was else "rose", language, arguments), MOST_CHARACTERS)


def _shown(name: str, pacing: float) -> _Shown:
    kind, _, rest = name.partition("/")
    if kind == "prices" and rest.endswith("/minutes"):
        return _Shown("minutes", short(rest.removesuffix("/minutes")), 60 * pacing / 1e6, "", 2)
    if kind == "prices":
        return _Shown("prices", rest, pacing / 1e6, "", 2)
    if kind == "left":
        return _Shown("left", rest)
    if kind == "actions":
        action, _, number = name.rpartition("/")
        return _Shown(number, short(action), *((1e-6, "", 2) if number == "cost" else (100.0, "%")))
    if rest in ("p_buy", "p_silent"):
        return _Shown(rest, "", 100.0, "%")
    return _Shown(rest or kind)


def _numbers(was: float, new: float, fewest: int) -> tuple[str, str]:
    """Both with as few decimals as tell them apart; the new one never rounded back towards the old."""
    outwards = math.floor if new < was else math.ceil
    for decimals in range(fewest, _MOST_DECIMALS + 1):
        unit = 10**decimals
        # A ten-thousandth of a unit is what arithmetic has added.
        told = outwards(new * unit + (1e-4 if new < was else -1e-4)) / unit
        if abs(told - new) <= 0.02 * abs(new - was):
            return _written(was, decimals), _written(told, decimals)
    return f"{was:.9g}", f"{new:.9g}"


def _written(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}" if abs(value) < 1e9 else f"{value:.4g}"
