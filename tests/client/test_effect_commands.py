"""The commands about effects, costs and the tipping point: what is asked, what a person reads, and the articles' sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing
from hypothesis import given
from hypothesis import strategies as st

from fieldwise.recommend.v1 import effect_pb2 as pb
from fieldwise_client import costs, tipping
from fieldwise_client.commands import bi_or_ai, cost, effect
from fieldwise_client.wording.effect import effect_lines
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., typer.testing.Result]


@pytest.fixture
def recommend() -> FakeServices:
    return FakeServices("fieldwise.recommend.v1")


@pytest.fixture
def run(recommend: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command on an installation of fakes."""
    app = typer.Typer()
    for command in (effect, cost, bi_or_ai):
        command.register(app)
    with serving(recommend) as where:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", where)
        monkeypatch.chdir(tmp_path)
        runner = typer.testing.CliRunner()
        yield lambda *words: runner.invoke(app, [str(word) for word in words])


def found(low: float, high: float, verdict: Any = pb.EFFECT_VERDICT_NOT_ENOUGH_EVIDENCE) -> pb.Comparison:
    made = pb.Comparison(
        measure="money",
        basis=pb.COMPARISON_BASIS_RANDOMISED,
        treated=12.0,
        control=10.0,
        treated_count=900,
        control_count=100,
        difference=(low + high) / 2,
        smallest_detectable=3.0,
        verdict=verdict,
    )
    made.interval.low, made.interval.high = low, high
    made.always_valid.low, made.always_valid.high = low, high
    return made


def picked(low: float, high: float) -> pb.Comparison:
    made = found(low, high)
    made.basis = pb.COMPARISON_BASIS_OBSERVED
    return made


def a_report(low: float = 1.0, high: float = 3.0) -> pb.EffectReport:
    share = pb.Share(count=3, total=10, share=0.3, interval=pb.Range(low=0.1, high=0.6))
    kept = pb.Share(count=270, total=900, share=0.3, interval=pb.Range(low=0.27, high=0.33))
    return pb.EffectReport(
        window_days=28,
        decisions=1000,
        measured=900,
        customers=800,
        warnings=["NO_CONTROL_GROUP"],
        intention_to_treat=[found(low, high, pb.EFFECT_VERDICT_HIGHER)],
        before=pb.Comparison(measure="money before", basis=pb.COMPARISON_BASIS_RANDOMISED),
        new_customers=pb.NewCustomers(
            gained=5, lost=2, net=3, share=found(0, 1), caused=pb.Range(low=0, high=4)
        ),
        actions=[pb.ActionEffect(action="actions/call", chance=found(-1, 1), campaign=found(-1, 1))],
        acting=pb.ActingReport(
            recommended=10,
            acted=share,
            converted=share,
            converted_unacted=share,
            plain=picked(5, 9),
            levelled=picked(5, 9),
            reps=[pb.RepAdherence(rep="reps/wang", acted=share, declined=share)],
            actions=[
                pb.ActionOutcomes(action="actions/mail", chosen=7, said={"opened": share}, bought=share)
            ],
        ),
        success=share,
        reliability=[
            pb.Reliability(days=7, derived=True, bins=[pb.ReliabilityBin(predicted=0.4, bought=share)])
        ],
        churn=pb.ChurnReport(threshold=0.5, flagged=share, average=share, flagged_alone=share, alone=share),
        cohorts=[
            pb.Cohort(
                month="2026-03", customers=900, periods=[pb.CohortPeriod(retained=kept, bought_again=share)]
            )
        ],
        practice=pb.PracticeComparison(
            baseline="baselines/2025", money=found(-1, 2), satisfaction_before=3.4
        ),
    )


