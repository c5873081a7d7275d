"""Names of spans and events in code and those in docs/telemetry.md are the same; what is really sent, tests/system looks at."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from tests.contract import telemetry_registry

ROOT: Final = Path(__file__).resolve().parents[2]
_BEGUN: Final = re.compile(
    r"(?:\b(?:step|stage|start_span|start_as_current_span|internal_span|memory_span|batch_span)\("
    r"|\bcontinued\(\s*[\w.]+,)\s*f?\"([^\"]+)\"",
    re.DOTALL,
)


@cache
def sources() -> tuple[str, ...]:
    return tuple(
        path.read_text(encoding="utf-8")
        for folder in ("packages", "services", "gateway")
        for path in sorted((ROOT / folder).glob("**/fieldwise_*/**/*.py"))
        if "fieldwise_client" not in path.parts
    )


@cache
def begun() -> frozenset[str]:
    """Names that spans are begun with; what is put in at run time is in braces. Calls are named in one place."""
    return frozenset(name for text in sources() for name in _BEGUN.findall(text)) | {"{service}/{method}"}


def allowed(name: str) -> re.Pattern[str]:
    """What a name in code comes to when its braces are filled; a stage has one of its own where it is made."""
    return re.compile(
        "".join(".+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", name))
    )


def test_every_span_that_code_begins_is_listed() -> None:
    listed = telemetry_registry.spans()
    examples = {name: re.sub(r"\{[^}]+\}", "X", name) for name in begun()}
    unlisted = [
        name
        for name, example in examples.items()
        if not any(
            telemetry_registry.span_pattern(each).fullmatch(example) or allowed(name).fullmatch(each)
            for each in listed
        )
    ]
    assert unlisted == []


def test_every_listed_span_is_begun_by_code() -> None:
    known = [allowed(name) for name in begun()]
    gone = [
        name
        for name in telemetry_registry.spans()
        if not any(each.fullmatch(re.sub(r"<[^>]+>", "X", name)) for each in known)
    ]
    assert gone == []


def test_events_in_code_are_those_listed() -> None:
    told = {name for text in sources() for name in re.findall(r"\badd_event\(\"([^\"]+)\"", text)}
    assert told == telemetry_registry.events()


def test_a_part_of_a_name_in_angle_brackets_is_anything_and_nothing_else_is() -> None:
    pattern = telemetry_registry.span_pattern("worker <module>.<function>")
    assert pattern.fullmatch("worker fieldwise_x.y.work")
    assert not pattern.fullmatch("operation jobs")
    assert not telemetry_registry.span_pattern("keep plan").fullmatch("keep plans")
