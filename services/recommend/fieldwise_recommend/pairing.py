"""What is bought together: learned in a worker process, listed, and looked up for a decision; knows no statistics."""

from __future__ import annotations

from datetime import date
from typing import Final

from fieldwise.recommend.v1 import pair_service_pb2 as wire
from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise.recommend.v1.next_purchase_service_pb2 import LearnNextPurchasesRequest
from fieldwise_executor.executor import Executor
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.core.pair_rules.book import Rule
from fieldwise_recommend.core.playbooks.birthday import local_date
from fieldwise_recommend.situation import is_withheld
from fieldwise_recommend.store.pairs import PairStore
from fieldwise_recommend.zones import zone_of
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

log = get_logger(__name__)

_SECONDS: Final = 300.0
_SCOPE: Final = "pair rules"
_DEFAULT, _MOST = 50, 1000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY: Final = 86_400
# What was bought so lately is not named: he has it.
_HAS_DAYS: Final = 28


class Pairing:
    """Rules of two categories."""

    def __init__(self, store: PairStore, executor: Executor, in_force: InForce) -> None:
        self._store = store
        self._executor = executor
        self._in_force = in_force

    async def open(self) -> None:
        """Puts in force what was learned last."""
        self._in_force.pairs = await self._store.newest()

    async def learn(self, request: wire.LearnPairRulesRequest) -> wire.LearnPairRulesResponse:
        """Finds rules and puts them in force.

        Raises:
            InvalidRequest: Columns of different lengths, or a number out of range; with every fault.
            FailedPrecondition: Reason NO_BASKETS.
        """
        faults = faults_of(request)
        if faults:
            raise InvalidRequest(faults)
        if not request.word:
            raise FailedPrecondition(
                "NO_BASKETS", "there is no purchase to learn from; ingest purchases with categories"
            )
        rules, baskets, tests = await self._executor.run(
            found_in_worker, request.SerializeToString(), timeout=_SECONDS
        )
        book = await self._store.replace(rules, request.window_days or 1)
        self._in_force.pairs = book
        log.info("pair rules learned", rules=len(rules), baskets=baskets, version=book.version)
        return wire.LearnPairRulesResponse(
            version=book.version, rules=len(rules), baskets=baskets, tests=tests
        )

    def listed(self, request: wire.ListPairRulesRequest) -> wire.ListPairRulesResponse:
        """Rules in force.

        Raises:
            InvalidRequest: A page token or size that cannot be.
        """
        book = self._in_force.pairs
        size = clamp_page_size(request.page_size, _DEFAULT, _MOST)
        # A token of other rules starts at the same place of the new ones.
        start = int(cursor_of(request.page_token, _SCOPE) or 0)
        rules = [rule for rule in book.rules if request.given in ("", rule.given)]
        answer = wire.ListPairRulesResponse(version=book.version, window_days=book.window_days)
        answer.rules.extend(_message(rule) for rule in rules[start : start + size])
        if len(rules) > start + size:
            answer.next_page_token = page_token(str(start + size), _SCOPE)
        return answer


def look_up_pairs(inputs: DecisionInputs, in_force: InForce) -> None:
    """Writes into the inputs today's date and what goes with the customer's last basket; what a caller put there goes."""
    book = in_force.pairs
    inputs.ClearField("companion")
    today = local_date(inputs.decision_time.seconds, zone_of(inputs, in_force.zone))
    inputs.local_day = today.toordinal() - _EPOCH
    if not book.rules or not inputs.HasField("profile") or is_withheld(inputs):
        return
    profile = inputs.profile
    if not profile.HasField("last_purchase_time"):
        return
    # The basket is what he bought in the window that ends with his last purchase.
    since = (profile.last_purchase_time.seconds // _DAY - book.window_days + 1) * _DAY
    lately = min(since, inputs.decision_time.seconds - _HAS_DAYS * _DAY)
    basket: list[str] = []
    had: set[str] = set()
    for interest in profile.interests:
        time = interest.last_purchase_time.seconds
        if time >= lately:
            category = interest.category
            had.add(category)
            if time >= since:
                basket.append(category)
    rule = book.companion(basket, had)
    if rule is not None:
        companion = inputs.companion
        companion.category, companion.given = rule.goes, rule.given
        companion.confidence, companion.lift = rule.confidence, rule.lift
        companion.window_days, companion.rules_version = book.window_days, book.version


def faults_of(request: wire.LearnPairRulesRequest | LearnNextPurchasesRequest) -> list[Violation]:
    """What is wrong with the columns of purchases."""
    faults: list[Violation] = []
    rows = len(request.word)
    for name in ("customer", "day"):
        column = getattr(request, name)
        if len(column) != rows:
            faults.append(Violation.of(name, len(column), f"send {rows} rows, as many as `word` has"))
        elif rows and min(column) < 0:
            faults.append(Violation.of(name, min(column), "send numbers from 0 on"))
    if rows and not 0 <= min(request.word) <= max(request.word) < len(request.words):
        most = len(request.words) - 1
        faults.append(Violation.of("word", max(request.word), f"send places in `words`, from 0 to {most}"))
    return faults


def _message(rule: Rule) -> wire.PairRule:
    return wire.PairRule(
        given=rule.given,
        goes=rule.goes,
        support=rule.support,
        confidence=rule.confidence,
        lift=rule.lift,
        lift_low=rule.lift_low,
        lift_high=rule.lift_high,
        sized_lift=rule.sized_lift,
        p_value=rule.chance,
    )


def found_in_worker(body: bytes) -> tuple[list[Rule], int, int]:
    """`pairing_worker.found`; numpy is imported there and never by the process that decides."""
    from fieldwise_recommend.pairing_worker import found

    return found(body)
