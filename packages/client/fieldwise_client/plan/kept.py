"""A plan and its question as the installation keeps them, in the planner's own names. Knows no file and no screen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from google.type.latlng_pb2 import LatLng

from fieldwise.allocation.v1 import plan_pb2, rep_pb2
from fieldwise.allocation.v1.plan_life_pb2 import PlanOrigin, PlanState
from fieldwise_client.client import Client
from fieldwise_client.errors import InvalidRequest
from fieldwise_client.names import short
from fieldwise_client.plan.files import Account, Place, Question, Rep
from fieldwise_client.plan.outcome import Outcome, read_outcome

_UUID = re.compile(r"(plans/)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PREFIX = re.compile(r"[0-9a-f-]{4,}")


def plan_called(client: Client, word: str) -> str:
    """``plans/{uuid}`` of a plan: its name, the first digits of it, `applied` (in force), `latest`, or what the planner called it. A practice that was brought in is no plan, and never the latest.

    Raises:
        InvalidRequest: No plan, or more than one, is called so.
    """
    if _UUID.fullmatch(word):
        return word if word.startswith("plans/") else f"plans/{word}"
    found = [plan.name for plan in client.plans() if _is_called(plan, word)]
    if word == "latest":
        found = found[:1]
    if len(found) != 1:
        remedy = "run `fieldwise plan list` and give four digits or more of one, its name, applied or latest"
        raise InvalidRequest.of(
            "plan", word, remedy if not found else f"{len(found)} plans are called so; {remedy}"
        )
    return found[0]


def _is_called(plan: plan_pb2.TerritoryPlan, word: str) -> bool:
    if word == "applied":
        return plan.state == PlanState.PLAN_STATE_APPLIED
    if word == "latest":
        return plan.origin != PlanOrigin.PLAN_ORIGIN_IMPORTED
    begins = _PREFIX.fullmatch(word) is not None and short(plan.name).startswith(word)
    return begins or (bool(word) and plan.display_name == word)


def outcome_of(client: Client, plan: str) -> Outcome:
    """A kept plan joined with its question, assignments and all."""
    whole = client.get_plan(plan, timeout=60)
    if not whole.assignments:
        whole.assignments.extend(client.assignments(plan))
    reps = client.plan_question(plan).reps
    names = rep_names(reps)
    return read_outcome(whole, _question(client.plan_accounts(plan), reps, names), names)


def rep_names(reps: Sequence[rep_pb2.Rep]) -> Mapping[str, str]:
    """What the planner calls each ``reps/{id}``: the name shown to him where no other rep has it, else the id."""
    shown = Counter(rep.display_name for rep in reps)
    return {
        rep.name: rep.display_name if rep.display_name and shown[rep.display_name] == 1 else short(rep.name)
        for rep in reps
    }


def rep_called(names: Mapping[str, str], word: str) -> str:
    """``reps/{id}`` of a rep: the planner's name for him, or his id.

    Raises:
        InvalidRequest: The plan has no such rep.
    """
    ids = {shown: name for name, shown in names.items()}
    for each in (ids.get(word, ""), word, f"reps/{word}"):
        if each in names:
            return each
    raise InvalidRequest.of("rep", word, f"give one of the plan's: {', '.join(sorted(ids)[:20])}")


def _question(
    accounts: Iterable[plan_pb2.Account], reps: Iterable[rep_pb2.Rep], names: Mapping[str, str]
) -> Question:
    return Question(
        accounts=tuple(
            Account(
                name=each.name,
                place=_place(each.place) if each.HasField("place") else None,
                workload_hours=each.workload_hours,
                value=each.value.micros / 1e6,
                needs_skills=tuple(each.needs_skills),
                locked=each.locked,
                incumbent=names.get(each.incumbent, short(each.incumbent)),
                visit_hours=each.visit_hours,
                visits_per_week=each.visits_per_week,
                area=each.area,
            )
            for each in accounts
        ),
        reps=tuple(
            Rep(
                name=names[each.name],
                home=_place(each.home) if each.HasField("home") else None,
                hours_per_week=each.hours_per_week,
                skills=tuple(each.skills),
                share=each.share_of_full_time,
            )
            for each in reps
        ),
    )


def _place(place: LatLng) -> Place:
    return Place(place.latitude, place.longitude)
