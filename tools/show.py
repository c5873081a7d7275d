"""Prints the figures that rows 1, 2, 32, 44 and 59 of docs/mission.md claim, from the demo world in a folder of its own.

`python tools/show.py`: starts an installation as a user would, waits for the demo, asks its doors, stops it. About two minutes.
"""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # `tests` is no package of the environment

from fieldwise.allocation.v1 import plan_pb2  # noqa: E402  # after the path is set, as all below
from fieldwise.gateway.v1 import gateway_service_pb2 as pb  # noqa: E402
from fieldwise.gateway.v1 import traces_service_pb2 as traces_pb  # noqa: E402
from fieldwise.recommend.v1 import decision_pb2  # noqa: E402
from fieldwise_client.waterfall import accounted_services  # noqa: E402
from tests.system.installation import Running, free_port_base  # noqa: E402
from tests.system.small_world import purchase  # noqa: E402

DECISIONS = 100
TIMED = 1000
BATCH = 64
SERVICES = {f"fieldwise-{name}" for name in ("gateway", "profile", "forecast", "allocation", "recommend")}


@contextmanager
def demo() -> Iterator[Running]:
    """The demo world, running; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="fieldwise-show-") as folder:
        base = free_port_base()
        command = [sys.executable, "-m", "fieldwise_client.cli", "up", "--demo"]
        process = subprocess.Popen(
            [*command, "--data", folder, "--port-base", str(base)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            wait_for_screen(process)
            # Its lines must be read, or it stands still when the pipe is full.
            threading.Thread(target=drain, args=(process,), daemon=True).start()
            yield Running(process, Path(folder), base)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


def wait_for_screen(process: subprocess.Popen[str]) -> None:
    """Read what the demo prints until its last screen; raises SystemExit with all of it when it ends before."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Next"):
            return
    sys.exit("the demo ended before its decision:\n" + "".join(lines))


def drain(process: subprocess.Popen[str]) -> None:
    """Read until the process ends."""
    if process.stdout is not None:
        process.stdout.read()


def tell(label: str, value: float | str, meaning: str = "") -> None:
    """One figure on a line of its own, as tools/mission.py reads it."""
    shown = value if isinstance(value, str) else f"{value:,.6g}"
    print(f"{label} = {shown}{'   # ' + meaning if meaning else ''}", flush=True)


def whole(trace: traces_pb.Trace) -> bool:
    """All five services sent their spans or are linked as held, and every span has its parent."""
    arrived = accounted_services(trace) >= SERVICES
    return arrived and not trace.missing_services and not trace.orphans


def show_traces(company: Running, customers: list[str]) -> None:
    """Row 1: one decision, one trace through all services."""
    decisions = [company.decide(customer) for customer in customers[:DECISIONS]]
    traces = [company.trace(decision.name, whole) for decision in decisions]
    tell("decisions traced", len(traces))
    tell("services in the first trace", len({span.service for span in traces[0].spans}))
    tell("traces that are not whole", sum(not whole(trace) for trace in traces))


def show_lift(company: Running) -> None:
    """Row 2: accuracy (1 - WAPE) against naive, on weeks later than any the model was chosen on."""
    lift = company.gateway.ForecastSeries(pb.ForecastSeriesRequest(), timeout=30).lift
    tell("accuracy of the model", lift.accuracy, "1 - WAPE on later, unseen weeks")
    tell("accuracy of naive", lift.naive_accuracy)
    tell("lift_vs_naive", lift.lift_vs_naive)
    tell("lift_vs_naive low95", lift.low95)
    tell("lift_vs_naive high95", lift.high95)
    tell("coverage of the 80 % intervals", lift.coverage80)


