"""A learner of another package, found by its entry point, in the leaderboard and in service."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from fieldwise_forecast.core.table.asked import TableJob, Wish
from fieldwise_forecast.core.table.model_file import from_bytes
from fieldwise_forecast.table_job import train
from fieldwise_forecast.table_learners import installed
from fieldwise_forecast.table_reading import read
from fieldwise_forecast.table_source import opened
from tests.forecast.table_files import file, rows, straight, text

# What somebody else would publish: no name of ours in it but the group of the entry points.
MODULE = '''
import json
import numpy as np

class Ridge:
    """As other people write estimators: fit, predict, and its own form of file."""

    def fit(self, X, y):
        A = np.column_stack([X, np.ones(len(X))])
        self.weights = np.linalg.lstsq(A, y, rcond=None)[0]
        return self

    def predict(self, X):
        return np.column_stack([X, np.ones(len(X))]) @ self.weights

    def to_bytes(self):
        return json.dumps(self.weights.tolist()).encode()

    @classmethod
    def from_bytes(cls, content):
        found = cls()
        found.weights = np.array(json.loads(content))
        return found

class WithoutFile:
    """The best of all, and nothing can be kept of it."""

    def fit(self, X, y):
        self.ridge = Ridge().fit(X, y)
        return self

    def predict(self, X):
        return self.ridge.predict(X)

class Broken:
    def fit(self, X, y):
        raise RuntimeError("no licence")
'''
ENTRY_POINTS = """[fieldwise.learners]
ridge = their_learners:Ridge
without-file = their_learners:WithoutFile
broken = their_learners:Broken
xgboost = their_learners:Ridge
"""


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path with their module and the metadata of their distribution."""
    site = tmp_path / "site"
    metadata = site / "their_learners-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "their_learners.py").write_text(MODULE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-learners\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "their_learners", raising=False)
    return site


def test_it_competes_wins_and_serves_in_its_own_form(tmp_path: Path, published: Path) -> None:
    path = file(tmp_path, text(rows(120, straight)))
    wanted = ("base", "decision-tree", "ridge", "without-file", "broken")
    fitted = train(path, TableJob(learners=wanted))
    placed = {each.learner: each for each in fitted.standings}
    assert fitted.served == "ridge"
    assert placed["ridge"].measures == placed["without-file"].measures
    assert any("without-file competes and cannot serve: it has no to_bytes" in note for note in fitted.notes)
    assert any("broken failed: no licence" in note for note in fitted.notes)
    model = from_bytes(fitted.file, installed())
    table = read(opened(path), Wish(), lambda _: None).table
    said = model.predict(table.without("sales"))
    assert np.corrcoef(said, table.numbers("sales"))[0, 1] > 0.99


@pytest.mark.usefixtures("published")
def test_it_cannot_take_the_name_of_one_of_ours() -> None:
    found = installed()
    assert not found["xgboost"].foreign
    assert found["ridge"].foreign


def test_without_its_package_there_is_no_such_learner() -> None:
    assert not [learner for learner in installed().values() if learner.foreign]
