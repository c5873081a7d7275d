"""What is asked of the customer profile store: its methods and how their requests are put together. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from google.protobuf.message import Message

from fieldwise.profile.v1 import consent_pb2, profile_pb2
from fieldwise.profile.v1 import identity_service_pb2 as identity
from fieldwise.profile.v1 import privacy_service_pb2 as privacy
from fieldwise.profile.v1 import profile_service_pb2 as profile
from fieldwise.profile.v1 import quality_service_pb2 as quality
from fieldwise.profile.v1 import schema_service_pb2 as schema
from fieldwise.profile.v1 import segment_service_pb2 as segment
from fieldwise.profile.v1 import tag_service_pb2 as tag
from fieldwise.profile.v1.event_pb2 import Event, Identification
from fieldwise_client.decision import Source
from fieldwise_client.errors import InvalidRequest
from fieldwise_client.names import resource
from fieldwise_client.requests import timestamp
from fieldwise_client.talks import M, Method

# An erasure cleans files before it answers.
ERASE_SECONDS = 120.0
# Fits, rebuilds and exports go over all customers.
LONG_SECONDS = 3_600.0


def _of(service: str, method: str, answer: type[M]) -> Method[M]:
    return Method("gateway", f"/fieldwise.profile.v1.{service}/{method}", answer)


GET_PROFILE = _of("ProfileService", "GetProfile", profile_pb2.Profile)
BATCH_GET_PROFILES = _of("ProfileService", "BatchGetProfiles", profile.BatchGetProfilesResponse)
WATCH_PROFILES = _of("ProfileService", "WatchProfiles", profile_pb2.Profile)
LIST_CHANGES = _of("ProfileService", "ListChanges", profile.ListChangesResponse)
LIST_EVENTS = _of("ProfileService", "ListEvents", profile.ListEventsResponse)
REBUILD_PROFILES = _of("ProfileService", "RebuildProfiles", profile.RebuildProfilesResponse)

FIND_DUPLICATES = _of("IdentityService", "FindDuplicates", identity.FindDuplicatesResponse)
LINK_CUSTOMERS = _of("IdentityService", "LinkCustomers", identity.IdentityLink)
UNLINK_CUSTOMERS = _of("IdentityService", "UnlinkCustomers", identity.IdentityLink)
LIST_LINKS = _of("IdentityService", "ListLinks", identity.ListLinksResponse)
LIST_REVIEWS = _of("IdentityService", "ListReviews", identity.ListReviewsResponse)
DECIDE_REVIEW = _of("IdentityService", "DecideReview", identity.IdentityReview)
RESOLVE_IDENTITIES = _of("IdentityService", "ResolveIdentities", identity.ResolveIdentitiesResponse)

FIT_SEGMENTS = _of("SegmentService", "FitSegments", segment.FitSegmentsResponse)
LIST_SEGMENTS = _of("SegmentService", "ListSegments", segment.ListSegmentsResponse)
FIT_LIFECYCLE = _of("SegmentService", "FitLifecycle", segment.FitLifecycleResponse)
GET_LIFECYCLE = _of("SegmentService", "GetLifecycle", segment.LifecycleReport)

CREATE_TAG = _of("TagService", "CreateTag", tag.Tag)
LIST_TAGS = _of("TagService", "ListTags", tag.ListTagsResponse)
RETIRE_TAG = _of("TagService", "RetireTag", tag.Tag)
RESTORE_TAG = _of("TagService", "RestoreTag", tag.Tag)
TEST_TAG = _of("TagService", "TestTag", tag.TestTagResponse)
LIST_TAGGED_CUSTOMERS = _of("TagService", "ListTaggedCustomers", tag.ListTaggedCustomersResponse)
EVALUATE_TAGS = _of("TagService", "EvaluateTags", tag.EvaluateTagsResponse)

SET_CONSENT = _of("PrivacyService", "SetConsent", privacy.ConsentState)
LIST_CONSENTS = _of("PrivacyService", "ListConsents", privacy.ListConsentsResponse)
GET_PERSONAL_DATA = _of("PrivacyService", "GetPersonalData", privacy.PersonalData)
EXPORT_CUSTOMER = _of("PrivacyService", "ExportCustomer", privacy.ExportCustomerResponse)
ERASE_CUSTOMER = _of("PrivacyService", "EraseCustomer", privacy.ErasureReceipt)
VERIFY_RECEIPT = _of("PrivacyService", "VerifyReceipt", privacy.VerifyReceiptResponse)
LIST_FIELDS = _of("PrivacyService", "ListFields", privacy.ListFieldsResponse)
REPORT_MINIMISATION = _of("PrivacyService", "ReportMinimisation", privacy.ReportMinimisationResponse)
LIST_AUDIT_ENTRIES = _of("PrivacyService", "ListAuditEntries", privacy.ListAuditEntriesResponse)
VERIFY_AUDIT = _of("PrivacyService", "VerifyAudit", privacy.VerifyAuditResponse)
ROTATE_KEYS = _of("PrivacyService", "RotateKeys", privacy.RotateKeysResponse)

CREATE_EVENT_SCHEMA = _of("SchemaService", "CreateEventSchema", schema.EventSchema)
LIST_EVENT_SCHEMAS = _of("SchemaService", "ListEventSchemas", schema.ListEventSchemasResponse)
LIST_DEAD_LETTERS = _of("SchemaService", "ListDeadLetters", schema.ListDeadLettersResponse)
REPLAY_DEAD_LETTERS = _of("SchemaService", "ReplayDeadLetters", schema.ReplayDeadLettersResponse)

MEASURE_ACCURACY = _of("QualityService", "MeasureAccuracy", quality.MeasureAccuracyResponse)


def customer_name(customer: str) -> str:
    """``C-00417`` -> ``customers/C-00417``."""
    return resource("customers", customer)


def purpose_of(word: str) -> consent_pb2.Purpose.ValueType:
    """``decision`` -> the contract's number.

    Raises:
        InvalidRequest: No purpose has this name.
    """
    known = [name.removeprefix("PURPOSE_").lower() for name in consent_pb2.Purpose.keys()[1:]]
    if word.lower() not in known:
        raise InvalidRequest.of("purpose", word, f"give one of {', '.join(known)}")
    return consent_pb2.Purpose.Value(f"PURPOSE_{word.upper()}")


def _view(full: bool) -> profile_pb2.ProfileView.ValueType:
    return profile_pb2.PROFILE_VIEW_FULL if full else profile_pb2.PROFILE_VIEW_BASIC


def get_profile(customer: str, purpose: str, full: bool, as_of: datetime | None) -> profile.GetProfileRequest:
    """One customer, at a moment or now."""
    request = profile.GetProfileRequest(
        name=customer_name(customer), purpose=purpose_of(purpose), view=_view(full)
    )
    if as_of is not None:
        request.as_of.CopyFrom(timestamp("as_of", as_of))
    return request


def batch_get_profiles(
    customers: Iterable[str], purpose: str, full: bool, as_of: datetime | None
) -> profile.BatchGetProfilesRequest:
    """Several customers, at a moment or now."""
    request = profile.BatchGetProfilesRequest(
        names=map(customer_name, customers), purpose=purpose_of(purpose), view=_view(full)
    )
    if as_of is not None:
        request.as_of.CopyFrom(timestamp("as_of", as_of))
    return request


def watch_profiles(customers: Iterable[str], purpose: str, full: bool) -> profile.WatchProfilesRequest:
    """Several customers, from now on."""
    return profile.WatchProfilesRequest(
        names=map(customer_name, customers), purpose=purpose_of(purpose), view=_view(full)
    )


def list_events(
    customer: str, purpose: str, kinds: Iterable[str], page_size: int
) -> profile.ListEventsRequest:
    """The events of one customer."""
    return profile.ListEventsRequest(
        name=customer_name(customer), purpose=purpose_of(purpose), kinds=kinds, page_size=page_size
    )


def is_of(event: Event, source: Source) -> bool:
    """Whether an event of the customer is one of those that a fact rests on."""
    known = event.known_at if event.HasField("known_at") else event.event_time
    if event.event_time.ToDatetime(tzinfo=UTC) >= source.end or known.ToDatetime(tzinfo=UTC) > source.end:
        return False
    what = getattr(event, event.WhichOneof("what") or "", None)
    return not source.category or getattr(what, "category", "") == source.category


def list_changes(
    purpose: str, after: str, kinds: Iterable[str], page_size: int, from_now: bool
) -> profile.ListChangesRequest:
    """What changed after a position."""
    return profile.ListChangesRequest(
        purpose=purpose_of(purpose),
        page_token=after,
        page_size=page_size,
        kinds=map(_change_kind, kinds),
        from_now=from_now,
    )


def _change_kind(word: str) -> profile.ChangeKind.ValueType:
    known = [name.removeprefix("CHANGE_KIND_").lower() for name in profile.ChangeKind.keys()[1:]]
    if word.lower() not in known:
        raise InvalidRequest.of("kinds", word, f"give some of {', '.join(known)}")
    return profile.ChangeKind.Value(f"CHANGE_KIND_{word.upper()}")


def find_duplicates(who: str | Identification, limit: int, purpose: str) -> identity.FindDuplicatesRequest:
    """Who may be the same person as a customer, or as a record says."""
    request = identity.FindDuplicatesRequest(limit=limit, purpose=purpose_of(purpose))
    if isinstance(who, Message):
        request.record.CopyFrom(who)
    else:
        request.name = customer_name(who)
    return request


def list_reviews(state: str) -> identity.ListReviewsRequest:
    """Pairs in a state: `open`, `same` or `different`."""
    known = [name.removeprefix("REVIEW_STATE_").lower() for name in identity.ReviewState.keys()[1:]]
    if state.lower() not in known:
        raise InvalidRequest.of("state", state, f"give one of {', '.join(known)}")
    return identity.ListReviewsRequest(state=identity.ReviewState.Value(f"REVIEW_STATE_{state.upper()}"))


def decide_review(review: str, same: bool, decided_by: str) -> identity.DecideReviewRequest:
    """Say whether a pair is one person."""
    decision = identity.REVIEW_STATE_SAME if same else identity.REVIEW_STATE_DIFFERENT
    return identity.DecideReviewRequest(
        review=resource("identityReviews", review), decision=decision, decided_by=decided_by
    )


def set_consent(
    customer: str,
    subject: str,
    granted: bool,
    *,
    proof: str,
    policy_version: str,
    said_time: datetime | None,
    request_id: str,
) -> privacy.SetConsentRequest:
    """What a customer said about `decision`, `training`, or a channel (`email`, ..., `all`)."""
    request = privacy.SetConsentRequest(
        name=customer_name(customer),
        granted=granted,
        proof=proof,
        policy_version=policy_version,
        request_id=request_id,
    )
    if subject.lower() in ("decision", "training"):
        request.purpose = purpose_of(subject)
    else:
        request.channel = subject
    if said_time is not None:
        request.said_time.CopyFrom(timestamp("said_time", said_time))
    return request


def dead_letter_filter(customer: str, source: str, kind: str, field: str) -> schema.DeadLetterFilter:
    """Which dead letters; an empty condition is none."""
    name = customer_name(customer) if customer else ""
    return schema.DeadLetterFilter(customer=name, source=source, kind=kind, field=field)


def create_tag(name: str, expression: str, purposes: Iterable[str], description: str) -> tag.CreateTagRequest:
    """A tag that holds wherever its rule does."""
    made = tag.Tag(expression=expression, description=description, purposes=map(purpose_of, purposes))
    return tag.CreateTagRequest(tag=made, tag_id=name.removeprefix("tags/"))


def test_tag(
    expression: str, customers: Iterable[str], purpose: str, scores: Mapping[str, float]
) -> tag.TestTagRequest:
    """For whom a rule would hold."""
    return tag.TestTagRequest(
        expression=expression,
        customers=map(customer_name, customers),
        purpose=purpose_of(purpose),
        scores=scores,
    )


def tag_target(word: str) -> tag.TagTarget.ValueType:
    """``silent_28d`` -> the contract's number.

    Raises:
        InvalidRequest: No target has this name.
    """
    known = [name.removeprefix("TAG_TARGET_").lower() for name in tag.TagTarget.keys()[1:]]
    if word.lower() not in known:
        raise InvalidRequest.of("target", word, f"give one of {', '.join(known)}")
    return tag.TagTarget.Value(f"TAG_TARGET_{word.upper()}")
