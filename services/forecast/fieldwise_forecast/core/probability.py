"""A trained answer to one question, ready to score, and its form as one file; knows no registry."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .contributions import ContributionTable, contribution_table
from .engines import FEW_ROWS, LogOdds, batch_engine, onnx_model, single_engine
from .features import FeatureSet, Floats, Singles
from .light_xgboost import xgb
from .spend import SpendPrior
from .trees import Trees, trees_of

if TYPE_CHECKING:
    from xgboost import Booster

# A fixed time, so that the same training gives the same file and the same checksum.
FILE_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class About:
    """What a model knows besides its trees."""

    feature_set: FeatureSet
    base_rate: float
    spend: SpendPrior


@dataclass(frozen=True)
class ProbabilityModel:
    """Scores rows of its feature set, in float32 as it was trained."""

    about: About
    many: LogOdds
    few: LogOdds
    table: ContributionTable

    @property
    def feature_set(self) -> FeatureSet:
        return self.about.feature_set

    @cached_property
    def columns(self) -> int:
        return len(self.about.feature_set.names)

    def log_odds(self, rows: Singles) -> Floats:
        """The raw output, shape (n_rows,)."""
        return self.few(rows) if len(rows) <= FEW_ROWS else self.many(rows)

    def contributions(self, rows: Singles) -> Floats:
        """Log-odds by column, shape (n_rows, n_columns); with ``table.base`` they add up to the raw output."""
        return self.table.contributions(rows, self.columns)


def probability(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def assembled(booster: Booster, about: About) -> tuple[ProbabilityModel, bytes]:
    """The model and its file: a zip of the booster, its ONNX form and what else it knows."""
    trees = trees_of(booster)
    single = onnx_model(trees, len(about.feature_set.names))
    parts = {
        "booster.ubj": bytes(booster.save_raw("ubj")),
        "model.onnx": single,
        "about.json": json.dumps(asdict(about), sort_keys=True).encode(),
    }
    return ready(booster, single, trees, about), zipped(parts)


def from_file(raw: bytes) -> ProbabilityModel:
    """The model in a file whose checksum was right."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        plain = json.loads(archive.read("about.json"))
        single, stored = archive.read("model.onnx"), archive.read("booster.ubj")
    feature_set = FeatureSet.from_plain(plain["feature_set"])
    about = About(feature_set, plain["base_rate"], SpendPrior(**plain["spend"]))
    booster = xgb.Booster()
    booster.load_model(bytearray(stored))
    return ready(booster, single, trees_of(booster), about)


def ready(booster: Booster, single: bytes, trees: Trees, about: About) -> ProbabilityModel:
    return ProbabilityModel(about, batch_engine(booster), single_engine(single), contribution_table(trees))


def zipped(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, FILE_TIME), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
