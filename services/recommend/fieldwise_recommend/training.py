"""Policies that are learned, released and withdrawn; knows no statistics and no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from google.longrunning import operations_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.recommend.v1 import policy_pb2
from fieldwise.recommend.v1 import policy_service_pb2 as wire
from fieldwise_executor.executor import Executor
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.core.policy_learning.effect_table import read
from fieldwise_recommend.measured_effects import EffectsInForce
from fieldwise_recommend.store_policies import STATED, Kept, PolicyStore
from fieldwise_runtime.errors import FailedPrecondition, NotFound
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.operations import Operations, Progress
from fieldwise_runtime.paging import cursor_of, page_token

log = get_logger(__name__)

_PREFIX: Final = "recommend"
_SECONDS: Final = 3600.0
_PAGE: Final = 50
_SCOPE: Final = "policy versions"
_MILLION: Final = 1_000_000


class Training:
    """Learns policies and says which of them decisions are made with.

    Args:
        url: Where a worker process finds the database.
    """

    def __init__(
        self, store: PolicyStore, operations: Operations, executor: Executor, in_force: InForce, url: str
    ) -> None:
        self._store = store
        self._operations = operations
        self._executor = executor
        self._in_force = in_force
        self._url = url

    async def open(self) -> None:
        """Puts the version in force that was so before the start."""
        number = await self._store.in_force()
        kept = await self._store.get(number) if number != STATED else None
        self._in_force.effects = None if kept is None else _effects(kept)

    async def start(self, request: wire.TrainPolicyRequest) -> operations_pb2.Operation:
        """Starts learning, or finds what this request started before.

        Raises:
            AlreadyExists: Reason REQUEST_ID_REUSED.
        """
        return await self._operations.start(
            _PREFIX,
            request.request_id,
            request.fingerprint or fingerprint(request),
            lambda progress: self._trained(request, progress),
            wire.TrainPolicyMetadata(step="queued"),
        )

    async def page(self, request: wire.ListPolicyVersionsRequest) -> wire.ListPolicyVersionsResponse:
        """Versions, the newest first.

        Raises:
            InvalidRequest: The page token is none.
        """
        size = request.page_size or _PAGE
        cursor = cursor_of(request.page_token, _SCOPE)
        found = await self._store.before(int(cursor) if cursor else None, size + 1)
        current = await self._store.in_force()
        answer = wire.ListPolicyVersionsResponse(
            policy_versions=[_message(kept, current) for kept in found[:size]]
        )
        if len(found) > size:
            answer.next_page_token = page_token(str(found[size - 1].number), _SCOPE)
        return answer

    async def release(self, request: wire.ReleasePolicyVersionRequest) -> policy_pb2.PolicyVersion:
        """Decides with a version from now on.

        Raises:
            NotFound: Reason POLICY_VERSION_NOT_FOUND.
            FailedPrecondition: Reason NOTHING_MEASURED.
        """
        number = request.name.removeprefix("policies/")
        kept = await self._store.get(int(number)) if number.isdecimal() and len(number) < 10 else None
        if kept is None:
            raise NotFound(
                request.name, "take a name from ListPolicyVersions", reason="POLICY_VERSION_NOT_FOUND"
            )
        effects = _effects(kept)
        if not any(effects.table.segments):
            message = f"{request.name} measured no effect; learn again when more decisions have results"
            raise FailedPrecondition("NOTHING_MEASURED", message)
        await self._store.release(kept.number, _micros(request.decision_time))
        self._in_force.effects = effects
        log.info("policy released", policy=request.name)
        return _message(kept, kept.number)

    async def withdraw(self, request: wire.WithdrawPolicyRequest) -> wire.WithdrawPolicyResponse:
        """Decides with the stated effects again."""
        current = await self._store.in_force()
        if current == STATED:
            return wire.WithdrawPolicyResponse()
        await self._store.release(STATED, _micros(request.decision_time))
        self._in_force.effects = None
        log.info("policy withdrawn", policy=_name(current))
        return wire.WithdrawPolicyResponse(withdrawn=_name(current))

    async def _trained(
        self, request: wire.TrainPolicyRequest, progress: Progress
    ) -> policy_pb2.PolicyVersion:
        def tell(message: tuple[str, float]) -> None:
            step, share = message
            progress.update(wire.TrainPolicyMetadata(step=step, share=share))

        catalogue = self._in_force.catalogue
        stated = {
            each.name: (each.cost / _MILLION, each.effect.lift, each.effect.spend_lift)
            for each in catalogue.actions
        }
        body, effects = await self._executor.run(
            trained_in_worker,
            self._url,
            request.SerializeToString(),
            stated,
            catalogue.default_margin,
            timeout=_SECONDS,
            on_message=tell,
        )
        progress.update(wire.TrainPolicyMetadata(step="storing", share=1.0))
        number = await self._store.add(body, effects)
        version = _message(Kept(number, body, effects), STATED)
        verdict = policy_pb2.LearnedVerdict.Name(version.verdict)
        log.info("policy learned", policy=version.name, verdict=verdict, decisions=version.decisions)
        return version


def trained_in_worker(
    url: str, body: bytes, stated: Mapping[str, tuple[float, float, float]], margin: float
) -> tuple[bytes, str]:
    """`training_worker.trained`; numpy is imported there and never by the process that decides."""
    from fieldwise_recommend.training_worker import Stated, trained

    return trained(url, body, {name: Stated(*each) for name, each in stated.items()}, margin)


def _effects(kept: Kept) -> EffectsInForce:
    return EffectsInForce(_name(kept.number), read(kept.effects))


def _message(kept: Kept, current: int) -> policy_pb2.PolicyVersion:
    version = policy_pb2.PolicyVersion.FromString(kept.body)
    version.name = _name(kept.number)
    version.in_force = kept.number == current
    return version


def _name(number: int) -> str:
    return f"policies/{number}"


def _micros(moment: Timestamp) -> int:
    return moment.ToMicroseconds()
