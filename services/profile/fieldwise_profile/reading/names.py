"""Names of sources and customers that are right, remembered; knows no event but its rules for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from fieldwise.profile.v1 import event_pb2
from fieldwise.type.v1 import rules_pb2

# Forgetting costs a moment, growing without end would cost the process.
_MOST: Final = 1_000_000


def _rules(field: str) -> rules_pb2.FieldRules:
    return event_pb2.Event.DESCRIPTOR.fields_by_name[field].GetOptions().Extensions[rules_pb2.rules]


_SOURCE: Final = re.compile(_rules("source").pattern)
_LONGEST_SOURCE: Final = _rules("source").max_length
_CUSTOMER: Final = re.compile(_rules("customer").pattern)


class Names:
    """Judges names by the field rules, each once."""

    __slots__ = ("_customers", "_sources")

    def __init__(self) -> None:
        self._sources: set[str] = set()
        self._customers: set[str] = set()

    def are_right(self, source: str, customer: str) -> bool:
        """Whether both have the form that the contract asks for."""
        return (source in self._sources or self._is_source(source)) and (
            customer in self._customers or self._is_customer(customer)
        )

    def forget(self, customers: Sequence[str]) -> None:
        """Drops the names of customers who were erased."""
        self._customers.difference_update(customers)

    def _is_source(self, name: str) -> bool:
        right = len(name) <= _LONGEST_SOURCE and _SOURCE.fullmatch(name) is not None
        return right and _kept(self._sources, name)

    def _is_customer(self, name: str) -> bool:
        return _CUSTOMER.fullmatch(name) is not None and _kept(self._customers, name)


def _kept(names: set[str], name: str) -> bool:
    if len(names) >= _MOST:
        names.clear()
    names.add(name)
    return True
