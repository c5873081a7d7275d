"""Messages of TaskService to core values and back; knows no rule beyond the defaults."""

from __future__ import annotations

from collections import Counter

from fieldwise.allocation.v1 import task_service_pb2 as task_pb2
from fieldwise_allocation.core.assignment.check import terms
from fieldwise_allocation.core.assignment.plan import Plan
from fieldwise_allocation.core.assignment.question import Agent, Item, Pair, Question
from fieldwise_runtime.errors import InvalidRequest, Violation

USUAL_SECONDS = 10.0


def question_from(request: task_pb2.AssignTasksRequest) -> Question:
    """The question in a request.

    Raises:
        InvalidRequest: A time limit below a second, an aim that is none.
    """
    limit = request.time_limit_seconds
    if 0 < limit < 1:
        remedy = "give 1 to 600, or 0 for 10"
        raise InvalidRequest([Violation.of("time_limit_seconds", limit, remedy)])
    return Question(
        items=tuple(_item(item) for item in request.items),
        agents=tuple(_agent(agent) for agent in request.agents),
        pairs=tuple(_pair(pair) for pair in request.pairs),
        only_listed=request.only_listed_pairs,
        profit=request.aim == task_pb2.AssignTasksRequest.AIM_MOST_PROFIT,
        seconds=limit or USUAL_SECONDS,
    )


def _item(message: task_pb2.Item) -> Item:
    return Item(
        message.name,
        use=message.use if message.HasField("use") else 1.0,
        cost=message.cost,
        leave_out=message.leave_out if message.HasField("leave_out") else None,
    )


def _agent(message: task_pb2.Agent) -> Agent:
    return Agent(
        message.name,
        capacity=message.capacity if message.HasField("capacity") else None,
        most=message.most_items if message.HasField("most_items") else None,
    )


def _pair(message: task_pb2.TaskPair) -> Pair:
    return Pair(
        message.item,
        message.agent,
        cost=message.cost if message.HasField("cost") else None,
        use=message.use if message.HasField("use") else None,
        forbidden=message.forbidden,
    )


def plan_message(question: Question, plan: Plan) -> task_pb2.TaskPlan:
    """The plan without its moment and its seconds."""
    pairs = {(pair.item, pair.agent): pair for pair in question.pairs}
    used = dict.fromkeys([*(agent.name for agent in question.agents), ""], 0.0)
    message = task_pb2.TaskPlan(objective=plan.objective, bound=plan.bound, gap=plan.gap)
    for item, agent in zip(question.items, plan.agent_of, strict=True):
        cost, use = terms(item, agent, pairs)
        message.assignments.add(item=item.name, agent=agent, cost=cost, use=use)
        used[agent] += use
    number = Counter(plan.agent_of)
    message.left_out = number[""]
    message.loads.extend(
        task_pb2.AgentLoad(
            agent=agent.name,
            items=number[agent.name],
            used=used[agent.name],
            capacity_price=unit,
            item_price=item,
        )
        for agent, unit, item in zip(question.agents, plan.capacity_prices, plan.item_prices, strict=True)
    )
    return message
