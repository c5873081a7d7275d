"""Field rules of requests (fieldwise.type.v1 options), compiled once a message type; knows no service and no message."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from fieldwise.type.v1 import rules_pb2
from fieldwise_runtime.errors import Violation, shown

MAX_LENGTH: Final = 4096
MAX_ITEMS: Final = 100_000
# One wrong column of a large batch would otherwise cost more to report than to refuse.
_MOST_PER_FIELD: Final = 100
_YEAR_2000: Final = 946_684_800
_YEAR_2100: Final = 4_102_444_800

_F = FieldDescriptor
_FLOATS: Final = (_F.TYPE_DOUBLE, _F.TYPE_FLOAT)
_TEXTS: Final = (_F.TYPE_STRING,)
_NUMBERS: Final = frozenset(
    kind for kind in range(1, 19) if kind not in (_F.TYPE_STRING, _F.TYPE_BYTES, _F.TYPE_MESSAGE, _F.TYPE_GROUP,
                                                  _F.TYPE_BOOL, _F.TYPE_ENUM)
)  # fmt: skip

# A remedy for a value, or None when the value is right.
_Rule = Callable[[Any], "str | None"]
# Appends the violations of a message, named relative to it.
_Check = Callable[[Any, "list[Violation]"], None]


def violations(message: Message, unchecked: frozenset[str] = frozenset()) -> list[Violation]:
    """Every violation of the message's field rules, nested ones with paths such as ``events[3].amount.micros``.

    Args:
        unchecked: Full names of fields whose contents the handler checks itself; how many there are is still checked.
            Example: ``fieldwise.profile.v1.IngestEventsRequest.events``, where a bad event must not fail its batch.
    """
    found: list[Violation] = []
    _checker(message.DESCRIPTOR, unchecked)(message, found)
    return found


@cache
def _checker(descriptor: Descriptor, unchecked: frozenset[str]) -> _Check:
    """The check of one message type. Compiled lazily below the first level, so that recursive types end."""
    checks = [check for field in descriptor.fields for check in _field_checks(field, unchecked)]

    def check(message: Any, found: list[Violation]) -> None:
        for each in checks:
            each(message, found)

    return check


def _field_checks(field: FieldDescriptor, unchecked: frozenset[str]) -> list[_Check]:
    rules = field.GetOptions().Extensions[rules_pb2.rules]
    if _is_map(field):
        return [_item_count(field, rules), *_map_checks(field, rules, unchecked)]
    if field.is_repeated:
        return [_item_count(field, rules), *_repeated_checks(field, rules, unchecked)]
    return _singular_checks(field, rules, unchecked)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _descends(field: FieldDescriptor, unchecked: frozenset[str]) -> bool:
    kind = field.message_type
    # The well-known types carry no rules of ours; those with a meaning here have rules of their own.
    return kind is not None and not kind.full_name.startswith("google.") and field.full_name not in unchecked


# ---- one value ----------------------------------------------------------------------------------------------------


def _value_rules(field: FieldDescriptor, rules: rules_pb2.FieldRules) -> list[_Rule]:
    """The rules of one value of the field, each with the caller's own remedy after it."""
    listed: list[_Rule] = []
    if field.type in _TEXTS:
        listed += _text_rules(rules)
    elif field.type in _NUMBERS:
        listed += _number_rules(field, rules)
    elif field.type == _F.TYPE_ENUM:
        listed.append(_known_enum(field))
    elif field.message_type is not None:
        listed += _time_rules(field.message_type.full_name, rules)
    return [_with_remedy(rule, rules.remedy) for rule in listed] if rules.remedy else listed


def _with_remedy(rule: _Rule, remedy: str) -> _Rule:
    def check(value: Any) -> str | None:
        fault = rule(value)
        return None if fault is None else f"{fault}; {remedy}"

    return check


def _text_rules(rules: rules_pb2.FieldRules) -> list[_Rule]:
    most = rules.max_length or MAX_LENGTH
    too_long = f"give at most {most} characters"
    # PostgreSQL stores none, so one would fail in the database what it passes here.
    with_nul = "leave out the NUL character"

    def length(value: str) -> str | None:
        if "\0" in value:
            return with_nul
        return too_long if len(value) > most else None

    if not rules.pattern:
        return [length]
    matches = re.compile(rules.pattern).fullmatch
    unlike = f"must match {rules.pattern}"

    def length_and_pattern(value: str) -> str | None:
        if "\0" in value:
            return with_nul
        if len(value) > most:
            return too_long
        return None if matches(value) else unlike

    return [length_and_pattern]


