"""A decision as an app reads it: frozen values, exact money, words on demand. Knows the contract's message, no channel."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.recommend.v1 import decision_pb2
from fieldwise.type.v1 import money_pb2, provenance_pb2


class Verdict(enum.Enum):
    """What was decided."""

    ACT = "act"
    LEAVE_ALONE = "leave alone"
    NO_DECISION = "no decision"


@dataclass(frozen=True, order=True)
class Money:
    """An exact amount in millionths of one currency unit."""

    micros: int
    currency: str

    @property
    def amount(self) -> Decimal:
        """In currency units, exact."""
        return Decimal(self.micros).scaleb(-6)

    def __str__(self) -> str:
        return f"{self.amount:,.2f} {self.currency}"

    def __add__(self, other: Money) -> Money:
        return Money(self.micros + other.micros, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.micros, self.currency)


@dataclass(frozen=True)
class Source:
    """Where a fact comes from: a customer's events of these kinds and, if one is named, of this category, before a moment.

    ``Client.rows_of`` fetches them; after an erasure there are none.
    """

    customer: str
    kinds: tuple[str, ...]
    category: str
    end: datetime


@dataclass(frozen=True)
class Reason:
    """Why: a code with its arguments. ``str(reason)`` says it in English, ``reason.text("zh")`` in Chinese.

    ``source`` leads to the events behind a fact about the customer; None of what rests on none.
    """

    code: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    source: Source | None = None

    def text(self, language: str = "en") -> str:
        """The reason in words."""
        # Late, because the words need this class.
        from fieldwise_client.wording.phrases import reason_text

        return reason_text(self.code, self.numbers, self.words, language)

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True)
class Counterfactual:
    """With ``to_value`` in the place of ``from_value`` of one input, ``becomes_action`` would have been chosen; checked by deciding again.

    ``pacing`` is the decision's factor on all prices, which prices are told with.
    """

    input: str
    from_value: float
    to_value: float
    unit: str
    becomes_action: str
    pacing: float = 1.0

    def text(self, language: str = "en") -> str:
        """The change in words, in at most 140 characters."""
        # Late, because the words need this module.
        from fieldwise_client.wording.changes import change_text

        was, new = self.from_value, self.to_value
        return change_text(self.input, was, new, self.becomes_action, language, self.pacing)

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True)
class WhyNot:
    """Why another action was not chosen: a code, what it lacked (None without prices), and the least that would have made it the one."""

    action: str
    code: str
    gap: Money | None
    counterfactual: Counterfactual | None


@dataclass(frozen=True)
class PricePaid:
    """What one scarce thing costs the action: ``use`` x price per unit."""

    resource: str
    use: float
    unit: str
    per_unit: Decimal
    paid: Money


@dataclass(frozen=True)
class Coupon:
    """What of an action's cost is its coupon's: face value x probability that it is redeemed, `assumed` or `measured`."""

    face_value: Money
    redemption_probability: float
    basis: str
    expected_cost: Money


@dataclass(frozen=True)
class MoneyAccount:
    """How an action's value came about; the lines add up exactly."""

    baseline: Money
    effect: Money
    margin: float
    effect_times_margin: Money
    cost: Money
    prices: tuple[PricePaid, ...]
    coupon: Coupon | None = None

    @property
    def value(self) -> Money:
        """Effect x margin - cost - every price paid, exact."""
        paid = sum(price.paid.micros for price in self.prices)
        return Money(
            self.effect_times_margin.micros - self.cost.micros - paid, self.effect_times_margin.currency
        )


@dataclass(frozen=True)
class NextCategory:
    """A category that he may buy next, with the probability; ``purchase_days`` is 0 of one that he never bought."""

    category: str
    probability: float
    purchase_days: int


@dataclass(frozen=True)
class Shop:
    """Where an action sends him: a shop that is open when it is carried out, ``km`` from the middle of his area."""

    name: str
    title: str
    km: float


@dataclass(frozen=True)
class RankedAction:
    """One action that was considered, what it is worth and why; ``recommended`` is what it would name, likeliest first."""

    action: str
    value: Money
    money: MoneyAccount
    reasons: tuple[Reason, ...]
    chosen: bool
    category: str
    probability: float
    recommended: tuple[NextCategory, ...] = ()
    shop: Shop | None = None


@dataclass(frozen=True)
class RejectedAction:
    """An action that did not qualify: the code, and the fact with its value and limit where one failed.

    Args:
        rule: Of CONDITION which of the three it was: eligibility, applicability or suitability.
        expression: The part of it that does not hold, in CEL.
    """

    action: str
    code: str
    fact: str
    value: float | None
    limit: float | None
    rule: str = ""
    expression: str = ""


@dataclass(frozen=True)
class Part:
    """Where one part of the answer came from; ``state`` is `fresh` or says what stood in."""

    name: str
    state: str
    version: str
    age: timedelta
    detail: str

    @property
    def degraded(self) -> bool:
        """Something stood in for the service that owns the part."""
        return self.state != "fresh"


