"""The commands about customers, over real gRPC: what a person reads, in both languages, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import identity_service_pb2 as identity
from fieldwise.profile.v1 import privacy_service_pb2 as privacy
from fieldwise.profile.v1 import profile_pb2, quality_service_pb2, schema_service_pb2, segment_service_pb2
from fieldwise.profile.v1 import profile_service_pb2 as store
from fieldwise_client.commands import customers, deadletters, segments
from fieldwise_client.commands import identity as identity_commands
from fieldwise_client.commands import privacy as privacy_commands
from fieldwise_client.commands import profile as profile_commands
from fieldwise_client.wording import customer_table, table
from fieldwise_client.wording.customer import render_profile
from fieldwise_client.wording.phrases import placeholders
from fieldwise_client.wording.terminal import columns
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., Any]


def stamp(text: str) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(datetime.fromisoformat(text).replace(tzinfo=UTC))
    return made


def known() -> profile_pb2.Profile:
    """A customer of whom everything is known."""
    made = profile_pb2.Profile(
        name="customers/417",
        as_of=stamp("2017-12-25"),
        stage=profile_pb2.LIFECYCLE_STAGE_SILENT,
        usual_gap_days=7.0,
        silence_after_days=14.0,
        purchase_days=41,
        last_purchase_time=stamp("2017-12-05"),
        event_count=812,
        fresh_at=stamp("2017-12-20"),
        canonical="customers/12",
        members=["customers/12", "customers/417"],
        refused_channels=["email"],
        tags=["tags/cheese-lover"],
    )
    made.total_spend.micros, made.total_spend.currency_code = 1_234_560_000, "USD"
    made.segment.segment, made.segment.label = "segments/3", "looks at much, buys little"
    made.segment.static_segment = "f 30-44"
    interest = made.interests.add(category="CHEESE", purchase_days=12, last_purchase_time=stamp("2017-12-05"))
    interest.mean_gap_days = 9.5
    made.traits.add(
        name="favourite_category",
        text="CHEESE",
        age_days=20.0,
        evidence_count=34,
        evidence_kinds=["purchase"],
    )
    made.browsing.add(
        category="COFFEE", views=3, clicks=1, searches=2, intent=6.5, last_time=stamp("2017-12-24")
    )
    made.searched.add(word="espresso", count=2)
    made.channels.add(channel="web", share=0.8)
    made.change.changed, made.change.direction, made.change.evidence = True, "slower", 1.4
    made.change.since.CopyFrom(stamp("2017-12-05"))
    made.next_stage.add(stage=profile_pb2.LIFECYCLE_STAGE_SILENT, probability=0.7)
    made.noise.add(reason="DOUBLE", events=12, weight=6.0)
    made.plain.birth_month, made.plain.birth_day, made.plain.gender = 5, 17, "f"
    made.data_quality.score = 0.85
    made.data_quality.issues.append("FEW_PURCHASE_DAYS")
    made.data_quality.fields.add(field="phone", known=True, valid=False)
    return made


@pytest.fixture
def profile() -> FakeServices:
    return FakeServices("fieldwise.profile.v1")


@pytest.fixture
def run(profile: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command on an installation of fakes."""
    app = typer.Typer()
    for module in (customers, deadletters, identity_commands, privacy_commands, profile_commands, segments):
        module.register(app)
    with serving(profile) as where:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", where)
        runner = typer.testing.CliRunner()
        yield lambda *args, **more: runner.invoke(app, [*args, "--data", str(tmp_path)], **more)


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("en", ["SILENT", "buys every 7.0 days", "one person with: 12", "looks at much", "refuses: email", "34 events",
                "CHEESE: 12 days", "intent 6.5", "espresso (2)", "slower since 2017-12-05", "SILENT 70%", "born 05-17",
                "double clicks 12", "phone wrong form", "812 events"]),
        ("zh", ["沉默", "每 7.0 天购买一次", "与以下为同一人", "拒绝渠道", "依据 34 条", "意向 6.5", "变慢", "重复点击 12", "格式错误"]),
    ],
)  # fmt: skip
def test_a_profile_is_told_with_all_that_it_rests_on(lang: str, told: list[str]) -> None:
    text = render_profile(known(), lang, 92)
    assert [words for words in told if words not in text] == []
    assert max(map(columns, text.splitlines())) <= 92


def test_what_is_withheld_is_not_guessed_at() -> None:
    withheld = profile_pb2.Profile(name="customers/417", withheld=True, refused_channels=["email"])
    text = render_profile(withheld)
    assert "has not consented" in text
    assert "refuses: email" in text
    assert "PROSPECT" not in text


def test_both_languages_take_the_same_arguments() -> None:
    tables = [getattr(customer_table, name) for name in dir(customer_table) if name.isupper()]
    for words in (each for entries in tables for each in entries.values()):
        assert isinstance(words, table.Words)
        assert placeholders(words.en) == placeholders(words.zh)


