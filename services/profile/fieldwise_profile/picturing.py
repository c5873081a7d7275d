"""States on the wire: Profile messages and feature sets, made once and kept; knows no table."""

from __future__ import annotations

from collections import OrderedDict

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import profile_pb2
from fieldwise.type.v1 import features_pb2, money_pb2
from fieldwise_profile.core.event import SECOND
from fieldwise_profile.core.features import (
    COLUMNS,
    FEATURE_SET_ID,
    FEATURE_SET_VERSION,
    Purchases,
    features_of,
)
from fieldwise_profile.core.fold import State
from fieldwise_profile.core.portrait import Interest, Portrait, popular_unbought, portrait
from fieldwise_profile.popularity import Popular
from fieldwise_profile.viewing import View


def timestamp(moment: int) -> Timestamp:
    """Microseconds since 1970 as a Timestamp."""
    return Timestamp(seconds=moment // SECOND, nanos=moment % SECOND * 1000)


def feature_set(currency: str) -> features_pb2.FeatureSet:
    """What the numbers mean; money columns name the installation's currency."""
    columns = [
        features_pb2.FeatureColumn(
            name=column.name,
            unit=currency if column.unit == "{currency}" else column.unit,
            null_rule=column.null_rule,
        )
        for column in COLUMNS
    ]
    return features_pb2.FeatureSet(id=FEATURE_SET_ID, version=FEATURE_SET_VERSION, columns=columns)


class Pictures:
    """Makes Profile messages; keeps the last one of each customer.

    A decision asks for the same moment again and again (the business clock stands between events of a recorded world), and
    most customers have no new event: then the message is the one made before.
    """

    def __init__(self, currency: str, most: int) -> None:
        self._currency = currency
        self._most = most
        self._kept: OrderedDict[str, tuple[int, int, Popular, profile_pb2.Profile]] = OrderedDict()

    def of(self, view: View, moment: int, popular: Popular) -> profile_pb2.Profile | None:
        """The customer's profile; None when nothing is known of him. The message is shared: it must not be changed."""
        if view.state is None:
            return None
        if not view.is_live:
            return self._made(view.customer, view.state, moment, popular)
        kept = self._kept.get(view.customer)
        if kept is not None and kept[0] == view.state.count and kept[1] == moment and kept[2] is popular:
            return kept[3]
        made = self._made(view.customer, view.state, moment, popular)
        self._keep(view.customer, (view.state.count, moment, popular, made))
        return made

    def _keep(self, customer: str, entry: tuple[int, int, Popular, profile_pb2.Profile]) -> None:
        self._kept[customer] = entry
        self._kept.move_to_end(customer)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def _made(self, customer: str, state: State, moment: int, popular: Popular) -> profile_pb2.Profile:
        bought = Purchases(state, moment)
        seen = portrait(state, bought)
        as_of = timestamp(moment)
        profile = profile_pb2.Profile(
            name=customer,
            as_of=as_of,
            features=features_pb2.FeatureVector(
                set_id=FEATURE_SET_ID,
                set_version=FEATURE_SET_VERSION,
                values=features_of(state, bought),
                as_of=as_of,
            ),
            purchase_days=seen.purchase_days,
            total_spend=self._money(seen.total_spend),
            usual_gap_days=seen.usual_gap_days,
            silence_after_days=seen.silence_after_days,
            stage=profile_pb2.LifecycleStage.ValueType(seen.stage),
            interests=[self._interest(each) for each in seen.interests],
            popular_unbought=[
                profile_pb2.PopularCategory(category=category, customer_share=share)
                for category, share in popular_unbought(state, popular)
            ],
            usual_hour=seen.usual_hour,
            data_quality=profile_pb2.DataQuality(score=seen.quality, issues=seen.issues),
            event_count=state.count,
            fresh_at=timestamp(state.known_at),
            opted_out=state.opt_outs > 0,
        )
        _set_times(profile, seen)
        return profile

    def _interest(self, interest: Interest) -> profile_pb2.CategoryInterest:
        return profile_pb2.CategoryInterest(
            category=interest.category,
            purchase_days=interest.purchase_days,
            last_purchase_time=timestamp(interest.last_time),
            mean_gap_days=interest.mean_gap_days,
            spend=self._money(interest.spend),
        )

    def _money(self, micros: int) -> money_pb2.Money:
        return money_pb2.Money(currency_code=self._currency, micros=micros)


def _set_times(profile: profile_pb2.Profile, seen: Portrait) -> None:
    """Times of what never happened stay unset."""
    if seen.last_purchase_time:
        profile.last_purchase_time.CopyFrom(timestamp(seen.last_purchase_time))
    if seen.last_contact_time:
        profile.last_contact_time.CopyFrom(timestamp(seen.last_contact_time))
