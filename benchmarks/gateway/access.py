"""What it costs to ask who calls, whether he may and whom he names, and whether the answer is ever wrong; knows no server.

The matrix is every method of every contract x role x own, foreign, nobody's, unknown and left out, against a table written apart
(`tests/gateway/access_by_hand.py`). The times are of the gate as the gateway runs it, in process, a call after the other in random order:
header to principal, scope, limit, rows of the request; a miss is a token whose signature is checked, or assignments that are looked up again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from benchmarks.report import Row
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise_runtime.calls import Call
from tests.gateway import access_by_hand as by_hand
from tests.gateway.gates import Standing, key, methods, standing

_DECIDE: Final = "fieldwise.gateway.v1.GatewayService/Decide"
_BATCH: Final = "fieldwise.gateway.v1.GatewayService/BatchDecide"
_ISSUER: Final = {"issuer": "https://login.example", "audience": "fieldwise"}
_OTHER_KEYS: Final = 20


def rows(*, quick: bool) -> Iterator[Row]:
    """Wrong answers, and the time of the check."""
    # Refusals are logged, which is part of what they cost; where to is not.
    logging.getLogger("fieldwise_gateway").addHandler(logging.NullHandler())
    logging.getLogger("fieldwise_gateway").propagate = False
    yield from asyncio.run(_measured(3_000 if quick else 30_000))


async def _measured(calls: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        signers = {
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
        }
        (place / "jwks.json").write_text(_published(signers))
        async with standing(place, **_ISSUER, keys=str(place / "jwks.json")) as stands:
            return [*await _matrix(stands), *await _times(stands, signers, calls)]


async def _matrix(stands: Standing) -> list[Row]:
    every = methods()
    cells = list(by_hand.cells(every))
    wrong = [cell for cell in cells if await stands.verdict(cell) != cell.verdict]
    for cell in wrong:
        print(f"wrong: {cell.method} for {cell.role}: not {cell.verdict}")
    return [
        Row("calls in the contracts", len(every), "calls"),
        Row("cells of the matrix: call x role x own, foreign, unknown, left out", len(cells), "cells"),
        Row("wrong answers of the gate in the matrix", len(wrong), "answers", "must", "<= 0"),
    ]


async def _times(stands: Standing, signers: dict[str, Any], calls: int) -> list[Row]:
    for number in range(_OTHER_KEYS):  # the other keys of a company, so that one is found among many
        await stands.gate.keyring.make(key("app"), f"other {number}")
    for customer in range(10_000):
        stands.assignments.reps[f"customers/{customer}"] = by_hand.MY_REP
    rng = random.Random(7)
    tokens = {name: _tokens(signer, name, calls // 10) for name, signer in signers.items()}
    kinds: dict[str, Callable[[int], tuple[str, str, Any]]] = {
        "key": lambda _: (_DECIDE, stands.keys["app"], _one(rng)),
        "key, confined to a rep": lambda _: (_DECIDE, stands.keys["rep"], _one(rng)),
        "key, confined, 100 customers": lambda _: (_BATCH, stands.keys["rep"], _many(rng)),
        "token seen before": lambda _: (_DECIDE, tokens["EdDSA"][0], _one(rng)),
        "token not seen before, EdDSA": lambda number: (_DECIDE, tokens["EdDSA"][number], _one(rng)),
        "token not seen before, ES256": lambda number: (_DECIDE, tokens["ES256"][number], _one(rng)),
        "refused: no such key": lambda _: (_DECIDE, "fw_" + "a" * 16 + "_" + "B" * 43, _one(rng)),
        "refused: another's customer": lambda _: (_DECIDE, stands.keys["rep"], _foreign()),
    }
    # A token not seen before can be shown once; the others fill up the rest. In random order, so that none has a warm row to itself.
    order = [name for name in kinds for _ in range(calls // 10)]
    rng.shuffle(order)
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    cpu: list[float] = []
    used: dict[str, int] = dict.fromkeys(kinds, 0)
    for name in order:
        used[name] += 1
        path, secret, request = kinds[name](used[name])
        before = time.thread_time()
        seconds[name].append(await _timed(stands, stands.call(path, secret), request))
        cpu.append(time.thread_time() - before)
    together = [each for some in seconds.values() for each in some]
    return [
        Row("check of a call, all kinds together, p99", _p99(together) * 1e3, "ms", "must", "<= 1"),
        # What the machine's other work does to a wall time it does not do to this.
        Row("CPU of the same checks in the loop's thread, p99", _p99(cpu) * 1e3, "ms"),
        *(
            Row(
                f"check: {name}, p50; peer is its own p99",
                median(some) * 1e6,
                "us",
                peer="p99",
                peer_value=_p99(some) * 1e6,
            )
            for name, some in seconds.items()
        ),
    ]


async def _timed(stands: Standing, call: Call, request: Any) -> float:
    keeper = stands.gate.keeper
    begun = time.perf_counter()
    try:
        await _both(keeper.enter(call), lambda: keeper.check(call, request))
    except Exception:  # a refusal is an answer, and timed like one
        return time.perf_counter() - begun
    return time.perf_counter() - begun


async def _both(first: Awaitable[None], then: Callable[[], Awaitable[None]]) -> None:
    await first
    await then()


def _one(rng: random.Random) -> pb.DecideRequest:
    return pb.DecideRequest(customer=f"customers/{rng.randrange(10_000)}")


def _many(rng: random.Random) -> pb.BatchDecideRequest:
    return pb.BatchDecideRequest(customers=[f"customers/{rng.randrange(10_000)}" for _ in range(100)])


def _foreign() -> pb.DecideRequest:
    return pb.DecideRequest(customer=by_hand.THEIRS)


def _tokens(signer: Any, algorithm: str, count: int) -> list[str]:
    now = time.time()
    claims = {
        "iss": _ISSUER["issuer"],
        "aud": _ISSUER["audience"],
        "nbf": now - 10,
        "exp": now + 3600,
        "roles": ["app"],
    }
    head = {"kid": algorithm}
    return [
        jwt.encode({**claims, "sub": str(number)}, signer, algorithm, headers=head)
        for number in range(count + 1)
    ]


def _published(signers: dict[str, Any]) -> str:
    forms: dict[str, Any] = {"EdDSA": jwt.algorithms.OKPAlgorithm, "ES256": jwt.algorithms.ECAlgorithm}
    made = [
        json.loads(forms[name].to_jwk(each.public_key())) | {"kid": name} for name, each in signers.items()
    ]
    return json.dumps({"keys": made})


def _p99(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=100)[98]
