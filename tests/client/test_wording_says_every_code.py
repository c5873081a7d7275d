"""Every code has words in both languages, and a decision reads well on a terminal."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fieldwise_recommend
from fieldwise.type.v1 import provenance_pb2
from fieldwise_client import InvalidRequest, Reason, render_decision
from fieldwise_client.decision import Money
from fieldwise_client.wording import table
from fieldwise_client.wording.phrases import placeholders, rejection_text
from fieldwise_client.wording.terminal import account_lines, columns, rounded_to_sum, wrapped
from tests.client.decisions import acting, left_alone, undecided

TABLES = {name: each for name, each in vars(table).items() if name.isupper() and isinstance(each, dict)}
RECOMMEND = Path(fieldwise_recommend.__file__).parent
LONG_WORDS = {
    "category": "FRZN MEAT/MEAT DINNERS",
    "rep": "reps/wang-xiaoming",
    "action": "actions/retention-offer",
    "basis": "experiment-12",
}


@pytest.mark.parametrize("name", TABLES)
def test_both_languages_take_the_same_arguments(name: str) -> None:
    for code, words in TABLES[name].items():
        assert words.en
        assert words.zh
        assert placeholders(words.en) == placeholders(words.zh), code


@pytest.mark.parametrize(
    ("words", "pattern"),
    [("REASONS", r'Reason\(\s*"([A-Z_]+)"'), ("REJECTIONS", r'Rejection\([\w.]+, "([A-Z_]+)"')],
)
def test_every_code_that_recommend_sends_has_words(words: str, pattern: str) -> None:
    sent = {code for path in RECOMMEND.rglob("*.py") for code in re.findall(pattern, path.read_text("utf-8"))}
    assert sent
    assert sent <= TABLES[words].keys()


def test_every_argument_of_a_reason_is_sent() -> None:
    source = (RECOMMEND / "core" / "reasons.py").read_text("utf-8")
    named = {name for words in table.REASONS.values() for name in placeholders(words.en)}
    assert {name for name in named if f'"{name}"' not in source} == set()


def test_every_action_of_the_catalogue_has_a_title() -> None:
    catalogue = tomllib.loads((RECOMMEND / "catalogue.toml").read_text("utf-8"))
    assert {
        action["name"].removeprefix("actions/") for action in catalogue["actions"]
    } <= table.ACTIONS.keys()


def test_every_state_of_a_part_has_words() -> None:
    names = provenance_pb2.PartState.keys()
    assert {
        name.removeprefix("PART_STATE_").lower().replace("_", " ") for name in names
    } == table.STATES.keys()


@pytest.mark.parametrize("language", table.LANGUAGES)
@pytest.mark.parametrize("code", table.REASONS)
def test_a_reason_is_one_short_sentence(code: str, language: str) -> None:
    arguments = placeholders(table.REASONS[code].en)
    numbers = dict.fromkeys(arguments - LONG_WORDS.keys(), 99999.99)
    text = Reason(code, numbers, {name: LONG_WORDS[name] for name in arguments & LONG_WORDS.keys()}).text(
        language
    )
    assert len(text) <= 140
    assert text.endswith((".", "。"))
    assert "{" not in text


def test_an_unknown_code_is_shown_as_it_is() -> None:
    assert str(Reason("NEW_CODE", {"days": 3}, {"rep": "reps/wang"})) == "NEW_CODE (days 3, rep wang)"


def test_what_goes_with_a_purchase_is_told_as_a_share_and_a_multiple() -> None:
    numbers = {"share": 0.28, "times": 2.12, "window": 1.0}
    told = str(Reason("BOUGHT_TOGETHER", numbers, {"given": "MILK", "category": "EGGS"}))
    assert told == "28% of those who buy MILK also buy EGGS within 1 d, 2.12 times as often as by chance."


def test_what_chance_chose_at_a_loss_is_told_as_a_loss() -> None:
    text = render_decision(replace(acting(), value=Money(-290_000, "USD")))
    assert "worth 0.29 USD less than leaving alone" in text


def test_a_reason_without_its_arguments_is_shown_as_it_is() -> None:
    assert str(Reason("LIKELY_TO_BUY")) == "LIKELY_TO_BUY"


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="give one of en, zh"):
        Reason("LIKELY_TO_BUY", {"p": 0.5}).text("fr")


@given(st.lists(st.integers(-(10**12), 10**12), max_size=8))
def test_rounded_lines_add_up_to_the_rounded_sum(amounts: list[int]) -> None:
    rounded = rounded_to_sum(amounts, 10_000)
    assert sum(rounded) == (sum(amounts) + 5_000) // 10_000
    assert all(abs(cents * 10_000 - amount) < 10_000 for cents, amount in zip(rounded, amounts, strict=True))


def test_the_account_adds_up_on_paper() -> None:
    decision = acting()
    assert decision.chosen is not None
    assert decision.chosen.money.value == decision.value
    lines = account_lines(decision.chosen.money)
    assert f"{sum(cents for _, cents in lines) / 100:,.2f} USD" == str(decision.value)


@pytest.mark.parametrize("width", [80, 92, 100])
@pytest.mark.parametrize("language", table.LANGUAGES)
@pytest.mark.parametrize("decision", [acting(), left_alone(), undecided()], ids=["act", "alone", "none"])
def test_a_decision_fits_its_columns(decision: object, language: str, width: int) -> None:
    lines = render_decision(decision, language, width).splitlines()  # type: ignore[arg-type]  # one of three builders
    assert max(columns(line) for line in lines) <= max(width, 90)
    assert all(line == line.rstrip() for line in lines)


def test_a_decision_tells_what_it_rests_on() -> None:
    text = render_decision(acting())
    for fact in (
        "RETENTION-OFFER",
        "call",
        "CHEESE, FLUID MILK PRODUCTS, SOFT DRINKS",
        "By the bridge (1.2 km)",
        "its coupon of 5.00 is redeemed with 12%",
        "1.75 USD",
        "wang",
        "LAST VALID",
        "effects of actions",
        "4bf92f3577b34da6a3ce929d0e0e4736",
    ):
        assert fact in text
    assert "control" in render_decision(left_alone())
    assert "recommend not reachable" in render_decision(undecided())


def test_the_message_itself_reads_the_same() -> None:
    assert render_decision(acting().proto) == render_decision(acting())


@given(st.text(alphabet="ab 中文，", max_size=200))
def test_wrapping_loses_nothing(text: str) -> None:
    lines = list(wrapped(text, 20, "> ", "  "))
    assert all(columns(line) <= 20 or " " not in line.strip() for line in lines)
    assert "".join("".join(lines).split()) == ">" + "".join(text.split())


def test_a_condition_of_more_than_one_fact_is_shown_as_it_is_written() -> None:
    rule = "'tags/loyal' in tags"
    assert rejection_text("CONDITION", "", None, None, expression=rule) == rule
    assert rejection_text("CONDITION", "days_to_birthday", None, 7) == "days_to_birthday not known"
    assert rejection_text("CONDITION", "p_buy", 0.1, 0.3, expression="p_buy >= 0.3") == "p_buy 0.1 < 0.3"
    assert rejection_text("NOT_VALID_NOW", "", None, None, "zh") == "当前不在有效期"
