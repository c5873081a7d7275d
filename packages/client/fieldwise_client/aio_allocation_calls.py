"""The asyncio client's calls about plans, resources, visits and prices. Thin; requests are in modules of their own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime

from fieldwise.allocation.v1 import account_service_pb2 as accounts_pb
from fieldwise.allocation.v1 import allocation_service_pb2 as allocation
from fieldwise.allocation.v1 import plan_pb2, price_pb2, rep_pb2, visit_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb
from fieldwise.allocation.v1 import resource_service_pb2 as resources_pb
from fieldwise.allocation.v1 import task_service_pb2 as tasks_pb
from fieldwise.allocation.v1 import territory_service_pb2 as territories_pb
from fieldwise.allocation.v1 import visit_service_pb2 as visits_pb
from fieldwise.allocation.v1.plan_change_pb2 import PlanChange
from fieldwise.allocation.v1.plan_life_pb2 import PlanEvent
from fieldwise.allocation.v1.resource_pb2 import EffortCell
from fieldwise_client import account_requests as of_accounts
from fieldwise_client import plan_requests as of_plans
from fieldwise_client import price_requests as of_prices
from fieldwise_client import resource_requests as of_resources
from fieldwise_client import task_requests as of_tasks
from fieldwise_client import territory_requests as of_territories
from fieldwise_client import visit_requests as of_visits
from fieldwise_client.aio_caller import AsyncCaller
from fieldwise_client.allocation_requests import SOLVE_SECONDS, Told, finished
from fieldwise_client.decision import Money


class AsyncAllocationCalls(AsyncCaller):
    """Plans and prices. Long ones wait for their end; Ctrl-C, or an error in ``progress``, cancels them."""

    # Accounts by the million

    async def upload_accounts(
        self,
        accounts: Iterable[plan_pb2.Account],
        *,
        account_set: str = "",
        request_id: str | None = None,
        timeout: float = of_accounts.CHUNK_SECONDS,
    ) -> accounts_pb.AccountSet:
        """Send accounts in chunks, for `plan_uploaded`; ``timeout`` is for each chunk.

        After a break give the same accounts and the ``account_set`` that was begun: what is there is not sent again.
        """
        talk = of_accounts.upload_accounts(accounts, account_set, request_id, self._within(timeout))
        return await self._lead(talk)

    async def account_set(self, name: str, *, timeout: float | None = None) -> accounts_pb.AccountSet:
        """What of a set is there."""
        return await self._send(of_accounts.GET_ACCOUNT_SET, of_accounts.account_set(name), timeout)

    async def account_sets(
        self, *, timeout: float | None = None
    ) -> AsyncGenerator[accounts_pb.AccountSet, None]:
        """All sets, newest first."""
        request = accounts_pb.ListAccountSetsRequest()
        async for page in self._pages(of_accounts.LIST_ACCOUNT_SETS, request, self._within(timeout)):
            for known in page.account_sets:
                yield known

    async def delete_account_set(self, name: str, *, timeout: float | None = None) -> None:
        """Remove a set; plans made from it stay."""
        await self._send(of_accounts.DELETE_ACCOUNT_SET, of_accounts.delete_account_set(name), timeout)

    async def plan_uploaded(
        self,
        account_set: str,
        reps: Iterable[rep_pb2.Rep] = (),
        *,
        rules: plan_pb2.TerritoryRules | None = None,
        start_from: str = "",
        progress: Told | None = None,
        request_id: str | None = None,
        timeout: float = SOLVE_SECONDS,
    ) -> plan_pb2.TerritoryPlan:
        """Plan territories for uploaded accounts and wait for the plan; `assignments` gives who serves whom."""
        request = of_accounts.plan_uploaded(account_set, reps, rules, start_from, request_id)
        talk = finished(
            of_accounts.PLAN_TERRITORIES, request, plan_pb2.TerritoryPlan, self._within(timeout), progress
        )
        return await self._lead(talk)

    async def watch_plan(
        self, operation: str, *, timeout: float = SOLVE_SECONDS
    ) -> AsyncGenerator[allocation.WatchPlanResponse, None]:
        """News of a plan being made, to its end; the last names the plan."""
        request = of_accounts.watch_plan(operation)
        async with aclosing(self._receive(of_accounts.WATCH_PLAN, request, self._within(timeout))) as news:
            async for each in news:
                yield each

    async def assignments(
        self, plan: str, *, timeout: float | None = None
    ) -> AsyncGenerator[plan_pb2.Assignment, None]:
        """Who serves whom in a plan, page by page."""
        request = of_accounts.assignments(plan)
        async for page in self._pages(of_accounts.LIST_ASSIGNMENTS, request, self._within(timeout)):
            for assignment in page.assignments:
                yield assignment

    # Plans once they are made

    async def plans(
        self, *, parent: str = "", timeout: float | None = None
    ) -> AsyncGenerator[plan_pb2.TerritoryPlan, None]:
        """All plans, or those made from one, newest first, without assignments and loads."""
        request = plans_pb.ListPlansRequest(parent=of_plans.plan_name(parent))
        async for page in self._pages(of_plans.LIST_PLANS, request, self._within(timeout)):
            for each in page.plans:
                yield each

    async def plan_question(self, plan: str, *, timeout: float | None = None) -> plans_pb.PlanQuestion:
        """The reps and rules that a plan answers."""
        request = plans_pb.GetPlanQuestionRequest(name=of_plans.plan_name(plan))
        return await self._send(of_plans.GET_QUESTION, request, timeout)

    async def plan_accounts(
        self, plan: str, *, timeout: float = of_plans.MEASURE_SECONDS
    ) -> AsyncGenerator[plan_pb2.Account, None]:
        """The accounts that a plan answers for, page by page."""
        request = plans_pb.ListPlanAccountsRequest(plan=of_plans.plan_name(plan))
        async for page in self._pages(of_plans.LIST_ACCOUNTS, request, self._within(timeout)):
            for each in page.accounts:
                yield each

    async def copy_plan(
        self,
        plan: str,
        *,
        display_name: str = "",
        request_id: str | None = None,
        timeout: float = of_plans.MEASURE_SECONDS,
    ) -> plan_pb2.TerritoryPlan:
        """A child with the same question and assignments."""
        return await self._send(of_plans.COPY, of_plans.copy_plan(plan, display_name, request_id), timeout)

    async def import_plan(
        self,
        parent: str,
        rep_of: Mapping[str, str],
        *,
        display_name: str = "",
        actor: str = "",
        request_id: str | None = None,
        timeout: float = of_plans.MEASURE_SECONDS,
    ) -> plan_pb2.TerritoryPlan:
        """Bring in an earlier practice, measured by the parent's question; rules it breaks are in ``breaches``."""
        request = of_plans.import_plan(parent, rep_of, display_name, actor, request_id)
        return await self._send(of_plans.IMPORT, request, timeout)

    async def replan(
        self,
        parent: str,
        changes: Iterable[PlanChange] = (),
        *,
        from_today: bool = False,
        whole: bool = False,
        display_name: str = "",
        actor: str = "",
        progress: Told | None = None,
        request_id: str | None = None,
        timeout: float = SOLVE_SECONDS,
    ) -> plan_pb2.TerritoryPlan:
        """What if: plan again after changes, and wait for the plan, a child of the one it starts from.

        Moves are counted from the parent's plan, or ``from_today``; ``whole`` solves anew instead of repairing.
        """
        request = of_plans.replan(
            parent,
            changes,
            from_today=from_today,
            whole=whole,
            display_name=display_name,
            actor=actor,
            request_id=request_id,
        )
        talk = finished(of_plans.REPLAN, request, plan_pb2.TerritoryPlan, self._within(timeout), progress)
        return await self._lead(talk)

    async def compare_plans(
        self, plan: str, base: str = "", *, most_moves: int = 0, timeout: float = of_plans.MEASURE_SECONDS
    ) -> plans_pb.PlanComparison:
        """A plan beside another one; without ``base``, beside what the company has today."""
        return await self._send(of_plans.COMPARE, of_plans.compare_plans(plan, base, most_moves), timeout)

    async def override_plan(
        self,
        plan: str,
        rep_of: Mapping[str, str],
        *,
        accept_broken_rules: bool = False,
        validate_only: bool = False,
        display_name: str = "",
        actor: str = "",
        note: str = "",
        request_id: str | None = None,
        timeout: float = of_plans.MEASURE_SECONDS,
    ) -> plans_pb.OverridePlanResponse:
        """Give accounts to reps by hand, as a child; the answer says what that costs and what would do instead."""
        request = of_plans.override_plan(
            plan,
            rep_of,
            accept_broken_rules=accept_broken_rules,
            validate_only=validate_only,
            display_name=display_name,
            actor=actor,
            note=note,
            request_id=request_id,
        )
        return await self._send(of_plans.OVERRIDE, request, timeout)

    async def approve_plan(
        self,
        plan: str,
        *,
        actor: str,
        note: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> plan_pb2.TerritoryPlan:
        """Approve a draft."""
        return await self._send(
            of_plans.APPROVE, of_plans.approve_plan(plan, actor, note, request_id), timeout
        )

    async def roll_back_plan(
        self,
        *,
        in_force: str = "",
        actor: str = "",
        note: str = "",
        request_id: str | None = None,
        timeout: float = of_plans.MEASURE_SECONDS,
    ) -> plan_pb2.TerritoryPlan:
        """Put the plan that was in force before in force again; ``in_force`` is refused when another one is."""
        request = of_plans.roll_back_plan(in_force, actor, note, request_id)
        return await self._send(of_plans.ROLL_BACK, request, timeout)

    async def delete_plan(
        self, plan: str, *, with_children: bool = False, actor: str = "", timeout: float | None = None
    ) -> None:
        """Remove a plan; its history stays."""
        await self._send(
            of_plans.DELETE, of_plans.delete_plan(plan, actor, with_children=with_children), timeout
        )

    async def plan_events(
        self, plan: str = "", *, timeout: float | None = None
    ) -> AsyncGenerator[PlanEvent, None]:
        """What happened to plans, or to one, newest first."""
        request = plans_pb.ListPlanEventsRequest(plan=of_plans.plan_name(plan))
        async for page in self._pages(of_plans.LIST_EVENTS, request, self._within(timeout)):
            for each in page.events:
                yield each

    async def assignment(
        self, account: str, *, timeout: float | None = None
    ) -> plans_pb.GetAssignmentResponse:
        """Who serves an account now, by which plan and why."""
        request = plans_pb.GetAssignmentRequest(account=account)
        return await self._send(of_plans.GET_ASSIGNMENT, request, timeout)

    # Territories before there is a plan

    async def explain_infeasibility(
        self,
        accounts: Iterable[plan_pb2.Account],
        reps: Iterable[rep_pb2.Rep] = (),
        *,
        rules: plan_pb2.TerritoryRules | None = None,
        timeout: float = of_territories.EXPLAIN_SECONDS,
    ) -> territories_pb.ExplainInfeasibilityResponse:
        """The fewest rules of a question that cannot hold together, and the smallest changes that help."""
        request = of_territories.explain_infeasibility(accounts, reps, rules)
        return await self._send(of_territories.EXPLAIN, request, timeout)

    # Prices

    async def price_set(self, version: int | str, *, timeout: float | None = None) -> price_pb2.PriceSet:
        """The prices of one version, such as 3 or ``priceSets/3``."""
        return await self._send(of_prices.GET_PRICE_SET, of_prices.price_set(version), timeout)

    async def price_history(
        self, *, since: datetime | None = None, until: datetime | None = None, timeout: float | None = None
    ) -> AsyncGenerator[price_pb2.PriceSet, None]:
        """All prices that held at ``since`` or later and before ``until``, newest first, fetched page by page."""
        request = of_prices.price_sets(since, until)
        async for page in self._pages(of_prices.LIST_PRICE_SETS, request, self._within(timeout)):
            for prices in page.price_sets:
                yield prices

    # Scarce means

    async def fit_curves(
        self, cells: Iterable[EffortCell], *, timeout: float = of_resources.SHARE_OUT_SECONDS
    ) -> resources_pb.FitCurvesResponse:
        """Curves of cells from observations or judgements."""
        return await self._send(of_resources.FIT_CURVES, of_resources.fit_curves(cells), timeout)

    async def allocate_budget(
        self,
        question: resources_pb.EffortQuestion,
        *,
        frontier_shares: Sequence[float] = (),
        timeout: float = of_resources.SHARE_OUT_SECONDS,
    ) -> resources_pb.BudgetPlan:
        """Share people, material and money out: a level for each cell, a price for each rule."""
        request = of_resources.allocate_budget(question, frontier_shares)
        return await self._send(of_resources.ALLOCATE_BUDGET, request, timeout)

    async def watch_budget(
        self,
        question: resources_pb.EffortQuestion,
        *,
        frontier_shares: Sequence[float] = (),
        timeout: float = of_resources.SHARE_OUT_SECONDS,
    ) -> AsyncGenerator[resources_pb.WatchBudgetResponse, None]:
        """As `allocate_budget`, with news of how far it is; the last holds the plan. Leaving it gives the work up."""
        request = of_resources.watch_budget(question, frontier_shares)
        async with aclosing(self._receive(of_resources.WATCH_BUDGET, request, self._within(timeout))) as news:
            async for each in news:
                yield each

    async def size_force(
        self,
        question: resources_pb.EffortQuestion,
        resource: str,
        per_rep: float,
        cost_per_rep: Money,
        *,
        fewest: int = 1,
        most: int = 50,
        timeout: float = of_resources.SHARE_OUT_SECONDS,
    ) -> resources_pb.SizeForceResponse:
        """How many reps pay, each bringing ``per_rep`` of a resource."""
        request = of_resources.size_force(question, resource, per_rep, cost_per_rep, fewest, most)
        return await self._send(of_resources.SIZE_FORCE, request, timeout)

    async def reach_target(
        self,
        question: resources_pb.EffortQuestion,
        target: Money,
        *,
        probability: float | None = None,
        common_spread: float | None = None,
        timeout: float = of_resources.SHARE_OUT_SECONDS,
    ) -> resources_pb.ReachTargetResponse:
        """The cheapest plan that reaches a sales target with a probability (default .9)."""
        request = of_resources.reach_target(question, target, probability, common_spread)
        return await self._send(of_resources.REACH_TARGET, request, timeout)

    # Visits

    async def plan_visits(
        self,
        stops: Iterable[visit_pb2.VisitStop],
        reps: Iterable[visit_pb2.VisitingRep],
        *,
        rules: visit_pb2.VisitRules | None = None,
        matrix: visit_pb2.TravelMatrix | None = None,
        progress: Told | None = None,
        request_id: str | None = None,
        timeout: float = of_visits.PLAN_SECONDS,
    ) -> visit_pb2.VisitPlan:
        """Plan whom to visit when and in which order, and wait for the plan; `day_visits` gives its days."""
        request = of_visits.plan_visits(stops, reps, rules, matrix, request_id)
        talk = finished(of_visits.PLAN, request, visit_pb2.VisitPlan, self._within(timeout), progress)
        return await self._lead(talk)

    async def visit_plan(self, name: str, *, timeout: float | None = None) -> visit_pb2.VisitPlan:
        """One plan of visits, its days left out."""
        return await self._send(of_visits.GET, of_visits.visit_plan(name), timeout)

    async def day_visits(
        self, plan: str, *, timeout: float | None = None
    ) -> AsyncGenerator[visit_pb2.DayVisits, None]:
        """The days of a plan of visits, by rep and day."""
        request = of_visits.day_visits(plan)
        async for page in self._pages(of_visits.LIST_DAYS, request, self._within(timeout)):
            for day in page.days:
                yield day

    async def delete_visit_plan(self, name: str, *, timeout: float | None = None) -> None:
        """Remove a plan of visits and its days."""
        await self._send(of_visits.DELETE, of_visits.delete_visit_plan(name), timeout)

    async def rank_outreach(
        self,
        candidates: Iterable[visits_pb.OutreachCandidate],
        capacities: Iterable[visits_pb.OutreachCapacity],
        *,
        timeout: float = of_visits.PLAN_SECONDS,
    ) -> visits_pb.RankOutreachResponse:
        """Whom each rep should turn to first on each day, within his minutes."""
        return await self._send(of_visits.RANK, of_visits.rank_outreach(candidates, capacities), timeout)

    # Items and agents

    async def assign_tasks(
        self,
        items: Iterable[tasks_pb.Item],
        agents: Iterable[tasks_pb.Agent],
        pairs: Iterable[tasks_pb.TaskPair] = (),
        *,
        most_profit: bool = False,
        only_listed_pairs: bool = False,
        time_limit: float = 0.0,
        progress: Told | None = None,
        request_id: str | None = None,
        timeout: float = SOLVE_SECONDS,
    ) -> tasks_pb.TaskPlan:
        """Give every item to an agent within the agents' capacities, at least cost or for most profit."""
        request = of_tasks.assign_tasks(
            items, agents, pairs, most_profit, only_listed_pairs, time_limit, request_id
        )
        talk = finished(of_tasks.ASSIGN_TASKS, request, tasks_pb.TaskPlan, self._within(timeout), progress)
        return await self._lead(talk)
