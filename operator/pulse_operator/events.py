"""Posts Events about pipelines. An Event that cannot be posted is logged and lost: nothing waits for one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import uuid4

import structlog

from pulse_operator import objects, scaling
from pulse_operator.api import Api
from pulse_operator.dependencies.verdict import Raw
from pulse_operator.objects import FIELD_MANAGER, Identity, Manifest, Ref
from pulse_operator.refusals import ApiError, Conflict
from pulse_operator.report import Event
from pulse_operator.timestamps import text_of


@dataclass(frozen=True, slots=True)
class Events:
    """One for all pipelines."""

    api: Api
    clock: Callable[[], float]

    async def post(self, identity: Identity, event: Event) -> None:
        """Posts one Event."""
        await self._post(identity, event, uuid4().hex[:16])

    async def _post_once(self, identity: Identity, event: Event) -> None:
        """Posts it unless it was posted before in the life of this pipeline: a pass may come again after it."""
        said = f"{identity.uid} {event.reason} {event.message}"
        await self._post(identity, event, hashlib.sha256(said.encode()).hexdigest()[:16])

    async def _post(self, identity: Identity, event: Event, suffix: str) -> None:
        log = structlog.get_logger()
        log.info("pipeline_event", pipeline=str(identity), reason=event.reason, message=event.message)
        try:
            await self.api.create(_manifest(identity, event, suffix, self.clock()))
        except Conflict:
            return  # its name is taken, so it is there
        except ApiError as failed:
            log.warning("event_not_posted", pipeline=str(identity), problem=str(failed))

    async def corrected(self, identity: Identity, refs: Iterable[Ref]) -> None:
        """Says which children somebody else had changed."""
        for ref in refs:
            await self.post(identity, Event("DriftCorrected", f"{ref} was changed by somebody, and set back."))

    async def scaled(
        self, identity: Identity, ref: Ref, before: Raw | None, after: Raw | None, decided: scaling.Decision | None
    ) -> None:
        """Says that the number of consumers was changed, and why."""
        if before is None or after is None:
            return
        old, new = before["spec"].get("replicas", 1), after["spec"].get("replicas", 1)
        if old == new:
            return
        why = (
            f"{decided.reason.value}: {decided.message}" if decided and decided.replicas == new else "The spec says so."
        )
        await self.post(identity, Event("Scaled", f"{ref}: from {old} to {new} replicas. {why}"))

    async def left(self, identity: Identity, refs: Iterable[Ref], unseen: Iterable[str]) -> None:
        """Says what a deleted pipeline leaves behind, and where nobody could look."""
        data = [str(ref) for ref in refs if ref.kind in (objects.KAFKA_TOPIC, objects.DATABASE)]
        if data:
            message = f"Kept, as spec.deletionPolicy is Retain: {', '.join(sorted(data))}."
            await self._post_once(identity, Event("Retained", message))
        for place in unseen:
            message = f"The operator may not list {place}, so what the pipeline has there stays."
            await self._post_once(identity, Event("NotLookedAt", message, warning=True))


def _manifest(identity: Identity, event: Event, suffix: str, now: float) -> Manifest:
    ref = identity.ref
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{identity.name}.{suffix}", "namespace": identity.namespace},
        "involvedObject": {
            "apiVersion": ref.kind.api_version,
            "kind": ref.kind.name,
            "namespace": identity.namespace,
            "name": identity.name,
            "uid": identity.uid,
        },
        "reason": event.reason,
        "message": event.message,
        "type": "Warning" if event.warning else "Normal",
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "firstTimestamp": text_of(now),
        "lastTimestamp": text_of(now),
        "count": 1,
    }
