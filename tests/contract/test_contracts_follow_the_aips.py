"""What buf does not know of the AIPs: names first, pages everywhere, request ids on writes, one style of units."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "protos" / "fieldwise").glob("*/v1/*.proto"))
# Lists that are bounded by what they list, so that one answer always holds all of it.
BOUNDED = {
    "ListActions": "the catalogue: tens of actions",
    "ListBudgets": "one row for each scarce thing",
    "ListConsents": "what one customer said of nine subjects",
    "ListEventSchemas": "the events of your own: tens, each with its versions",
    "ListFields": "the register: tens of fields",
    "ListJobRuns": "the newest runs only, as many as page_size says",
}
# What a lost answer would make a client do twice. Events carry an id of their own instead.
WRITES = ("Create", "Plan", "Apply", "Decide", "Record", "Train", "Run", "BatchDecide")
# Writes that do the same the second time, whatever the caller says.
ONCE_BY_NATURE = {
    "ApplyRetention": "what was too old is gone the second time",
    "CreateEventSchema": "the same fields are the same version",
    "CreateTag": "the id is the caller's: the same rule under it is the tag that stands, another is refused",
    "RecordResults": "the first word about a decision stands",
    "DecideReview": "the same decision changes nothing, another one is refused or replaces it",
}


def load(source: Path) -> FileDescriptor:
    """The generated descriptor of one .proto file."""
    package, version = source.parts[-3:-1]
    module = importlib.import_module(f"fieldwise.{package}.{version}.{source.stem}_pb2")
    descriptor: FileDescriptor = module.DESCRIPTOR
    return descriptor


FILES = [load(source) for source in SOURCES]
METHODS: list[MethodDescriptor] = [
    method for file in FILES for service in file.services_by_name.values() for method in service.methods
]
MESSAGES: list[Descriptor] = [message for file in FILES for message in file.message_types_by_name.values()]


def called(method: MethodDescriptor) -> str:
    """A method's full name for test reports."""
    return str(method.full_name)


@pytest.mark.parametrize(
    "method", [m for m in METHODS if m.name.startswith("List") and m.name not in BOUNDED], ids=called
)
def test_a_list_comes_in_pages(method: MethodDescriptor) -> None:
    assert {"page_size", "page_token"} <= set(method.input_type.fields_by_name)
    assert "next_page_token" in method.output_type.fields_by_name


@pytest.mark.parametrize(
    "method",
    [m for m in METHODS if m.name.startswith(WRITES) and m.name not in ONCE_BY_NATURE],
    ids=called,
)
def test_a_write_that_must_not_happen_twice_carries_a_request_id(method: MethodDescriptor) -> None:
    fields = method.input_type.fields_by_name
    assert "request_id" in fields or "events" in fields


def test_a_resource_name_is_the_first_field() -> None:
    # A span has the name its program gave it, no resource name.
    named = [m for m in MESSAGES if "name" in m.fields_by_name and m.name != "Span"]
    assert [m.full_name for m in named if m.fields_by_name["name"].number != 1] == []


def test_an_amount_of_money_is_a_whole_number_of_micros() -> None:
    floating = [
        field.full_name
        for message in MESSAGES
        for field in message.fields
        if field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT)
        and field.name.split("_")[-1] == "micros"
    ]
    assert floating == []
