"""An export holds what is known of a person: events, consents, merges, of everybody who is the same person."""

from __future__ import annotations

import json
from typing import Any

from fieldwise.profile.v1 import event_pb2, identity_service_pb2, privacy_service_pb2
from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceStub
from fieldwise.profile.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from tests.profile.builders import NOW, Client, at, batch, event, purchase, serving


async def exported(client: Client, name: str) -> list[dict[str, Any]]:
    request = privacy_service_pb2.ExportCustomerRequest(name=name, decision_time=at(NOW))
    parts = [part async for part in PrivacyServiceStub(client.channel).ExportCustomer(request)]
    return [json.loads(line) for part in parts for line in part.lines]


async def linked(client: Client) -> identity_service_pb2.IdentityLink:
    return await IdentityServiceStub(client.channel).LinkCustomers(
        identity_service_pb2.LinkCustomersRequest(
            name="customers/1", other_name="customers/2", decided_by="reps/7", decision_time=at(NOW)
        )
    )


async def test_an_export_names_the_merges_and_holds_the_events_of_all_members(database_url: str) -> None:
    async with serving(database_url) as client:
        searched = event("s", "2", search=event_pb2.Search(query="red shoes"))
        await client.ingest(batch([purchase("a", "1"), searched, purchase("c", "3")]))
        link = await linked(client)
        lines = await exported(client, "customers/2")
        assert {line["event_id"] for line in lines if line["type"] == "event"} == {"a", "s"}
        (sealed,) = [line["personal"] for line in lines if line["type"] == "event" and "personal" in line]
        assert sealed["query"] == "red shoes"
        (made,) = [line for line in lines if line["type"] == "link"]
        assert {made["a"], made["b"]} == {"customers/1", "customers/2"}
        assert link.name.endswith(str(made["id"]))
