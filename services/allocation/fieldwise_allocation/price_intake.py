"""Candidates from messages into columns, and everything wrong with them; works in a thread. Knows no solver."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from itertools import chain
from pathlib import Path

import numpy as np

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import price_pb2
from fieldwise_allocation import wire
from fieldwise_allocation.core.prices.columns import Columns, Keys
from fieldwise_allocation.core.prices.market import Flags, Floats, Ints, Places, offsets, spread
from fieldwise_runtime import rules
from fieldwise_runtime.errors import InvalidRequest, ResourceExhausted, Violation

# 10,000,000 candidates with two uses each take 350 MB on disk and 1.6 GB in the process that prices them.
MOST_CANDIDATES = 10_000_000
# Violations kept: the first few hundred say what is wrong.
MOST_VIOLATIONS = 200
# As the contract says.
_MOST_USES, _LEAST_AMOUNT, _MOST_AMOUNT = 16, 1e-9, 1e12
_KEY_BYTES = 8
_AT_A_TIME = 2_000


@dataclass
class Intake:
    """Takes message after message into files, one a column.

    Args:
        known: Place of each resource that has a budget.
        folder: Empty; gets the files.
    """

    known: dict[str, int]
    currency: str
    folder: Path
    candidates: int = 0
    customers: int = 0
    wrong: list[Violation] = field(default_factory=list)
    _seen: Keys = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    def take(self, message: service_pb2.SolvePricesRequest) -> None:
        """All candidates of some customers. Call it from one thread at a time.

        Raises:
            InvalidRequest: A field breaks its rules, or reason FOREIGN_CURRENCY.
            ResourceExhausted: Reason TOO_MANY_CANDIDATES.
        """
        self.candidates += len(message.candidates)
        if self.candidates > MOST_CANDIDATES:
            told = (
                f"more than {MOST_CANDIDATES} candidates; send only those worth something, or fewer customers"
            )
            raise ResourceExhausted("TOO_MANY_CANDIDATES", told)
        read = _read(message.candidates, self.known)
        if not read.plain or read.currencies - {self.currency}:
            self._look_closer(message)
        names = list(dict.fromkeys(read.customer))
        self._refuse_repeated(read, names)
        if not self.wrong:
            self._append(_columns(read, names))

    def _look_closer(self, message: service_pb2.SolvePricesRequest) -> None:
        """Name what is wrong, candidate by candidate."""
        if faults := rules.violations(message):
            raise InvalidRequest(faults)
        valued = ((f"candidates[{k}].value", each.value) for k, each in enumerate(message.candidates))
        wire.demand_currency(valued, self.currency)
        remedy = "no budget has this resource; set one with SetBudgets, 0 if there is none of it"
        for k, candidate in enumerate(message.candidates):
            for u, use in enumerate(candidate.uses):
                if use.resource not in self.known:
                    self._refuse(f"candidates[{k}].uses[{u}].resource", use.resource, remedy)

    def _refuse_repeated(self, read: _Read, names: Sequence[str]) -> None:
        """Customers of earlier messages; those of this one are known from now on."""
        keys = np.sort(_keys(names))
        place = np.searchsorted(self._seen, keys)
        again = np.append(self._seen, 0)[place] == keys
        again &= place < len(self._seen)
        if again.any():
            repeated = set(keys[again].tolist())
            remedy = "an earlier message has candidates of this customer; send them all in one"
            for k, name in enumerate(read.customer):
                if _key(name) in repeated:
                    self._refuse(f"candidates[{k}].customer", name, remedy)
        self._seen = np.insert(self._seen, place[~again], keys[~again])
        self.customers += len(keys)

    def _refuse(self, path: str, value: str, remedy: str) -> None:
        if len(self.wrong) < MOST_VIOLATIONS:
            self.wrong.append(Violation.of(path, value, remedy))

    def _append(self, part: Columns) -> None:
        for each in fields(Columns):
            with (self.folder / each.name).open("ab") as file:
                getattr(part, each.name).tofile(file)


@dataclass(frozen=True)
class _Read:
    """One message's candidates, field by field, in their order.

    Args:
        resource: Place of each use's resource; -1 for one without a budget.
        plain: Every field that has a rule surely keeps it.
    """

    customer: list[str]
    action: list[str]
    value: Floats
    assumed: Flags
    uses: Ints
    resource: Places
    amount: Floats
    currencies: set[str]
    plain: bool

    @classmethod
    def of(cls, candidates: Sequence[price_pb2.Candidate], known: dict[str, int]) -> _Read:
        money = [each.value for each in candidates]
        uses = [each.uses for each in candidates]
        used = list(chain.from_iterable(uses))
        customer = [each.customer for each in candidates]
        action = [each.action for each in candidates]
        currencies = {each.currency_code for each in money}
        amount = np.array([each.amount for each in used], dtype=np.float64)
        counts = np.array([len(each) for each in uses], dtype=np.int64)
        resource = np.array([known.get(each.resource, -1) for each in used], dtype=np.int32)
        return cls(
            customer=customer,
            action=action,
            value=np.array([each.micros for each in money], dtype=np.float64) / wire.MICROS,
            assumed=np.array([each.assumed for each in candidates], dtype=np.bool_),
            uses=counts,
            resource=resource,
            amount=amount,
            currencies=currencies,
            plain=_texts(customer)
            and _texts(set(action))
            and "" not in currencies
            and bool((counts <= _MOST_USES).all())
            and bool(((amount >= 0) & (amount <= _MOST_AMOUNT)).all())
            and bool((resource >= 0).all()),
        )


def _read(candidates: Sequence[price_pb2.Candidate], known: dict[str, int]) -> _Read:
    """All candidates, some at a time: Python looks through all objects again and again when there are many."""
    parts = [
        _Read.of(candidates[first : first + _AT_A_TIME], known)
        for first in range(0, max(1, len(candidates)), _AT_A_TIME)
    ]
    return _Read(
        customer=list(chain.from_iterable(part.customer for part in parts)),
        action=list(chain.from_iterable(part.action for part in parts)),
        value=np.concatenate([part.value for part in parts]),
        assumed=np.concatenate([part.assumed for part in parts]),
        uses=np.concatenate([part.uses for part in parts]),
        resource=np.concatenate([part.resource for part in parts]),
        amount=np.concatenate([part.amount for part in parts]),
        currencies=set().union(*(part.currencies for part in parts)),
        plain=all(part.plain for part in parts),
    )


def _texts(names: Iterable[str]) -> bool:
    """None empty, too long or with a NUL."""
    longest = rules.MAX_LENGTH
    return all(name and len(name) <= longest and "\0" not in name for name in names)


def _columns(read: _Read, names: Sequence[str]) -> Columns:
    """In the order of the columns, without what is worth nothing; a resource named twice in a candidate is added up."""
    place = {name: i for i, name in enumerate(names)}
    customer = np.array([place[name] for name in read.customer], dtype=np.int64)
    ranks = {name: i for i, name in enumerate(sorted(set(read.action)))}
    action = np.array([ranks[name] for name in read.action], dtype=np.int64)
    order = np.lexsort((read.assumed, read.value, action, customer))
    order = order[read.value[order] > 0]
    owner, uses = spread(offsets(read.uses), order)
    resource, amount = read.resource[uses], read.amount[uses]
    counts, resource, amount = _added_up(len(order), owner, resource, amount)
    return Columns(
        customer=_keys(names),
        candidates=np.bincount(customer[order], minlength=len(names)).astype(np.int32),
        value=read.value[order],
        assumed=read.assumed[order],
        uses=counts.astype(np.int32),
        resource=resource,
        amount=amount,
    )


def _added_up(candidates: int, owner: Ints, resource: Places, amount: Floats) -> tuple[Ints, Places, Floats]:
    """(uses of each candidate, their resources in order, their amounts), without amounts of nothing."""
    some = amount >= _LEAST_AMOUNT
    owner, resource, amount = owner[some], resource[some], amount[some]
    order = np.lexsort((amount, resource, owner))
    owner, resource, amount = owner[order], resource[order], amount[order]
    new = np.ones(len(owner), dtype=np.bool_)
    new[1:] = (owner[1:] != owner[:-1]) | (resource[1:] != resource[:-1])
    starts = np.flatnonzero(new)
    added = np.add.reduceat(amount, starts) if len(starts) else amount
    return np.bincount(owner[starts], minlength=candidates), resource[starts], added


def _keys(names: Sequence[str]) -> Keys:
    """64 bits of each name: of a million names, two are taken for one once in 10^7 times."""
    digests = b"".join([blake2b(name.encode(), digest_size=_KEY_BYTES).digest() for name in names])
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _key(name: str) -> int:
    return int(_keys([name])[0])
