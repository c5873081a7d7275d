"""One recorded input of a decision with another value: in the message, or in the catalogue; knows no search and no store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from fieldwise.profile.v1.profile_pb2 import Profile
from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise.recommend.v1.recommend_service_pb2 import InputChange
from fieldwise_recommend.core.catalogue import Action, Catalogue
from fieldwise_recommend.core.counterfactual.inputs import most_of
from fieldwise_runtime.errors import InvalidRequest, Violation

_DAY: Final = 86_400
_MILLION: Final = 1_000_000
_MODELS: Final[Mapping[str, str]] = {"p_buy": "models/buys-28d", "p_silent": "models/silent-28d"}


def changed(
    inputs: DecisionInputs, catalogue: Catalogue, changes: Sequence[InputChange]
) -> tuple[DecisionInputs, Catalogue]:
    """Copies of both with other values in them.

    Raises:
        InvalidRequest: With every change of an input that the decision does not have, or to a value that makes no sense.
    """
    own = DecisionInputs()
    own.CopyFrom(inputs)
    faults: list[Violation] = []
    for number, each in enumerate(changes):
        most = most_of(each.input)
        if not 0.0 <= each.value <= most:
            faults.append(
                Violation.of(f"changes[{number}].value", each.value, f"give a value from 0 to {most:g}")
            )
            continue
        other = change(own, catalogue, each.input, each.value)
        if other is None:
            remedy = "name an input of the decision, as its counterfactuals do"
            faults.append(Violation.of(f"changes[{number}].input", each.input, remedy))
        else:
            catalogue = other
    if faults:
        raise InvalidRequest(faults)
    return own, catalogue


def change(inputs: DecisionInputs, catalogue: Catalogue, name: str, value: float) -> Catalogue | None:
    """Writes the value into the inputs, price set included; None when they have no such input.

    Returns:
        The catalogue to decide with: another one when the input is a number of it.
    """
    kind, _, rest = name.partition("/")
    if kind == "actions":
        _forget_coupon(inputs, name)
        return _of_catalogue(catalogue, name, value)
    done = _INPUTS[kind](inputs, rest, value) if kind in _INPUTS else False
    return catalogue if done else None


def _forget_coupon(inputs: DecisionInputs, name: str) -> None:
    """Of an action whose cost is given, the share of its coupons has no more to say."""
    kept = [each for each in inputs.redemptions if f"{each.action}/cost" != name]
    if len(kept) < len(inputs.redemptions):
        del inputs.redemptions[:]
        inputs.redemptions.extend(kept)


def _of_catalogue(catalogue: Catalogue, name: str, value: float) -> Catalogue | None:
    action_name, _, number = name.rpartition("/")
    action = catalogue.by_name.get(action_name)
    if action is None or action.is_leave_alone or number not in _NUMBERS:
        return None
    other = _NUMBERS[number](action, value)
    return replace(catalogue, actions=tuple(other if each is action else each for each in catalogue.actions))


def _price(inputs: DecisionInputs, resource: str, value: float) -> bool:
    for price in inputs.price_set.prices:
        if price.resource == resource:
            price.micros_per_unit = value
            return True
    return False


def _left(inputs: DecisionInputs, resource: str, value: float) -> bool:
    for scarce in inputs.scarce:
        if scarce.resource == resource:
            scarce.left = value
            return True
    return False


def _pacing(inputs: DecisionInputs, _: str, value: float) -> bool:
    inputs.pacing = value
    return True


def _control_group(inputs: DecisionInputs, _: str, value: float) -> bool:
    inputs.control_group = value != 0
    return True


def _exploration(inputs: DecisionInputs, _: str, value: float) -> bool:
    inputs.exploration = value
    return True


def _fact(inputs: DecisionInputs, fact: str, value: float) -> bool:
    if fact in _MODELS:
        return _probability(inputs, _MODELS[fact], value)
    if fact == "spend_if_buys":
        if not inputs.scores.HasField("spend_if_buys"):
            return False
        inputs.scores.spend_if_buys.micros = round(value * _MILLION)
        return True
    if fact not in _OF_PROFILE or not inputs.HasField("profile") or inputs.profile.withheld:
        return False
    _OF_PROFILE[fact](inputs.profile, value, inputs.decision_time.seconds)
    return True


def _probability(inputs: DecisionInputs, model: str, value: float) -> bool:
    found = [each for each in inputs.scores.predictions if each.model == model]
    for prediction in found:
        prediction.probability = value
    return bool(found)


def _set_last_purchase(profile: Profile, value: float, now: int) -> None:
    profile.last_purchase_time.seconds = now - round(value * _DAY)


def _set_last_contact(profile: Profile, value: float, now: int) -> None:
    profile.last_contact_time.seconds = now - round(value * _DAY)


def _set_total_spend(profile: Profile, value: float, _: int) -> None:
    profile.total_spend.micros = round(value * _MILLION)


def _set_purchase_days(profile: Profile, value: float, _: int) -> None:
    profile.purchase_days = round(value)


def _set_usual_gap(profile: Profile, value: float, _: int) -> None:
    profile.usual_gap_days = value


_INPUTS: Final[Mapping[str, Callable[[DecisionInputs, str, float], bool]]] = {
    "prices": _price,
    "left": _left,
    "pacing": _pacing,
    "control_group": _control_group,
    "exploration": _exploration,
    "facts": _fact,
}
_OF_PROFILE: Final[Mapping[str, Callable[[Profile, float, int], None]]] = {
    "total_spend": _set_total_spend,
    "purchase_days": _set_purchase_days,
    "days_since_purchase": _set_last_purchase,
    "days_since_contact": _set_last_contact,
    "usual_gap_days": _set_usual_gap,
}
_NUMBERS: Final[Mapping[str, Callable[[Action, float], Action]]] = {
    "cost": lambda action, value: replace(action, cost=round(value)),
    "lift": lambda action, value: replace(action, effect=replace(action.effect, lift=value)),
}
