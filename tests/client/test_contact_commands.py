"""The commands about the contact policy, over real gRPC: what is shown can be changed and set again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing

from fieldwise.recommend.v1 import contact_pb2 as pb
from fieldwise_client.commands import contacts
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., Any]

POLICY = pb.ContactPolicy(
    name="contactPolicy",
    etag="v3",
    caps=[pb.ContactCap(most=2, days=7, channel="call", action="actions/check-in")],
    quiet_hours=[pb.QuietHours(start_minute=1260, end_minute=480, weekdays=[6, 7], channels=["call"])],
    suppressions=[pb.SuppressionRule(event=pb.CONTACT_EVENT_REFUSED, count=3, window_days=30, rest_days=60)],
    immediate_channels=["email"],
    consent_required=True,
    time_zone="Europe/Paris",
    actor="ann",
)


@pytest.fixture
def recommend() -> FakeServices:
    services = FakeServices("fieldwise.recommend.v1")
    services.answers["GetContactPolicy"] = lambda _: [POLICY]
    services.answers["UpdateContactPolicy"] = lambda request: [request.contact_policy]
    return services


@pytest.fixture
def run(recommend: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs the command on an installation of fakes."""
    app = typer.Typer()
    contacts.register(app)
    app.callback()(lambda: None)
    with serving(recommend) as address:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", address)
        yield lambda *words: typer.testing.CliRunner().invoke(app, [*words, "--data", str(tmp_path)])


def test_a_policy_is_told_in_words(run: Run) -> None:
    assert run("contacts", "show").stdout.splitlines() == [
        "policy v3, by ann",
        "at most 2 contacts of actions/check-in through call in any 7 days",
        "quiet Sat Sun 21:00 to 08:00 Europe/Paris for call",
        "60 days of rest after 3 x refused in 30 days",
        "carried out at once: email",
        "who was never asked is treated as who refused",
        "without consent to be decided about, the same for everybody: no channel",
    ]


def test_what_is_shown_as_a_file_can_be_set_again(run: Run, recommend: FakeServices, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(run("contacts", "show", "--json").stdout, "utf-8")
    assert run("contacts", "set", str(file), "--by", "bob", "--note", "fewer calls").exit_code == 0
    _, request = recommend.asked[-1]
    assert (request.contact_policy, request.actor, request.note) == (POLICY, "bob", "fewer calls")


def test_a_file_that_is_no_policy_is_refused_with_its_name(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    for body in (b'{"cap": 1}', b"\xff\xfe"):
        file.write_bytes(body)
        told = run("contacts", "set", str(file), "--by", "bob")
        assert told.exit_code == 1
        assert "policy.json" in told.stderr
