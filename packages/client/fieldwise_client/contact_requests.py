"""Requests about how often, when and after what customers may be reached. Knows no channel."""

from __future__ import annotations

from fieldwise.recommend.v1 import contact_pb2
from fieldwise.recommend.v1 import contact_service_pb2 as contacts
from fieldwise_client.names import new_request_id
from fieldwise_client.recommend_requests import of_recommend

GET_POLICY = of_recommend("ContactPolicyService", "GetContactPolicy", contact_pb2.ContactPolicy)
UPDATE_POLICY = of_recommend("ContactPolicyService", "UpdateContactPolicy", contact_pb2.ContactPolicy)


def update_policy(
    policy: contact_pb2.ContactPolicy, actor: str, note: str, request_id: str | None
) -> contacts.UpdateContactPolicyRequest:
    return contacts.UpdateContactPolicyRequest(
        contact_policy=policy, actor=actor, note=note, request_id=request_id or new_request_id()
    )
