"""The examples run as they stand, and the example files come out the same to the byte."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fieldwise.profile.v1.profile_pb2 import Profile
from fieldwise_client.plan.files import read_question
from tests.client.fake_gateway import FakeGatewayServicer, serving
from tests.client.fake_services import FakeServices

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = ("accounts.csv", "reps.csv", "now.csv")


@pytest.fixture
def address() -> Iterator[str]:
    profile = FakeServices("fieldwise.profile.v1")
    known = Profile(name="customers/1", event_count=41, tags=["tags/loyal"])
    known.traits.add(name="favourite_category", text="CHEESE", evidence_count=34)
    profile.answers["GetProfile"] = lambda _: [known]
    with serving(FakeGatewayServicer(), profile) as where:
        yield where


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("decide.py", "actions/call-check-in"),
        ("decide_async.py", "customers/3"),
        ("customer.py", "favourite_category CHEESE from 34 events"),
    ],
)
def test_an_example_prints_its_answer(name: str, printed: str, address: str) -> None:
    environ = {**os.environ, "FIELDWISE_GATEWAY_ADDRESS": address}
    done = subprocess.run(
        [sys.executable, EXAMPLES / name], env=environ, capture_output=True, text=True, check=True
    )
    assert printed in done.stdout


def test_the_files_are_made_again_the_same(tmp_path: Path) -> None:
    copy = tmp_path / "make_example.py"
    copy.write_bytes((EXAMPLES / "make_example.py").read_bytes())
    subprocess.run([sys.executable, copy], capture_output=True, check=True)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes()


def test_the_files_are_as_their_readme_says() -> None:
    question = read_question(*(EXAMPLES / name for name in FILES))
    assert (len(question.accounts), len(question.reps)) == (1_000, 20)
    able = {rep.name: set(rep.skills) for rep in question.reps}
    assert all(set(each.needs_skills) <= able[each.incumbent] for each in question.accounts)
    assert sum(each.locked for each in question.accounts) == pytest.approx(20, abs=10)
