"""Carries out the removal of a pipeline, one pass after the other, as `teardown` orders it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pulse_operator import objects, teardown
from pulse_operator.api import Api
from pulse_operator.apply import Applier
from pulse_operator.dependencies import Missing
from pulse_operator.index import Index
from pulse_operator.objects import Identity, Ref
from pulse_operator.observe import Observer
from pulse_operator.pipeline import Pipeline
from pulse_operator.refusals import ApiUnavailable, Conflict, NotFound
from pulse_operator.wants import Wants

_GONE = (Missing.OBJECT, Missing.KIND)


@dataclass(frozen=True, slots=True)
class Remover:
    """One for all pipelines."""

    api: Api
    index: Index
    observer: Observer
    applier: Applier
    clock: Callable[[], float]

    async def advance(self, pipeline: Pipeline, wants: Wants, asked_at: float) -> teardown.Steps:
        """Looks what is left, does the next steps and returns them. ApiUnavailable if it cannot be seen."""
        identity = pipeline.identity
        steps = teardown.next_steps(
            await self._children(identity),
            pods=await self.pods(identity),
            delete_data=pipeline.spec.deletion_policy == "Delete",
            kafka_gone=wants.kafka is not None and await self._gone(wants.kafka),
            postgres_gone=wants.cluster is not None and await self._gone(wants.cluster),
            seconds=self.clock() - asked_at,
        )
        for ref in steps.stop:
            await self.api.merge_patch(ref, {"spec": {"replicas": 0}})
        for ref in steps.delete:
            meta = self.index.lookup(ref)
            if meta is not None:
                await self.applier.delete(ref, meta.uid)
        for ref in steps.free:
            await self._free(ref)
        return steps

    async def pods(self, identity: Identity) -> int:
        """How many pods still consume or produce."""
        labels = f"{objects.PIPELINE_LABEL}={identity.name},{objects.COMPONENT_LABEL} in (consumer,simulator)"
        found = await self.api.list(objects.POD, identity.namespace, labels)
        return sum(pod.get("status", {}).get("phase") not in ("Succeeded", "Failed") for pod in found)

    async def _children(self, identity: Identity) -> list[teardown.Child]:
        made = []
        for ref in self.index.owned_by(identity.namespace, identity.name):
            meta = self.index.lookup(ref)
            if meta is None or meta.controller not in ("", identity.uid):
                continue
            live = await self.observer.read(ref) if ref.kind is objects.DEPLOYMENT else None
            stopped = live is not None and not isinstance(live, Missing) and live["spec"].get("replicas") == 0
            made.append(teardown.Child(ref, meta.deleting, stopped))
        return made

    async def _gone(self, ref: Ref) -> bool:
        found = await self.observer.read(ref)
        if found is Missing.ANSWER:
            raise ApiUnavailable(f"{ref} cannot be read, so nobody knows whether it is gone. It is tried again.")
        return found in _GONE

    async def _free(self, ref: Ref) -> None:
        """Takes the finalizers of an operator that is gone from an object that only it could finish."""
        try:
            await self.api.merge_patch(ref, {"metadata": {"finalizers": None}})
        except (NotFound, Conflict):
            return
