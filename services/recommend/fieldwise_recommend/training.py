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
from fieldwise_recommend.store.policies import STATED, Kept, PolicyStore, Release
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
        current = await self._store.in_force()
        kept = await self._store.get(current.number) if current.number != STATED else None
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
            FailedPrecondition: Reason NOTHING_MEASURED, or NOT_SURELY_BETTER without a reason to override.
        """
        kept = await kept_version(self._store, request.name)
        effects = _effects(kept)
        if not any(effects.table.segments):
            message = f"{request.name} measured no effect; learn again when more decisions have results"
            raise FailedPrecondition("NOTHING_MEASURED", message)
        release = Release(kept.number, _override(kept, request.override_reason.strip()))
        await self._store.release(release, _micros(request.decision_time))
        self._in_force.effects = effects
        log.info("policy released", policy=request.name, override_reason=release.override_reason)
        return _message(kept, release)

    async def withdraw(self, request: wire.WithdrawPolicyRequest) -> wire.WithdrawPolicyResponse:
        """Decides with the stated effects again."""
        current = await self._store.in_force()
        if current.number == STATED:
            return wire.WithdrawPolicyResponse()
        await self._store.release(Release(STATED), _micros(request.decision_time))
        self._in_force.effects = None
        log.info("policy withdrawn", policy=_name(current.number))
        return wire.WithdrawPolicyResponse(withdrawn=_name(current.number))

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
        version = _message(Kept(number, body, effects), Release(STATED))
        verdict = policy_pb2.LearnedVerdict.Name(version.verdict)
        log.info("policy learned", policy=version.name, verdict=verdict, decisions=version.decisions)
        return version


def trained_in_worker(
    url: str, body: bytes, stated: Mapping[str, tuple[float, float, float]], margin: float
) -> tuple[bytes, str]:
    """`training_worker.trained`; numpy is imported there and never by the process that decides."""
    from fieldwise_recommend.training_worker import Stated, trained

    return trained(url, body, {name: Stated(*each) for name, each in stated.items()}, margin)


async def kept_version(store: PolicyStore, name: str) -> Kept:
    """The version of this name.

    Raises:
        NotFound: Reason POLICY_VERSION_NOT_FOUND.
    """
    number = name.removeprefix("policies/")
    kept = await store.get(int(number)) if number.isdecimal() and len(number) < 10 else None
    if kept is None:
        raise NotFound(name, "take a name from ListPolicyVersions", reason="POLICY_VERSION_NOT_FOUND")
    return kept


def _override(kept: Kept, reason: str) -> str:
    """Why a version is released against its verdict; nothing where the verdict allows it.

    Raises:
        FailedPrecondition: Reason NOT_SURELY_BETTER.
    """
    version = policy_pb2.PolicyVersion.FromString(kept.body)
    if version.verdict == policy_pb2.LEARNED_VERDICT_PERSONAL:
        return ""
    if not reason:
        verdict = policy_pb2.LearnedVerdict.Name(version.verdict).removeprefix("LEARNED_VERDICT_")
        message = (
            f"the verdict of {_name(kept.number)} is {verdict}: choosing by it brings at least {version.gain_low:+.4g} a decision beside "
            "the best simple way (95 %), which is not above 0; stay with what is in force, learn again when more decisions have "
            "results, or say in override_reason why to release it all the same"
        )
        raise FailedPrecondition("NOT_SURELY_BETTER", message)
    return reason


def _effects(kept: Kept) -> EffectsInForce:
    return EffectsInForce(_name(kept.number), read(kept.effects))


def _message(kept: Kept, current: Release) -> policy_pb2.PolicyVersion:
    version = policy_pb2.PolicyVersion.FromString(kept.body)
    version.name = _name(kept.number)
    version.in_force = kept.number == current.number
    version.override_reason = current.override_reason if version.in_force else ""
    return version


def _name(number: int) -> str:
    return f"policies/{number}"


def _micros(moment: Timestamp) -> int:
    return moment.ToMicroseconds()
