"""States on the wire: Profile messages and feature sets, made once and kept; knows no table."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from fieldwise.profile.v1 import profile_pb2
from fieldwise.type.v1 import features_pb2, money_pb2
from fieldwise_profile import detailing
from fieldwise_profile.core import consent
from fieldwise_profile.core.codec import LARGEST
from fieldwise_profile.core.consent import Permission
from fieldwise_profile.core.features import (
    COLUMNS,
    FEATURE_SET_ID,
    FEATURE_SET_VERSION,
    Purchases,
    features_of,
)
from fieldwise_profile.core.field_quality import FieldQuality
from fieldwise_profile.core.fold import State
from fieldwise_profile.core.portrait import (
    FURTHER,
    POPULAR,
    Interest,
    Portrait,
    mean_gap,
    popular_unbought,
    portrait,
)
from fieldwise_profile.popularity import Popular
from fieldwise_profile.times import timestamp
from fieldwise_profile.viewing import Version, View

__all__ = ["Addition", "Pictures", "Sight", "feature_set", "timestamp"]


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


class Sight(NamedTuple):
    """How a customer is looked at.

    Args:
        moment: Microseconds.
        full: Everything that is known is wanted.
        shows_words: The words he searched for may be shown.
        purpose: What he is read for (`Purpose`): tags serve some purposes only.
    """

    moment: int
    popular: Popular
    full: bool = False
    shows_words: bool = False
    purpose: int = 0


class Addition(Protocol):
    """Something that a part of the service knows of customers beside their events, such as tags."""

    @property
    def version(self) -> int:
        """Rises whenever the same state may get another addition: profiles that were kept are then made anew."""
        ...

    def add(self, profile: profile_pb2.Profile, state: State, bought: Purchases, sight: Sight) -> None:
        """Writes into the profile, in which all else stands already."""
        ...


class _Kept(NamedTuple):
    version: Version
    members: tuple[str, ...]
    sight: Sight
    permission: Permission
    additions: tuple[int, ...]
    fields: tuple[FieldQuality, ...]
    profile: profile_pb2.Profile


class Pictures:
    """Makes Profile messages; keeps the last one of each customer.

    A decision asks for the same moment again and again (the business clock stands between events of a recorded world), and
    most customers have no new event: then the message is the one made before.
    """

    def __init__(self, currency: str, most: int, additions: Sequence[Addition] = ()) -> None:
        self._currency = currency
        self._most = most
        self._additions = tuple(additions)
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def of(
        self,
        view: View,
        sight: Sight,
        permission: Permission = Permission.NEEDLESS,
        fields: tuple[FieldQuality, ...] = (),
    ) -> profile_pb2.Profile | None:
        """The customer's profile; None when nothing is known of him. The message is shared: it must not be changed.

        Args:
            permission: Whether he consented to the purpose of the read.
            fields: How good the fields are that sources state of him.
        """
        if view.state is None:
            return None
        if view.version is None:
            return self._made(view, view.state, sight, permission, fields)
        additions = self.versions()
        kept = self._kept.get(view.customer)
        if (
            kept is not None
            and kept.version == view.version
            and kept.sight == sight
            and kept.permission is permission
            and kept.members == view.members
            and kept.additions == additions
            and kept.fields == fields
        ):
            return kept.profile
        made = self._made(view, view.state, sight, permission, fields)
        kept = _Kept(view.version, view.members, sight, permission, additions, fields, made)
        self._keep(view.customer, kept)
        return made

    def versions(self) -> tuple[int, ...]:
        """The versions of all that is added."""
        return tuple([each.version for each in self._additions])

    def forget(self, customers: Collection[str]) -> None:
        """Drops what is in memory of customers: they are read anew, or never again."""
        gone = frozenset(customers)
        for name in [name for name, kept in self._kept.items() if gone.intersection((name, *kept.members))]:
            del self._kept[name]

    def _keep(self, customer: str, entry: _Kept) -> None:
        self._kept[customer] = entry
        self._kept.move_to_end(customer)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def _made(
        self,
        view: View,
        state: State,
        sight: Sight,
        permission: Permission,
        fields: tuple[FieldQuality, ...],
    ) -> profile_pb2.Profile:
        profile = profile_pb2.Profile(
            name=view.customer,
            as_of=timestamp(sight.moment),
            canonical=view.members[0],
            opted_out=consent.is_opted_out(view.consents),
            refused_channels=consent.refused_channels(view.consents),
            withheld=permission is Permission.REFUSED,
            consent_assumed=permission is Permission.ASSUMED,
        )
        if len(view.members) > 1:
            profile.members.extend(sorted(view.members))
        if permission.is_given:
            profile.data_quality.fields.extend(profile_pb2.FieldQuality(**each._asdict()) for each in fields)
            self._describe(profile, state, sight)
        return profile

    def _describe(self, profile: profile_pb2.Profile, state: State, sight: Sight) -> None:
        bought = Purchases(state, sight.moment)
        seen = portrait(state, bought)
        self._set_basics(profile, state, bought, seen, sight)
        if sight.full:
            detailing.add_details(profile, state, bought, seen, sight.popular.tiers)
            if sight.shows_words:
                detailing.add_words(profile, state)
        else:
            detailing.add_occasions(profile, state)
        for addition in self._additions:
            addition.add(profile, state, bought, sight)

    def _set_basics(
        self,
        profile: profile_pb2.Profile,
        state: State,
        bought: Purchases,
        seen: Portrait,
        sight: Sight,
    ) -> None:
        unbought = popular_unbought(state, sight.popular.shares, POPULAR + FURTHER)
        _set_further(profile.further, state, seen, unbought[POPULAR:])
        profile.MergeFrom(
            profile_pb2.Profile(
                features=features_pb2.FeatureVector(
                    set_id=FEATURE_SET_ID,
                    set_version=FEATURE_SET_VERSION,
                    values=features_of(state, bought),
                    as_of=profile.as_of,
                ),
                purchase_days=seen.purchase_days,
                total_spend=self._money(seen.total_spend),
                usual_gap_days=seen.usual_gap_days,
                silence_after_days=seen.silence_after_days,
                stage=profile_pb2.LifecycleStage.ValueType(seen.stage),
                interests=[self._interest(each) for each in seen.interests],
                popular_unbought=[
                    profile_pb2.PopularCategory(category=category, customer_share=share)
                    for category, share in unbought[:POPULAR]
                ],
                usual_hour=seen.usual_hour,
                data_quality=profile_pb2.DataQuality(
                    score=seen.quality,
                    issues=seen.issues,
                    noise_share=0.0 if state.browsing is None else state.browsing.noise_share(),
                ),
                event_count=state.count,
                fresh_at=timestamp(state.known_at),
            )
        )
        _set_times(profile, seen)

    def _interest(self, interest: Interest) -> profile_pb2.CategoryInterest:
        return profile_pb2.CategoryInterest(
            category=interest.category,
            purchase_days=interest.purchase_days,
            last_purchase_time=timestamp(interest.last_time),
            mean_gap_days=interest.mean_gap_days,
            spend=self._money(interest.spend),
        )

    def _money(self, micros: int) -> money_pb2.Money:
        return money_pb2.Money(currency_code=self._currency, micros=min(micros, LARGEST))


def _set_further(
    further: profile_pb2.FurtherCategories,
    state: State,
    seen: Portrait,
    unbought: Sequence[tuple[str, float]],
) -> None:
    """In columns: forty messages would take as long as all else in a profile."""
    bought = [state.categories[name] for name in seen.further]
    further.bought.extend(seen.further)
    further.purchase_days.extend([len(each.days) for each in bought])
    further.last_purchase_seconds.extend([each.last // 1_000_000 for each in bought])
    further.mean_gap_days.extend([mean_gap(each) or 0.0 for each in bought])
    further.unbought.extend([name for name, _ in unbought])
    further.customer_shares.extend([share for _, share in unbought])


def _set_times(profile: profile_pb2.Profile, seen: Portrait) -> None:
    """Times of what never happened stay unset."""
    if seen.last_purchase_time:
        profile.last_purchase_time.CopyFrom(timestamp(seen.last_purchase_time))
    if seen.last_contact_time:
        profile.last_contact_time.CopyFrom(timestamp(seen.last_contact_time))
