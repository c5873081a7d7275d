"""The asyncio client's calls about customers: profiles, identity, segments. Thin; requests are in profile_requests.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime

from fieldwise.profile.v1 import identity_service_pb2 as identity
from fieldwise.profile.v1 import privacy_service_pb2 as privacy
from fieldwise.profile.v1 import profile_pb2
from fieldwise.profile.v1 import profile_service_pb2 as store
from fieldwise.profile.v1 import quality_service_pb2 as quality
from fieldwise.profile.v1 import schema_service_pb2 as schema
from fieldwise.profile.v1 import segment_service_pb2 as segment
from fieldwise.profile.v1 import tag_service_pb2 as tag_pb
from fieldwise.profile.v1.event_pb2 import Identification
from fieldwise_client import profile_requests as asked
from fieldwise_client.aio_caller import AsyncCaller
from fieldwise_client.decision import Source
from fieldwise_client.names import new_request_id, resource
from fieldwise_client.profile_requests import ERASE_SECONDS, LONG_SECONDS


class AsyncCustomerCalls(AsyncCaller):
    """What is known of customers. Every read says what for: `decision`, `service`, `rights`, `upkeep`, `planning`, `reporting` or
    `training`; what a customer has not consented to is withheld.
    """

    # Profiles

    async def profile(
        self,
        customer: str,
        *,
        purpose: str,
        full: bool = True,
        as_of: datetime | None = None,
        timeout: float | None = None,
    ) -> profile_pb2.Profile:
        """One customer as he is, or was at ``as_of``; NotFound for one without events."""
        return await self._send(asked.GET_PROFILE, asked.get_profile(customer, purpose, full, as_of), timeout)

    async def profiles(
        self,
        customers: Iterable[str],
        *,
        purpose: str,
        full: bool = False,
        as_of: datetime | None = None,
        timeout: float | None = None,
    ) -> list[profile_pb2.Profile]:
        """Up to 1,000 customers; those who are not known are left out."""
        request = asked.batch_get_profiles(customers, purpose, full, as_of)
        answer: store.BatchGetProfilesResponse = await self._send(asked.BATCH_GET_PROFILES, request, timeout)
        return list(answer.profiles)

    def watch_profiles(
        self, customers: Iterable[str], *, purpose: str, full: bool = False
    ) -> AsyncIterator[profile_pb2.Profile]:
        """Up to 1,000 customers, each at once and again within a second of every change, until the loop is left."""
        return self._watch(asked.WATCH_PROFILES, asked.watch_profiles(customers, purpose, full))

    def events(
        self,
        customer: str,
        *,
        purpose: str,
        kinds: Sequence[str] = (),
        page_size: int = 100,
        timeout: float | None = None,
    ) -> AsyncIterator[store.WeighedEvent]:
        """Events of one customer, newest first, each with what it counts; fetched page by page."""
        request = asked.list_events(customer, purpose, kinds, page_size)
        pages = self._pages(asked.LIST_EVENTS, request, self._within(timeout))
        return (event async for page in pages for event in page.events)

    def rows_of(
        self, source: Source, *, purpose: str, timeout: float | None = None
    ) -> AsyncIterator[store.WeighedEvent]:
        """The events that a reason's fact rests on, newest first; none once the customer was erased."""
        events = self.events(source.customer, purpose=purpose, kinds=source.kinds, timeout=timeout)
        return (each async for each in events if asked.is_of(each.event, source))

    async def changes(
        self,
        *,
        purpose: str,
        after: str = "",
        kinds: Sequence[str] = (),
        page_size: int = 1_000,
        from_now: bool = False,
        timeout: float | None = None,
    ) -> store.ListChangesResponse:
        """What changed after a position, with the position to ask from next; with ``from_now``, only the position."""
        request = asked.list_changes(purpose, after, kinds, page_size, from_now)
        return await self._send(asked.LIST_CHANGES, request, timeout)

    def rebuild_profiles(
        self, customers: Iterable[str] = (), *, timeout: float = LONG_SECONDS
    ) -> AsyncIterator[store.RebuildProfilesResponse]:
        """Fold all events anew and compare with what is served; yields how far it is, the result last."""
        request = store.RebuildProfilesRequest(names=map(asked.customer_name, customers))
        return self._receive(asked.REBUILD_PROFILES, request, self._within(timeout))

    # Identity

    async def find_duplicates(
        self,
        who: str | Identification,
        *,
        limit: int = 10,
        purpose: str = "service",
        timeout: float | None = None,
    ) -> identity.FindDuplicatesResponse:
        """Customers who may be the person that a record describes, or another customer is; changes nothing."""
        return await self._send(asked.FIND_DUPLICATES, asked.find_duplicates(who, limit, purpose), timeout)

    async def link_customers(
        self, customer: str, other: str, *, decided_by: str, timeout: float | None = None
    ) -> identity.IdentityLink:
        """Say that two customers are one person; `unlink_customers` takes it back."""
        request = identity.LinkCustomersRequest(
            name=asked.customer_name(customer), other_name=asked.customer_name(other), decided_by=decided_by
        )
        return await self._send(asked.LINK_CUSTOMERS, request, timeout)

    async def unlink_customers(
        self, link: str, *, decided_by: str, timeout: float | None = None
    ) -> identity.IdentityLink:
        """Revoke a link (`identityLinks/{n}`); each is read as he was."""
        request = identity.UnlinkCustomersRequest(link=resource("identityLinks", link), decided_by=decided_by)
        return await self._send(asked.UNLINK_CUSTOMERS, request, timeout)

    def links(
        self, customer: str = "", *, show_revoked: bool = False, timeout: float | None = None
    ) -> AsyncIterator[identity.IdentityLink]:
        """Links of a customer and of all linked with him, or all there are, oldest first."""
        name = asked.customer_name(customer) if customer else ""
        request = identity.ListLinksRequest(name=name, show_revoked=show_revoked)
        pages = self._pages(asked.LIST_LINKS, request, self._within(timeout))
        return (link async for page in pages for link in page.links)

    def reviews(
        self, state: str = "open", *, timeout: float | None = None
    ) -> AsyncIterator[identity.IdentityReview]:
        """Pairs that a person should decide on (`open`), or has (`same`, `different`), oldest first."""
        pages = self._pages(asked.LIST_REVIEWS, asked.list_reviews(state), self._within(timeout))
        return (review async for page in pages for review in page.reviews)

    async def decide_review(
        self, review: str, *, same: bool, decided_by: str, timeout: float | None = None
    ) -> identity.IdentityReview:
        """Decide on a pair: one person, or two."""
        return await self._send(asked.DECIDE_REVIEW, asked.decide_review(review, same, decided_by), timeout)

    def resolve_identities(
        self, *, learn_weights: bool = False, dry_run: bool = False, timeout: float = LONG_SECONDS
    ) -> AsyncIterator[identity.ResolveIdentitiesResponse]:
        """Compare all records, link and queue; yields how far it is, the result last. Leaving the loop ends it."""
        request = identity.ResolveIdentitiesRequest(learn_weights=learn_weights, dry_run=dry_run)
        return self._receive(asked.RESOLVE_IDENTITIES, request, self._within(timeout))

    # Segments, lifecycle, quality

    def fit_segments(
        self, *, counts: Sequence[int] = (), seed: int = 0, timeout: float = LONG_SECONDS
    ) -> AsyncIterator[segment.FitSegmentsResponse]:
        """Fit segments anew; yields how far it is, the segments last."""
        request = segment.FitSegmentsRequest(counts=counts, seed=seed)
        return self._receive(asked.FIT_SEGMENTS, request, self._within(timeout))

    async def segments(self, *, timeout: float | None = None) -> segment.ListSegmentsResponse:
        """The segments of the last fit; none before the first."""
        return await self._send(asked.LIST_SEGMENTS, segment.ListSegmentsRequest(), timeout)

    def fit_lifecycle(
        self, *, periods: int = 0, timeout: float = LONG_SECONDS
    ) -> AsyncIterator[segment.FitLifecycleResponse]:
        """Count anew how customers move between lifecycle stages; yields how far it is, the report last."""
        request = segment.FitLifecycleRequest(periods=periods)
        return self._receive(asked.FIT_LIFECYCLE, request, self._within(timeout))

    async def lifecycle(self, *, timeout: float | None = None) -> segment.LifecycleReport:
        """How customers move between lifecycle stages, as counted last."""
        return await self._send(asked.GET_LIFECYCLE, segment.GetLifecycleRequest(), timeout)

    def measure_accuracy(
        self, *, days: int = 7, customers: int = 2_000, timeout: float = LONG_SECONDS
    ) -> AsyncIterator[quality.MeasureAccuracyResponse]:
        """Compare profiles without their last days with those that have them; yields how far it is, the report last."""
        request = quality.MeasureAccuracyRequest(days=days, customers=customers)
        return self._receive(asked.MEASURE_ACCURACY, request, self._within(timeout))

    # Consents and rights

    async def set_consent(
        self,
        customer: str,
        subject: str,
        *,
        granted: bool,
        proof: str = "",
        policy_version: str = "",
        said_time: datetime | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> privacy.ConsentState:
        """Write down what a customer said about `decision`, `training` or a channel (`email`, ..., `all`).

        A consent that is given needs its ``proof``. It counts for every read that begins after the answer.
        """
        request = asked.set_consent(
            customer,
            subject,
            granted,
            proof=proof,
            policy_version=policy_version,
            said_time=said_time,
            request_id=request_id or new_request_id(),
        )
        return await self._send(asked.SET_CONSENT, request, timeout)

    async def consents(
        self, customer: str, *, purpose: str = "service", timeout: float | None = None
    ) -> privacy.ListConsentsResponse:
        """What a customer allows, and every word that led there."""
        request = privacy.ListConsentsRequest(
            name=asked.customer_name(customer), purpose=asked.purpose_of(purpose)
        )
        return await self._send(asked.LIST_CONSENTS, request, timeout)

    async def personal_data(
        self, customer: str, *, purpose: str, timeout: float | None = None
    ) -> privacy.PersonalData:
        """Names, numbers and addresses as each source states them; for `service` and `rights` only, and audited."""
        request = privacy.GetPersonalDataRequest(
            name=asked.customer_name(customer), purpose=asked.purpose_of(purpose)
        )
        return await self._send(asked.GET_PERSONAL_DATA, request, timeout)

    def export(self, customer: str, *, timeout: float = LONG_SECONDS) -> AsyncIterator[str]:
        """Everything about a customer and everybody merged with him, as lines of JSON."""
        request = privacy.ExportCustomerRequest(name=asked.customer_name(customer))
        answers = self._receive(asked.EXPORT_CUSTOMER, request, self._within(timeout))
        return (line async for answer in answers for line in answer.lines)

    async def erase(
        self, customer: str, *, request_id: str, timeout: float = ERASE_SECONDS
    ) -> privacy.ErasureReceipt:
        """Erase a customer and everybody merged with him, everywhere; there is no way back.

        ``request_id`` is yours, such as the number of his letter: the same one gives the same receipt. A place that did not
        answer is missing in the receipt and is finished within a minute; ask again with the same id to see it.
        """
        request = privacy.EraseCustomerRequest(name=asked.customer_name(customer), request_id=request_id)
        return await self._send(asked.ERASE_CUSTOMER, request, timeout)

    async def verify_receipt(
        self, receipt: privacy.ErasureReceipt, *, timeout: float | None = None
    ) -> privacy.VerifyReceiptResponse:
        """Whether a receipt was signed by this installation and says what was signed."""
        return await self._send(asked.VERIFY_RECEIPT, privacy.VerifyReceiptRequest(receipt=receipt), timeout)

    async def personal_fields(self, *, timeout: float | None = None) -> list[privacy.PersonalField]:
        """The register: each personal field, what it is kept for, and how long."""
        answer: privacy.ListFieldsResponse = await self._send(
            asked.LIST_FIELDS, privacy.ListFieldsRequest(), timeout
        )
        return list(answer.fields)

    async def minimisation(self, *, days: int = 90, timeout: float | None = None) -> list[privacy.FieldUse]:
        """How each personal field is used; what nobody read in ``days`` days should not be collected."""
        request = privacy.ReportMinimisationRequest(days=days)
        answer: privacy.ReportMinimisationResponse = await self._send(
            asked.REPORT_MINIMISATION, request, timeout
        )
        return list(answer.fields)

    def audit_entries(
        self, customer: str = "", *, timeout: float | None = None
    ) -> AsyncIterator[privacy.AuditEntry]:
        """Who looked at or changed what is personal, oldest first; of one customer, or all."""
        name = asked.customer_name(customer) if customer else ""
        request = privacy.ListAuditEntriesRequest(name=name)
        pages = self._pages(asked.LIST_AUDIT_ENTRIES, request, self._within(timeout))
        return (entry async for page in pages for entry in page.entries)

    async def verify_audit(
        self, head: privacy.AuditHead | None = None, *, timeout: float | None = None
    ) -> privacy.VerifyAuditResponse:
        """Check every link of the audit log, and its end against a head that you kept elsewhere."""
        return await self._send(asked.VERIFY_AUDIT, privacy.VerifyAuditRequest(head=head), timeout)

    def rotate_keys(self, *, timeout: float = LONG_SECONDS) -> AsyncIterator[privacy.RotateKeysResponse]:
        """Wrap every customer's key anew and retire the old wrapping key; yields how far it is."""
        return self._receive(asked.ROTATE_KEYS, privacy.RotateKeysRequest(), self._within(timeout))

    # Schemas and dead letters

    async def create_event_schema(
        self, name: str, fields: Iterable[schema.EventSchemaField], *, timeout: float | None = None
    ) -> schema.EventSchema:
        """Make a schema of your own events, or its next version, which may add fields only."""
        request = schema.CreateEventSchemaRequest(name=resource("eventSchemas", name), fields=fields)
        return await self._send(asked.CREATE_EVENT_SCHEMA, request, timeout)

    async def event_schemas(self, *, timeout: float | None = None) -> list[schema.EventSchema]:
        """All schemas, every version."""
        answer: schema.ListEventSchemasResponse = await self._send(
            asked.LIST_EVENT_SCHEMAS, schema.ListEventSchemasRequest(), timeout
        )
        return list(answer.schemas)

    def dead_letters(
        self,
        *,
        purpose: str = "upkeep",
        customer: str = "",
        source: str = "",
        kind: str = "",
        field: str = "",
        timeout: float | None = None,
    ) -> AsyncIterator[schema.DeadLetter]:
        """Events that were refused, oldest first, with every reason."""
        request = schema.ListDeadLettersRequest(
            purpose=asked.purpose_of(purpose), filter=asked.dead_letter_filter(customer, source, kind, field)
        )
        pages = self._pages(asked.LIST_DEAD_LETTERS, request, self._within(timeout))
        return (letter async for page in pages for letter in page.letters)

    def replay_dead_letters(
        self,
        names: Iterable[str] = (),
        *,
        customer: str = "",
        source: str = "",
        kind: str = "",
        field: str = "",
        timeout: float = LONG_SECONDS,
    ) -> AsyncIterator[schema.ReplayDeadLettersResponse]:
        """Read refused events again, those named or all that fit; yields how far it is, the result last."""
        request = schema.ReplayDeadLettersRequest(names=[resource("deadLetters", name) for name in names])
        if not request.names:
            request.filter.CopyFrom(asked.dead_letter_filter(customer, source, kind, field))
        return self._receive(asked.REPLAY_DEAD_LETTERS, request, self._within(timeout))

    # Tags

    async def create_tag(
        self,
        name: str,
        expression: str,
        *,
        purposes: Sequence[str],
        description: str = "",
        timeout: float | None = None,
    ) -> tag_pb.Tag:
        """A tag that holds wherever its rule (CEL) does, from the next read on."""
        request = asked.create_tag(name, expression, purposes, description)
        return await self._send(asked.CREATE_TAG, request, timeout)

    def tags(self, *, show_retired: bool = False, timeout: float | None = None) -> AsyncIterator[tag_pb.Tag]:
        """All tags, by name."""
        request = tag_pb.ListTagsRequest(show_retired=show_retired)
        pages = self._pages(asked.LIST_TAGS, request, self._within(timeout))
        return (each async for page in pages for each in page.tags)

    async def retire_tag(self, name: str, *, note: str = "", timeout: float | None = None) -> tag_pb.Tag:
        """Take a tag away, from the next read on; `restore_tag` brings it back."""
        request = tag_pb.RetireTagRequest(name=resource("tags", name), note=note)
        return await self._send(asked.RETIRE_TAG, request, timeout)

    async def restore_tag(
        self, name: str, *, version: int = 0, note: str = "", timeout: float | None = None
    ) -> tag_pb.Tag:
        """Bring a retired tag back, or an earlier version of its rule."""
        request = tag_pb.RestoreTagRequest(name=resource("tags", name), version=version, note=note)
        return await self._send(asked.RESTORE_TAG, request, timeout)

    async def test_tag(
        self,
        expression: str,
        customers: Iterable[str] = (),
        *,
        purpose: str = "service",
        scores: Mapping[str, float] | None = None,
        timeout: float | None = None,
    ) -> tag_pb.TestTagResponse:
        """Check a rule, and for which of up to 1,000 customers it would hold; keeps nothing."""
        return await self._send(
            asked.TEST_TAG, asked.test_tag(expression, customers, purpose, scores or {}), timeout
        )

    def tagged_customers(
        self, name: str, *, purpose: str, page_size: int = 1_000, timeout: float | None = None
    ) -> AsyncIterator[str]:
        """Names of all customers for whom a tag holds, fetched page by page."""
        request = tag_pb.ListTaggedCustomersRequest(
            name=resource("tags", name), purpose=asked.purpose_of(purpose), page_size=page_size
        )
        pages = self._pages(asked.LIST_TAGGED_CUSTOMERS, request, self._within(timeout))
        return (name async for page in pages for name in page.customers)

    def evaluate_tags(
        self, target: str = "silent_28d", *, propose: bool = False, timeout: float = LONG_SECONDS
    ) -> AsyncIterator[tag_pb.EvaluateTagsResponse]:
        """What each tag is worth for foreseeing `silent_28d` or `buys_28d`; yields how far it is, the report last."""
        request = tag_pb.EvaluateTagsRequest(target=asked.tag_target(target), propose=propose)
        return self._receive(asked.EVALUATE_TAGS, request, self._within(timeout))
