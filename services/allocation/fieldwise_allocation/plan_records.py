"""Plans as they are kept and read: messages to rows and back, assignments apart from the figures; knows no solver and no verb."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import sqlalchemy as sa
from google.protobuf.message import Message

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2
from fieldwise_allocation import store_plans, uploading
from fieldwise_allocation.store_plans import Event, Record
from fieldwise_runtime.errors import FailedPrecondition, NotFound
from fieldwise_runtime.fingerprints import fingerprint

# Begins the names of accounts whose customers were erased.
NAMELESS = "erased/"

M_contra = TypeVar("M_contra", bound=Message, contravariant=True)

# Makes a plan inside a transaction and gives its name.
Make = Callable[[sa.Connection], str]

# Assignments in one row: one page of a list, about 300 kB compressed.
CHUNK = 10_000
# Messages copied into another in one go: Python runs nothing else meanwhile, and two thousand take a millisecond.
AT_A_TIME = 2_000
# A plan of more accounts is read without its assignments: ListAssignments pages them.
MOST_IN_PLAN = 50_000
# Plans keep at most so many of the rules they break; how many there are is kept beside.
MOST_BREACHES = 200
# Fastest: the question of 10,000 accounts is written while somebody waits for a re-plan of half a second.
_LEVEL = 1


class _Repeated(Protocol[M_contra]):
    """A repeated field of messages."""

    def extend(self, messages: Iterable[M_contra], /) -> None: ...


@dataclass(frozen=True)
class Origin:
    """Where a plan comes from.

    Args:
        parent: `plans/{uuid}`, empty for a root.
        kind: PlanOrigin of the contract.
        changes: What differs from the parent, in words.
        actor: Who asked for it.
    """

    parent: str = ""
    kind: plan_life_pb2.PlanOrigin.ValueType = plan_life_pb2.PLAN_ORIGIN_SOLVED
    changes: tuple[str, ...] = ()
    display_name: str = ""
    actor: str = ""
    note: str = ""


# ---- writing ------------------------------------------------------------------------------------------------------


def keep(
    connection: sa.Connection,
    plan: plan_pb2.TerritoryPlan,
    asked: service_pb2.PlanTerritoriesRequest | None,
    origin: Origin,
) -> None:
    """Store a new plan whole: figures, assignments, question, place in the tree, the first line of its history.

    Args:
        plan: With its name and all its assignments; its place in the tree is filled in.
        asked: What it answers, with the reps filled in; None when that was not kept.
    """
    key = _keep_question(connection, asked) if asked is not None else ""
    keep_under(connection, plan, key, origin)


def keep_under(
    connection: sa.Connection, plan: plan_pb2.TerritoryPlan, question: str, origin: Origin
) -> None:
    """Store a new plan that answers a question which is kept already, by its fingerprint."""
    plan.accounts = len(plan.assignments)
    _keep_figures(connection, plan, question, origin, _packed(plan.assignments))


def keep_copy(connection: sa.Connection, plan: plan_pb2.TerritoryPlan, origin: Origin) -> None:
    """Store a copy of the plan that ``origin`` names as its parent: its figures under a new name, its assignments unread.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
    """
    parent = found(connection, origin.parent)
    inline = plan_pb2.TerritoryPlan.FromString(store_plans.body(connection, origin.parent) or b"").assignments
    _keep_figures(connection, plan, parent.question, origin, _packed(inline))
    if not inline:
        store_plans.copy_chunks(connection, origin.parent, plan.name)


def _keep_figures(
    connection: sa.Connection,
    plan: plan_pb2.TerritoryPlan,
    question: str,
    origin: Origin,
    chunks: Iterable[bytes],
) -> None:
    plan.parent, plan.origin, plan.display_name = origin.parent, origin.kind, origin.display_name
    plan.state = plan_life_pb2.PLAN_STATE_DRAFT
    plan.changes[:] = origin.changes
    figures = plan_pb2.TerritoryPlan()
    figures.CopyFrom(plan)
    figures.ClearField("assignments")
    record = Record(plan.name, origin.parent, plan.state, question)
    store_plans.add(connection, record, figures.SerializeToString(), chunks)
    at = plan.create_time.ToNanoseconds()
    made = Event(plan.name, plan_life_pb2.PLAN_EVENT_KIND_MADE, at, origin.actor, origin.note)
    store_plans.add_event(connection, made)


def _keep_question(connection: sa.Connection, asked: service_pb2.PlanTerritoriesRequest) -> str:
    key = question_key(asked)
    if not store_plans.has_question(connection, key):
        store_plans.keep_question(connection, key, packed_question(asked))
    return key


def question_key(asked: service_pb2.PlanTerritoriesRequest) -> str:
    """What tells a question from others: all that is asked, not when and by whom."""
    return fingerprint(asked, ignoring=("request_id", "decision_time", "fingerprint", "start_from"))


def packed_question(asked: service_pb2.PlanTerritoriesRequest) -> bytes:
    """A question as bytes to keep."""
    return zlib.compress(asked.SerializeToString(), _LEVEL)


def _packed(assignments: Sequence[plan_pb2.Assignment]) -> Iterator[bytes]:
    for first in range(0, len(assignments), CHUNK):
        yield packed_chunk(assignments[first : first + CHUNK])


def packed_chunk(assignments: Iterable[plan_pb2.Assignment]) -> bytes:
    """A stretch of assignments as bytes to keep."""
    part = service_pb2.ListAssignmentsResponse(assignments=assignments)
    return zlib.compress(part.SerializeToString(), _LEVEL)


def nameless(place: int) -> str:
    """What stands for an account of a forgotten customer, at this place in the order of the question."""
    return f"{NAMELESS}{place}"


# ---- reading ------------------------------------------------------------------------------------------------------


def found(connection: sa.Connection, name: str) -> Record:
    """The plan's place.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
    """
    record = store_plans.record(connection, name)
    if record is None:
        raise NotFound(
            name, "ListPlans names those there are, PlanTerritories makes plans", reason="PLAN_NOT_FOUND"
        )
    return record


def figures(connection: sa.Connection, name: str) -> plan_pb2.TerritoryPlan:
    """The plan without its assignments.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
    """
    record = found(connection, name)
    plan = figures_of(record, store_plans.body(connection, name) or b"")
    plan.ClearField("assignments")
    return plan


def figures_of(record: Record, body: bytes) -> plan_pb2.TerritoryPlan:
    """A plan read from its row; assignments only where they lie in the body, as they did before they had rows of their own."""
    plan = plan_pb2.TerritoryPlan.FromString(body)
    plan.state = plan_life_pb2.PlanState.ValueType(record.state)
    plan.applied = record.state == plan_life_pb2.PLAN_STATE_APPLIED
    plan.accounts = plan.accounts or len(plan.assignments)
    return plan


def whole(connection: sa.Connection, name: str, *, most: int | None = MOST_IN_PLAN) -> plan_pb2.TerritoryPlan:
    """The plan with its assignments, which are left out when there are more than ``most``.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
    """
    plan = figures(connection, name)
    if most is None or plan.accounts <= most:
        append(plan.assignments, assignments(connection, name))
    return plan


def append(into: _Repeated[M_contra], messages: Sequence[M_contra]) -> None:
    """Copy messages into a field, a few at a time: while many are copied no other thread gets a turn."""
    for first in range(0, len(messages), AT_A_TIME):
        into.extend(messages[first : first + AT_A_TIME])


def assignments(
    connection: sa.Connection, name: str, first: int = 0, most: int | None = None
) -> list[plan_pb2.Assignment]:
    """Assignments of a plan from number ``first`` on, in the order of its accounts."""
    begin = first // CHUNK
    wanted = None if most is None else -(-(first + most) // CHUNK) - begin
    read = list(each_assignment(connection, name, begin, wanted))
    skipped = first - begin * CHUNK
    return read[skipped : None if most is None else skipped + most]


def each_assignment(
    connection: sa.Connection, name: str, chunk: int = 0, most_chunks: int | None = None
) -> Iterator[plan_pb2.Assignment]:
    """Assignments of a plan from a chunk on, read chunk by chunk."""
    inline = plan_pb2.TerritoryPlan.FromString(store_plans.body(connection, name) or b"").assignments
    end = None if most_chunks is None else (chunk + most_chunks) * CHUNK
    yield from inline[chunk * CHUNK : end]
    for raw in store_plans.chunks(connection, name, first=chunk, most=most_chunks):
        yield from service_pb2.ListAssignmentsResponse.FromString(zlib.decompress(raw)).assignments


def rep_of(connection: sa.Connection, name: str) -> dict[str, str]:
    """The rep of each account that has one, forgotten customers left out."""
    return {
        each.account: each.rep
        for each in each_assignment(connection, name)
        if each.rep and not each.account.startswith(NAMELESS)
    }


def question(connection: sa.Connection, name: str) -> service_pb2.PlanTerritoriesRequest:
    """What the plan answers, reps filled in; its accounts as `accounts_of` reads them.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
        FailedPrecondition: Reason NO_QUESTION, the plan was made before questions were kept.
    """
    body = store_plans.question(connection, found(connection, name).question)
    if body is None:
        message = f"{name} was made before questions were kept; make a new plan with PlanTerritories"
        raise FailedPrecondition("NO_QUESTION", message, metadata={"plan": name})
    return service_pb2.PlanTerritoriesRequest.FromString(zlib.decompress(body))


def question_with_accounts(connection: sa.Connection, name: str) -> service_pb2.PlanTerritoriesRequest:
    """What the plan answers, reps and accounts filled in.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
        FailedPrecondition: Reason NO_QUESTION, it was not kept, or its account set is gone.
    """
    asked = question(connection, name)
    if asked.account_set:
        append(asked.accounts, _uploaded(connection, name, asked.account_set))
    return asked


def _uploaded(connection: sa.Connection, name: str, account_set: str) -> list[plan_pb2.Account]:
    try:
        return list(uploading.accounts_of(connection, account_set))
    except NotFound:
        message = f"{name} was made from {account_set}, which is gone; make a new plan with PlanTerritories"
        raise FailedPrecondition("NO_QUESTION", message, metadata={"plan": name}) from None
