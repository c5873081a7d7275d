"""The whole house: traces, budgets, kills and starts, one after the other on the installation that was loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.decide import budgets, killing, starting, tracing
from benchmarks.decide.company import Company
from benchmarks.processes import peak_memory_mib
from benchmarks.report import Report, Row


@dataclass(frozen=True)
class Plan:
    """How many decisions are traced, and how many are made one by one against the budgets."""

    traced: int
    one_by_one: int


QUICK = Plan(traced=200, one_by_one=1_000)
FULL = Plan(traced=1_000, one_by_one=10_000)


async def measure(company: Company, customers: Sequence[str], report: Report, plan: Plan) -> None:
    """Traces first, while the receiver has been restarted by nobody; kills last."""
    await tracing.measure(company, customers, report, plan.traced)
    await budgets.measure(company, customers, report, plan.one_by_one)
    memory = peak_memory_mib([company.supervisor.pid, *company.pids().values()])
    report.add(Row("peak memory of all processes, everything asked (sum of VmHWM)", memory, "MiB"))
    await killing.measure(company, customers, report)


def finish(company: Company, report: Report) -> None:
    """Stop the installation, and start it and empty ones anew."""
    company.stop()
    starting.measure(company.data, report)
