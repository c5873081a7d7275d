"""Solomon's instances: distance above the best known, ours beside OR-Tools' stock settings and PyVRP, one checker for all.

All run in one process with one thread, one after the other on each instance, and end by CPU seconds: 10 each in a full run, 5 in a
quick one. The issue's 60 s with two workers are 120: ROUTING_CPU_SECONDS=120 gives them, and takes more than two hours;
the four instances of a quick run take 24 minutes with them.
"""

from __future__ import annotations

import os
import statistics
import warnings
from collections.abc import Iterator

from benchmarks.allocation import routing_peers
from benchmarks.allocation.vrptw_instances import FOLDER, FULL, QUICK, best_known_distances, question, solomon
from benchmarks.report import Row
from fieldwise_allocation.core.visits import check
from fieldwise_allocation.core.visits.finishing import finished
from fieldwise_allocation.core.visits.parts import Split, split
from fieldwise_allocation.core.visits.problem import Sequences
from fieldwise_allocation.core.visits.question import Question

QUICK_SECONDS, FULL_SECONDS = 5.0, 10.0


def rows(*, quick: bool) -> Iterator[Row]:
    if not FOLDER.exists():
        raise SystemExit("../shared/data/vrptw is missing; see benchmarks/README.md")
    seconds = float(os.environ.get("ROUTING_CPU_SECONDS", QUICK_SECONDS if quick else FULL_SECONDS))
    names = QUICK if quick else FULL
    warnings.filterwarnings("ignore", module="pyvrp")
    routing_peers.ours(split(question(solomon("C101"))).parts[0].problem, 0.1)  # compiled before it is timed
    gaps = {name: _gaps(name, seconds) for name in names}
    ours = [each["ours"] for each in gaps.values()]
    stock = [each["stock"] for each in gaps.values()]
    rival = [each["pyvrp"] for each in gaps.values()]
    about = f"{len(names)} instances, {seconds:g} CPU-s each"
    yield Row(
        f"routing: distance above the best known, mean of {about}",
        statistics.mean(ours),
        "%",
        "stretch",
        "<= 1",
        "OR-Tools, stock",
        statistics.mean(stock),
    )
    yield Row(
        "routing: the same, beside PyVRP",
        statistics.mean(ours),
        "%",
        peer="PyVRP",
        peer_value=statistics.mean(rival),
    )
    yield Row(
        "routing: mean gap by that of OR-Tools' stock settings",
        statistics.mean(ours) / statistics.mean(stock),
        "x",
        "must",
        "<= 0.5",
    )
    yield Row(
        "routing: median gap",
        statistics.median(ours),
        "%",
        peer="OR-Tools, stock",
        peer_value=statistics.median(stock),
    )
    yield Row("routing: largest gap", max(ours), "%", peer="PyVRP", peer_value=max(rival))
    worse = sum(each["ours"] > each["start"] + 1e-9 for each in gaps.values())
    yield Row("routing: instances worse than their start", worse, "of " + str(len(names)), "must", "<= 0")


def _gaps(name: str, seconds: float) -> dict[str, float]:
    """Percent above the best known distance of each solver."""
    asked = question(solomon(name))
    whole = split(asked)
    problem = whole.parts[0].problem
    found = {
        "start": routing_peers.start(problem),
        "ours": routing_peers.ours(problem, seconds),
        "stock": routing_peers.stock_ortools(problem, seconds),
        "pyvrp": routing_peers.pyvrp(problem, seconds),
    }
    best = best_known_distances()[name]
    gaps = {who: 100 * (_distance(asked, whole, tours) / best - 1) for who, tours in found.items()}
    print(f"# {name}: " + ", ".join(f"{who} {gap:+.2f} %" for who, gap in gaps.items()), flush=True)
    return gaps


def _distance(asked: Question, whole: Split, tours: Sequences | None) -> float:
    """Distance as the checker sums it; infinite for tours that are missing, break a rule or leave somebody out."""
    if tours is None:
        return float("inf")
    try:
        plan = finished(asked, whole, [tours])
    except ArithmeticError:
        return float("inf")
    if check.faults(asked, plan) or plan.left_out:
        return float("inf")
    return sum(check.distance(asked, tour) for tour in plan.tours)
