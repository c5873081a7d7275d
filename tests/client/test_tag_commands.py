"""The commands about tags, over real gRPC: what is asked, what a person reads, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing

from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import tag_service_pb2 as tag
from fieldwise_client.commands import tags
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., Any]


@pytest.fixture
def profile() -> FakeServices:
    return FakeServices("fieldwise.profile.v1")


@pytest.fixture
def run(profile: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command on an installation of fakes."""
    app = typer.Typer()
    tags.register(app)
    app.callback()(lambda: None)
    with serving(profile) as where:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", where)
        runner = typer.testing.CliRunner()
        yield lambda *args: runner.invoke(app, ["tags", *args, "--data", str(tmp_path)])


def made(**more: Any) -> tag.Tag:
    known: dict[str, Any] = {
        "name": "tags/big", "expression": "features.spend_28d > 20.0", "version": 2, "state": tag.TAG_STATE_PROPOSED,
        "purposes": [consent_pb2.PURPOSE_DECISION], "note": "proposed by tagReports/3",
    }  # fmt: skip
    return tag.Tag(**(known | more))


def test_a_tag_is_added_for_decisions_unless_said_otherwise(profile: FakeServices, run: Run) -> None:
    profile.answers["CreateTag"] = lambda _: [made(state=tag.TAG_STATE_ACTIVE, version=1, note="")]
    ended = run("add", "big", "features.spend_28d > 20.0")
    assert ended.exit_code == 0, ended.output
    ((_, asked),) = profile.asked
    assert (asked.tag_id, list(asked.tag.purposes)) == ("big", [consent_pb2.PURPOSE_DECISION])
    assert all(
        word in ended.output for word in ("tags/big", "v1", "active", "decision", "features.spend_28d > 20.0")
    )
    run("add", "big", "true", "--purpose", "service", "--purpose", "reporting")
    assert list(profile.asked[-1][1].tag.purposes) == [
        consent_pb2.PURPOSE_SERVICE,
        consent_pb2.PURPOSE_REPORTING,
    ]


def test_tags_are_listed_with_where_they_stand_and_why(profile: FakeServices, run: Run) -> None:
    profile.answers["ListTags"] = lambda _: [tag.ListTagsResponse(tags=[made()])]
    assert all(
        word in run("list").output for word in ("tags/big", "v2", "proposed", "proposed by tagReports/3")
    )
    assert json.loads(run("list", "--json").output)["name"] == "tags/big"
    profile.answers["ListTags"] = lambda _: [tag.ListTagsResponse()]
    assert "no tags" in run("list", "--retired").output
    assert profile.asked[-1][1].show_retired


def test_a_tag_is_retired_and_restored_with_a_note(profile: FakeServices, run: Run) -> None:
    assert run("rm", "big", "--note", "old").exit_code == 0
    assert run("restore", "big", "--version", "1").exit_code == 0
    (_, retired), (_, restored) = profile.asked
    assert (retired.name, retired.note) == ("tags/big", "old")
    assert (restored.name, restored.version) == ("tags/big", 1)


def test_a_rule_is_tried_on_customers(profile: FakeServices, run: Run) -> None:
    said = tag.TestTagResponse(
        fields=["features.gap_mean"],
        steps=3,
        verdicts=[
            tag.TagVerdict(customer="customers/1", holds=True),
            tag.TagVerdict(customer="customers/2"),
            tag.TagVerdict(customer="customers/3", no_value=True, missing=["features.gap_mean"]),
            tag.TagVerdict(customer="customers/4", no_value=True, reason="CONSENT_MISSING"),
        ],
    )
    profile.answers["TestTag"] = lambda _: [said]
    lines = run("test", "features.gap_mean > 3.0", "1", "2", "3", "4").output.splitlines()
    assert lines[0] == "right; reads features.gap_mean; at most 3 steps a customer"
    assert [line.split(maxsplit=1)[1] for line in lines[1:]] == [
        "holds", "does not hold", "no value: features.gap_mean", "not judged: CONSENT_MISSING",
    ]  # fmt: skip


def test_customers_of_a_tag_are_listed(profile: FakeServices, run: Run) -> None:
    page = tag.ListTaggedCustomersResponse(customers=["customers/1", "customers/2"])
    profile.answers["ListTaggedCustomers"] = lambda _: [page]
    assert run("customers", "big").output.split() == ["customers/1", "customers/2"]
    assert run("customers", "big", "--limit", "1").output.split() == ["customers/1"]


def test_the_worth_of_tags_is_told_and_what_is_proposed(profile: FakeServices, run: Run) -> None:
    report = tag.TagReport(
        name="tagReports/4", training_rows=900, test_rows=300, base_rate=0.1, all_auc=0.75, kept_auc=0.749, knee=1,
        kept=["tags/big"],
        tags=[tag.TagWorth(tag="tags/big", share=0.4, auc_worth=0.2, auc_worth_low=0.1, auc_worth_high=0.3, kept=True)],
        overlaps=[tag.TagOverlap(one="tags/big", other="tags/bigger", phi=0.95)],
        proposals=[tag.TagProposal(tag="tags/bigger", reason="OVERLAPS", other="tags/big")],
    )  # fmt: skip
    steps = [
        tag.EvaluateTagsResponse(step="reading", done=1, total=2),
        tag.EvaluateTagsResponse(report=report),
    ]
    profile.answers["EvaluateTags"] = lambda _: steps
    ended = run("worth", "--target", "buys_28d", "--propose")
    assert ended.exit_code == 0, ended.output
    asked = profile.asked[-1][1]
    assert (asked.target, asked.propose) == (tag.TAG_TARGET_BUYS_28D, True)
    for told in ("tagReports/4", "AUC 0.7500", "AUC +0.2000 [+0.1000, +0.3000]", "tags/big and tags/bigger: +0.950",
                 "tags/bigger", "OVERLAPS tags/big"):  # fmt: skip
        assert told in ended.output


def test_an_unknown_target_is_refused_with_those_that_are_known(run: Run) -> None:
    ended = run("worth", "--target", "loyalty")
    assert ended.exit_code == 1
    assert "silent_28d" in ended.output
