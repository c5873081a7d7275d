"""A trained answer to one question, ready to score, and its form as one file; knows no registry.

The raw output is a weighted sum of the log-odds of its parts (trees, a logistic regression, BG/NBD), so that contributions add up;
a calibration then bends it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .calibration import Calibration
from .contributions import ContributionTable, contribution_table
from .engines import FEW_ROWS, LogOdds, SingleEngine, batch_engine, onnx_model
from .features import FeatureSet, Floats, Singles
from .light_xgboost import xgb
from .linear import Linear
from .repeat_buying import RepeatBuying
from .spend import SpendPrior
from .trees import trees_of

if TYPE_CHECKING:
    from xgboost import Booster

# A fixed time, so that the same training gives the same file and the same checksum.
FILE_TIME = (1980, 1, 1, 0, 0, 0)
XGBOOST, LOGISTIC, BG_NBD = "xgboost", "logistic-regression", "bg-nbd"


@dataclass(frozen=True)
class About:
    """What a model knows besides its parts.

    Attributes:
        weights: What each part counts for, by its name.
    """

    feature_set: FeatureSet
    base_rate: float
    spend: SpendPrior
    weights: Mapping[str, float] = field(default_factory=lambda: {XGBOOST: 1.0})
    calibration: Calibration = field(default_factory=Calibration)


class Part(Protocol):
    """Something that gives log-odds which split exactly by column, against those of an average or middling customer."""

    @property
    def base(self) -> float: ...

    def log_odds(self, rows: Singles) -> Floats: ...

    def of_one(self, row: Singles, values: Sequence[float], /) -> float:
        """Log-odds of one row, given twice: as an array of shape (1, n_columns) and as plain numbers."""
        ...

    def contributions(self, rows: Singles) -> Floats:
        """Shape (n_rows, n_columns); with ``base`` they add up to the log-odds."""
        ...


@dataclass(frozen=True)
class BoostedTrees:
    """Trees behind two engines."""

    many: LogOdds
    few: SingleEngine
    table: ContributionTable
    columns: int

    @property
    def base(self) -> float:
        return self.table.base

    def log_odds(self, rows: Singles) -> Floats:
        return self.few(rows) if len(rows) <= FEW_ROWS else self.many(rows)

    def of_one(self, row: Singles, _: Sequence[float], /) -> float:
        return self.few.of_one(row)

    def contributions(self, rows: Singles) -> Floats:
        return self.table.contributions(rows, self.columns)


@dataclass(frozen=True)
class ProbabilityModel:
    """Scores rows of its feature set, in float32 as it was trained. ``parts`` are those with a weight above 0."""

    about: About
    parts: Mapping[str, Part]

    @property
    def feature_set(self) -> FeatureSet:
        return self.about.feature_set

    @cached_property
    def weighted(self) -> tuple[tuple[float, Part], ...]:
        return tuple((self.about.weights[name], part) for name, part in self.parts.items())

    @cached_property
    def raw_base(self) -> float:
        return sum(weight * part.base for weight, part in self.weighted)

    @cached_property
    def base(self) -> float:
        """Calibrated log-odds of the average customer."""
        return float(self.about.calibration.applied(np.array([self.raw_base]))[0])

    def raw(self, rows: Singles) -> Floats:
        """The weighted sum of the parts, before calibration, shape (n_rows,)."""
        (weight, first), *others = self.weighted
        total = weight * first.log_odds(rows)
        for weight, part in others:
            total += weight * part.log_odds(rows)
        return total

    def log_odds(self, rows: Singles) -> Floats:
        """Calibrated log-odds, shape (n_rows,)."""
        if len(rows) == 1:
            return np.array([self.of_one(rows)])
        return self.about.calibration.applied(self.raw(rows))

    def of_one(self, row: Singles) -> float:
        """Calibrated log-odds of one row, shape (1, n_columns); without arrays it takes about half of the time."""
        values, total = row[0].tolist(), 0.0
        for weight, part in self.weighted:
            total += weight * part.of_one(row, values)
        return self.about.calibration.applied_to_one(total)

    def contributions(self, rows: Singles) -> Floats:
        """Log-odds by column, shape (n_rows, n_columns); with ``base`` they add up to ``log_odds``."""
        summed = np.zeros((len(rows), len(self.feature_set.names)))
        for weight, part in self.weighted:
            summed += weight * part.contributions(rows)
        slopes = self.about.calibration.slope_from(self.raw_base, self.raw_base + summed.sum(axis=1))
        return np.asarray(summed * slopes[:, None])


def probability(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def assembled(
    booster: Booster, linear: Linear, repeats: RepeatBuying | None, about: About
) -> tuple[ProbabilityModel, bytes]:
    """The model and its file: a zip of the parts that count and of what else it knows."""
    trees = trees_of(booster)
    single = onnx_model(trees, len(about.feature_set.names))
    parts: dict[str, bytes] = {"about.json": plain_json(asdict(about))}
    if about.weights.get(XGBOOST):
        parts |= {"booster.ubj": bytes(booster.save_raw("ubj")), "model.onnx": single}
    if about.weights.get(LOGISTIC):
        parts["linear.json"] = plain_json(
            {each.name: np.asarray(getattr(linear, each.name)).tolist() for each in fields(linear)}
        )
    if about.weights.get(BG_NBD) and repeats is not None:
        parts["repeats.json"] = plain_json(asdict(repeats))
    raw = zipped(parts)
    return from_file(raw), raw


def plain_json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def from_file(raw: bytes) -> ProbabilityModel:
    """The model in a file whose checksum was right; files of before there were parts hold trees alone."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    about = about_from(json.loads(content["about.json"]))
    parts: dict[str, Part] = {}
    if "booster.ubj" in content:
        parts[XGBOOST] = boosted(content["booster.ubj"], content["model.onnx"], len(about.feature_set.names))
    if "linear.json" in content:
        plain = json.loads(content["linear.json"])
        parts[LOGISTIC] = Linear(
            plain["intercept"], *(np.array(plain[key]) for key in ("slopes", "unknown", "means"))
        )
    if "repeats.json" in content:
        plain = json.loads(content["repeats.json"])
        parts[BG_NBD] = RepeatBuying(**plain | {key: tuple(plain[key]) for key in ("columns", "reference")})
    return ProbabilityModel(about, parts)


def about_from(plain: Mapping[str, Any]) -> About:
    known = {
        "feature_set": FeatureSet.from_plain(plain["feature_set"]),
        "spend": SpendPrior(**plain["spend"]),
    }
    if "calibration" in plain:
        bent = plain["calibration"]
        known["calibration"] = Calibration(
            **bent | {"knots": tuple(bent["knots"]), "heights": tuple(bent["heights"])}
        )
    return About(**{**plain, **known})


def boosted(stored: bytes, single: bytes, columns: int) -> BoostedTrees:
    booster = xgb.Booster()
    booster.load_model(bytearray(stored))
    return BoostedTrees(
        batch_engine(booster), SingleEngine(single), contribution_table(trees_of(booster)), columns
    )


def zipped(parts: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, FILE_TIME), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