def test_show_tells_the_profile_and_the_consents(run: Run, profile: FakeServices) -> None:
    profile.answers["GetProfile"] = lambda _: [known()]
    answer = privacy.ListConsentsResponse()
    answer.state.holding.add(subject="email", granted=False, said_time=stamp("2017-10-01"))
    profile.answers["ListConsents"] = lambda _: [answer]
    done = run("customers", "show", "417")
    assert done.exit_code == 0, done.output
    assert "Customer 417" in done.stdout
    assert "Consents: email withdrawn (2017-10-01)" in done.stdout
    assert json.loads(run("customers", "show", "417", "--json").stdout)["name"] == "customers/417"


def test_an_event_that_counts_less_says_why(run: Run, profile: FakeServices) -> None:
    event = store.WeighedEvent(weight=0.0, reason="ROBOT")
    event.event.source, event.event.event_id = "web", "e1"
    event.event.event_time.CopyFrom(stamp("2017-12-24"))
    event.event.view.category = "CHEESE"
    profile.answers["ListEvents"] = lambda _: [store.ListEventsResponse(events=[event])]
    done = run("customers", "events", "417", "--kind", "view")
    assert done.stdout.split() == [
        "2017-12-24",
        "00:00",
        "view",
        "category",
        "CHEESE",
        "[counts",
        "0.00:",
        "ROBOT]",
        "(web",
        "e1)",
    ]


def test_erasing_asks_back_and_prints_the_receipt(run: Run, profile: FakeServices) -> None:
    receipt = privacy.ErasureReceipt(request_id="letter-3", customers=["customers/417"], signature=b"s" * 64)
    receipt.parts.add(place="profile", counts={"events": 812})
    receipt.parts.add(place="forecast", model_versions=["models/buys-28d/versions/1"], remains="thresholds")
    profile.answers["EraseCustomer"] = lambda _: [receipt]
    refused = run("customers", "erase", "417", "--request", "letter-3", input="n\n")
    assert refused.exit_code == 1
    assert "EraseCustomer" not in [name for name, _ in profile.asked]
    done = run("customers", "erase", "417", "--request", "letter-3", input="y\n")
    assert done.exit_code == 0
    assert "events 812" in done.stdout
    assert "remains: thresholds" in done.stdout


def test_erasing_names_everybody_who_goes_along(run: Run, profile: FakeServices) -> None:
    profile.answers["GetProfile"] = lambda _: [known()]
    refused = run("customers", "erase", "417", "--request", "letter-3", input="n\n")
    assert "Erase 12 and 417?" in refused.output


def test_an_export_that_cannot_be_written_says_so(run: Run, profile: FakeServices, tmp_path: Path) -> None:
    profile.answers["ExportCustomer"] = lambda _: [privacy.ExportCustomerResponse(lines=["{}"])]
    done = run("customers", "export", "417", "--out", str(tmp_path / "no" / "out.jsonl"))
    assert done.exit_code == 1
    assert "No such file or directory; give a file" in done.output
    old = tmp_path / "old.jsonl"
    old.write_text("", encoding="utf-8")
    old.chmod(0o644)
    run("customers", "export", "417", "--out", str(old))
    assert old.stat().st_mode & 0o777 == 0o600


def test_a_withdrawn_consent_is_told_as_a_no(run: Run, profile: FakeServices) -> None:
    event = store.WeighedEvent(weight=1.0)
    event.event.consent.channel = "email"
    profile.answers["ListEvents"] = lambda _: [store.ListEventsResponse(events=[event])]
    assert "channel email, granted no" in run("customers", "events", "417").stdout


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("en", ["lost for good  36% likely — 37 days", "14% — 925 events"]),
        ("zh", ["36% — 依据 37 天", "最新 21 天前"]),
    ],
)
def test_shares_and_chances_are_told_in_percent(lang: str, told: list[str]) -> None:
    made = profile_pb2.Profile(name="customers/1", as_of=stamp("2017-12-25"))
    for name, number, count in (("discount_share", 0.1401, 925), ("lost_probability", 0.3577, 37)):
        made.traits.add(
            name=name, number=number, age_days=21.2, evidence_count=count, evidence_kinds=["purchase"]
        )
    text = " ".join(render_profile(made, lang).split())
    assert [words for words in told if " ".join(words.split()) not in text] == []


def test_an_export_is_for_its_owner_alone(run: Run, profile: FakeServices, tmp_path: Path) -> None:
    parts = [privacy.ExportCustomerResponse(lines=['{"type": "customer"}', '{"type": "event"}'])]
    profile.answers["ExportCustomer"] = lambda _: parts
    out = tmp_path / "out.jsonl"
    done = run("customers", "export", "417", "--out", str(out))
    assert "2 lines" in done.stdout
    assert out.stat().st_mode & 0o777 == 0o600
    assert len(out.read_text().splitlines()) == 2
    assert run("customers", "export", "417").stdout.splitlines() == out.read_text().splitlines()


def test_a_consent_is_shown_or_written_down(run: Run, profile: FakeServices) -> None:
    assert run("customers", "consent", "417", "email").exit_code == 2
    assert "nobody has asked" in run("customers", "consent", "417").stdout
    run("customers", "consent", "417", "email", "--withdraw")
    (said,) = [request for name, request in profile.asked if name == "SetConsent"]
    assert (said.channel, said.granted) == ("email", False)


