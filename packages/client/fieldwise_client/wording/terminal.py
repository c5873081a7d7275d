"""A decision on a terminal: plain text, English or Chinese, in 80 to 100 columns. Knows no colour and no terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain

from fieldwise.recommend.v1.decision_pb2 import Decision as DecisionMessage
from fieldwise_client.decision import (
    Decision,
    MoneyAccount,
    Part,
    PricePaid,
    RankedAction,
    RejectedAction,
    Verdict,
    WhyNot,
    decision_of,
)
from fieldwise_client.names import short
from fieldwise_client.wording.phrases import age_text, number_text, phrase, rejection_text
from fieldwise_client.wording.table import ACTIONS, ASSUMED, LABELS, PARTS, STATES

WIDTH = 92
_INDENT = "    "
# Lines about the others: the best of them, and the first that did not fit.
_WHY_NOT = 6


def render_decision(decision: Decision | DecisionMessage, lang: str = "en", width: int = WIDTH) -> str:
    """The whole decision: what, worth what, who, when, why, the account of money, what it rests on, its trace."""
    if isinstance(decision, DecisionMessage):
        decision = decision_of(decision)
    blocks = (
        _headline(decision, lang, width),
        _errand(decision, lang, width),
        _why(decision, lang, width),
        _changes(decision, lang, width),
        _money(decision, lang, width),
        _others(decision, lang, width),
        _basis(decision, lang, width),
    )
    return "\n\n".join("\n".join(block) for block in map(list, blocks) if block)


def _headline(decision: Decision, lang: str, width: int) -> Iterator[str]:
    title = _label("title", lang, customer=short(decision.customer))
    moment = _moment(decision.decision_time)
    yield title + " " * max(1, width - columns(title) - len(moment)) + moment
    yield "═" * width
    if decision.action is None:
        yield f"  {_label('no_decision', lang)}: {decision.no_decision_reason}"
        return
    name = short(decision.action)
    # Set apart for a reader who scans: the action in capitals, then its sentence.
    yield f"  {name.upper()}   {phrase(ACTIONS, name, lang) if name in ACTIONS else ''}".rstrip()
    yield f"  {_worth(decision, lang)}"


def _worth(decision: Decision, lang: str) -> str:
    if decision.control_group:
        return _label("control", lang)
    verdict = _label("alone", lang)
    if decision.verdict is Verdict.ACT:
        # Chance also takes what is worth less than leaving alone, so that effects can be measured.
        less = decision.value is not None and decision.value.micros < 0
        verdict = _label("worse" if less else "worth", lang, value=str(decision.value).removeprefix("-"))
    if decision.deterministic:
        return verdict
    return f"{verdict}; {_label('chance', lang, probability=number_text('probability', decision.choice_probability))}"


def _errand(decision: Decision, lang: str, width: int) -> Iterator[str]:
    if decision.verdict is not Verdict.ACT:
        return
    chosen = decision.chosen
    who = short(decision.rep) if decision.rep else _label("nobody", lang)
    facts = [(_label("who", lang), who)]
    if decision.best_time:
        facts.append((_label("when", lang), _moment(decision.best_time)))
    if decision.channel:
        facts.append((_label("via", lang), decision.channel))
    if chosen and chosen.category:
        others = [each.category for each in chosen.recommended if each.category != chosen.category]
        facts.append((_label("about", lang), ", ".join((chosen.category, *others))))
    if chosen and chosen.shop:
        facts.append((_label("where", lang), f"{chosen.shop.title} ({chosen.shop.km:.1f} km)"))
    line = ""
    for name, fact in facts:
        piece = f"{name}  {fact}"
        if line and columns(line) + columns(piece) + 5 > width:
            yield line
            line = ""
        line += f"     {piece}" if line else f"  {piece}"
    yield cut(line, width)


def _why(decision: Decision, lang: str, width: int) -> Iterator[str]:
    if decision.reasons:
        yield f"  {_label('why', lang)}"
    for reason in decision.reasons:
        yield from wrapped(reason.text(lang), width, "  · ", _INDENT)


def _changes(decision: Decision, lang: str, width: int) -> Iterator[str]:
    if decision.counterfactuals:
        yield f"  {_label('changes', lang)}"
    for each in decision.counterfactuals:
        yield from wrapped(each.text(lang), width, "  · ", _INDENT)
    lacking = [each for each in decision.why_not if each.gap is not None][:_WHY_NOT]
    if lacking:
        yield f"  {_label('why_not', lang)}"
    for why in lacking:
        unfit = {each.action: each for each in decision.rejected}
        yield from wrapped(_lack(why, unfit.get(why.action), lang), width, "  · ", _INDENT)


def _lack(why: WhyNot, unfit: RejectedAction | None, lang: str) -> str:
    lacks = why.gap.amount if why.gap else 0
    told = [
        _label("less" if lacks >= 0 else "more", lang, action=short(why.action), amount=f"{abs(lacks):,.2f}")
    ]
    if unfit is not None:
        told.append(_label("unfit", lang, reason=_rejection(unfit, lang)))
    if why.counterfactual is not None:
        told.append(why.counterfactual.text(lang))
    return " ".join(told)


def _money(decision: Decision, lang: str, width: int) -> Iterator[str]:
    chosen = decision.chosen
    if chosen is None or decision.verdict is not Verdict.ACT:
        return
    account = chosen.money
    yield f"  {_label('money', lang, currency=account.cost.currency)}"
    yield _line(_label("baseline", lang), account.baseline.micros / 1e6, width)
    yield _line(_label("effect", lang), account.effect.micros / 1e6, width, sign=True)
    yield _INDENT + "─" * (width - 2 * len(_INDENT))
    lines = account_lines(account, lang)
    for label, cents in lines:
        yield _line(label, cents / 100, width, sign=True)
    yield _line(f"= {_label('value', lang)}", sum(cents for _, cents in lines) / 100, width)


def account_lines(account: MoneyAccount, lang: str = "en") -> list[tuple[str, int]]:
    """The lines that add up to the value, in cents.

    Each is the exact amount rounded up or down, so chosen that they add up to the rounded value: a reader who adds
    them must not find a cent missing.
    """
    margin = _label("margin", lang, margin=number_text("share", account.margin))
    cost = _label("cost", lang)
    if account.coupon is not None:
        chance = number_text("p", account.coupon.redemption_probability)
        cost = _label("coupon_cost", lang, face=f"{account.coupon.face_value.amount:,.2f}", chance=chance)
    lines = [(margin, account.effect_times_margin.micros), (cost, -account.cost.micros)]
    lines += [(_price_label(price, lang), -price.paid.micros) for price in account.prices]
    cents = rounded_to_sum([micros for _, micros in lines], 10_000)
    return [(label, amount) for (label, _), amount in zip(lines, cents, strict=True)]


def rounded_to_sum(amounts: Sequence[int], unit: int) -> list[int]:
    """Amounts in whole units, each less than one unit off, that add up to the rounded sum (largest remainder)."""
    floors = [amount // unit for amount in amounts]
    missing = (sum(amounts) + unit // 2) // unit - sum(floors)
    by_remainder = sorted(range(len(amounts)), key=lambda index: -(amounts[index] % unit))
    return [floor + (index in by_remainder[:missing]) for index, floor in enumerate(floors)]


def _price_label(price: PricePaid, lang: str) -> str:
    if price.resource.endswith("/minutes"):
        rep = short(price.resource.removesuffix("/minutes"))
        return _label("price_hour", lang, use=f"{price.use:g}", rep=rep, price=f"{price.per_unit * 60:,.2f}")
    return _label(
        "price_unit",
        lang,
        use=f"{price.use:g}",
        resource=price.resource,
        price=number_text("per_unit", float(price.per_unit)),
    )


def _others(decision: Decision, lang: str, width: int) -> Iterator[str]:
    others = [ranked for ranked in decision.actions if not ranked.chosen]
    if others:
        listed = " · ".join(_other(ranked) for ranked in others)
        yield from wrapped(listed, width, f"  {_label('others', lang)}: ", _INDENT)
    if decision.rejected:
        yield cut(f"  {_label('rejected', lang)}: {' · '.join(_rejections(decision, lang))}", width)


def _rejections(decision: Decision, lang: str) -> Iterator[str]:
    """Each reason once, with the actions that fell to it; what kept all of them away stands alone."""
    fallen: dict[str, list[str]] = {}
    for each in decision.rejected:
        fallen.setdefault(_rejection(each, lang), []).append(short(each.action))
    if len(fallen) == 1 and len(decision.rejected) > 1:
        yield f"{_label('every', lang)} ({next(iter(fallen))})"
        return
    for told, actions in fallen.items():
        yield f"{', '.join(actions)} ({told})"


def _rejection(each: RejectedAction, lang: str) -> str:
    return rejection_text(each.code, each.fact, each.value, each.limit, lang, each.expression)


def _other(ranked: RankedAction) -> str:
    return f"{short(ranked.action)} {ranked.value.amount:,.2f}"


def _basis(decision: Decision, lang: str, width: int) -> Iterator[str]:
    parts = " · ".join(_part(part, lang) for part in decision.parts)
    if parts:
        yield from wrapped(parts, width, f"  {_label('parts', lang)}: ", _INDENT)
    for part in decision.degraded:
        if part.detail:
            yield from wrapped(part.detail, width, "  ! ", _INDENT)
    if decision.assumed:
        listed = ", ".join(phrase(ASSUMED, code, lang) for code in decision.assumed)
        yield from wrapped(listed, width, f"  {_label('assumed', lang)}: ", _INDENT)
    if decision.trace_id:
        yield f"  {_label('trace', lang)}: {decision.trace_id} · {decision.name}"


def _part(part: Part, lang: str) -> str:
    words = f"{phrase(PARTS, part.name, lang)} {phrase(STATES, part.state, lang)}"
    if part.degraded and part.age.total_seconds() > 0:
        words += f" ({_label('old', lang, age=age_text(part.age))})"
    return words


def _label(name: str, lang: str, **arguments: str) -> str:
    return phrase(LABELS, name, lang, arguments)


def _moment(moment: datetime) -> str:
    return moment.strftime("%a %Y-%m-%d %H:%M UTC")


def _line(label: str, amount: float, width: int, *, sign: bool = False) -> str:
    figure = f"{amount:+,.2f}" if sign and amount else f"{amount:,.2f}"
    figure = figure.replace("-", "−")
    room = width - 2 * len(_INDENT) - len(figure)
    label = cut(label, room - 2)
    return f"{_INDENT}{label}{' ' * (room - columns(label))}{figure}"


def columns(text: str) -> int:
    """Columns a text takes on a terminal; Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def cut(text: str, width: int) -> str:
    """The text in one line of ``width`` columns, with an ellipsis where it was cut."""
    if columns(text) <= width:
        return text
    while columns(text) > width - 1:
        text = text[:-1]
    return text + "…"


def wrapped(text: str, width: int, first: str, other: str) -> Iterator[str]:
    """The text over as many lines as it needs, broken at spaces, or within Chinese, which has none."""
    line = first
    for piece in chain.from_iterable(_pieces(word) for word in text.split(" ")):
        if columns(line) + columns(piece.rstrip()) > width and line.strip():
            yield line.rstrip()
            line = other
        line += piece
    yield line.rstrip()


def _pieces(word: str) -> Iterable[str]:
    if columns(word) == len(word):
        return [f"{word} "]
    return [*word[:-1], f"{word[-1]} "]