def _number_rules(field: FieldDescriptor, rules: rules_pb2.FieldRules) -> list[_Rule]:
    listed: list[_Rule] = []
    if field.type in _FLOATS and not rules.allow_non_finite:
        listed.append(lambda value: None if math.isfinite(value) else "give a finite number")
    if rules.HasField("at_least") or rules.HasField("at_most"):
        listed.append(_within(rules))
    return listed


def _within(rules: rules_pb2.FieldRules) -> _Rule:
    low = rules.at_least if rules.HasField("at_least") else -math.inf
    high = rules.at_most if rules.HasField("at_most") else math.inf
    remedy = _limits_in_words(low, high)

    def check(value: float) -> str | None:
        # Not `low <= value <= high`: NaN is judged by allow_non_finite alone.
        return remedy if value < low or value > high else None

    return check


def _limits_in_words(low: float, high: float) -> str:
    if high == math.inf:
        return f"give {low:g} or more"
    if low == -math.inf:
        return f"give {high:g} or less"
    return f"give a number from {low:g} to {high:g}"


def _known_enum(field: FieldDescriptor) -> _Rule:
    assert field.enum_type is not None
    known = frozenset(field.enum_type.values_by_number)
    remedy = f"give one of {', '.join(value.name for value in field.enum_type.values if value.number)}"
    return lambda value: None if value in known else remedy


def _time_rules(type_name: str, rules: rules_pb2.FieldRules) -> list[_Rule]:
    listed: list[_Rule] = []
    if rules.plausible_time and type_name == "google.protobuf.Timestamp":
        listed.append(_plausible_time)
    if rules.positive_duration and type_name == "google.protobuf.Duration":
        listed.append(_positive_duration)
    return listed


def _plausible_time(value: Any) -> str | None:
    if _YEAR_2000 <= value.seconds < _YEAR_2100 and 0 <= value.nanos < 1_000_000_000:
        return None
    return "give a time between the years 2000 and 2100 (UTC)"


def _positive_duration(value: Any) -> str | None:
    right = value.seconds >= 0 and 0 <= value.nanos < 1_000_000_000 and (value.seconds > 0 or value.nanos > 0)
    return None if right else "give a positive duration"


# ---- one field ----------------------------------------------------------------------------------------------------


def _singular_checks(
    field: FieldDescriptor, rules: rules_pb2.FieldRules, unchecked: frozenset[str]
) -> list[_Check]:
    value_rules = _value_rules(field, rules)
    inner = _inner(field, unchecked)
    if not value_rules and inner is None and not rules.required:
        return []
    missing = Violation(field.name, "nothing", f"set it; {rules.remedy}" if rules.remedy else "set it")
    absent = [missing] if rules.required else []
    if field.has_presence:
        return [_checked_when_present(field, value_rules, inner, absent)]
    return [_checked_when_set(field, value_rules, absent)]


def _checked_when_present(
    field: FieldDescriptor, value_rules: Sequence[_Rule], inner: _Check | None, absent: list[Violation]
) -> _Check:
    name = field.name
    # An optional string that is set to "" is not "a non-empty string".
    empty_is_absent = field.type == _F.TYPE_STRING and bool(absent)

    def check(message: Any, found: list[Violation]) -> None:
        if not message.HasField(name):
            found += absent
            return
        value = getattr(message, name)
        if empty_is_absent and not value:
            found += absent
            return
        _apply(value_rules, value, name, found)
        if inner is not None:
            _descend(inner, value, name, found)

    return check


def _checked_when_set(
    field: FieldDescriptor, value_rules: Sequence[_Rule], absent: list[Violation]
) -> _Check:
    name = field.name
    only = value_rules[0] if len(value_rules) == 1 else None

    def check_one(message: Any, found: list[Violation]) -> None:
        value = getattr(message, name)
        if not value:
            found += absent
        elif (fault := only(value)) is not None:  # type: ignore[misc]  # chosen below only when `only` is a rule
            found.append(Violation.of(name, value, fault))

    def check(message: Any, found: list[Violation]) -> None:
        value = getattr(message, name)
        if value:
            _apply(value_rules, value, name, found)
        else:
            found += absent

    return check if only is None else check_one


def _apply(value_rules: Sequence[_Rule], value: Any, path: str, found: list[Violation]) -> None:
    for rule in value_rules:
        fault = rule(value)
        if fault is not None:
            found.append(Violation(path, _printed(value), fault))


def _printed(value: Any) -> str:
    if not isinstance(value, Message):
        return shown(value)
    # Rules judge a message itself only when it is a time or a duration, which have a plain form.
    timed: Any = value
    try:
        return str(timed.ToJsonString())
    except ValueError:  # beyond the years 1 to 9999, which JSON cannot say
        return f"seconds {timed.seconds}, nanos {timed.nanos}"


