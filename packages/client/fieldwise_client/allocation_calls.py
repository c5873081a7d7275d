"""The synchronous client's calls about plans, resources, visits and prices. Thin; requests are in modules of their own."""

from __future__ import annotations

from fieldwise_client.caller import Caller


class AllocationCalls(Caller):
    """Plans and prices. Long ones wait for their end; Ctrl-C, or an error in ``progress``, cancels them."""
