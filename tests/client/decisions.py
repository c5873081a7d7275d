"""Decisions to show: one that acts, one left alone, one that could not be made."""

from __future__ import annotations

from datetime import datetime

from fieldwise.recommend.v1 import decision_pb2 as pb
from fieldwise.type.v1 import provenance_pb2
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client import Decision
from fieldwise_client.decision import decision_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def money(amount: float) -> Money:
    return Money(currency_code="USD", micros=round(amount * 1_000_000))


def acting() -> Decision:
    """A call with a coupon; the prices are three days old."""
    message = _plain(pb.VERDICT_ACT, "actions/retention-offer")
    message.rep, message.channel = "reps/wang", "call"
    message.best_time.FromDatetime(datetime(2018, 1, 2, 17))
    chosen = message.actions[0]
    chosen.value.CopyFrom(money(4.213 - 0.65 - 1.583333 - 0.225))
    chosen.money.CopyFrom(
        pb.MoneyAccount(
            baseline=money(61.2),
            effect=money(16.852),
            margin=0.25,
            effect_times_margin=money(4.213),
            cost=money(0.65),
        )
    )
    coupon = pb.CouponCost(
        face_value=money(5), redemption_probability=0.12, basis="assumed", expected_cost=money(0.6)
    )
    chosen.money.coupon.CopyFrom(coupon)
    chosen.category = "CHEESE"
    for category, probability in (("CHEESE", 0.7), ("FLUID MILK PRODUCTS", 0.6), ("SOFT DRINKS", 0.4)):
        chosen.recommended.add(category=category, probability=probability, purchase_days=9)
    chosen.shop.CopyFrom(pb.ShopNear(shop="shops/bridge", title="By the bridge", km=1.234))
    prices = chosen.money.prices
    prices.add(
        resource="reps/wang/minutes", use=10, unit="min", micros_per_unit=158_333.3, paid=money(1.583333)
    )
    prices.add(resource="coupon-money", use=5, unit="USD", micros_per_unit=45_000, paid=money(0.225))
    chosen.reasons.add(code="LIKELY_TO_FALL_SILENT", numbers={"p": 0.61})
    chosen.reasons.add(code="SILENT_DAYS", numbers={"days": 17, "usual_gap": 6})
    chosen.reasons.add(code="EFFECT_ASSUMED", numbers={"lift": 0.18, "spend_lift": 0.015})
    chosen.reasons.add(
        code="HOUR_PRICE", numbers={"per_hour": 9.5, "minutes": 10}, words={"rep": "reps/wang"}
    )
    message.actions.add(action="actions/email-repeat", value=money(0.92))
    message.actions.add(action="actions/leave-alone", value=money(0))
    message.rejected.add(
        action="actions/mail-thank-you", code="CONDITION", fact="total_spend", value=1731, limit=2000
    )
    message.rejected.add(action="actions/email-new", code="NO_CATEGORY")
    _stale_prices(message)
    return decision_of(message)


def left_alone() -> Decision:
    """A customer of the control group."""
    message = _plain(pb.VERDICT_LEAVE_ALONE, "actions/leave-alone")
    message.control_group = True
    message.actions[0].value.CopyFrom(money(0))
    message.actions[0].reasons.add(code="CONTROL_GROUP")
    return decision_of(message)


def undecided() -> Decision:
    """Recommend was not reachable."""
    message = _plain(pb.VERDICT_NO_DECISION, "")
    del message.actions[:]
    message.no_decision_reason = "recommend not reachable; ask again with the same request_id"
    message.parts.add(name="recommend", state=provenance_pb2.PART_STATE_MISSING, detail="not reachable")
    return decision_of(message)


def _plain(verdict: pb.Verdict.ValueType, action: str) -> pb.Decision:
    message = pb.Decision(
        name="decisions/01890000-0000-7000-8000-000000000001",
        customer="customers/C-00417",
        verdict=verdict,
        chosen_action=action,
        choice_probability=1,
        deterministic=True,
        trace_id=TRACE,
        assumed=["effect", "margin", "consent", "contact_time"],
    )
    message.decision_time.FromDatetime(datetime(2017, 12, 31))
    message.actions.add(action=action, chosen=True)
    return message


def _stale_prices(message: pb.Decision) -> None:
    for name in ("profile", "forecast", "recommend"):
        message.parts.add(name=name, state=provenance_pb2.PART_STATE_FRESH)
    stale = message.parts.add(name="allocation", state=provenance_pb2.PART_STATE_LAST_VALID)
    stale.age.FromSeconds(3 * 86_400)
    stale.detail = "the prices ran out 3 days ago; the last valid ones stood in"
