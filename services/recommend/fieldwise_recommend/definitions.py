"""An action's definition: between the wire and the table of a catalogue file; knows no draft and no rule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.recommend.v1.action_pb2 import Effect
from fieldwise.recommend.v1.catalogue_pb2 import ActionDefinition, Treatment
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_recommend.amounts import foreign
from fieldwise_runtime.errors import Violation

_MILLION: Final = 1_000_000
# Written down where they say something; what is left out is empty, false or nothing.
_PLAIN: Final = ("title", "channel", "placement", "needs_rep", "when")
_PLAIN_OF_ACTION: Final = (
    *("name", *_PLAIN, "about", "eligibility", "applicability", "suitability"),
    *("explorable", "irreversible", "owner", "playbook", "where"),
)


def foreign_money(definition: ActionDefinition, currency: str) -> list[Violation]:
    """Faults of money in another currency, which a table cannot show."""
    faults = _foreign(definition, currency, "action")
    for number, treatment in enumerate(definition.treatments):
        faults += _foreign(treatment, currency, f"action.treatments[{number}]")
    return faults


def table_of(definition: ActionDefinition) -> dict[str, Any]:
    """The table that a file would have."""
    table = {name: getattr(definition, name) for name in _PLAIN_OF_ACTION if getattr(definition, name)}
    table |= _scarce(definition)
    if definition.reasons:
        table["reasons"] = list(definition.reasons)
    for name in ("valid_from", "valid_until"):
        if definition.HasField(name):
            table[name] = datetime.fromtimestamp(getattr(definition, name).seconds, tz=UTC)
    if definition.treatments:
        table["treatments"] = [_treatment_table(each) for each in definition.treatments]
    return table


def _treatment_table(treatment: Treatment) -> dict[str, Any]:
    table = {name: getattr(treatment, name) for name in ("id", *_PLAIN) if getattr(treatment, name)}
    if treatment.HasField("needs_rep"):
        table["needs_rep"] = treatment.needs_rep
    return table | _scarce(treatment)


def _scarce(said: ActionDefinition | Treatment) -> dict[str, Any]:
    """What costs, what it takes and what it is believed to add."""
    table: dict[str, Any] = {}
    if said.HasField("cost"):
        table["cost"] = said.cost.micros / _MILLION
    if said.HasField("coupon"):
        table["coupon"] = said.coupon.micros / _MILLION
    if said.uses:
        table["uses"] = dict(sorted(said.uses.items()))
    if said.HasField("effect"):
        effect = said.effect
        table["effect"] = {"lift": effect.lift, "spend_lift": effect.spend_lift}
        if effect.basis:
            table["effect"]["basis"] = effect.basis
    return table


def _foreign(said: ActionDefinition | Treatment, currency: str, at: str) -> list[Violation]:
    return [*foreign(said.cost, currency, f"{at}.cost"), *foreign(said.coupon, currency, f"{at}.coupon")]


def definition_of(table: Mapping[str, Any], currency: str) -> ActionDefinition:
    """A checked table as its owner would write it."""
    definition = ActionDefinition(
        **{name: table[name] for name in _PLAIN_OF_ACTION if name in table},
        reasons=table.get("reasons", ()),
        treatments=[
            Treatment(
                **{name: each[name] for name in ("id", *_PLAIN) if name in each}, **_told(each, currency)
            )
            for each in table.get("treatments", ())
        ],
        **_told(table, currency),
    )
    for name in ("valid_from", "valid_until"):
        if name in table:
            getattr(definition, name).CopyFrom(Timestamp(seconds=int(table[name].timestamp())))
    if "conditions" in table:  # catalogues of the past had comparisons
        definition.applicability = " && ".join(
            f"{fact} {sign} {limit}" for fact, sign, limit in table["conditions"]
        )
    return definition


def _told(table: Mapping[str, Any], currency: str) -> dict[str, Any]:
    told: dict[str, Any] = {"uses": table.get("uses", {})}
    for name in ("cost", "coupon"):
        if name in table:
            told[name] = Money(currency_code=currency, micros=round(table[name] * _MILLION))
    if "effect" in table:
        told["effect"] = Effect(**table["effect"])
    return told
