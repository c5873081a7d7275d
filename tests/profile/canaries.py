"""Events of every kind with something personal in them, each with words of its own, and where to look for those words; knows no service."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fieldwise.profile.v1 import consent_pb2, event_pb2
from tests.profile.builders import DAY, NOW, event

SCHEMA = "eventSchemas/fitting"


class Canaries:
    """Words that stand nowhere else; the longest part of each is the same, so that one search finds all."""

    def __init__(self, mark: str) -> None:
        self.mark = f"canary{mark}"
        self._given = 0

    def word(self, what: str) -> str:
        self._given += 1
        return f"{self.mark}x{self._given}x{what}"

    @property
    def given(self) -> int:
        return self._given


def personal_events(canaries: Canaries, customer: str, prefix: str = "p") -> list[event_pb2.Event]:
    """One event of each kind that holds something personal; every personal field is set."""
    word = canaries.word
    told: list[dict[str, Any]] = [
        {
            "identification": event_pb2.Identification(
                full_name=word("name"),
                given_name=word("given"),
                family_name=word("family"),
                phone=word("phone"),
                email=f"{word('mail')}@example.org",
                address=word("address"),
                city=word("city"),
                # Three characters of it are plain by design.
                postcode=f"123{canaries.mark}"[:16],
                region=word("region"),
                birth_date="1985-05-17",
                gender="f",
                number=word("number"),
                company=word("company"),
            )
        },
        {"search": event_pb2.Search(query=word("words"), category="CHEESE")},
        {
            "message": event_pb2.Message(
                stage=event_pb2.MESSAGE_STAGE_ANSWERED, channel="email", message="m1", text=word("text")
            )
        },
        {"visit": event_pb2.Visit(rep="reps/1", minutes=10, note=word("note"))},
        {"call": event_pb2.Call(rep="reps/1", seconds=60, note=word("note"))},
        {"review": event_pb2.Review(product="p1", category="CHEESE", rating=4, text=word("review"))},
        {"service_case": event_pb2.ServiceCase(case="c1", topic="late", text=word("case"))},
        {
            "consent": event_pb2.Consent(
                purpose=consent_pb2.PURPOSE_DECISION, granted=True, policy_version="1", proof=word("proof")
            )
        },
        {
            "custom": event_pb2.CustomEvent(
                schema=SCHEMA,
                attributes=[
                    event_pb2.Attribute(name="size", number=42, unit="cm"),
                    event_pb2.Attribute(name="remark", text=word("remark")),
                ],
            )
        },
    ]
    made = [event(f"{prefix}{index}", customer, NOW - DAY - index, **what) for index, what in enumerate(told)]
    made[-1].schema_version = 1
    return made


def refused_event(canaries: Canaries, customer: str, event_id: str = "bad") -> event_pb2.Event:
    """One that is refused: its rating is out of range, and its reasons repeat what was sent."""
    wrong = event_pb2.Identification(phone=canaries.word("phone"), gender=canaries.word("gender"))
    return event(event_id, customer, identification=wrong)


def found_in(folders: Iterable[Path], mark: str) -> list[str]:
    """Files below the folders that hold the mark, in any of the forms in which text is written."""
    forms = [mark.encode(coding) for coding in ("utf-8", "utf-16-le", "utf-16-be")]
    forms.append(mark.encode().hex().encode())
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                raw = path.read_bytes()
                found += [f"{path.name}: {form[:12]!r}" for form in forms if form in raw]
    return found
