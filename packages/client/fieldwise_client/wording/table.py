"""Every code with its words, English and Chinese; both sides of an entry take the same arguments. Nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Words(NamedTuple):
    """The same in two languages; ``{name}`` stands for an argument."""

    en: str
    zh: str


LANGUAGES = Words._fields

REASONS: Mapping[str, Words] = {
    "SILENT_DAYS": Words(
        "No purchase for {days} days; usually {usual_gap} days pass between purchases.",
        "已 {days} 天没有购买；平时每隔 {usual_gap} 天购买一次。",
    ),
    "USUAL_GAP": Words("Usually buys every {days} days.", "平时每隔 {days} 天购买一次。"),
    "LIKELY_TO_BUY": Words("Buys within 28 days with probability {p}.", "28 天内购买的概率为 {p}。"),
    "UNLIKELY_TO_BUY": Words("Buys within 28 days with probability {p} only.", "28 天内购买的概率仅为 {p}。"),
    "LIKELY_TO_FALL_SILENT": Words(
        "Falls silent within 28 days with probability {p}.", "28 天内沉默的概率为 {p}。"
    ),
    "RESTOCK_DUE": Words(
        "Bought {category} {days} days ago and usually does every {gap} days.",
        "{days} 天前购买过 {category}，平时每隔 {gap} 天购买一次。",
    ),
    "POPULAR_UNBOUGHT": Words(
        "{share} of active customers bought {category} in the last 28 days; this one never did.",
        "近 28 天有 {share} 的活跃客户购买了 {category}，该客户从未购买。",
    ),
    "BOUGHT_TOGETHER": Words(
        "{share} of those who buy {given} also buy {category} within {window} d, {times} times as often as by chance.",
        "购买 {given} 的人中有 {share} 在 {window} 天内也购买 {category}，是随机情形的 {times} 倍。",
    ),
    "NEXT_REPEAT": Words(
        "Buys {category} within {window} days with probability {p}: did on {purchase_days} days, last {days} days ago.",
        "{window} 天内购买 {category} 的概率为 {p}：曾在 {purchase_days} 天购买，最近一次在 {days} 天前。",
    ),
    "NEXT_NEW": Words(
        "Never bought {category}; does within {window} days with probability {p}.",
        "从未购买 {category}；{window} 天内购买的概率为 {p}。",
    ),
    "LIKE_HABIT": Words(
        "What speaks most for {category}: buys {given}.", "最支持 {category} 的依据：购买 {given}。"
    ),
    "BIRTHDAY_NEAR": Words("Has a birthday in {days} days.", "{days} 天后生日。"),
    "BEST_SPEND": Words("Has spent {total} so far.", "至今已消费 {total}。"),
    "LOYAL": Words("Has bought on {purchase_days} days so far.", "至今已在 {purchase_days} 天有购买。"),
    "DAYS_SINCE_CONTACT": Words("Was last contacted {days} days ago.", "上次联系是 {days} 天前。"),
    "EXPECTED_SPEND": Words("Spends about {amount} when buying.", "购买时约消费 {amount}。"),
    "EFFECT_ASSUMED": Words(
        "Assumed to bring {lift} of those who would not buy, and {spend_lift} more from those who buy.",
        "假定：使 {lift} 原本不购买的客户购买，并使购买者多消费 {spend_lift}。",
    ),
    "EFFECT_MEASURED": Words(
        "Measured to bring {lift} of those who would not buy, and {spend_lift} more from those who buy ({basis}).",
        "实测：使 {lift} 原本不购买的客户购买，并使购买者多消费 {spend_lift}（{basis}）。",
    ),
    "MONEY_MEASURED": Words(
        "Measured to add {amount} within 28 days for customers like this ({basis}).",
        "实测：对此类客户，28 天内增加消费 {amount}（{basis}）。",
    ),
    "HOUR_PRICE": Words(
        "An hour of {rep} is worth {per_hour} elsewhere; this takes {minutes} minutes.",
        "{rep} 的一小时用在别处值 {per_hour}；此动作需 {minutes} 分钟。",
    ),
    "COUPON_PRICE": Words(
        "The coupon budget is tight: each unit costs {per_unit} beyond its face; this takes {face_value}.",
        "优惠券预算紧张：每单位面值另计 {per_unit}；此动作占用 {face_value}。",
    ),
    "SLOT_PRICE": Words(
        "An e-mail slot is worth {per_slot} elsewhere.", "一个邮件名额用在别处值 {per_slot}。"
    ),
    "CONTROL_GROUP": Words(
        "Is in the control group, which is left alone so that effects can be measured.",
        "属于对照组：不打扰，以便衡量真实效果。",
    ),
    "NOTHING_QUALIFIES": Words("None of the {rejected} actions fits.", "{rejected} 个动作均不适用。"),
    "BEST_ALTERNATIVE_LACKS": Words(
        "The best alternative, {action}, would lose {amount}.", "最佳的其他动作 {action} 会亏损 {amount}。"
    ),
    "BEST_ALTERNATIVE_ADDS": Words(
        "The best alternative, {action}, would add {amount}.", "最佳的其他动作 {action} 可带来 {amount}。"
    ),
    "CHOSEN_BY_CHANCE": Words(
        "Chosen by chance, with probability {probability}, so that effects can be measured.",
        "按 {probability} 的概率随机选中，以便衡量真实效果。",
    ),
}

REJECTIONS: Mapping[str, Words] = {
    "CONDITION": Words("{fact}", "{fact}"),
    "NOT_KNOWN": Words("{fact} not known", "{fact} 未知"),
    "NO_REP": Words("no rep", "无业务员"),
    "BUDGET_SPENT": Words("{fact} used up", "{fact} 已用完"),
    "NO_PRICES": Words("no price for {fact}", "{fact} 无价格"),
    "CHANNEL_NOT_OFFERED": Words("channel not offered", "渠道未开放"),
    "NO_CATEGORY": Words("no product to name", "无可推荐产品"),
    "NO_SHOP_OPEN": Words("no shop nearby is open then", "届时附近无门店营业"),
    "NOT_VALID_NOW": Words("not valid at this time", "当前不在有效期"),
    "COLD_START": Words("customer not known yet", "客户尚无资料"),
    "OPTED_OUT": Words("asked not to be contacted", "客户要求不再联系"),
    "CHANNEL_REFUSED": Words("refuses {fact}", "客户拒绝 {fact}"),
    "CONSENT_WITHHELD": Words("has not consented", "客户未许可"),
    "CONTACT_CAP": Words("as many contacts as allowed ({fact})", "联系次数已达上限（{fact}）"),
    "QUIET_HOURS": Words("nobody is reached at this hour", "当前为免打扰时段"),
    "SUPPRESSED": Words("left in peace for now ({fact})", "暂不打扰（{fact}）"),
    "CAMPAIGN_CONTROL": Words("in the control group of this action", "属于该动作的对照组"),
}

ACTIONS: Mapping[str, Words] = {
    "leave-alone": Words("Leave the customer alone", "不打扰客户"),
    "email-repeat": Words("E-mail about the product that is due again", "发邮件提醒补货"),
    "email-habit": Words(
        "E-mail about what the customer is likeliest to buy next", "发邮件推荐最可能再购的品类"
    ),
    "email-near-shop": Words("E-mail that invites to the shop nearby", "发邮件邀请到附近门店"),
    "email-new": Words("E-mail about a category new to the customer", "发邮件推荐新品类"),
    "email-companion": Words("E-mail about what goes with the last purchase", "发邮件推荐搭配品类"),
    "email-birthday": Words("E-mail for the birthday that is near", "发送生日邮件"),
    "email-win-back": Words("E-mail to a customer who fell silent", "发邮件唤回沉默客户"),
    "coupon-loyal": Words("Mail a small coupon to a regular customer", "寄小额优惠券给常客"),
    "coupon-win-back": Words("Mail a larger coupon to win the customer back", "寄大额优惠券唤回客户"),
    "call-check-in": Words("Call to ask how things are going", "致电问候"),
    "call-retention": Words("Call a customer who is likely to fall silent", "致电可能沉默的客户"),
    "retention-offer": Words(
        "Call, with a coupon, a good customer falling silent", "致电并附优惠券挽留好客户"
    ),
    "mail-thank-you": Words("Mail a thank-you card to one of the best customers", "寄感谢卡给最佳客户"),
    "call-new-product": Words("Call about a category new to the customer", "致电推荐新品类"),
}

ASSUMED: Mapping[str, Words] = {
    "margin": Words("margins", "毛利率"),
    "effect": Words("effects of actions", "动作效果"),
    "consent": Words("consent to be contacted", "联系许可"),
    "contact_time": Words("time zone and best hour", "时区与最佳时间"),
    "scores": Words("base rates where no model answers", "无模型处的基准率"),
}

PARTS: Mapping[str, Words] = {
    "profile": Words("profile", "画像"),
    "forecast": Words("forecast", "预测"),
    "allocation": Words("allocation", "分配"),
    "recommend": Words("recommend", "推荐"),
}

STATES: Mapping[str, Words] = {
    "fresh": Words("fresh", "最新"),
    "snapshot": Words("SNAPSHOT", "快照替代"),
    "cold start": Words("COLD START", "冷启动"),
    "prior": Words("PRIORS", "先验替代"),
    "last valid": Words("LAST VALID PRICES", "沿用旧价格"),
    "missing": Words("MISSING", "缺失"),
    "unspecified": Words("NOT STATED", "未说明"),
}

# What stands around the facts of a decision.
LABELS: Mapping[str, Words] = {
    "title": Words("Decision for {customer}", "客户 {customer} 的决策"),
    "no_decision": Words("No decision", "未能决策"),
    "worth": Words("worth {value} more than leaving alone", "比不打扰多值 {value}"),
    "worse": Words("worth {value} less than leaving alone", "比不打扰少值 {value}"),
    "alone": Words("nothing is worth more", "没有更值得的动作"),
    "control": Words("left alone as a control", "作为对照不打扰"),
    "who": Words("who", "执行人"),
    "when": Words("when", "时间"),
    "about": Words("about", "关于"),
    "via": Words("via", "渠道"),
    "where": Words("where", "地点"),
    "nobody": Words("no rep needed", "无需人工"),
    "why": Words("Why", "原因"),
    "money": Words("The money, in {currency} over 28 days", "28 天内的账目（{currency}）"),
    "baseline": Words("expected if left alone", "不打扰时的预期"),
    "effect": Words("the action adds", "该动作增加"),
    "margin": Words("of which margin, at {margin}", "其中毛利（{margin}）"),
    "cost": Words("cost of the action", "动作成本"),
    "coupon_cost": Words(
        "cost of the action; its coupon of {face} is redeemed with {chance}",
        "动作成本；{face} 优惠券的核销概率为 {chance}",
    ),
    "price_hour": Words("{use} min of {rep}, at {price} an hour", "{rep} 的 {use} 分钟（每小时 {price}）"),
    "price_unit": Words("{use} of {resource}, at {price} each", "{resource} {use}（单价 {price}）"),
    "value": Words("value", "价值"),
    "changes": Words("What would change it", "怎样会改变决策"),
    "why_not": Words("Why not the others", "为何不选其他动作"),
    "less": Words("{action}: {amount} less.", "{action}：少 {amount}。"),
    "more": Words("{action}: {amount} more.", "{action}：多 {amount}。"),
    "unfit": Words("It does not fit: {reason}.", "不适用：{reason}。"),
    "others": Words("Next best", "其次"),
    "rejected": Words("Did not fit", "不适用"),
    "every": Words("all of them", "全部"),
    "parts": Words("Based on", "依据"),
    "assumed": Words("Assumed, not measured", "假定（未实测）"),
    "chance": Words("chosen with probability {probability}", "选中概率 {probability}"),
    "trace": Words("trace", "追踪"),
    "old": Words("{age} old", "{age}前"),
}
