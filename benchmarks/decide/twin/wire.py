"""What the twin's services say to each other, as pydantic models; mirrors the contracts, knows no rule.

Times are microseconds since 1970 and amounts micros of the one currency: plain integers, lighter than the nested messages
of the contracts. None in a feature vector is a number that is not known (JSON has no NaN).
"""

from __future__ import annotations

from pydantic import BaseModel


class Part(BaseModel):
    name: str
    state: str = "FRESH"
    version: str = ""
    age: int = 0
    detail: str = ""
    as_of: int = 0


class Interest(BaseModel):
    category: str
    purchase_days: int
    last_purchase_time: int
    mean_gap_days: float | None
    spend: int


class Popular(BaseModel):
    category: str
    customer_share: float


class Profile(BaseModel):
    name: str
    as_of: int
    set_id: str
    set_version: int
    features: list[float | None]
    last_purchase_time: int | None
    last_contact_time: int | None
    purchase_days: int
    total_spend: int
    usual_gap_days: float | None
    silence_after_days: float | None
    stage: int
    interests: list[Interest]
    popular_unbought: list[Popular]
    usual_hour: int | None
    quality: float
    issues: list[str]
    event_count: int
    fresh_at: int


class ProfilesAsk(BaseModel):
    names: list[str]
    as_of: int


class ProfilesAnswer(BaseModel):
    profiles: list[Profile]
    not_found: list[str]


class CustomerFeatures(BaseModel):
    customer: str
    features: list[float | None] | None


class ScoresAsk(BaseModel):
    customers: list[CustomerFeatures]
    decision_time: int


class Contribution(BaseModel):
    feature: str
    value: float | None
    log_odds: float


class Prediction(BaseModel):
    model: str
    model_version: str
    probability: float
    log_odds: float
    base_log_odds: float | None = None
    contributions: list[Contribution] = []


class Scores(BaseModel):
    customer: str
    predictions: list[Prediction]
    spend_if_buys: int


class ScoresAnswer(BaseModel):
    scores: list[Scores]
    part: Part


class TermsAsk(BaseModel):
    customers: list[str]
    decision_time: int


class Price(BaseModel):
    resource: str
    unit: str
    micros_per_unit: float
    capacity: float
    used: float


class PriceSet(BaseModel):
    name: str
    valid_from: int
    valid_until: int
    prices: list[Price]


class TermsAnswer(BaseModel):
    reps: list[str]
    price_set: PriceSet | None
    part: Part


class DecideAsk(BaseModel):
    request_id: str
    customer: str
    channels: list[str] = []
    max_actions: int = 0
    require_known: bool = False


class Inputs(BaseModel):
    """What one decision is made from; the last block is filled in by recommend, and all of it is stored."""

    decision: str
    request_id: str
    fingerprint: str
    customer: str
    decision_time: int
    max_actions: int
    channels: list[str]
    profile: Profile | None
    scores: Scores | None
    rep: str
    parts: list[Part]
    catalogue_version: str = ""
    pacing: float = 1.0
    exploration: float = 0.0
    draw: float = 0.0
    control_group: bool = False
    scarce: dict[str, float] = {}
    reserved: list[str] = []


class RecommendAsk(BaseModel):
    inputs: list[Inputs]
    price_set: PriceSet | None


class PricePaid(BaseModel):
    resource: str
    use: float
    unit: str
    micros_per_unit: float
    paid: int


class Account(BaseModel):
    baseline: int
    effect: int
    margin: float
    effect_times_margin: int
    cost: int
    prices: list[PricePaid]


class Reason(BaseModel):
    code: str
    numbers: dict[str, float]
    words: dict[str, str]


class Ranked(BaseModel):
    action: str
    value: int
    money: Account
    reasons: list[Reason]
    chosen: bool
    category: str
    probability: float


class Rejected(BaseModel):
    action: str
    code: str
    fact: str
    value: float | None
    limit: float | None


class Decision(BaseModel):
    name: str
    request_id: str
    customer: str
    decision_time: int
    verdict: str
    actions: list[Ranked]
    chosen_action: str
    rep: str
    best_time: int | None
    choice_probability: float
    deterministic: bool
    control_group: bool
    rejected: list[Rejected]
    parts: list[Part]
    assumed: list[str]
    quality: float | None
    issues: list[str]
    pacing: float
    predictions: list[Prediction]


class RecommendAnswer(BaseModel):
    decisions: list[Decision]
