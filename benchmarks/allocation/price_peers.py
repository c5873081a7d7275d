"""The whole linear programme of a price market by OR-Tools' own solvers, each in a process that is stopped by its CPU time."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
from ortools.math_opt.python import mathopt
from ortools.pdlp import solvers_pb2

from benchmarks.processes import cpu_seconds
from fieldwise_allocation.core.linear import Programme, as_proto
from fieldwise_allocation.core.prices.market import Floats, Market

PEERS = ("GLOP", "PDLP")
# What PDLP stops at: the certified gap that ours has to reach is .001, its own usual tolerance 1e-6.
PDLP_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Outcome:
    """CPU seconds of the solver alone, and its prices; None when it was stopped before it had any."""

    seconds: float
    price: Floats | None


def whole_programme(market: Market) -> mathopt.Model:
    """A row for each customer and each resource, a column for each candidate; building it is not counted."""
    return mathopt.Model.from_model_proto(as_proto(_programme(market), integer=False))


def solved_by(peer: str, model: mathopt.Model, resources: int, most_seconds: float) -> Outcome:
    """The model solved by a peer with one thread.

    Args:
        resources: How many rows, the last ones, have prices.
        most_seconds: CPU seconds after which its process is ended.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    # Forked: the child has the model already.
    process = context.Process(target=_work, args=(theirs, peer, model, resources))
    process.start()
    theirs.close()
    try:
        while not ours.poll(0.2):
            spent = cpu_seconds([process.pid or 0])
            if spent >= most_seconds:
                return Outcome(spent, None)
        answer: Outcome = ours.recv()
        return answer
    finally:
        process.kill()
        process.join()


def _work(pipe: Connection, peer: str, model: mathopt.Model, resources: int) -> None:
    parameters = mathopt.SolveParameters(threads=1)
    if peer == "PDLP":
        parameters.pdlp = _loose()
    begun = time.process_time()
    result = mathopt.solve(model, mathopt.SolverType[peer], params=parameters)
    seconds = time.process_time() - begun
    prices = list(model.linear_constraints())[-resources:]
    pipe.send(Outcome(seconds, np.maximum(-np.array(result.dual_values(prices)), 0.0)))


def _loose() -> solvers_pb2.PrimalDualHybridGradientParams:
    parameters = solvers_pb2.PrimalDualHybridGradientParams(num_threads=1)
    criteria = parameters.termination_criteria.simple_optimality_criteria
    criteria.eps_optimal_relative = criteria.eps_optimal_absolute = PDLP_TOLERANCE
    return parameters


def _programme(market: Market) -> Programme:
    c, k, m = market.customers, len(market.value), len(market.capacity)
    return Programme(
        cost=-market.value,
        high=np.full(k, np.inf),
        row_low=np.full(c + m, -np.inf),
        row_high=np.concatenate([np.ones(c), market.capacity]),
        entries=(
            np.concatenate([market.customer_of(), c + market.resource]),
            np.concatenate([np.arange(k), market.owner_of()]),
            np.concatenate([np.ones(k), market.amount]),
        ),
    )
