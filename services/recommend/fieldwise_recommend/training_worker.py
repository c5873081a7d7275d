"""Learning a policy inside a worker process: reads the database, learns, and gives the version; knows no server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise.recommend.v1 import policy_pb2, policy_service_pb2
from fieldwise_recommend.core.arrays import Floats
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.offpolicy.choices import Choices
from fieldwise_recommend.core.offpolicy.logged import MONEY, Logged, logged
from fieldwise_recommend.core.policy_learning.effect_table import EffectTable
from fieldwise_recommend.core.policy_learning.gate import PERSONAL, TREAT_ALL
from fieldwise_recommend.core.policy_learning.learning import Trained, train
from fieldwise_recommend.core.policy_learning.measuring import measured
from fieldwise_recommend.core.uplift.contrasts import Scores, scores
from fieldwise_recommend.experience_reading import connected, read_experience, through
from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.worker_process import report

READING: Final = "reading"
LEARNING: Final = "learning"
# An action that was chosen less often is left out, with the decisions that chose it.
_FEWEST_CHOICES: Final = 50
_MILLION: Final = 1_000_000
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Stated:
    """What the catalogue says of an action: cost in currency units, and its effect."""

    cost: float
    lift: float
    spend_lift: float


def trained(url: str, body: bytes, stated: Mapping[str, Stated], margin: float) -> tuple[bytes, str]:
    """PolicyVersion of a TrainPolicyRequest, without its name, and its table of effects.

    Args:
        margin: Share of money that is margin.
    Raises:
        FailedPrecondition: Reason NO_EXPERIENCE.
    """
    begun = time.process_time()
    request = policy_service_pb2.TrainPolicyRequest.FromString(body)
    report((READING, 0.0))
    with connected(url) as connection:
        start, end = request.start_time.ToMicroseconds(), through(request.decision_time)
        experience = read_experience(connection, start, end)
    known = logged(experience, MONEY)
    if known.learnable is None:
        raise _nothing(known)
    choices, menu = known.learnable
    names, choices = _kept(choices, menu.actions)
    if len(names) == 1:
        raise _nothing(known)
    facts = list(menu.facts)
    money = scores(choices, np.zeros(len(names)), _SEED)
    # As far as the catalogue knows an action: one that is gone costs nothing and cannot be chosen either.
    costs = np.array([stated[name].cost if name in stated else 0.0 for name in names])
    profit = Scores(money.values * margin - costs, money.open, money.facts, money.customers)
    report((LEARNING, 0.0))
    found = train(profit, _SEED, progress=lambda share: report((LEARNING, share)))
    split = found.table if found.verdict.verdict == PERSONAL else None
    table = measured(money, names, facts, split, _stated(names, stated, menu.facts))
    version = _version(found, names, table, len(choices.rewards))
    version.create_time.CopyFrom(request.decision_time)
    version.cpu_seconds = time.process_time() - begun
    return version.SerializeToString(), table.text()


def _kept(choices: Choices, names: Sequence[str]) -> tuple[list[str], Choices]:
    """Leave alone first, then what was chosen often enough; probabilities are those given that one of these was chosen."""
    counts = np.bincount(choices.actions, minlength=len(names))
    order = [names.index(LEAVE_ALONE)]
    order += [
        place for place, name in enumerate(names) if name != LEAVE_ALONE and counts[place] >= _FEWEST_CHOICES
    ]
    rows = np.isin(choices.actions, order)
    probabilities = choices.logged[rows][:, order]
    places = np.full(len(names), -1)
    places[order] = np.arange(len(order))
    total = probabilities.sum(axis=1, keepdims=True)
    taken = choices.taken(rows) if rows.any() else choices
    if not rows.any() or len(order) == 1:
        return [LEAVE_ALONE], choices
    kept = Choices(taken.rewards, places[taken.actions], probabilities / total, taken.facts, taken.customers)
    return [names[place] for place in order], kept


def _stated(names: Sequence[str], stated: Mapping[str, Stated], facts: Mapping[str, Floats]) -> list[float]:
    """Mean stated effect of each action, in money; 0 where it cannot be told."""
    if "p_buy" not in facts or "spend_if_buys" not in facts:
        return [0.0] * len(names)
    p_buy, spend = facts["p_buy"], facts["spend_if_buys"]
    found = []
    for name in names:
        said = stated.get(name, Stated(0.0, 0.0, 0.0))
        added = ((p_buy + said.lift * (1.0 - p_buy)) * (1.0 + said.spend_lift) - p_buy) * spend
        found.append(float(np.nanmean(added)))
    return found


def _version(found: Trained, names: Sequence[str], table: EffectTable, rows: int) -> policy_pb2.PolicyVersion:
    said = found.verdict
    version = policy_pb2.PolicyVersion(
        verdict=policy_pb2.LearnedVerdict.Value(f"LEARNED_VERDICT_{said.verdict}"),
        action=names[said.action] if said.verdict == TREAT_ALL else "",
        rule=said.rule,
        gain=said.gain.value,
        gain_low=said.gain.low,
        decisions=rows,
    )
    for when, effects in zip(_whens(table), table.segments, strict=True):
        segment = version.segments.add(when=when)
        for each in effects:
            segment.effects.add(
                action=each.action, added=each.added / _MILLION, standard_error=each.error / _MILLION
            )
    return version


def _whens(table: EffectTable) -> list[str]:
    if not table.questions:
        return [""]
    yes = [f"{each.fact} <= {each.limit:.6g}" for each in table.questions]
    no = [f"!({each})" for each in yes]
    return [f"{a} && {b}" for a, b in ((yes[0], yes[1]), (yes[0], no[1]), (no[0], yes[2]), (no[0], no[2]))]


def _nothing(known: Logged) -> FailedPrecondition:
    message = (
        f"no action was chosen by chance {_FEWEST_CHOICES} times with a known result: {known.controlled} decisions are of the "
        f"control group, {known.deterministic} had no chance in them, of {known.unmeasured} the result is not known yet; "
        "give a longer period, raise FIELDWISE_RECOMMEND_EXPLORATION, or wait until results are measured"
    )
    return FailedPrecondition("NO_EXPERIENCE", message)
