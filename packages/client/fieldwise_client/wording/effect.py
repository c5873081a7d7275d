"""A report of effects as lines for a person; knows no call."""

from __future__ import annotations

from collections.abc import Iterator

from fieldwise.recommend.v1 import effect_pb2 as pb

_VERDICTS = {
    pb.EFFECT_VERDICT_HIGHER: "higher",
    pb.EFFECT_VERDICT_LOWER: "lower",
    pb.EFFECT_VERDICT_NOT_ENOUGH_EVIDENCE: "not enough evidence",
}
_BASES = {
    pb.COMPARISON_BASIS_RANDOMISED: "drawn by hash",
    pb.COMPARISON_BASIS_CHANCE: "chosen by chance",
    pb.COMPARISON_BASIS_PARALLEL: "difference in differences",
    pb.COMPARISON_BASIS_OBSERVED: "nobody drew it: no effect",
}
_WARNINGS = {
    "NO_CONTROL_GROUP": "nobody was left alone by the hash: nothing can be said about what was caused",
    "FEW_MEASURED": "under half of the decisions have results by now",
    "GROUPS_MEASURED_UNLIKE": "the two groups were not measured alike: who is missing may differ",
    "GROUPS_UNLIKE_BEFORE": "the two groups differed before the first decision: look for a fault in the drawing",
    "ACTED_IS_NOT_DRAWN": "who was acted on was picked: compare control groups, not acted with not acted",
}


_LEGEND = (
    "  how to read: mean treated against mean left alone, the difference [95 % interval for one look], daily [one that may be",
    "  looked at every day], finds = the smallest difference that one look would find, the verdict (how many; how drawn)",
)


def effect_lines(report: pb.EffectReport) -> Iterator[str]:
    """The whole report."""
    yield (
        f"{report.decisions} decisions, {report.measured} with results after {report.window_days} days, "
        f"of {report.customers} customers"
    )
    for warning in report.warnings:
        yield f"  ! {_WARNINGS.get(warning, warning)}"
    if not report.measured:
        yield f"  no result is known yet: each is known {report.window_days} days after its decision, and what was caused only then"
        yield from _told_so_far(report.acting)
        return
    yield from _LEGEND
    yield "\nTreated against left alone (whoever acted)"
    yield from _compared([*report.intention_to_treat, report.before])
    yield from _new_customers(report.new_customers)
    yield "\nSingle actions, money per window"
    for effect in report.actions:
        yield f"  {effect.action}"
        yield from _compared([effect.chance, effect.campaign], indent="    ")
    yield from _acting(report.acting, report.success)
    yield from _foreseen(report)
    yield from _cohorts(report)
    if report.HasField("practice"):
        yield from _practice(report.practice)


def _compared(found: list[pb.Comparison], indent: str = "  ") -> Iterator[str]:
    for each in found:
        head = f"{indent}{each.measure:<16} {each.treated:>10.4g} against {each.control:>10.4g}"
        counts = f"{each.treated_count} and {each.control_count}"
        basis = _BASES.get(each.basis, "")
        if not each.HasField("interval"):
            yield f"{head}  not enough evidence ({counts}; {basis})"
            continue
        yield (
            f"{head}  {each.difference:+.4g} [{each.interval.low:+.4g}, {each.interval.high:+.4g}]  daily "
            f"[{each.always_valid.low:+.4g}, {each.always_valid.high:+.4g}]  finds {each.smallest_detectable:.3g}  "
            f"{_VERDICTS.get(each.verdict, '')} ({counts}; {basis})"
        )


def _new_customers(found: pb.NewCustomers) -> Iterator[str]:
    caused = "not enough evidence"
    if found.HasField("caused"):
        caused = f"{found.caused.low:+.0f} to {found.caused.high:+.0f}"
    yield f"\nNet new customers {found.net} ({found.gained} gained, {found.lost} lost); caused: {caused}"
    yield from _compared([found.share])


def _told_so_far(found: pb.ActingReport) -> Iterator[str]:
    """What needs no result: who was told what and acted."""
    yield f"\nRecommended {found.recommended}, acted on {_share(found.acted)}"
    yield f"  hours to act: {_median(found.hours_to_act)}"
    for each in found.reps:
        yield f"  {each.rep:<20} acted {_share(each.acted)}, declined {_share(each.declined)}"


def _acting(found: pb.ActingReport, success: pb.Share) -> Iterator[str]:
    yield from _told_so_far(found)
    yield f"  bought within the window: {_share(success)}; acted on {_share(found.converted)}, not acted on {_share(found.converted_unacted)}"
    yield "  acted on against not acted on, as they are and weighted to customers of one kind"
    yield from _compared([found.plain, found.levelled])
    for action in found.actions:
        said = ", ".join(f"{kind} {_share(action.said[kind])}" for kind in sorted(action.said))
        yield f"  {action.action:<28} {action.chosen} times, bought {_share(action.bought)}{', ' if said else ''}{said}"


def _foreseen(report: pb.EffectReport) -> Iterator[str]:
    for each in report.reliability:
        told = " (derived)" if each.derived else ""
        yield f"\nBuys within {each.days} days{told}: off by {each.error:.3f} on average"
        for one in each.bins:
            yield f"  predicted {one.predicted:.2f}  bought {_share(one.bought)}"
    churn = report.churn
    yield f"\nFell silent: flagged (from {churn.threshold:.2f}) {_share(churn.flagged)}, average {_share(churn.average)}"
    yield f"  left alone: flagged {_share(churn.flagged_alone)}, all {_share(churn.alone)}"
    yield from _compared([churn.after_action, churn.everybody])


def _cohorts(report: pb.EffectReport) -> Iterator[str]:
    for cohort in report.cohorts:
        yield f"\nFirst decision in {cohort.month}: {cohort.customers} customers"
        for period in cohort.periods:
            yield (
                f"  window {period.number}: retained {_share(period.retained)}, bought again {_share(period.bought_again)}"
            )


def _practice(found: pb.PracticeComparison) -> Iterator[str]:
    yield f"\nAgainst {found.baseline}: {found.change_with:+.4g} with us, {found.change_without:+.4g} without"
    yield from _compared([found.money])
    yield f"  hours to decide before: {_median(found.hours_before)}"
    if found.HasField("satisfaction_before"):
        yield f"  satisfaction before: {found.satisfaction_before:.2f}"


def _share(found: pb.Share) -> str:
    if not found.total:
        return "not known"
    interval = found.interval
    return f"{found.share:.1%} [{interval.low:.1%}, {interval.high:.1%}] of {found.total}"


def _median(found: pb.Median) -> str:
    if not found.total:
        return "not known"
    return f"{found.value:.1f} [{found.interval.low:.1f}, {found.interval.high:.1f}] of {found.total}"
