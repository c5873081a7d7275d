"""Requests about uploaded accounts, and about plans of so many that they come in pages. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from fieldwise.allocation.v1 import account_service_pb2 as accounts_pb
from fieldwise.allocation.v1 import allocation_service_pb2 as allocation
from fieldwise.allocation.v1 import plan_pb2, rep_pb2
from fieldwise_client.allocation_requests import of_allocation
from fieldwise_client.names import new_request_id, resource
from fieldwise_client.talks import Patience, Talk, ask

# Most accounts of one message of the contract.
CHUNK = 10_000
# For one chunk on a busy machine.
CHUNK_SECONDS = 60.0

CREATE_ACCOUNT_SET = of_allocation("AccountService", "CreateAccountSet", accounts_pb.AccountSet)
APPEND_ACCOUNTS = of_allocation("AccountService", "AppendAccounts", accounts_pb.AccountSet)
GET_ACCOUNT_SET = of_allocation("AccountService", "GetAccountSet", accounts_pb.AccountSet)
LIST_ACCOUNT_SETS = of_allocation("AccountService", "ListAccountSets", accounts_pb.ListAccountSetsResponse)
DELETE_ACCOUNT_SET = of_allocation("AccountService", "DeleteAccountSet", empty_pb2.Empty)
PLAN_TERRITORIES = of_allocation("AllocationService", "PlanTerritories", operations_pb2.Operation)
WATCH_PLAN = of_allocation("AllocationService", "WatchPlan", allocation.WatchPlanResponse)
LIST_ASSIGNMENTS = of_allocation("AllocationService", "ListAssignments", allocation.ListAssignmentsResponse)


def upload_accounts(
    accounts: Iterable[plan_pb2.Account], account_set: str, request_id: str | None, patience: Patience
) -> Talk[accounts_pb.AccountSet]:
    """Send accounts chunk by chunk; into a set that was begun before, from where it ends."""
    if account_set:
        request = accounts_pb.GetAccountSetRequest(name=resource("accountSets", account_set))
        known = yield from ask(GET_ACCOUNT_SET, request, patience)
    else:
        new = accounts_pb.CreateAccountSetRequest(request_id=request_id or new_request_id())
        known = yield from ask(CREATE_ACCOUNT_SET, new, patience)
    left = islice(accounts, known.next_sequence * CHUNK, None)
    while chunk := list(islice(left, CHUNK)):
        append = accounts_pb.AppendAccountsRequest(
            account_set=known.name, sequence=known.next_sequence, accounts=chunk
        )
        known = yield from ask(APPEND_ACCOUNTS, append, patience)
    return known


def account_set(name: str) -> accounts_pb.GetAccountSetRequest:
    return accounts_pb.GetAccountSetRequest(name=resource("accountSets", name))


def delete_account_set(name: str) -> accounts_pb.DeleteAccountSetRequest:
    return accounts_pb.DeleteAccountSetRequest(name=resource("accountSets", name))


def plan_uploaded(
    account_set: str,
    reps: Iterable[rep_pb2.Rep],
    rules: plan_pb2.TerritoryRules | None,
    start_from: str,
    request_id: str | None,
) -> allocation.PlanTerritoriesRequest:
    return allocation.PlanTerritoriesRequest(
        request_id=request_id or new_request_id(),
        reps=reps,
        rules=rules,
        start_from=resource("plans", start_from) if start_from else "",
        account_set=resource("accountSets", account_set),
    )


def watch_plan(operation: str) -> allocation.WatchPlanRequest:
    return allocation.WatchPlanRequest(name=operation)


def assignments(plan: str) -> allocation.ListAssignmentsRequest:
    return allocation.ListAssignmentsRequest(plan=resource("plans", plan))