@dataclass(frozen=True)
class Decision:
    """What to do for one customer, what it is worth, who should do it and why.

    ``action`` is the chosen one (None without a decision), ``value`` and ``reasons`` are its; ``actions`` are all that
    were worth showing, best first. ``rep`` is None when nobody needs to act. ``counterfactuals`` and ``why_not`` are there when it was asked for
    with ``explain``. ``proto`` is the whole message.
    """

    name: str
    customer: str
    decision_time: datetime
    verdict: Verdict
    action: str | None
    value: Money | None
    rep: str | None
    best_time: datetime | None
    reasons: tuple[Reason, ...]
    actions: tuple[RankedAction, ...]
    rejected: tuple[RejectedAction, ...]
    parts: tuple[Part, ...]
    assumed: tuple[str, ...]
    choice_probability: float
    deterministic: bool
    control_group: bool
    trace_id: str
    no_decision_reason: str
    counterfactuals: tuple[Counterfactual, ...]
    why_not: tuple[WhyNot, ...]
    proto: decision_pb2.Decision = field(repr=False, compare=False)

    @property
    def chosen(self) -> RankedAction | None:
        """The chosen action with its account of money; None without a decision."""
        return next((ranked for ranked in self.actions if ranked.chosen), None)

    @property
    def channel(self) -> str | None:
        """Through which the chosen action reaches him; None when he is left alone."""
        return self.proto.channel or None

    @property
    def degraded(self) -> tuple[Part, ...]:
        """Parts for which something stood in; none when every service answered."""
        return tuple(part for part in self.parts if part.degraded)


def decision_of(message: decision_pb2.Decision) -> Decision:
    """Read the contract's message."""
    actions = tuple(_ranked(each) for each in message.actions)
    chosen = next((ranked for ranked in actions if ranked.chosen), None)
    return Decision(
        name=message.name,
        customer=message.customer,
        decision_time=_time(message.decision_time),
        verdict=_VERDICTS.get(message.verdict, Verdict.NO_DECISION),
        action=message.chosen_action or None,
        value=chosen.value if chosen else None,
        rep=message.rep or None,
        best_time=_time(message.best_time) if message.HasField("best_time") else None,
        reasons=chosen.reasons if chosen else (),
        actions=actions,
        rejected=tuple(_rejected(each) for each in message.rejected),
        parts=tuple(_part(each) for each in message.parts),
        assumed=tuple(message.assumed),
        choice_probability=message.choice_probability,
        deterministic=message.deterministic,
        control_group=message.control_group,
        trace_id=message.trace_id,
        no_decision_reason=message.no_decision_reason,
        counterfactuals=tuple(_counterfactual(each, message.pacing) for each in message.counterfactuals),
        why_not=tuple(_why_not(each, message.pacing) for each in message.why_not),
        proto=message,
    )


_VERDICTS: dict[int, Verdict] = {
    decision_pb2.VERDICT_ACT: Verdict.ACT,
    decision_pb2.VERDICT_LEAVE_ALONE: Verdict.LEAVE_ALONE,
    decision_pb2.VERDICT_NO_DECISION: Verdict.NO_DECISION,
}


def _ranked(message: decision_pb2.RankedAction) -> RankedAction:
    return RankedAction(
        action=message.action,
        value=money_of(message.value),
        money=_account(message.money),
        reasons=tuple(_reason(each) for each in message.reasons),
        chosen=message.chosen,
        category=message.category,
        probability=message.probability,
        recommended=tuple(
            NextCategory(each.category, each.probability, each.purchase_days) for each in message.recommended
        ),
        shop=Shop(message.shop.shop, message.shop.title, message.shop.km)
        if message.HasField("shop")
        else None,
    )


def _reason(message: decision_pb2.Reason) -> Reason:
    source = None
    if message.HasField("source"):
        told = message.source
        source = Source(told.customer, tuple(told.kinds), told.category, _time(told.end))
    return Reason(message.code, dict(message.numbers), dict(message.words), source)


def _account(message: decision_pb2.MoneyAccount) -> MoneyAccount:
    return MoneyAccount(
        baseline=money_of(message.baseline),
        effect=money_of(message.effect),
        margin=message.margin,
        effect_times_margin=money_of(message.effect_times_margin),
        cost=money_of(message.cost),
        prices=tuple(_price(each) for each in message.prices),
        coupon=_coupon(message.coupon) if message.HasField("coupon") else None,
    )


def _coupon(message: decision_pb2.CouponCost) -> Coupon:
    face, cost = money_of(message.face_value), money_of(message.expected_cost)
    return Coupon(face, message.redemption_probability, message.basis, cost)


def _price(message: decision_pb2.PricePaid) -> PricePaid:
    per_unit = Decimal(message.micros_per_unit).scaleb(-6)
    return PricePaid(message.resource, message.use, message.unit, per_unit, money_of(message.paid))


def _rejected(message: decision_pb2.RejectedAction) -> RejectedAction:
    return RejectedAction(
        action=message.action,
        code=message.code,
        fact=message.fact,
        value=message.value if message.HasField("value") else None,
        limit=message.limit if message.HasField("limit") else None,
        rule=message.rule,
        expression=message.expression,
    )


def _counterfactual(message: decision_pb2.Counterfactual, pacing: float) -> Counterfactual:
    return Counterfactual(
        message.input, message.from_value, message.to_value, message.unit, message.becomes_action, pacing
    )


def _why_not(message: decision_pb2.WhyNot, pacing: float) -> WhyNot:
    gap = money_of(message.gap) if message.HasField("gap") else None
    told = message.counterfactual if message.HasField("counterfactual") else None
    return WhyNot(message.action, message.code, gap, None if told is None else _counterfactual(told, pacing))


def _part(message: provenance_pb2.Part) -> Part:
    state = provenance_pb2.PartState.Name(message.state).removeprefix("PART_STATE_").lower().replace("_", " ")
    return Part(message.name, state, message.version, message.age.ToTimedelta(), message.detail)


def money_of(message: money_pb2.Money) -> Money:
    """Read an amount."""
    return Money(message.micros, message.currency_code)


def _time(message: Timestamp) -> datetime:
    return message.ToDatetime(tzinfo=UTC)
