"""From a report of the core to the EffectReport on the wire; knows no estimate."""

from __future__ import annotations

from math import isfinite
from typing import Final

from fieldwise.recommend.v1 import effect_pb2 as wire
from fieldwise_recommend.core.effect.acting import Acting
from fieldwise_recommend.core.effect.cohorts import Cohort
from fieldwise_recommend.core.effect.comparing import Basis, Comparison, Verdict
from fieldwise_recommend.core.effect.foreseeing import Churn, Reliability
from fieldwise_recommend.core.effect.intervals import Interval, Median, Share
from fieldwise_recommend.core.effect.practice import Against
from fieldwise_recommend.core.effect.report import NewCustomers, Report

_BASES: Final = {basis: wire.ComparisonBasis.Value(f"COMPARISON_BASIS_{basis.name}") for basis in Basis}
_VERDICTS: Final = {
    verdict: wire.EffectVerdict.Value(f"EFFECT_VERDICT_{verdict.name}") for verdict in Verdict
}


def message_of(report: Report, window_days: int) -> wire.EffectReport:
    """The whole report."""
    return wire.EffectReport(
        window_days=window_days,
        decisions=report.decisions,
        measured=report.measured,
        customers=report.customers,
        warnings=report.warnings,
        intention_to_treat=[_comparison(each) for each in report.treated],
        before=_comparison(report.before),
        new_customers=_new(report.new_customers),
        actions=[
            wire.ActionEffect(
                action=each.action, chance=_comparison(each.chance), campaign=_comparison(each.campaign)
            )
            for each in report.actions
        ],
        acting=_acting(report.acting),
        success=_share(report.success),
        reliability=[_reliability(each) for each in report.reliability],
        churn=_churn(report.churn),
        cohorts=[_cohort(each) for each in report.cohorts],
        practice=None if report.practice is None else _practice(report.practice),
    )


def _comparison(found: Comparison) -> wire.Comparison:
    message = wire.Comparison(
        measure=found.measure,
        basis=_BASES[found.basis],
        treated=found.treated,
        control=found.control,
        treated_count=found.treated_count,
        control_count=found.control_count,
        verdict=_VERDICTS[found.verdict],
    )
    if isfinite(found.error):
        message.difference = found.difference
        message.interval.CopyFrom(_range(found.interval))
        message.always_valid.CopyFrom(_range(found.always))
        message.smallest_detectable = found.detectable
        message.variance_left = found.variance_left
        if isfinite(found.relative.low):
            message.relative.CopyFrom(_range(found.relative))
    return message


def _range(found: Interval) -> wire.Range:
    return wire.Range(low=found.low, high=found.high)


def _share(found: Share) -> wire.Share:
    return wire.Share(
        count=found.count, total=found.total, share=found.value, interval=_range(found.interval)
    )


def _median(found: Median) -> wire.Median:
    return wire.Median(value=found.value, interval=_range(found.interval), total=found.total)


def _new(found: NewCustomers) -> wire.NewCustomers:
    message = wire.NewCustomers(
        gained=found.gained,
        lost=found.lost,
        net=found.gained - found.lost,
        strangers=found.strangers,
        share=_comparison(found.share),
    )
    if isfinite(found.share.error):
        interval = found.share.interval
        message.caused.low = interval.low * found.strangers
        message.caused.high = interval.high * found.strangers
    return message


def _acting(found: Acting) -> wire.ActingReport:
    return wire.ActingReport(
        recommended=found.recommended,
        acted=_share(found.acted),
        converted=_share(found.converted),
        converted_unacted=_share(found.converted_unacted),
        plain=_comparison(found.plain),
        levelled=_comparison(found.levelled),
        hours_to_act=_median(found.hours),
        reps=[
            wire.RepAdherence(rep=each.rep, acted=_share(each.acted), declined=_share(each.declined))
            for each in found.reps
        ],
        actions=[
            wire.ActionOutcomes(
                action=each.action,
                chosen=each.chosen,
                said={kind: _share(share) for kind, share in each.said.items()},
                bought=_share(each.bought),
            )
            for each in found.actions
        ],
    )


def _reliability(found: Reliability) -> wire.Reliability:
    bins = [wire.ReliabilityBin(predicted=one.predicted, bought=_share(one.bought)) for one in found.bins]
    return wire.Reliability(days=found.days, derived=found.derived, bins=bins, error=found.error)


def _churn(found: Churn) -> wire.ChurnReport:
    return wire.ChurnReport(
        threshold=found.threshold,
        flagged_alone=_share(found.flagged_alone),
        alone=_share(found.alone),
        flagged=_share(found.flagged),
        average=_share(found.average),
        after_action=_comparison(found.after_action),
        everybody=_comparison(found.everybody),
    )


def _cohort(found: Cohort) -> wire.Cohort:
    periods = [
        wire.CohortPeriod(
            number=each.number, retained=_share(each.retained), bought_again=_share(each.bought_again)
        )
        for each in found.periods
    ]
    return wire.Cohort(month=found.month, customers=found.customers, periods=periods)


def _practice(found: Against) -> wire.PracticeComparison:
    message = wire.PracticeComparison(
        baseline=found.baseline,
        money=_comparison(found.money),
        change_with=found.change_with,
        change_without=found.change_without,
        hours_before=_median(found.hours_before),
    )
    if isfinite(found.score_before):
        message.satisfaction_before = found.score_before
    return message
