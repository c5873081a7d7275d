"""The catalogue in force, as the wire shows it; knows no customer."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.recommend.v1.action_pb2 import Action as WireAction
from fieldwise.recommend.v1.action_pb2 import ActionRule
from fieldwise.recommend.v1.action_pb2 import Condition as WireCondition
from fieldwise.recommend.v1.action_pb2 import Effect as WireEffect
from fieldwise.recommend.v1.recommend_service_pb2 import ListActionsRequest, ListActionsResponse
from fieldwise.type.v1.money_pb2 import Money
from fieldwise.type.v1.provenance_pb2 import PART_STATE_FRESH, Part
from fieldwise_recommend.core.catalogue import Action, Catalogue
from fieldwise_recommend.rendering import PART


def listed(catalogue: Catalogue, request: ListActionsRequest, currency: str) -> ListActionsResponse:
    """All actions in catalogue order; the margin of all categories not listed stands under the empty name."""
    part = Part(name=PART, state=PART_STATE_FRESH, version=catalogue.version)
    if request.HasField("decision_time"):
        part.as_of.CopyFrom(request.decision_time)
    return ListActionsResponse(
        actions=[wire_action(action, currency) for action in catalogue.actions],
        version=catalogue.version,
        margins={**catalogue.margins, "": catalogue.default_margin},
        part=part,
    )


def wire_action(action: Action, currency: str) -> WireAction:
    effect = action.effect
    return WireAction(
        name=action.name,
        title=action.title,
        channel=action.channel,
        needs_rep=action.needs_rep,
        cost=Money(currency_code=currency, micros=action.cost),
        uses=dict(action.uses),
        effect=WireEffect(lift=effect.lift, spend_lift=effect.spend_lift, basis=effect.basis),
        conditions=[
            WireCondition(fact=term.fact, comparison=term.comparison, limit=term.limit or 0.0)
            for condition in action.conditions
            for term in condition.terms
            if term.fact
        ],
        explorable=action.explorable,
        rules=[
            ActionRule(rule=each.rule, expression=each.text, steps=each.cost) for each in action.conditions
        ],
        family=action.family,
        placement=action.placement,
        owner=action.owner,
        valid_from=_moment(action.valid_from),
        valid_until=_moment(action.valid_until),
        irreversible=action.irreversible,
        playbook=action.playbook,
        when=action.when,
        where=action.where,
    )


def _moment(seconds: int | None) -> Timestamp | None:
    return None if seconds is None else Timestamp(seconds=seconds)
