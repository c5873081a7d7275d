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
from .core.gate.judging import Check
from .core.series.weekly_model import CategoryForecast, Point
from .core.versions import LearnerScore, Role, Version
from .forecasting import Forecasts
from .profile_reader import timestamp
from .scoring import Scorer
from .training import Outcome

ROLES = {
    Role.CHAMPION: model_pb2.MODEL_ROLE_CHAMPION,
    Role.PREVIOUS: model_pb2.MODEL_ROLE_PREVIOUS,
    Role.RETIRED: model_pb2.MODEL_ROLE_RETIRED,
    Role.CHALLENGER: model_pb2.MODEL_ROLE_CHALLENGER,
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
        realised_coverage80=one.realised_coverage80,
    )


def point_message(point: Point, currency: str) -> score_pb2.SeriesPoint:
    def money(micros: int) -> Money:
        return Money(currency_code=currency, micros=micros)

    return score_pb2.SeriesPoint(
        week=timestamp(point.week),
        mean=money(point.mean),
        low80=money(point.low80),
        high80=money(point.high80),
        low90=money(point.low90),
        high90=money(point.high90),
        naive=money(point.naive),
        quantiles=[
            score_pb2.MoneyQuantile(level=each.level, value=money(each.value)) for each in point.quantiles
        ],
    )


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
        calibration=report.calibration,
        checks=[check_message(check) for check in version.verdict.checks] if version.verdict else [],
        verdict=version.refusal or (version.verdict.words if version.verdict else ""),
        updated_from=f"models/{version.model}/versions/{version.parent}" if version.parent else "",
        train_cpu_seconds=version.cpu_seconds,
        trigger=version.asked_by,
    )


def check_message(check: Check) -> model_pb2.GateCheck:
    return model_pb2.GateCheck(**asdict(check))


def training_answer(outcome: Outcome) -> pb.TrainModelResponse:
    return pb.TrainModelResponse(
        versions=[version_message(version) for version in outcome.versions],
        skipped=[
            pb.SkippedTraining(model=f"models/{model}", reason=reason)
            for model, reason in outcome.skipped.items()
        ],
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
