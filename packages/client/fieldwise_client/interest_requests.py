"""What is asked of interests: methods and requests. Knows no channel."""

from __future__ import annotations

from fieldwise.forecast.v1 import customer_service_pb2 as customers
from fieldwise_client.names import resource
from fieldwise_client.talks import M, Method


def _of(method: str, answer: type[M]) -> Method[M]:
    return Method("gateway", f"/fieldwise.forecast.v1.CustomerService/{method}", answer)


GET_OUTLOOK = _of("GetOutlook", customers.Outlook)
LIST_DWELL_THRESHOLDS = _of("ListDwellThresholds", customers.ListDwellThresholdsResponse)


def outlook(customer: str, most: int) -> customers.GetOutlookRequest:
    return customers.GetOutlookRequest(name=resource("customers", customer), most=most)
