"""ReviewRecords over a socket, on both databases: advice for those who may see it, nothing changed."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
import pytest

from fieldwise.profile.v1 import consent_pb2, event_pb2, privacy_service_pb2, quality_service_pb2
from fieldwise.profile.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from fieldwise.profile.v1.quality_service_pb2_grpc import QualityServiceStub
from fieldwise_runtime.errors import from_rpc_error
from tests.profile.builders import NOW, Client, at, batch, event, purchase, serving

RIGHT = {
    "full_name": "Anna Miller",
    "email": "anna.miller@example.org",
    "phone": "2025550100",
    "birth_date": "1950-05-17",
}


def stated(event_id: str, customer: str = "1", **changed: str) -> event_pb2.Event:
    return event(event_id, customer, identification=event_pb2.Identification(**(RIGHT | changed)))


async def reviewed(
    client: Client,
    names: Sequence[str] = ("customers/1",),
    purpose: consent_pb2.Purpose.ValueType = consent_pb2.PURPOSE_SERVICE,
) -> quality_service_pb2.ReviewRecordsResponse:
    request = quality_service_pb2.ReviewRecordsRequest(names=names, purpose=purpose, decision_time=at(NOW))
    return await QualityServiceStub(client.channel).ReviewRecords(request)


async def personal_data(client: Client) -> list[dict[str, str]]:
    request = privacy_service_pb2.GetPersonalDataRequest(
        name="customers/1", purpose=consent_pb2.PURPOSE_RIGHTS, decision_time=at(NOW)
    )
    answer = await PrivacyServiceStub(client.channel).GetPersonalData(request)
    return [dict(record.fields) for record in answer.records]


async def test_a_wrong_record_gets_advice_and_stays_as_it_was(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(
            batch([stated("a"), stated("b"), stated("c", phone="2025550190", full_name="MILLER, Anna")])
        )
        before = await personal_data(client)
        (review,) = (await reviewed(client)).reviews
        assert (review.name, review.records) == ("customers/1", 3)
        assert {
            (each.event_id, each.field, each.reason, each.stated, each.suggested)
            for each in review.suggestions
        } == {
            ("c", "phone", "TYPO", "2025550190", "2025550100"),
            ("c", "full_name", "FORMAT", "MILLER, Anna", "Anna Miller"),
        }
        assert all(each.customer == "customers/1" and each.source == "pos" for each in review.suggestions)
        assert await personal_data(client) == before


async def test_fields_are_told_known_valid_and_agreed(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([stated("a"), stated("b", phone="2025550190")]))
        (review,) = (await reviewed(client)).reviews
        fields = {each.field: (each.known, each.valid, each.agreed) for each in review.fields}
        assert fields["email"] == (True, True, True)
        assert fields["phone"] == (True, True, False)
        assert fields["company"] == (False, False, True)
        assert 0 < review.completeness < 1


async def test_upkeep_sees_where_and_why_and_no_content(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([stated("a"), stated("b"), stated("c", phone="2025550190")]))
        (review,) = (await reviewed(client, purpose=consent_pb2.PURPOSE_UPKEEP)).reviews
        (advice,) = review.suggestions
        assert (advice.event_id, advice.field, advice.reason) == ("c", "phone", "TYPO")
        assert (advice.stated, advice.suggested) == ("", "")


async def test_a_purpose_that_may_not_open_is_refused(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([stated("a")]))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await reviewed(client, purpose=consent_pb2.PURPOSE_TRAINING)
        assert from_rpc_error(refused.value).reason == "PURPOSE_CANNOT_OPEN"


async def test_who_is_erased_or_unknown_is_not_found(database_url: str) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([stated("a"), stated("b", "2"), purchase("p", "3")]))
        await PrivacyServiceStub(client.channel).EraseCustomer(
            privacy_service_pb2.EraseCustomerRequest(
                name="customers/1", request_id="letter", decision_time=at(NOW)
            )
        )
        names = ["customers/1", "customers/2", "customers/3", "customers/4"]
        answer = await reviewed(client, names)
        assert [(each.name, each.records) for each in answer.reviews] == [
            ("customers/2", 1),
            ("customers/3", 0),
        ]
        assert list(answer.not_found) == ["customers/1", "customers/4"]


async def test_a_review_stands_in_the_audit_log(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([stated("a")]))
        await reviewed(client)
        entries = await PrivacyServiceStub(client.channel).ListAuditEntries(
            privacy_service_pb2.ListAuditEntriesRequest()
        )
        assert [entry.action for entry in entries.entries] == ["RECORDS_REVIEWED"]
