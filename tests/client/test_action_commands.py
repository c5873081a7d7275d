"""The commands about the catalogue, over real gRPC: what is asked, what a person reads, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing
from google.protobuf.empty_pb2 import Empty

from fieldwise.recommend.v1 import catalogue_pb2
from fieldwise.recommend.v1 import catalogue_service_pb2 as catalogue
from fieldwise_client.commands import actions
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., Any]
DRAFT = catalogue_pb2.Draft(
    name="drafts/gift",
    change=catalogue_pb2.DRAFT_CHANGE_NEW,
    state=catalogue_pb2.DRAFT_STATE_IN_REVIEW,
    authors=["ann"],
    note="for spring",
)


@pytest.fixture
def recommend() -> FakeServices:
    return FakeServices("fieldwise.recommend.v1")


@pytest.fixture
def run(recommend: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command on an installation of fakes."""
    app = typer.Typer()
    actions.register(app)
    app.callback()(lambda: None)
    with serving(recommend) as where:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", where)
        runner = typer.testing.CliRunner()
        yield lambda *args: runner.invoke(app, ["actions", *args, "--data", str(tmp_path)])


def test_a_draft_is_told_with_what_it_does_where_it_stands_and_who_wrote_it(
    recommend: FakeServices, run: Run
) -> None:
    recommend.answers["ListDrafts"] = lambda _: [catalogue.ListDraftsResponse(drafts=[DRAFT])]
    ended = run("drafts")
    assert ended.exit_code == 0, ended.output
    for word in ("drafts/gift", "new", "in review", "by ann", "for spring"):
        assert word in ended.output
    recommend.answers["ListDrafts"] = lambda _: [catalogue.ListDraftsResponse()]
    assert "no drafts" in run("drafts").output


def test_a_file_goes_out_and_in(recommend: FakeServices, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.toml"
    recommend.answers["ExportCatalogue"] = lambda _: [
        catalogue.ExportCatalogueResponse(toml=b"x = 1\n", version="0123456789ab")
    ]
    assert run("export", "--out", str(file)).exit_code == 0
    assert file.read_bytes() == b"x = 1\n"
    assert run("export").output == "x = 1\n"
    nowhere = run("export", "--out", str(tmp_path))
    assert (nowhere.exit_code, "give a file that can be written" in nowhere.stderr) == (1, True)
    assert run("import", str(tmp_path), "--by", "ann").exit_code == 2
    recommend.answers["ImportCatalogue"] = lambda _: [catalogue.ImportCatalogueResponse(drafts=[DRAFT])]
    assert "drafts/gift" in run("import", str(file), "--by", "ann").output
    asked = recommend.asked[-1][1]
    assert (asked.toml, asked.actor) == (b"x = 1\n", "ann")


def test_publishing_shows_the_reach_and_takes_confirmations(recommend: FakeServices, run: Run) -> None:
    answer = catalogue.PublishCatalogueResponse(sample_size=50, steps=40, steps_allowed=20_000)
    answer.version.version, answer.version.number = "0123456789ab", 2
    answer.version.kind = catalogue_pb2.RELEASE_KIND_PUBLISHED
    answer.version.in_force = True
    answer.reach.add(action="actions/gift", questioned=True, kept_away={"CONDITION/eligibility": 1.0})
    recommend.answers["PublishCatalogue"] = lambda _: [answer]
    ended = run("publish", "--by", "eve", "--confirm", "gift")
    assert ended.exit_code == 0, ended.output
    for word in (
        "0123456789ab",
        "IN FORCE",
        "reaches 0% of 50",
        "100% CONDITION/eligibility",
        "IS THAT MEANT",
    ):
        assert word in ended.output
    asked = recommend.asked[-1][1]
    assert list(asked.confirm_reach) == ["actions/gift"]
    answer.version.changes.add(subject="actions/gift")
    checked = run("check")
    assert recommend.asked[-1][1].validate_only
    assert "would put actions/gift in force as version 2" in checked.output
    assert "IN FORCE" not in checked.output


def test_dropping_a_draft_says_which(recommend: FakeServices, run: Run) -> None:
    recommend.answers["DeleteDraft"] = lambda _: [Empty()]
    assert "gift is dropped" in run("drop", "gift").output
    assert recommend.asked[-1][1].name == "drafts/gift"


def test_each_step_of_a_draft_names_who_takes_it(recommend: FakeServices, run: Run) -> None:
    for command, method in (
        ("submit", "SubmitAction"),
        ("approve", "ApproveAction"),
        ("reject", "RejectAction"),
    ):
        recommend.answers[method] = lambda _: [DRAFT]
        assert run(command, "gift").exit_code == 2  # nobody said by whom
        assert run(command, "gift", "--by", "bob").exit_code == 0
        name, asked = recommend.asked[-1]
        assert (name, asked.name, asked.actor) == (method, "drafts/gift", "bob")


def test_an_action_is_shown_with_its_rules_and_its_versions_with_what_changed(
    recommend: FakeServices, run: Run
) -> None:
    found = catalogue.GetActionResponse(version="0123456789ab")
    action = found.actions.add(name="actions/gift", title="A gift", channel="mail", placement="letterbox")
    action.rules.add(rule="eligibility", expression="purchase_days >= 3", steps=3)
    action.effect.lift, action.effect.basis = 0.04, "assumed"
    recommend.answers["GetAction"] = lambda _: [found]
    shown = run("show", "gift").output
    for word in (
        "mail (letterbox)",
        "eligibility: purchase_days >= 3",
        "4.0% of those who would not buy",
        "assumed",
        "0123456789ab",
    ):
        assert word in shown
    version = catalogue_pb2.CatalogueVersion(version="0123456789ab", number=2, actor="eve", note="spring")
    version.kind = catalogue_pb2.RELEASE_KIND_ROLLED_BACK
    version.changes.add(subject="actions/gift")
    recommend.answers["ListCatalogueVersions"] = lambda _: [
        catalogue.ListCatalogueVersionsResponse(versions=[version])
    ]
    listed = run("versions").output
    for word in ("2 0123456789ab", "rolled back", "by eve", "spring", "actions/gift"):
        assert word in listed
    assert "IN FORCE" not in listed
    fields = catalogue.ListRuleFieldsResponse()
    fields.fields.add(name="purchase_days", kind="double", meaning="distinct days")
    recommend.answers["ListRuleFields"] = lambda _: [fields]
    assert "purchase_days" in run("facts").output
    recommend.answers["RollbackCatalogue"] = lambda _: [version]
    assert run("rollback", "0123456789ab", "--by", "eve").exit_code == 0