def test_a_report_is_asked_for_by_period_action_and_rep_and_told_whole(
    run: Run, recommend: FakeServices
) -> None:
    recommend.answers["ReportEffect"] = lambda _: [a_report()]
    told = run(
        "effect", "report", "--from", "2026-01-01", "--until", "2026-02-01", "--action", "call",
        "--rep", "wang", "--baseline", "2025",
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    ((_, asked),) = recommend.asked
    assert asked.start_time.ToJsonString() == "2026-01-01T00:00:00Z"
    assert asked.end_time.ToJsonString() == "2026-02-01T00:00:00Z"
    assert (asked.action, asked.rep, asked.baseline) == ("actions/call", "reps/wang", "baselines/2025")
    for words in (
        "1000 decisions, 900 with results after 28 days",
        "nobody was left alone by the hash",
        "+2 [+1, +3]",
        "Net new customers 3 (5 gained, 2 lost); caused: +0 to +4",
        "nobody drew it: no effect",
        "reps/wang",
        "opened 30.0%",
        "Buys within 7 days (derived)",
        "First decision in 2026-03",
        "Against baselines/2025",
        "satisfaction before: 3.40",
    ):
        assert words in told.output, words


def test_a_comparison_without_an_interval_is_not_enough_evidence() -> None:
    lines = "\n".join(effect_lines(a_report()))
    assert "money before" in lines
    assert "not enough evidence (0 and 0; drawn by hash)" in lines


def test_before_the_first_result_no_comparison_is_shown_and_it_is_said_when_there_will_be_one() -> None:
    report = a_report()
    report.measured = 0
    lines = "\n".join(effect_lines(report))
    assert "each is known 28 days after its decision" in lines
    assert "reps/wang" in lines
    assert "against" not in lines
    assert "off by" not in lines


def test_a_baseline_file_is_sent_as_it_stands(run: Run, recommend: FakeServices, tmp_path: Path) -> None:
    file = tmp_path / "before.csv"
    file.write_text(
        "customer,money,period,group,hours_to_decision,satisfaction\n"
        "c1,12.5,before,us,6,4\ncustomers/c2,0,after,comparison,,\n"
    )
    told = run("effect", "import-baseline", file, "--name", "2025", "--currency", "EUR")
    assert told.exit_code == 0, told.output
    ((_, asked),) = recommend.asked
    first, second = asked.rows
    assert (first.customer, first.money.micros, first.money.currency_code) == (
        "customers/c1",
        12_500_000,
        "EUR",
    )
    assert (first.after, first.comparison, first.hours_to_decision, first.satisfaction) == (
        False,
        False,
        6,
        4,
    )
    assert (second.customer, second.after, second.comparison) == ("customers/c2", True, True)
    assert not second.HasField("hours_to_decision")


def test_every_fault_of_a_baseline_file_is_told_with_its_line(
    run: Run, recommend: FakeServices, tmp_path: Path
) -> None:
    file = tmp_path / "before.csv"
    file.write_text("customer,money,period\n,5,before\nc2,-1,later\nc3,nan,\nc4,1e30,\n")
    told = run("effect", "import-baseline", file, "--name", "2025")
    assert told.exit_code == 1
    assert not recommend.asked
    for place in ("line 2, customer", "line 3, money", "line 3, period", "line 4, money", "line 5, money"):
        assert place in told.output, told.output


def test_the_articles_sums_come_out_exactly(run: Run) -> None:
    assert (
        run("cost", "profile", "--customers", 1000, "--unit", 10, "--times", 52).output.splitlines()[0]
        == "520000"
    )
    assert run("cost", "roi", "--spend", 100_000, "--gain", 200_000).output.splitlines()[0] == "1:2"
    for command, low, high in (
        ("realtime", "800,000", "1,700,000"),
        ("decision", "1,700,000", "3,500,000"),
        ("retail", "700,000", "1,500,000"),
    ):
        lines = run("cost", command).output.splitlines()
        (year,) = [line.split() for line in lines if "year one" in line]
        assert (year[-3], year[-1]) == (low, high)
        assert "ours, infrastructure only" in lines[-1]
    assert "revenue is not profit" in run("cost", "roi", "--spend", 1, "--gain", 3).output
    assert run("cost", "roi", "--spend", 0, "--gain", 3).exit_code == 2


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(1, 1000))
def test_a_ratio_is_the_same_in_any_unit(spent: int, gained: int, unit: int) -> None:
    left, right = map(int, costs.ratio(spent, gained).split(":"))
    assert left * gained == right * spent
    assert costs.ratio(spent * unit, gained * unit) == costs.ratio(spent, gained)


def test_with_200_rows_it_says_use_rules_whatever_is_hoped_for(run: Run) -> None:
    told = run("bi-or-ai", "--rows", 200, "--decisions", 10_000_000, "--gain", 1000)
    assert told.output.startswith("use rules: 200 rows")
    assert run("bi-or-ai", "--rows", 200, "--decisions", 1, "--gain", "nan").exit_code == 2


def test_the_sure_gain_comes_from_the_report_where_it_is_not_given(run: Run, recommend: FakeServices) -> None:
    recommend.answers["ReportEffect"] = lambda _: [a_report(4.0, 8.0)]
    told = run("bi-or-ai", "--rows", 5_000, "--decisions", 60_000, "--margin", 0.25, "--cost", 50_000)
    assert told.output.startswith("use decision AI"), told.output
    assert "50,000 decisions a year" in told.output
    recommend.answers["ReportEffect"] = lambda _: [a_report(-4.0, 8.0)]
    told = run("bi-or-ai", "--rows", 5_000, "--decisions", 60_000)
    assert told.output.startswith("use plain reports: no gain is sure yet"), told.output


def test_decisions_about_one_customer_in_one_window_share_what_they_bring() -> None:
    report = a_report(4.0, 8.0)
    assert bi_or_ai.sure_gain(report) == 4.0
    report.measured = 4_000
    report.cohorts[0].periods.add(number=1).retained.total = 100
    assert bi_or_ai.sure_gain(report) == 1.0


@given(
    st.integers(300, 10**6),
    st.integers(1, 10**6),
    st.integers(1, 1000),
    st.floats(0.01, 100),
    st.floats(1, 1e6),
)
def test_at_the_tipping_point_the_surplus_is_nothing(
    rows: int, decisions: int, options: int, gain: float, cost: float
) -> None:
    advice = tipping.advise(tipping.Practice(rows, decisions, options, gain, cost, hour_cost=30.0))
    assert (advice.choice is tipping.Choice.DECISION_AI) == (advice.surplus >= 0)
    per_decision = (advice.surplus + cost) / decisions
    assert advice.tipping * per_decision == pytest.approx(cost)
    more = tipping.advise(tipping.Practice(rows, decisions, options + 100, gain, cost, hour_cost=30.0))
    assert more.tipping <= advice.tipping, "the harder a decision is by hand, the sooner the engine pays"
