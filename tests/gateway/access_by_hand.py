"""Who may call what, written down role by role and apart from the contracts: a naive rival of the gateway's access. Knows no scope."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import rep_pb2
from fieldwise.forecast.v1 import customer_service_pb2 as outlook_pb
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.gateway.v1 import rep_days_service_pb2 as days_pb
from fieldwise.profile.v1 import event_pb2, profile_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.recommend.v1 import effect_service_pb2 as effect_pb

MINE, MY_REP = "customers/mine", "reps/mine"
# Another rep's; one that nobody has; one that does not exist is told from neither.
THEIRS, THEIR_REP, NOBODYS, UNKNOWN = "customers/theirs", "reps/theirs", "customers/alone", "customers/none"
REPS_OF: Final = {MINE: MY_REP, THEIRS: THEIR_REP, NOBODYS: ""}

# Only between services, whoever asks.
INSIDE: Final = """
AllocationService/SolvePrices AllocationService/EraseCustomers AllocationService/LookUpTerms AllocationService/WatchTerms
ForecastService/ScoreCustomers ForecastService/WatchModels
profile.v1.ProfileService/IngestEvents ProfileService/KeepRefusedEvents ProfileService/Stream* ProfileService/ListOutcomeEvents ProfileService/WatchChanges
RecommendService/BatchRecommendActions RecommendService/ValueActions RecommendService/GetCommitments
RecommendService/GetDecision RecommendService/ReplayDecision RecommendService/RecordOutcomes
RecommendService/ListDueResults RecommendService/RecordResults RecommendService/EraseCustomers
"""
EVERYBODY: Final = "AccessService/GetCaller"
_REP: Final = """
GatewayService/Decide GatewayService/BatchDecide GatewayService/GetDecision GatewayService/RecordOutcome
gateway.v1.GatewayService/IngestEvents GatewayService/GetClock RepDaysService/ListNextActions
ProfileService/GetProfile ProfileService/BatchGetProfiles ProfileService/WatchProfiles CustomerService/GetOutlook
RecommendService/ListActions EventsService/CaptureEvents
"""
# Whose customers these are about cannot be told before they were read.
NOT_THE_FIELDS: Final = "EventsService/CaptureEvents"
_CATALOGUE_READ: Final = """
RecommendService/ListActions CatalogueService/ListDrafts CatalogueService/ListCatalogueVersions CatalogueService/GetAction
CatalogueService/ListRuleFields CatalogueService/ExportCatalogue
"""
_FORECASTS: Final = """
ForecastService/ForecastSeries GatewayService/ForecastSeries SeriesService/GetSeriesSet SeriesService/ListSeriesSets
SeriesService/ForecastSet SeriesService/GetReach SeriesService/Decompose
"""
_SEGMENTS_READ: Final = """
SegmentService/ListSegments SegmentService/GetLifecycle TagService/GetTag TagService/ListTags TagService/ListTagVersions TagService/TestTag
TagService/ListTaggedCustomers TagService/TagCustomers TagService/ListTagFields TagService/GetTagReport TagService/ListTagReports
"""
_PLANS_READ: Final = """
AccountService/GetAccountSet AccountService/ListAccountSets AllocationService/WatchPlan AllocationService/ListAssignments
*Service/GetPlan PlanService/List* PlanService/Get* PlanService/ComparePlans TerritoryService/* VisitService/GetVisitPlan
VisitService/ListDayVisits VisitService/RankOutreach
"""
_PRICES: Final = "*Service/GetPrices PriceService/*"
_CUSTOMERS: Final = "*Service/ListCustomers ProfileService/ListChanges"
_MODELS_READ: Final = """
CustomerService/ListDwellThresholds *Service/ListModelVersions ModelService/ListModels ModelService/GetModel ModelService/ListTrainings
ReturnsService/GetReturns TableService/GetTable TableService/ListTables TableService/PredictTable
"""
_EFFECTS_READ: Final = """
AnswerService/GetAnswers EffectService/ListBaselines NextPurchaseService/GetNextPurchaseTables PairService/ListPairRules
"""
_POLICIES_READ: Final = """
ContactPolicyService/GetContactPolicy PolicyService/EvaluatePolicy PolicyService/ListPolicyVersions
"""
_POLICIES_WRITE: Final = """
ContactPolicyService/UpdateContactPolicy PolicyService/TrainPolicy PolicyService/ReleasePolicyVersion PolicyService/WithdrawPolicy
"""
_QUALITY: Final = "QualityService/MeasureAccuracy QualityService/ReviewRecords"
_OPERATIONS_READ: Final = "Operations/GetOperation Operations/WaitOperation Operations/ListOperations"
_OPERATIONS: Final = "Operations/*"

MAY: Final = {
    "rep": _REP,
    "manager": _REP + " EffectService/ReportEffect AllocationService/GetRep *Service/ListReps",
    "app": _REP
    + _CATALOGUE_READ
    + _FORECASTS
    + _SEGMENTS_READ
    + _PLANS_READ
    + f"{_PRICES} {_CUSTOMERS} {_OPERATIONS_READ}"
    + " PrivacyService/SetConsent PrivacyService/ListConsents AllocationService/GetRep *Service/ListReps"
    + " SchemaService/ListEventSchemas",
    "planner": _CATALOGUE_READ
    + _FORECASTS
    + _SEGMENTS_READ
    + _PLANS_READ
    + _MODELS_READ
    + _EFFECTS_READ
    + _POLICIES_READ
    + f"{_PRICES} {_CUSTOMERS} {_OPERATIONS} {_QUALITY}"
    + " AccountService/* PlanService/* VisitService/* TaskService/* ResourceService/* CatalogueService/*"
    + " *Service/PlanTerritories *Service/ApplyPlan *Service/*Budgets *Service/*Rep *Service/ListReps"
    + " EffectService/ReportEffect EffectService/ImportBaseline SegmentService/* TagService/*"
    + " SeriesService/*"
    + " GatewayService/GetDecision GatewayService/GetClock RepDaysService/*"
    + " ProfileService/GetProfile ProfileService/BatchGetProfiles ProfileService/WatchProfiles CustomerService/GetOutlook",
    "ops": _CATALOGUE_READ
    + _FORECASTS
    + _MODELS_READ
    + _EFFECTS_READ
    + _POLICIES_READ
    + _POLICIES_WRITE
    + f"{_PRICES} {_OPERATIONS} {_QUALITY}"
    + " ForecastService/TrainModel ForecastService/RollbackModel ModelService/* ReturnsService/* TableService/*"
    + " GatewayService/GetClock GatewayService/MoveClock JobsService/* TracesService/* AccessService/ListApiKeys"
    + " ProfileService/RebuildProfiles QualityService/LearnRhythms SchemaService/ReplayDeadLetters"
    + " SchemaService/CreateEventSchema SchemaService/ListEventSchemas EffectService/ReportEffect"
    + " AnswerService/* NextPurchaseService/* PairService/*",
    "privacy_officer": _POLICIES_READ
    + _POLICIES_WRITE
    + f"{_CUSTOMERS} {_QUALITY}"
    + " PrivacyService/* IdentityService/* ProfileService/ListEvents SchemaService/ListDeadLetters GatewayService/GetClock"
    + " ProfileService/GetProfile ProfileService/BatchGetProfiles ProfileService/WatchProfiles CustomerService/GetOutlook",
    "operator": "*",
}
FIELD_ROLES: Final = frozenset({"rep", "manager"})

# What is sent to name a customer or rep, and what an answer names, where the field's people may call.
SENT: Final[dict[str, Callable[[str, str], Any]]] = {
    "GatewayService/Decide": lambda customer, _: gateway_pb.DecideRequest(customer=customer),
    "GatewayService/BatchDecide": lambda customer, _: gateway_pb.BatchDecideRequest(
        customers=[MINE, customer]
    ),
    "gateway.v1.GatewayService/IngestEvents": lambda customer, rep: gateway_pb.IngestEventsRequest(
        events=[
            event_pb2.Event(customer=MINE),
            event_pb2.Event(customer=customer, visit=event_pb2.Visit(rep=rep)),
        ]
    ),
    "RepDaysService/ListNextActions": lambda _, rep: days_pb.ListNextActionsRequest(parent=rep),
    "ProfileService/GetProfile": lambda customer, _: profile_pb.GetProfileRequest(name=customer),
    "ProfileService/BatchGetProfiles": lambda customer, _: profile_pb.BatchGetProfilesRequest(
        names=[MINE, customer]
    ),
    "ProfileService/WatchProfiles": lambda customer, _: profile_pb.WatchProfilesRequest(names=[customer]),
    "CustomerService/GetOutlook": lambda customer, _: outlook_pb.GetOutlookRequest(name=customer),
    "EffectService/ReportEffect": lambda _, rep: effect_pb.ReportEffectRequest(rep=rep),
    "AllocationService/GetRep": lambda _, rep: allocation_pb.GetRepRequest(name=rep),
}
ANSWERED: Final[dict[str, Callable[[str, str], Any]]] = {
    "GatewayService/GetDecision": lambda customer, _: gateway_pb.GetDecisionResponse(
        decision=decision_pb2.Decision(customer=customer)
    ),
    "GatewayService/RecordOutcome": lambda customer, _: gateway_pb.RecordOutcomeResponse(
        event=event_pb2.Event(customer=customer)
    ),
    "ProfileService/WatchProfiles": lambda customer, _: profile_pb2.Profile(name=customer),
    "*Service/ListReps": lambda _, rep: allocation_pb.ListRepsResponse(
        reps=[rep_pb2.Rep(name=MY_REP), rep_pb2.Rep(name=rep)]
    ),
}
_OTHERS: Final = ((THEIRS, THEIR_REP), (NOBODYS, THEIR_REP), (UNKNOWN, "reps/none"), ("", ""))


@dataclass(frozen=True, slots=True)
class Cell:
    """One question to the gateway, and what the answer has to be.

    Attributes:
        method: ``package.Service/Method``.
        request, answer: What is sent and what the service would answer; None for nothing that names anybody.
        verdict: ``ok``, or the reason of the refusal.
    """

    method: str
    role: str
    request: Any
    answer: Any
    verdict: str


def cells(methods: list[str]) -> Iterator[Cell]:
    """Every method x role x own, foreign, nobody's, unknown and left out."""
    for method in methods:
        for role, patterns in MAY.items():
            if matches(method, INSIDE):
                yield Cell(method, role, None, None, "NOT_AT_THE_GATEWAY")
                continue
            allowed = "ok" if matches(method, f"{patterns} {EVERYBODY}") else "SCOPE_MISSING"
            if allowed == "ok" and role in FIELD_ROLES and matches(method, NOT_THE_FIELDS):
                allowed = "NOT_FOR_FIELD_ROLES"
            yield from _named(method, role, allowed)


def matches(method: str, patterns: str) -> bool:
    """Whether one of the patterns is the method, with or without its package."""
    package, _, short = method.partition(".v1.")
    full = f"{package.rpartition('.')[2]}.v1.{short}"
    short = short or method.rpartition(".")[2]
    return any(fnmatchcase(short, each) or fnmatchcase(full, each) for each in patterns.split())


def _named(method: str, role: str, allowed: str) -> Iterator[Cell]:
    sent, answered = _of(SENT, method), _of(ANSWERED, method)
    if sent is None and answered is None:
        yield Cell(method, role, None, None, allowed)
        return
    yield Cell(method, role, _made(sent, MINE, MY_REP), _made(answered, MINE, MY_REP), allowed)
    refused = "NOT_YOUR_TERRITORY" if allowed == "ok" and role in FIELD_ROLES else allowed
    for customer, rep in _OTHERS:
        if sent is not None:
            yield Cell(method, role, sent(customer, rep), None, refused)
        if answered is not None:
            yield Cell(method, role, _made(sent, MINE, MY_REP), answered(customer, rep), refused)


def _made(make: Callable[[str, str], Any] | None, customer: str, rep: str) -> Any:
    return None if make is None else make(customer, rep)


def _of(table: dict[str, Callable[[str, str], Any]], method: str) -> Callable[[str, str], Any] | None:
    return next((make for pattern, make in table.items() if matches(method, pattern)), None)
