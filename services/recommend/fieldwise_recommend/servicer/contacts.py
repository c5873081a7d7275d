"""ContactPolicyService on the wire; knows no rule and no SQL."""

from __future__ import annotations

from typing import Any

from fieldwise.recommend.v1 import contact_pb2
from fieldwise.recommend.v1 import contact_service_pb2 as wire
from fieldwise.recommend.v1.contact_service_pb2_grpc import ContactPolicyServiceServicer
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.contacting import Contacts


class ContactWire(ContactPolicyServiceServicer):
    """Each method hands its request to the use case that answers it."""

    def __init__(self, contacts: Contacts, in_force: InForce) -> None:
        self._contacts = contacts
        self._in_force = in_force

    async def GetContactPolicy(
        self, request: wire.GetContactPolicyRequest, context: Any
    ) -> contact_pb2.ContactPolicy:
        return self._contacts.policy()

    async def UpdateContactPolicy(
        self, request: wire.UpdateContactPolicyRequest, context: Any
    ) -> contact_pb2.ContactPolicy:
        families = {action.family for action in self._in_force.catalogue.actions}
        return await self._contacts.update(request, families)
