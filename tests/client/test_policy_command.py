"""The command that values policies, over real gRPC: what is asked and what a person reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing

from fieldwise.recommend.v1 import policy_pb2, policy_service_pb2
from fieldwise_client.commands import policy
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., Any]


def an_answer() -> policy_service_pb2.EvaluatePolicyResponse:
    methods = ("IPS", "SNIPS", "DM", "DR")
    one = policy_pb2.PolicyEvaluation(
        title="actions/coupon if p_buy < 0.5",
        estimates=[
            policy_pb2.PolicyEstimate(method=method, value=31.5, low=28.0, high=35.0) for method in methods
        ],
        gain=policy_pb2.PolicyEstimate(method="DR", value=1.5, low=-2.0, high=5.0),
        support=policy_pb2.PolicySupport(rows=812, effective_rows=6.4, beyond=0.25, not_open=0.5),
        verdict=policy_pb2.POLICY_VERDICT_REFUSED,
        refusals=["TOO_FEW_EFFECTIVE_ROWS"],
    )
    logged = policy_pb2.PolicyEstimate(value=30.0, low=29.0, high=31.0)
    return policy_service_pb2.EvaluatePolicyResponse(
        evaluations=[one], logged=logged, decisions=1000, controlled=50, deterministic=100, unmeasured=38
    )


@pytest.fixture
def recommend() -> FakeServices:
    return FakeServices("fieldwise.recommend.v1")


@pytest.fixture
def run(recommend: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs the command on an installation of fakes."""
    app = typer.Typer()
    policy.register(app)
    app.callback()(lambda: None)
    recommend.answers["EvaluatePolicy"] = lambda _: [an_answer()]
    with serving(recommend) as address:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", address)
        yield lambda *words: typer.testing.CliRunner().invoke(app, [*words, "--data", str(tmp_path)])


def test_policies_are_asked_for_as_they_are_written(run: Run, recommend: FakeServices) -> None:
    words = ("coupon if p_buy < 0.5; actions/email", "none", "logged", "policies/3")
    assert run("policy", "evaluate", *words, "--reward", "bought", "--since", "2018-01-01").exit_code == 0
    ((_, asked),) = recommend.asked
    rules = [[(rule.action, rule.when) for rule in each.rules] for each in asked.policies]
    assert rules == [[("actions/coupon", "p_buy < 0.5"), ("actions/email", "")], [], [], []]
    assert [each.as_logged for each in asked.policies] == [False, False, True, False]
    assert [each.version for each in asked.policies] == ["", "", "", "policies/3"]
    assert asked.reward == policy_pb2.POLICY_REWARD_BOUGHT
    assert asked.start_time.ToJsonString() == "2018-01-01T00:00:00Z"
    assert not asked.HasField("end_time")


def test_a_refusal_is_read_with_its_reason(run: Run) -> None:
    told = run("policy", "evaluate").output
    assert "812 of 1,000 decisions" in told
    assert "REFUSED: TOO_FEW_EFFECTIVE_ROWS" in told
    assert "+1.5 (-2 to +5)" in told


def test_a_release_against_the_verdict_takes_a_reason_and_shows_it(run: Run, recommend: FakeServices) -> None:
    released = policy_pb2.PolicyVersion(
        name="policies/3",
        in_force=True,
        verdict=policy_pb2.LEARNED_VERDICT_NOT_ENOUGH_EVIDENCE,
        override_reason="a trial",
    )
    recommend.answers["ReleasePolicyVersion"] = lambda _: [released]
    told = run("policy", "release", "3", "--override-reason", "a trial").output
    assert recommend.asked[-1][1].override_reason == "a trial"
    assert "not enough evidence (released all the same: a trial)" in told
