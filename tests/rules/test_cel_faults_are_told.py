"""What is wrong with a rule is told with its place and a remedy, everything at once, and nothing runs for ever."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.profile.random_rules import FIELDS as SMALL
from benchmarks.profile.random_rules import customer
from fieldwise_profile.core.tags.fields import FIELDS
from fieldwise_rules.arithmetic import Failed, calendar
from fieldwise_rules.compiler import compiled
from fieldwise_rules.faults import RuleRefused, RuleStopped


def refusal(rule: str) -> RuleRefused:
    with pytest.raises(RuleRefused) as raised:
        compiled(rule, FIELDS)
    return raised.value


@pytest.mark.parametrize(
    ("rule", "line", "column", "found", "remedy"),
    [
        ("features.spend_28 > 3.0", 1, 10, "'features.spend_28'", "did you mean features.spend_28d"),
        ("spend_28d > 3.0", 1, 1, "'spend_28d'", "did you mean features.spend_28d"),
        ("features.wholly_other > 3.0", 1, 10, "no field", "ListTagFields"),
        ("features.spend_28d > '3'", 1, 20, "double > string", "without quotes"),
        ("profile.stage ==\n  3", 1, 15, "string == int", "without quotes"),
        ("true &&\n\n   profile.stage", 3, 12, "string beside &&", "compare"),
        ("features.spend_28d", 1, 10, "gives double", "needed is bool"),
        ("features.spend_28d + 1 > 2.0", 1, 20, "double + int", "double(...)"),
        ("profile.purchase_days + 'a' == 'a'", 1, 23, "int + string", "string + string"),
        ("features.spend_28d >", 1, 21, "the end", "needed"),
        ("(features.spend_28d > 1.0", 1, 26, "the end", "')'"),
        ("profile.stage = 'new'", 1, 15, "'='", "write =="),
        ("profile.stage == 'new", 1, 18, "without its end", "close it"),
        ("profile.interests.exist(x, x == 'a')", 1, 19, "exist()", "did you mean exists"),
        ("profile.interests.exists('a')", 1, 19, "exists with 1", "write .exists(x"),
        ("profile.stage.startsWith(3)", 1, 15, "string.startsWith(int)", "string.startsWith(string)"),
        ("'a' in profile.stage", 1, 16, "in a string", "text.contains"),
        ("3 in profile.interests", 1, 3, "int in list(string)", "string"),
        ("features > 1.0", 1, 1, "'features'", "name one of its fields"),
        ("has(profile)", 1, 1, "has without", "has(record.field)"),
        ("now > null", 1, 7, "'null'", "has(field)"),
        ("3u > 2", 1, 1, "3u", "uint"),
        ("99999999999999999999 > 1", 1, 1, "99999999999999999999", "64 bits"),
        ("duration('2 days') < duration('1h')", 1, 1, "duration('2 days')", "36h"),
        ("timestamp('yesterday') < now", 1, 1, "timestamp('yesterday')", "2026-01-31"),
        ("[1, 'a'].size() > 1", 1, 5, "a string", "one kind"),
        ("profile.stage.matches('(a')", 1, 23, "a pattern", "simpler"),
        ("profile.stage.matches(profile.segment)", 1, 31, "computed", "cost"),
        ("true ? 1 : 'a'", 1, 6, "int : string", "one kind"),
        ("profile.interests < profile.interests", 1, 19, "list(string) < list(string)", "no order"),
    ],
)  # fmt: skip
def test_a_fault_names_its_place_what_was_found_and_a_remedy(
    rule: str, line: int, column: int, found: str, remedy: str
) -> None:
    error = refusal(rule)
    first = error.faults[0]
    assert (first.place.line, first.place.column) == (line, column)
    assert found in first.found
    assert remedy in first.remedy
    assert error.reason == "RULE_INVALID"
    assert error.metadata == {"line": str(line), "column": str(column)}
    assert f"line {line}, column {column}" in error.message


def test_all_faults_are_told_at_once() -> None:
    error = refusal(
        "features.spnd_28d > 3.0 && profile.stage > 3 || profile.purchase_days.size() > 1 && !now"
    )
    assert [fault.place.column for fault in error.faults] == [10, 42, 71, 86]


@pytest.mark.parametrize(
    "name", ["phone", "email", "full_name", "address", "birth_date", "postcode", "searched", "notes"]
)
def test_personal_content_has_no_name_in_a_rule(name: str) -> None:
    for text in (f"profile.{name} == 'x'", f"{name} == 'x'", f"has(profile.{name})"):
        assert "sealed" in refusal(text).faults[0].remedy


@pytest.mark.parametrize(
    "rule",
    [
        "profile.interests.all(a, profile.interests.all(b, profile.interests.all(c, profile.interests.all(d, a != b))))",
        "[1,2,3,4,5,6,7,8,9,10].map(a, [1,2,3,4,5,6,7,8,9,10].map(b, [1,2,3,4,5,6,7,8,9,10].map(c, "
        "[1,2,3,4,5,6,7,8,9,10].map(d, a)))).size() > 1",
        "(" * 60 + "true" + ")" * 60,
        "!" * 60 + "true",
        "-" * 60 + "1 < 1",
        "1" + " + 1" * 60 + " > 1",
        "true ? true : " * 60 + "true",
        "[1]" + ".map(x, x)" * 60 + " == [1]",
        "[1].all(a, " * 25 + "true" + ")" * 25,
    ],
)  # fmt: skip
def test_a_rule_that_would_run_too_long_is_refused(rule: str) -> None:
    assert refusal(rule).reason == "RULE_TOO_EXPENSIVE"


def test_a_rule_is_stopped_when_lists_are_longer_than_their_fields_promise() -> None:
    rule = compiled("profile.interests.all(a, profile.interests.all(b, a.size() + b.size() >= 0))", SMALL)
    values = [["x"] * 200 if field.path == "profile.interests" else None for field in SMALL.listed]
    with pytest.raises(RuleStopped) as raised:
        rule.verdict(values)
    assert raised.value.reason == "RULE_TOO_EXPENSIVE"


def test_a_long_rule_is_refused() -> None:
    assert "at most 4096" in refusal("true " + " " * 5000).faults[0].remedy


_PIECES = ["true", "false", "1", "2.5", "'a'", "features.spend", "profile.stage", "profile.gaps", "profile.channels", "now", "x",
           "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "&&", "||", "!", "==", "<", "+", "-", "*", "/", "%", "in", "has(",
           ".all(x, ", ".exists(x, ", ".map(x, ", ".filter(x, ", ".size()", "size(", "int(", "duration(", ".matches(", "\n"]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=25) | st.text(alphabet=string.printable, max_size=30))
@settings(max_examples=600, deadline=None)
def test_any_text_is_a_rule_or_is_refused_with_a_place_inside_it(pieces: list[str] | str) -> None:
    text = " ".join(pieces) if isinstance(pieces, list) else pieces
    try:
        rule = compiled(text, SMALL)
    except RuleRefused as refused:
        lines = text.split("\n")
        for fault in refused.faults:
            assert 1 <= fault.place.line <= len(lines)
            assert 1 <= fault.place.column <= len(lines[fault.place.line - 1]) + 1
    else:
        assert rule.verdict([0.0 if field.kind.name == "double" else None for field in SMALL.listed]) in (
            True,
            False,
            None,
        )


@pytest.mark.parametrize(
    "text", ["__import__('os').system('true') == 1", "().__class__ == 1", "f[0] == 1", "k == 1", "known(1) == 1",
             "'{0}'.format(1) == 'x'", "[1].all(f1, f1 == 1) && [2].all(t1, [3].all(known, known > t1))"]
)  # fmt: skip
def test_nothing_of_python_is_reachable(text: str) -> None:
    if text.startswith("[1]"):
        assert compiled(text, SMALL).verdict(customer(__import__("random").Random(1))) is True
    else:
        assert refusal(text).reason == "RULE_INVALID"


def test_null_where_a_time_is_expected_fails_the_rule_and_nothing_else() -> None:
    with pytest.raises(Failed, match="null is no time"):
        calendar(None)
