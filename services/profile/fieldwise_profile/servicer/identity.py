"""The wire of IdentityService: duplicates, links, reviews; no rules of the trade, no SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import event_pb2, identity_service_pb2
from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceServicer
from fieldwise_profile.core.features import moment_of
from fieldwise_profile.core.identity.comparing import Field
from fieldwise_profile.duplicates import Duplicate, Duplicates
from fieldwise_profile.identities import Identities
from fieldwise_profile.linking import Linking
from fieldwise_profile.listing_links import Listing
from fieldwise_profile.picturing import timestamp
from fieldwise_profile.resolving import Progress, Resolving
from fieldwise_profile.store.links import LinkRow, ReviewRow
from fieldwise_runtime.errors import InvalidRequest, Violation
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

_CANDIDATES: Final = 10
_MOST_CANDIDATES: Final = 100
_PAGE: Final = 100
_LARGEST_PAGE: Final = 1_000
# Fields as the contract of Identification names them.
_NAMES: Final[Mapping[Field, str]] = {
    Field.GIVEN: "given_name",
    Field.FAMILY: "family_name",
    Field.ORDER: "name_order",
    Field.PHONE: "phone",
    Field.EMAIL: "email",
    Field.NUMBERS: "address_numbers",
    Field.STREET: "address",
    Field.CITY: "city",
    Field.POSTCODE: "postcode",
    Field.REGION: "region",
    Field.BORN: "birth_date",
    Field.GENDER: "gender",
    Field.NUMBER: "number",
    Field.COMPANY: "company",
}

_Context = grpc.aio.ServicerContext[object, object]


@dataclass(frozen=True)
class IdentityParts:
    """The use cases that the servicer calls."""

    duplicates: Duplicates
    linking: Linking
    listing: Listing
    resolving: Resolving
    identities: Identities


class IdentityWire(IdentityServiceServicer):
    """fieldwise.profile.v1.IdentityService."""

    def __init__(self, parts: IdentityParts) -> None:
        self._parts = parts

    async def FindDuplicates(
        self, request: identity_service_pb2.FindDuplicatesRequest, context: _Context
    ) -> identity_service_pb2.FindDuplicatesResponse:
        if request.HasField("record") == bool(request.name):
            remedy = "set exactly one of record and name"
            raise InvalidRequest([Violation("record", "both" if request.name else "nothing", remedy)])
        limit = clamp_page_size(request.limit, _CANDIDATES, _MOST_CANDIDATES)
        duplicates = self._parts.duplicates
        found = await (
            duplicates.of_customer(request.name, limit)
            if request.name
            else duplicates.of_record(_stated(request.record), limit)
        )
        return identity_service_pb2.FindDuplicatesResponse(
            candidates=[_candidate(each) for each in found or ()],
            too_little=found is None,
            weights_version=duplicates.weights_version,
        )

    async def LinkCustomers(
        self, request: identity_service_pb2.LinkCustomersRequest, context: _Context
    ) -> identity_service_pb2.IdentityLink:
        at = _moment(request.decision_time)
        return _link(await self._parts.linking.link(request.name, request.other_name, request.decided_by, at))

    async def UnlinkCustomers(
        self, request: identity_service_pb2.UnlinkCustomersRequest, context: _Context
    ) -> identity_service_pb2.IdentityLink:
        at = _moment(request.decision_time)
        return _link(await self._parts.linking.unlink(_number(request.link), request.decided_by, at))

    async def ListLinks(
        self, request: identity_service_pb2.ListLinksRequest, context: _Context
    ) -> identity_service_pb2.ListLinksResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        scope = f"links {request.name} {request.show_revoked}"
        after = int(cursor_of(request.page_token, scope) or 0)
        found = await self._parts.listing.links(request.name, request.show_revoked, after, size + 1)
        return identity_service_pb2.ListLinksResponse(
            links=[_link(row) for row in found[:size]],
            next_page_token=page_token(str(found[size - 1].id), scope) if len(found) > size else "",
            members=self._parts.identities.members(request.name) if request.name else (),
        )

    async def ListReviews(
        self, request: identity_service_pb2.ListReviewsRequest, context: _Context
    ) -> identity_service_pb2.ListReviewsResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        state = request.state or identity_service_pb2.REVIEW_STATE_OPEN
        scope = f"reviews {state}"
        after = int(cursor_of(request.page_token, scope) or 0)
        found = await self._parts.listing.reviews(state, after, size + 1)
        return identity_service_pb2.ListReviewsResponse(
            reviews=[_review(row) for row in found[:size]],
            next_page_token=page_token(str(found[size - 1].id), scope) if len(found) > size else "",
        )

    async def DecideReview(
        self, request: identity_service_pb2.DecideReviewRequest, context: _Context
    ) -> identity_service_pb2.IdentityReview:
        same = request.decision == identity_service_pb2.REVIEW_STATE_SAME
        at = _moment(request.decision_time)
        return _review(
            await self._parts.linking.decide(_number(request.review), same, request.decided_by, at)
        )

    async def ResolveIdentities(
        self, request: identity_service_pb2.ResolveIdentitiesRequest, context: _Context
    ) -> AsyncIterator[identity_service_pb2.ResolveIdentitiesResponse]:
        at = _moment(request.decision_time)
        async for progress in self._parts.resolving.resolve(at, request.learn_weights, request.dry_run):
            yield _progress(progress)


def _moment(time: Timestamp) -> int:
    return moment_of(time.seconds, time.nanos)


def _number(name: str) -> int:
    return int(name.rpartition("/")[2])


def _stated(record: event_pb2.Identification) -> dict[str, str]:
    return {field.name: value for field, value in record.ListFields() if isinstance(value, str)}


def _candidate(duplicate: Duplicate) -> identity_service_pb2.DuplicateCandidate:
    return identity_service_pb2.DuplicateCandidate(
        name=duplicate.name,
        canonical_name=duplicate.canonical,
        probability=duplicate.probability,
        evidence=[
            identity_service_pb2.FieldEvidence(
                field=_NAMES[each.field], agreement=each.agreement, log_odds=each.log_odds
            )
            for each in duplicate.evidence
        ],
        contradictions=duplicate.contradictions,
    )


def _link(row: LinkRow) -> identity_service_pb2.IdentityLink:
    return identity_service_pb2.IdentityLink(
        name=f"identityLinks/{row.id}",
        customer=row.a,
        other=row.b,
        probability=row.weight,
        source=identity_service_pb2.LinkSource.ValueType(row.source),
        create_time=timestamp(row.created_at),
        created_by=row.created_by,
        revoke_time=None if row.revoked_at is None else timestamp(row.revoked_at),
        revoked_by=row.revoked_by or "",
    )


def _review(row: ReviewRow) -> identity_service_pb2.IdentityReview:
    return identity_service_pb2.IdentityReview(
        name=f"identityReviews/{row.id}",
        customer=row.a,
        other=row.b,
        probability=row.probability,
        reasons=row.reasons.split(),
        state=identity_service_pb2.ReviewState.ValueType(row.state),
        create_time=timestamp(row.created_at),
        decide_time=None if row.decided_at is None else timestamp(row.decided_at),
        decided_by=row.decided_by or "",
    )


def _progress(progress: Progress) -> identity_service_pb2.ResolveIdentitiesResponse:
    return identity_service_pb2.ResolveIdentitiesResponse(
        records=progress.records,
        pairs=progress.pairs,
        weighed=progress.weighed,
        linked=progress.linked,
        queued=progress.queued,
        kept_apart=progress.kept_apart,
        done=progress.done,
    )