def test_a_pair_is_found_and_decided_on(run: Run, profile: FakeServices) -> None:
    review = identity.IdentityReview(
        name="identityReviews/3",
        customer="customers/1",
        other="customers/2",
        probability=0.8,
        reasons=["HOUSEHOLD"],
    )
    profile.answers["ListReviews"] = lambda _: [identity.ListReviewsResponse(reviews=[review])]
    profile.answers["DecideReview"] = lambda _: [review]
    assert "customers/1 ? customers/2  p 0.800  HOUSEHOLD" in run("identity", "reviews").stdout
    assert "are two persons" in run("identity", "reject", "3", "--by", "reps/1").stdout
    assert profile.asked[-1][1].decision == identity.REVIEW_STATE_DIFFERENT


def test_a_search_for_duplicates_needs_a_customer_or_a_record(run: Run, profile: FakeServices) -> None:
    assert run("identity", "find").exit_code == 2
    assert run("identity", "find", "417", "--phone", "555").exit_code == 2
    assert "nobody" in run("identity", "find", "--phone", "555").stdout


def test_what_a_resolution_did_is_told(run: Run, profile: FakeServices) -> None:
    profile.answers["ResolveIdentities"] = lambda _: [
        identity.ResolveIdentitiesResponse(records=10),
        identity.ResolveIdentitiesResponse(records=10, pairs=4, weighed=4, linked=2, queued=1, done=True),
    ]
    assert "2 pairs would be linked, 1 would be queued" in run("identity", "resolve", "--dry-run").stdout


def test_segments_are_listed_in_words(run: Run, profile: FakeServices) -> None:
    assert "nothing was fitted yet" in run("segments", "list").stdout
    fitted = segment_service_pb2.ListSegmentsResponse(version=2, customers=100)
    fitted.segments.add(name="segments/1", label="buys often", label_zh="常买", size=60, share=0.6)
    profile.answers["ListSegments"] = lambda _: [fitted]
    assert "buys often" in run("segments", "list").stdout
    assert "常买" in run("segments", "list", "--lang", "zh").stdout


def test_an_attribute_that_is_often_wrong_raises_an_alarm(run: Run, profile: FakeServices) -> None:
    answer = quality_service_pb2.MeasureAccuracyResponse(done=5, total=5)
    wrong = answer.report.attributes.add(name="stage", alarm=True)
    wrong.overall.count, wrong.overall.share = 5, 0.6
    profile.answers["MeasureAccuracy"] = lambda _: [answer]
    done = run("profile", "accuracy")
    assert done.exit_code == 3
    assert "ALARM" in done.stdout


def test_a_rebuild_that_differs_is_an_alarm(run: Run, profile: FakeServices) -> None:
    progress = store.RebuildProfilesResponse(done=5, total=5, digest="ab")
    profile.answers["RebuildProfiles"] = lambda _: [progress]
    assert run("profile", "rebuild").exit_code == 0
    progress.differing = 1
    assert run("profile", "rebuild").exit_code == 3


def test_dead_letters_say_what_was_wrong(run: Run, profile: FakeServices) -> None:
    assert "no event was refused" in run("deadletters", "list").stdout
    letter = schema_service_pb2.DeadLetter(
        name=f"deadLetters/{'0' * 32}", kind="custom", source="till", times=2
    )
    letter.details.field_violations.add(field="custom.schema", description="got 'x'; create it")
    profile.answers["ListDeadLetters"] = lambda _: [
        schema_service_pb2.ListDeadLettersResponse(letters=[letter])
    ]
    assert "custom.schema: got 'x'; create it" in run("deadletters", "list").stdout
    assert "no refused event fits" in run("deadletters", "replay").stdout


def test_a_log_that_was_tampered_with_is_an_alarm(run: Run, profile: FakeServices) -> None:
    profile.answers["VerifyAudit"] = lambda _: [privacy.VerifyAuditResponse(entries=9, valid=True)]
    assert "9 entries, every link in order" in run("privacy", "audit").stdout
    profile.answers["VerifyAudit"] = lambda _: [
        privacy.VerifyAuditResponse(entries=9, first_fault=4, fault="a link")
    ]
    assert run("privacy", "audit").exit_code == 3


def test_a_receipt_is_checked_from_its_file(run: Run, profile: FakeServices, tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_text('{"request_id": "letter-3"}')
    profile.answers["VerifyReceipt"] = lambda _: [privacy.VerifyReceiptResponse(fault="another key")]
    assert run("privacy", "verify", str(file)).exit_code == 3
    file.write_text("no receipt")
    assert run("privacy", "verify", str(file)).exit_code == 1


def test_a_fault_is_told_without_a_stack_trace(run: Run, profile: FakeServices) -> None:
    done = run("customers", "show", "417", "--purpose", "curiosity")
    assert done.exit_code == 1
    assert "give one of decision" in done.output
    assert "Traceback" not in done.output
