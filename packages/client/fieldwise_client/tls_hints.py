"""What a failed connection tells of TLS, in words for a person; knows no channel."""

from __future__ import annotations


def hint(details: str) -> str:
    """What to do when a call failed like this, where TLS may be the reason; empty where it is not."""
    if "WRONG_VERSION_NUMBER" in details:
        return "it speaks no TLS: unset FIELDWISE_CA and FIELDWISE_TLS"
    if "certificate" in details or "Verification Check failed" in details:
        return (
            "its certificate is not signed by the authority in FIELDWISE_CA, is expired or names another host"
        )
    if "Socket closed" in details or "onnection reset" in details:
        return (
            "if it speaks TLS, set FIELDWISE_CA to its ca.pem; of a service behind the gateway, FIELDWISE_TLS"
        )
    return ""
