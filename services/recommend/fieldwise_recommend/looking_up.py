"""What a decision is made with beside what its caller sent: looked up once, recorded in the inputs; knows no rule."""

from __future__ import annotations

from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise_recommend.answering import look_up_answers
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.next_purchasing import look_up_next
from fieldwise_recommend.pairing import look_up_pairs
from fieldwise_recommend.shops import look_up_shops


def look_up(inputs: DecisionInputs, in_force: InForce) -> None:
    """Writes into the inputs what is known of today, of the customer's next purchases, and of times and places; what a caller put there goes."""
    look_up_pairs(inputs, in_force)
    look_up_next(inputs, in_force.next_tables)
    look_up_answers(inputs, in_force.answers, in_force.catalogue)
    look_up_shops(inputs, in_force.shops)
