"""Buys within 28 days on Complete Journey: log loss and calibration beside the peers of the same run, and how soon an event counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np

from benchmarks.forecast.customer_cutoffs import OURS, Rolled, rolled
from benchmarks.forecast.customer_peers import PEERS
from benchmarks.forecast.fresh_probability import milliseconds
from benchmarks.report import Row
from fieldwise_forecast.core.measures import auc, debiased_ece, log_loss

SEED = 11


def rows(*, quick: bool) -> Iterator[Row]:
    every = 4 if quick else 1
    found = rolled(every)
    whom = f"buys within 28 days, 6 cut-offs, {len(found.labels)} rows"
    yield from loss_rows(found, whom)
    yield from calibration_rows(found)
    yield from asyncio.run(fresh_rows(60 if quick else 400))


def loss_rows(found: Rolled, whom: str) -> Iterator[Row]:
    losses = {name: log_loss(found.labels, said.probabilities) for name, said in found.said.items()}
    best = min(PEERS, key=lambda name: losses[name])
    yield Row(f"{whom}: log loss", losses[OURS], "nats", "must", f"<= {losses[best]:.6f}", best, losses[best])
    yield Row("log loss (stretch)", losses[OURS], "nats", "stretch", "<= 0.310")
    for name in PEERS:
        yield Row(f"log loss of {name}", losses[name], "nats")
    for name in (OURS, *PEERS):
        yield Row(f"AUC of {name}", auc(found.labels, found.said[name].probabilities), "")
    for name in (OURS, *PEERS):
        yield Row(f"training and answers of {name}", found.said[name].cpu_seconds, "s CPU")


def calibration_rows(found: Rolled) -> Iterator[Row]:
    rng = np.random.default_rng(SEED)
    gaps = {name: debiased_ece(found.labels, said.probabilities, rng) for name, said in found.said.items()}
    best = min(PEERS, key=lambda name: gaps[name])
    yield Row("debiased calibration error", gaps[OURS], "", "must", "<= 0.015", best, gaps[best])
    yield Row("debiased calibration error (stretch)", gaps[OURS], "", "stretch", "<= 0.010")


async def fresh_rows(events: int) -> list[Row]:
    took = await milliseconds(events)
    return [
        Row("an event in, its probability out, over two sockets: p50", float(np.median(took)), "ms"),
        Row("an event in, its probability out: p99", float(np.quantile(took, 0.99)), "ms", "must", "<= 1000"),
    ]
