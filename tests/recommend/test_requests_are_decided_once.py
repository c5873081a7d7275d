"""The same request_id gives the same decision, however and whenever it is sent again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import grpc

from fieldwise.recommend.v1 import recommend_service_pb2_grpc as rpc
from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise.recommend.v1.recommend_service_pb2 import BatchRecommendActionsResponse, GetDecisionRequest
from fieldwise_recommend.__main__ import migrate
from tests.recommend.recommend_builders import PLAIN, a_profile, batch, in_file, inputs_for, prices, serving


def again(inputs: DecisionInputs, fingerprint: str = "f1") -> DecisionInputs:
    """The request sent again: the gateway mints another decision name, and more may be known by now."""
    copy = DecisionInputs()
    copy.CopyFrom(inputs)
    copy.decision = inputs_for().decision
    copy.profile.CopyFrom(a_profile(days_silent=90))
    copy.fingerprint = fingerprint
    return copy


async def test_a_repeated_request_is_answered_as_it_was_then(database_url: str) -> None:
    first, other = inputs_for("customers/1"), inputs_for("customers/2")
    async with serving(database_url) as stub:
        one = await stub.BatchRecommendActions(batch(first, price_set=prices()))
        two = await stub.BatchRecommendActions(batch(other, again(first), price_set=prices(slot=9)))
    async with serving(database_url) as stub:
        three = await stub.BatchRecommendActions(batch(again(first)))
    assert two.decided[1].decision == one.decided[0].decision == three.decided[0].decision
    assert [one.decided[0].repeated_request, two.decided[0].repeated_request] == [False, False]
    assert two.decided[1].repeated_request
    assert three.decided[0].repeated_request


async def test_a_request_id_with_another_body_is_refused_and_the_rest_is_decided(database_url: str) -> None:
    first = inputs_for("customers/1")
    async with serving(database_url) as stub:
        await stub.BatchRecommendActions(batch(first))
        answer = await stub.BatchRecommendActions(
            batch(again(first, fingerprint="f2"), inputs_for("customers/2"))
        )
    assert answer.decided[0].refusal == "REQUEST_ID_REUSED"
    assert not answer.decided[0].HasField("decision")
    assert answer.decided[1].decision.customer == "customers/2"


async def test_the_same_id_twice_in_a_batch_is_one_decision(tmp_path: Path) -> None:
    first = inputs_for("customers/1")
    async with serving(in_file(tmp_path)) as stub:
        answer = await stub.BatchRecommendActions(batch(first, again(first), again(first, fingerprint="f2")))
    assert answer.decided[1].decision == answer.decided[0].decision
    assert [each.repeated_request for each in answer.decided] == [False, True, False]
    assert [each.refusal for each in answer.decided] == ["", "", "REQUEST_ID_REUSED"]


async def test_the_same_id_at_the_same_time_is_one_decision(database_url: str) -> None:
    first = inputs_for("customers/1")
    async with serving(database_url) as stub:
        calls = [stub.BatchRecommendActions(batch(again(first), price_set=prices())) for _ in range(12)]
        answers = await asyncio.gather(*calls)
        stored = await stub.GetDecision(GetDecisionRequest(name=answers[0].decided[0].decision.name))
    assert all(answer.decided[0].decision == stored for answer in answers)
    assert sum(not answer.decided[0].repeated_request for answer in answers) == 1


async def test_a_name_that_belongs_to_another_request_is_refused(tmp_path: Path) -> None:
    first, second = inputs_for("customers/1"), inputs_for("customers/2")
    second.decision = first.decision
    async with serving(in_file(tmp_path)) as stub:
        await stub.BatchRecommendActions(batch(first))
        answer = await stub.BatchRecommendActions(batch(second))
    assert answer.decided[0].refusal == "DECISION_NAME_REUSED"


class Process:
    """A real `python -m fieldwise_recommend` on a folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.environment = os.environ | {
            "FIELDWISE_DATA": str(folder),
            "FIELDWISE_RECOMMEND_LISTEN": f"127.0.0.1:{port}",
        }
        command = [sys.executable, "-m", "fieldwise_recommend"]
        migrate(replace(PLAIN, database_url=in_file(folder)))
        self.process = subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


async def test_a_killed_process_keeps_every_answered_decision(tmp_path: Path, unused_tcp_port: int) -> None:
    sent: list[DecisionInputs] = []
    answered: dict[str, BatchRecommendActionsResponse] = {}
    enough = asyncio.Event()
    process = Process(tmp_path, unused_tcp_port)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{unused_tcp_port}") as channel:
        stub = rpc.RecommendServiceStub(channel)

        async def keep_deciding(worker: int) -> None:
            while True:
                inputs = inputs_for(f"customers/{worker}")
                sent.append(inputs)
                request = batch(inputs, price_set=prices())
                answered[inputs.request_id] = await stub.BatchRecommendActions(
                    request, wait_for_ready=True, timeout=20
                )
                if len(answered) >= 60:
                    enough.set()

        workers = [asyncio.create_task(keep_deciding(number)) for number in range(4)]
        await asyncio.wait_for(enough.wait(), 20)
        process.kill()
        for worker in workers:  # what they are waiting for was never answered
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    restarted = Process(tmp_path, unused_tcp_port)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{unused_tcp_port}") as channel:
            stub = rpc.RecommendServiceStub(channel)
            request = batch(*[again(inputs) for inputs in sent], price_set=prices())
            retried = await stub.BatchRecommendActions(request, wait_for_ready=True, timeout=20)
    finally:
        restarted.kill()
    assert len(answered) >= 60
    for inputs, decided in zip(sent, retried.decided, strict=True):
        if inputs.request_id in answered:
            assert decided.repeated_request
            assert decided.decision == answered[inputs.request_id].decided[0].decision
