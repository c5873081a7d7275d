"""Core values as messages of the contract; knows no rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.forecast.v1 import forecast_service_pb2 as pb
from fieldwise.forecast.v1 import model_pb2, score_pb2
from fieldwise.forecast.v1.score_pb2 import CustomerScores
from fieldwise.type.v1.features_pb2 import FeatureColumn, FeatureSet
from fieldwise.type.v1.money_pb2 import Money
from fieldwise.type.v1.provenance_pb2 import PART_STATE_FRESH, PART_STATE_PRIOR, Part

from .core import features
from .core.versions import LearnerScore, Role, Version
from .core.weekly import CategoryForecast, Point
from .forecasting import Forecasts
from .profile_reader import timestamp
from .scoring import Scorer

ROLES = {
    Role.CHAMPION: model_pb2.MODEL_ROLE_CHAMPION,
    Role.PREVIOUS: model_pb2.MODEL_ROLE_PREVIOUS,
    Role.RETIRED: model_pb2.MODEL_ROLE_RETIRED,
}


def scores_answer(
    scorer: Scorer, scores: Sequence[CustomerScores], decision_time: Timestamp
) -> pb.ScoreCustomersResponse:
    """The scores, and the state of the models: which predictions are a prior, each says itself."""
    part = Part(
        name="forecast",
        state=PART_STATE_PRIOR if scorer.unanswered else PART_STATE_FRESH,
        version=",".join(scorer.version_names),
        age=Duration(),
        detail=prior_detail(scorer),
        as_of=decision_time,
    )
    return pb.ScoreCustomersResponse(scores=scores, part=part)


def prior_detail(scorer: Scorer) -> str:
    if not scorer.unanswered:
        return ""
    models = " and ".join(f"models/{model}" for model in scorer.unanswered)
    return f"no version of {models} answers, stated priors stand in"


def forecasts_answer(found: Forecasts, currency: str) -> pb.ForecastSeriesResponse:
    return pb.ForecastSeriesResponse(
        series=[series_message(found.version.name, one, points, currency) for one, points in found.series],
        lift=score_pb2.Lift(**asdict(found.lift)),
    )


def series_message(
    version: str, one: CategoryForecast, points: Sequence[Point], currency: str
) -> score_pb2.SeriesForecast:
    return score_pb2.SeriesForecast(
        category=one.category,
        model_version=version,
        points=[point_message(point, currency) for point in points],
        wape=one.wape,
        naive_wape=one.naive_wape,
    )


def point_message(point: Point, currency: str) -> score_pb2.SeriesPoint:
    mean, low, high, naive = (
        Money(currency_code=currency, micros=micros)
        for micros in (point.mean, point.low80, point.high80, point.naive)
    )
    return score_pb2.SeriesPoint(week=timestamp(point.week), mean=mean, low80=low, high80=high, naive=naive)


def version_message(version: Version) -> model_pb2.ModelVersion:
    report = version.report
    return model_pb2.ModelVersion(
        name=version.name,
        role=ROLES[version.role],
        train_time=timestamp(version.train_time),
        feature_set=None if report.feature_set is None else feature_set_message(report.feature_set),
        learner=report.learner,
        train_cutoffs=[timestamp(cutoff) for cutoff in report.train_cutoffs],
        test_cutoff=timestamp(report.test_cutoff),
        train_rows=report.train_rows,
        test_rows=report.test_rows,
        leaderboard=[learner_message(score) for score in report.leaderboard],
        checksum=version.file.checksum,
        file_bytes=version.file.size,
        engine_difference=report.engine_difference,
        base_rate=report.base_rate,
    )


def learner_message(score: LearnerScore) -> model_pb2.LearnerScore:
    return model_pb2.LearnerScore(
        learner=score.learner, metrics=score.metrics, fit_cpu_seconds=score.fit_cpu_seconds
    )


def feature_set_message(columns: features.FeatureSet) -> FeatureSet:
    listed = zip(columns.names, columns.units, columns.null_rules, strict=True)
    return FeatureSet(
        id=columns.id,
        version=columns.version,
        columns=[FeatureColumn(name=name, unit=unit, null_rule=rule) for name, unit, rule in listed],
    )
