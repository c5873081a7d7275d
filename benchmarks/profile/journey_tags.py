"""70 tags for the customers of Complete Journey: 10 that should be strong, 30 derived, 30 redundant or noise.

Written down, from the meaning of the fields alone, before any result was looked at, and not changed since.
"""

from __future__ import annotations

from typing import Final

STRONG: Final = {
    "near-his-silence": "features.silence_ratio > 0.5",
    "very-near-his-silence": "features.silence_ratio > 0.75",
    "came-this-week": "features.purchase_days_7d >= 1.0",
    "came-often-in-four-weeks": "features.purchase_days_28d >= 8.0",
    "came-seldom-in-four-weeks": "features.purchase_days_28d <= 2.0",
    "regular": "features.gap_std < features.gap_mean",
    "small-threshold": "features.silence_after_days <= 14.0",
    "slowing-down": "features.spend_trend_28d < -0.3",
    "long-usual-gap": "features.gap_median > 7.0",
    "big-spender-of-four-weeks": "features.spend_28d > 200.0",
}

DERIVED: Final = {
    "weekly": "features.gap_median >= 5.0 && features.gap_median <= 8.0",
    "twice-a-week": "features.gap_median < 4.5",
    "fortnightly": "features.gap_median > 8.0 && features.gap_median <= 16.0",
    "gap-now-above-usual": "features.days_since_purchase > features.gap_median",
    "gap-now-twice-usual": "features.days_since_purchase > 2.0 * features.gap_median",
    "gap-now-above-q90": "features.days_since_purchase > features.gap_q90",
    "wide-gaps": "features.gap_q90 > 14.0",
    "very-wide-gaps": "features.gap_q90 > 28.0",
    "erratic": "features.gap_std > 1.5 * features.gap_mean",
    "speeding-up": "features.spend_trend_28d > 0.3",
    "stopped-spending": "features.spend_28d == 0.0 && features.spend_84d > 0.0",
    "fewer-days-than-before": "features.purchase_days_28d < features.purchase_days_56d - features.purchase_days_28d",
    "more-days-than-before": "features.purchase_days_28d > features.purchase_days_56d - features.purchase_days_28d",
    "busy-fortnight": "features.purchase_days_14d >= 5.0",
    "quiet-fortnight": "features.purchase_days_14d == 0.0",
    "busy-quarter": "features.purchase_days_84d >= 24.0",
    "quiet-quarter": "features.purchase_days_84d <= 4.0",
    "newcomer": "features.days_since_first_purchase < 84.0",
    "old-hand": "features.purchase_days >= 60.0",
    "few-days-in-all": "features.purchase_days < 10.0",
    "broad": "features.categories_56d >= 40.0",
    "narrow": "features.categories_56d <= 8.0",
    "large-baskets": "features.spend_per_purchase_day > 50.0",
    "small-baskets": "features.spend_per_purchase_day < 10.0",
    "below-his-usual-spend": "features.spend_28d < 0.6 * features.spend_28d_when_active",
    "above-his-usual-spend": "features.spend_28d > 1.3 * features.spend_28d_when_active",
    "bargain-hunter": "features.discount_share > 0.25",
    "redeems": "features.redemptions_84d >= 1.0",
    "mailed-lately": "has(features.days_since_mailing) && features.days_since_mailing < 28.0",
    "active-in-most-months": "features.active_28d_windows >= 10.0",
}

NOISE: Final = {
    # The same again in other words.
    "near-his-silence-again": "features.days_since_purchase > 0.5 * features.silence_after_days",
    "nearly-silent": "features.silence_ratio > 0.7",
    "came-within-seven-days": "features.days_since_purchase < 7.0",
    "often-again": "features.purchase_days_28d > 7.0",
    "seldom-again": "features.purchase_days_28d < 3.0",
    "regular-again": "features.gap_std / features.gap_mean < 1.0",
    "threshold-at-the-floor": "profile.silence_after_days == 14.0",
    "long-gap-again": "profile.usual_gap_days > 7.0",
    "spent-much-again": "features.spend_28d > 190.0 && features.spend_84d > 0.0",
    "weekly-again": "features.gap_median > 4.5 && features.gap_median < 8.5",
    "quiet-again": "!(features.purchase_days_14d > 0.0)",
    "old-hand-again": "profile.purchase_days > 58",
    # Facts without a reason to matter.
    "buys-beer": "profile.interests.exists(x, x.contains('BEER'))",
    "buys-cheese": "profile.interests.exists(x, x.contains('CHEESE'))",
    "buys-milk": "profile.interests.exists(x, x.contains('MILK'))",
    "buys-bread": "profile.interests.exists(x, x.contains('BREAD'))",
    "buys-soft-drinks": "profile.interests.exists(x, x.contains('SOFT DRINKS'))",
    "buys-pet-food": "profile.interests.exists(x, x.contains('PET') || x.contains('DOG') || x.contains('CAT '))",
    "first-interest-long-named": "profile.interests.size() > 0 && profile.interests[0].size() > 14",
    "morning": "profile.usual_hour >= 11 && profile.usual_hour < 16",
    "evening": "profile.usual_hour >= 21 || profile.usual_hour < 2",
    "weekender": "features.weekend_share > 0.4",
    "weekday": "features.weekend_share < 0.2",
    # Chance itself.
    "chance-2": "int(features.spend_total * 100.0) % 2 == 0",
    "chance-3": "int(features.spend_total * 100.0) % 3 == 0",
    "chance-5": "int(features.spend_total * 100.0) % 5 == 0",
    "chance-7": "int(features.spend_total * 100.0) % 7 == 0",
    "chance-11": "int(features.spend_84d * 100.0) % 11 < 5",
    "chance-13": "int(features.spend_84d * 100.0) % 13 < 6",
    "chance-17": "profile.event_count % 17 < 8",
}

TAGS: Final = STRONG | DERIVED | NOISE
