"""Every rpc states who may call it, in words that the gateway obeys."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import Descriptor, MethodDescriptor

from fieldwise.type.v1 import access_pb2, rules_pb2
from fieldwise_gateway.core.access import COMPANY_WIDE, CONFINED, INTERNAL, OF_CALLERS, ROLES, SCOPES
from fieldwise_gateway.rows import demand
from tests.contract.test_contracts_follow_the_aips import METHODS, called

# What the field's people may ask for.
IN_THE_FIELD = frozenset().union(*(ROLES[role] for role in CONFINED)) - COMPANY_WIDE
# A field of rules like `customers/[A-Za-z0-9]...`, or of a comment that says so.
NAMES_SOMEBODY = re.compile(r"(customers|reps|territories)/")
# Requests of the field whose customers nobody can tell before they are read; the gate refuses such calls to the field.
UNREADABLE = {"fieldwise.gateway.v1.EventsService.CaptureEvents"}
# Words of a person or an app, by which nothing is looked up.
SAID = {"reporter"}


def stated(method: MethodDescriptor) -> access_pb2.Access:
    found: access_pb2.Access = method.GetOptions().Extensions[access_pb2.access]
    return found


@pytest.mark.parametrize("method", METHODS, ids=called)
def test_an_rpc_states_a_scope_that_some_role_holds_and_rows_that_exist(method: MethodDescriptor) -> None:
    scope = stated(method).scope
    assert scope in SCOPES | {INTERNAL, OF_CALLERS}, "add it to the roles that shall have it (core/access.py)"
    demand(method)  # raises when a path names no field


def test_every_scope_is_asked_for_by_some_rpc_or_operation() -> None:
    asked = {stated(method).scope for method in METHODS} | {"operations.read", "operations.write"}
    assert SCOPES - asked == set()


@pytest.mark.parametrize("method", [m for m in METHODS if stated(m).scope in IN_THE_FIELD], ids=called)
def test_what_the_field_may_call_says_where_it_names_customers_and_reps(method: MethodDescriptor) -> None:
    access = stated(method)
    assert set(naming(method.input_type)) <= set(access.rows)
    assert access.rows or access.answer_rows or method.full_name in UNREADABLE


def test_what_nobody_is_confined_in_names_nobody() -> None:
    named = [
        (method.full_name, path)
        for method in METHODS
        if stated(method).scope in COMPANY_WIDE
        for kind in (method.input_type, method.output_type)
        for path in naming(kind)
    ]
    assert named == []


def test_who_could_make_keys_is_the_operator_alone() -> None:
    assert [role for role, scopes in ROLES.items() if "access.write" in scopes] == ["operator"]


def naming(kind: Descriptor, before: str = "", seen: tuple[str, ...] = ()) -> Iterator[str]:
    """Paths of the fields whose rules let through a name of a customer, rep or territory."""
    for field in kind.fields:
        inner = field.message_type
        if inner is not None and inner.full_name.startswith("fieldwise.") and inner.full_name not in seen:
            yield from naming(inner, f"{before}{field.name}.", (*seen, inner.full_name))
        pattern = field.GetOptions().Extensions[rules_pb2.rules].pattern
        if NAMES_SOMEBODY.search(pattern) and field.name not in SAID:
            yield before + field.name
