"""The contact policy that comes with the software, in force until somebody puts another in its place; knows no customer.

Its figures are cautious habits of the trade, not measurements: whoever knows his customers sets his own.
"""

from __future__ import annotations

from typing import Final

from fieldwise.recommend.v1 import contact_pb2 as pb

NAME: Final = "contactPolicy"

SHIPPED: Final = pb.ContactPolicy(
    name=NAME,
    # So that of two planners who start from it the second is told, as from any later policy.
    etag="v0",
    note="comes with the software",
    caps=[
        pb.ContactCap(most=4, days=7),
        pb.ContactCap(most=1, days=7, channel="call"),
        pb.ContactCap(most=2, days=7, channel="email"),
        pb.ContactCap(most=2, days=28, channel="mail"),
    ],
    # A telephone rings when it is called; letters and mails wait by themselves. 21:00 to 8:00 as in 47 CFR 64.1200(c)(1).
    quiet_hours=[pb.QuietHours(start_minute=21 * 60, end_minute=8 * 60, channels=["call"])],
    suppressions=[
        pb.SuppressionRule(event=pb.CONTACT_EVENT_REFUSED, count=2, window_days=28, rest_days=28),
        pb.SuppressionRule(event=pb.CONTACT_EVENT_UNANSWERED, count=6, window_days=60, rest_days=30),
    ],
)