def show_speed(company: Running, customers: list[str]) -> None:
    """Row 32: one caller after the other, then batches; traces and records on, nothing changed in between."""
    names = [customers[number % len(customers)] for number in range(TIMED)]
    milliseconds = sorted(timed(partial(company.decide, name)) for name in names)
    tell("Decide p50 in ms", statistics.median(milliseconds))
    tell("Decide p99 in ms", milliseconds[len(milliseconds) * 99 // 100])
    batches = [customers[start : start + BATCH] for start in range(0, len(customers) - BATCH + 1, BATCH)]
    requests = [pb.BatchDecideRequest(request_id=str(uuid.uuid4()), customers=batch) for batch in 4 * batches]
    spent = sum(timed(partial(company.gateway.BatchDecide, asked, timeout=30)) for asked in requests)
    tell("decisions a second in batches of 64", 1000 * BATCH * len(requests) / spent)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that the work took."""
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def is_complete(decision: decision_pb2.Decision) -> bool:
    """An action, a value that adds up, and a reason for each action shown."""
    shown = [ranked for ranked in decision.actions if ranked.chosen]
    return (
        decision.verdict != decision_pb2.VERDICT_NO_DECISION
        and [ranked.action for ranked in shown] == [decision.chosen_action]
        and all(ranked.reasons and adds_up(ranked) for ranked in decision.actions)
    )


def adds_up(ranked: decision_pb2.RankedAction) -> bool:
    """Value = effect x margin - cost - prices, in whole micros."""
    paid = sum(price.paid.micros for price in ranked.money.prices)
    return ranked.value.micros == ranked.money.effect_times_margin.micros - ranked.money.cost.micros - paid


def show_completeness(company: Running, customers: list[str]) -> None:
    """Row 44: every decision has an action, a reason and an expected value."""
    request = pb.BatchDecideRequest(request_id=str(uuid.uuid4()), customers=customers)
    decisions = company.gateway.BatchDecide(request, timeout=60).decisions
    tell("customers decided for", len(decisions))
    tell(
        "decisions without action, reason or value",
        sum(not is_complete(decision) for decision in decisions),
    )
    act = sum(decision.verdict == decision_pb2.VERDICT_ACT for decision in decisions)
    tell("share of decisions to act", act / len(decisions))


def hours(plan: plan_pb2.TerritoryPlan) -> float:
    """Workload of all accounts, per week."""
    return sum(load.workload_hours for load in plan.loads)


def p_buys(decision: decision_pb2.Decision) -> float:
    """Probability that he buys within 28 days."""
    return next(each.probability for each in decision.predictions if each.model == "models/buys-28d")


def show_consequences(company: Running, customers: list[str]) -> None:
    """Row 59: a month of daily orders of one customer changes his forecast, his workload and who serves whom, in one trace."""
    chances = {name: p_buys(company.decide(name)) for name in customers[:DECISIONS]}
    who = min(chances, key=lambda name: abs(chances[name] - 0.5))
    # A narrow band, so that the plan has to answer to one account: within 10 % it would rightly leave everybody alone.
    rules = plan_pb2.TerritoryRules(workload_band=0.01)
    before = company.plan(rules=rules)
    now = company.gateway.GetClock(pb.GetClockRequest(), timeout=10).now.ToDatetime()
    days = [now - timedelta(days=day, hours=9) for day in range(1, 28)]
    events = [purchase(who, when, number, source="show", dollars=30.0) for number, when in enumerate(days)]
    (answer,) = company.ingest(iter([pb.IngestEventsRequest(events=events)]))
    trace_id = uuid.uuid4().hex
    after = company.plan(trace_id, rules=rules)
    trace = company.trace(f"traces/{trace_id}", lambda found: not found.missing_services)
    tell("events taken in", answer.accepted)
    tell("probability of buying before", chances[who])
    tell("probability of buying rose by", p_buys(company.decide(who)) - chances[who])
    tell("workload of the account rose by", hours(after) - hours(before), "hours a week")
    old = {each.account: each.rep for each in before.assignments}
    tell(
        "accounts with another rep than before",
        sum(each.rep != old[each.account] for each in after.assignments),
    )
    tell("share of workload outside the band", after.outside_band)
    tell("services in the plan's trace", len({span.service for span in trace.spans}))


def main() -> int:
    """Print all figures."""
    with demo() as company:
        listed = company.gateway.ListCustomers(pb.ListCustomersRequest(), timeout=10)
        customers = list(listed.names)
        show_traces(company, customers)
        show_lift(company)
        show_completeness(company, customers)
        show_speed(company, customers)
        show_consequences(company, customers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
