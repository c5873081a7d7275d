"""What internal apps import: typed calls with deadlines, retries and idempotency; its extra brings the fieldwise command."""

from fieldwise_client.aio import AsyncClient
from fieldwise_client.client import Client
from fieldwise_client.decision import (
    Decision,
    Money,
    MoneyAccount,
    Part,
    PricePaid,
    RankedAction,
    Reason,
    RejectedAction,
    Source,
    Verdict,
)
from fieldwise_client.errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    FieldwiseError,
    InfeasiblePlan,
    InternalError,
    InvalidRequest,
    NotFound,
    RequestIdReused,
    ResourceExhausted,
    Unavailable,
    Violation,
)
from fieldwise_client.requests import PlanProgress, Replay
from fieldwise_client.wording import render_decision

__all__ = [
    "Aborted",
    "AlreadyExists",
    "AsyncClient",
    "Cancelled",
    "Client",
    "DeadlineExceeded",
    "Decision",
    "FailedPrecondition",
    "FieldwiseError",
    "InfeasiblePlan",
    "InternalError",
    "InvalidRequest",
    "Money",
    "MoneyAccount",
    "NotFound",
    "Part",
    "PlanProgress",
    "PricePaid",
    "RankedAction",
    "Reason",
    "RejectedAction",
    "Replay",
    "RequestIdReused",
    "ResourceExhausted",
    "Source",
    "Unavailable",
    "Verdict",
    "Violation",
    "render_decision",
]