def _inner(field: FieldDescriptor, unchecked: frozenset[str]) -> _Check | None:
    if not _descends(field, unchecked):
        return None
    kind = field.message_type
    assert kind is not None

    def check(message: Any, found: list[Violation]) -> None:
        _checker(kind, unchecked)(message, found)

    return check


def _descend(inner: _Check, value: Any, path: str, found: list[Violation]) -> None:
    before = len(found)
    inner(value, found)
    # Paths are put together only for what is wrong: a right message pays nothing for its depth.
    for index in range(before, len(found)):
        fault = found[index]
        found[index] = Violation(f"{path}.{fault.field}", fault.value, fault.remedy)


# ---- many values --------------------------------------------------------------------------------------------------


def _item_count(field: FieldDescriptor, rules: rules_pb2.FieldRules) -> _Check:
    name, fewest, most = field.name, rules.min_items, rules.max_items or MAX_ITEMS
    limits = f"give {fewest} to {most} items" if fewest else f"give at most {most} items"
    remedy = f"{limits}; {rules.remedy}" if rules.remedy and fewest <= most else limits

    def check(message: Any, found: list[Violation]) -> None:
        count = len(getattr(message, name))
        if count < fewest or count > most:
            found.append(Violation(name, f"{count} items", remedy if count else limits))

    return check


def _repeated_checks(
    field: FieldDescriptor, rules: rules_pb2.FieldRules, unchecked: frozenset[str]
) -> list[_Check]:
    listed = [_each_value(field.name, rule) for rule in _value_rules(field, rules)]
    if field.type in _FLOATS and not rules.allow_non_finite:
        listed[0] = _all_finite(field.name, listed[0])
    if rules.unique:
        listed.append(_unique(field.name))
    inner = _inner(field, unchecked)
    if inner is not None:
        listed.append(_each_message(field.name, inner))
    return listed


def _each_value(name: str, rule: _Rule) -> _Check:
    def check(message: Any, found: list[Violation]) -> None:
        faults = ((index, value, rule(value)) for index, value in enumerate(getattr(message, name)))
        wrong = (fault for fault in faults if fault[2] is not None)
        for index, value, fault in islice(wrong, _MOST_PER_FIELD):
            found.append(Violation(f"{name}[{index}]", _printed(value), fault or ""))

    return check


def _all_finite(name: str, find: _Check) -> _Check:
    def check(message: Any, found: list[Violation]) -> None:
        # One sum in C instead of a call per number; only when it is not finite are the numbers looked at.
        if not math.isfinite(sum(getattr(message, name))):
            find(message, found)

    return check


def _unique(name: str) -> _Check:
    def check(message: Any, found: list[Violation]) -> None:
        values = getattr(message, name)
        if len(set(values)) != len(values):
            found += islice(_repetitions(name, values), _MOST_PER_FIELD)

    return check


def _repetitions(name: str, values: Sequence[str]) -> list[Violation]:
    first_at: dict[str, int] = {}
    listed: list[Violation] = []
    for index, value in enumerate(values):
        first = first_at.setdefault(value, index)
        if first != index:
            listed.append(
                Violation.of(f"{name}[{index}]", value, f"leave it out: it stands at index {first} already")
            )
    return listed


def _each_message(name: str, inner: _Check) -> _Check:
    def check(message: Any, found: list[Violation]) -> None:
        for index, value in enumerate(getattr(message, name)):
            before = len(found)
            inner(value, found)
            if len(found) > before:
                _prefix(found, before, f"{name}[{index}].")

    return check


def _prefix(found: list[Violation], start: int, prefix: str) -> None:
    found[start:] = [Violation(prefix + fault.field, fault.value, fault.remedy) for fault in found[start:]]


def _map_checks(
    field: FieldDescriptor, rules: rules_pb2.FieldRules, unchecked: frozenset[str]
) -> list[_Check]:
    assert field.message_type is not None
    value_field = field.message_type.fields_by_name["value"]
    value_rules = _value_rules(value_field, rules)
    key_rules = _value_rules(field.message_type.fields_by_name["key"], rules_pb2.FieldRules())
    inner = _inner(value_field, unchecked) if field.full_name not in unchecked else None
    name = field.name

    def check(message: Any, found: list[Violation]) -> None:
        for key, value in getattr(message, name).items():
            path = f"{name}[{key!r}]"
            _apply(key_rules, key, f"key of {name}", found)
            _apply(value_rules, value, path, found)
            if inner is not None:
                _descend(inner, value, path, found)

    return [check]
