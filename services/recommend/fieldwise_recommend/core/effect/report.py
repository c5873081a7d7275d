"""The whole report of what decisions caused; knows no wire and no file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.effect.acting import Acting, acting_of
from fieldwise_recommend.core.effect.chance import by_chance
from fieldwise_recommend.core.effect.cohorts import Cohort, cohorts_of
from fieldwise_recommend.core.effect.comparing import Comparison, Verdict, compare
from fieldwise_recommend.core.effect.foreseeing import Churn, Reliability, churn_of, reliability, success
from fieldwise_recommend.core.effect.intervals import Share
from fieldwise_recommend.core.effect.practice import Against, Practice, against
from fieldwise_recommend.core.effect.units import Customers, customers_of
from fieldwise_recommend.core.experience import Experience

FLAGGED_FROM: Final = 0.5
# Groups drawn by hash must be measured alike; a difference of shares beyond this is told.
_UNLIKE: Final = 0.02

NO_CONTROL_GROUP: Final = "NO_CONTROL_GROUP"
FEW_MEASURED: Final = "FEW_MEASURED"
MEASURED_UNLIKE: Final = "GROUPS_MEASURED_UNLIKE"
GROUPS_UNLIKE: Final = "GROUPS_UNLIKE_BEFORE"
NOT_DRAWN: Final = "ACTED_IS_NOT_DRAWN"


@dataclass(frozen=True)
class NewCustomers:
    """First purchases.

    Args:
        gained: Strangers outside the control group who bought.
        lost: Customers outside it who fell silent.
        share: Of the strangers outside it who bought, against those in it.
    """

    gained: int
    lost: int
    strangers: int
    share: Comparison


@dataclass(frozen=True)
class ActionEffect:
    """Money that one action brings, by choices of chance, and by its own control group; the second counts all who could get it."""

    action: str
    chance: Comparison
    campaign: Comparison


@dataclass(frozen=True)
class Report:
    """What decisions of a period caused.

    Args:
        warnings: Codes; what must be known to read the rest.
        treated: Everybody outside the control group against everybody in it, whoever acted (intention to treat).
        before: The same groups before the first decision: no more than chance may lie between them.
    """

    decisions: int
    measured: int
    customers: int
    warnings: list[str]
    treated: list[Comparison]
    before: Comparison
    new_customers: NewCustomers
    actions: list[ActionEffect]
    acting: Acting
    success: Share
    reliability: list[Reliability]
    churn: Churn
    cohorts: list[Cohort]
    practice: Against | None


def report_of(
    experience: Experience,
    window_days: int,
    *,
    campaign: str = "",
    practice: Practice | None = None,
    flagged_from: float = FLAGGED_FROM,
) -> Report:
    """The report of an experience.

    Args:
        campaign: Compare with the control group of this action instead of that of all, among those whom it fitted.
    """
    whole, treated = experience, None
    if campaign:
        experience, treated = _of_campaign(whole, campaign)
    customers = customers_of(experience, treated)
    before = compare("money before", customers.before[:, 0], customers.treated)
    return Report(
        len(experience),
        int(experience.measured.sum()),
        len(customers),
        _warnings(experience, treated, before),
        _treated(customers),
        before,
        _new_customers(customers),
        [_effect(whole, action) for action in sorted(whole.actions) if action not in ("", LEAVE_ALONE)],
        acting_of(experience),
        success(experience),
        reliability(experience, window_days),
        churn_of(experience, customers, flagged_from),
        cohorts_of(experience, window_days),
        None if practice is None else against(practice, experience, customers),
    )


def _treated(customers: Customers) -> list[Comparison]:
    treated, before = customers.treated, customers.before
    rated = ~np.isnan(customers.score)
    lasting = customers.lasting
    return [
        compare("money", customers.money, treated, before),
        compare("bought", customers.bought, treated, before),
        compare("bought again", customers.again, treated, before),
        compare("churn", customers.churned[lasting].astype(np.float64), treated[lasting], before[lasting]),
        compare("opted out", customers.opted_out.astype(np.float64), treated),
        compare("satisfaction", customers.score[rated], treated[rated]),
    ]


def _new_customers(customers: Customers) -> NewCustomers:
    stranger, treated = customers.stranger, customers.treated
    new = customers.new.astype(np.float64)
    return NewCustomers(
        int((customers.new & treated).sum()),
        int((customers.churned & treated).sum()),
        int((stranger & treated).sum()),
        compare("new customers", new[stranger], treated[stranger]),
    )


def _effect(experience: Experience, action: str) -> ActionEffect:
    customers = customers_of(*_of_campaign(experience, action))
    campaign = compare("money", customers.money, customers.treated, customers.before)
    return ActionEffect(action, by_chance(experience, action), campaign)


def _of_campaign(experience: Experience, action: str) -> tuple[Experience, Bools]:
    """Decisions that an action fitted, and whether the customer may get it; nobody of the control group of all."""
    fitted, held = experience.in_campaign(action)
    ours = fitted & ~experience.controlled
    return experience.at(ours), ~held[ours]


def _warnings(experience: Experience, treated: Bools | None, before: Comparison) -> list[str]:
    found: list[str] = []
    group = ~experience.controlled if treated is None else treated
    if not len(experience) or group.all():
        found.append(NO_CONTROL_GROUP)
    else:
        shares = [float(experience.measured[side].mean()) for side in (group, ~group) if side.any()]
        if len(shares) == 2 and abs(shares[0] - shares[1]) > _UNLIKE:
            found.append(MEASURED_UNLIKE)
        if before.verdict is not Verdict.NOT_ENOUGH_EVIDENCE:
            found.append(GROUPS_UNLIKE)
    if experience.measured.sum() < len(experience) / 2:
        found.append(FEW_MEASURED)
    found.append(NOT_DRAWN)
    return found
