"""Carries out the removal of a pipeline, one pass after the other, as `teardown` orders it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pulse_operator import objects, teardown
from pulse_operator.api import Api
from pulse_operator.apply import Applier
from pulse_operator.dependencies import Missing
from pulse_operator.index import Index
from pulse_operator.objects import OWN_SELECTOR, Identity, Ref, owned
from pulse_operator.observe import Observer, own_places
from pulse_operator.pipeline import Pipeline
from pulse_operator.refusals import ApiUnavailable, Conflict, Forbidden, NotFound, NotServed
from pulse_operator.teardown import Steps
from pulse_operator.wants import Wants

_GONE = (Missing.OBJECT, Missing.KIND)


@dataclass(frozen=True, slots=True)
class Remover:
    """One for all pipelines. `began` is when this operator did: it cannot have waited for anything before that."""

    api: Api
    index: Index
    observer: Observer
    applier: Applier
    clock: Callable[[], float]
    began: float

    async def advance(self, pipeline: Pipeline, wants: Wants, asked_at: float) -> Steps:
        """Looks what is left, does the next steps and returns them. ApiUnavailable if it cannot be seen."""
        unlisted = self.observer.unlisted(pipeline)
        if unlisted:  # what cannot be seen has its turn too, and may be what others wait for
            raise ApiUnavailable(f"{unlisted[0]} could not be listed yet, so nobody knows what is left. Tried again.")
        left = await self._known(pipeline.identity)
        steps = await self._next(pipeline, wants, asked_at, left)
        if steps.done:
            # A watch may be behind, or not work at all. Nobody comes back for what is overlooked now.
            left, unseen = await self._listed(pipeline)
            steps = replace(await self._next(pipeline, wants, asked_at, left), unseen=unseen)
        for ref in steps.stop:
            await self._change(ref, {"spec": {"replicas": 0}})
        for ref in steps.delete:
            await self.applier.delete(ref, left[ref].uid)
        for ref in steps.free:  # of the finalizers of an operator that is gone
            await self._change(ref, {"metadata": {"finalizers": None}})
        return steps

    async def _next(
        self, pipeline: Pipeline, wants: Wants, asked_at: float, left: Mapping[Ref, teardown.Child]
    ) -> Steps:
        return teardown.next_steps(
            left.values(),
            pods=await self._pods(pipeline.identity),
            delete_data=pipeline.spec.deletion_policy == "Delete",
            kafka_gone=wants.kafka is not None and await self._gone(wants.kafka),
            postgres_gone=wants.cluster is not None and await self._gone(wants.cluster),
            seconds=self.clock() - max(asked_at, self.began),
        )

    async def _pods(self, identity: Identity) -> list[Ref]:
        """Those that still take, consume or produce events."""
        labels = f"{_selector(identity)},{teardown.AT_WORK}"
        found = await self.api.list(objects.POD, identity.namespace, labels)
        return [Ref.of(pod) for pod in found if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")]

    async def _known(self, identity: Identity) -> dict[Ref, teardown.Child]:
        """The children that the watches tell of."""
        made = {}
        for ref in self.index.owned_by(identity.namespace, identity.name):
            meta = self.index.lookup(ref)
            if meta is None or meta.controller not in ("", identity.uid):
                continue
            live = await self.observer.read(ref) if ref.kind is objects.DEPLOYMENT else None
            stopped = live is not None and not isinstance(live, Missing) and live["spec"].get("replicas") == 0
            made[ref] = teardown.Child(ref, meta.uid, meta.deleting, stopped)
        return made

    async def _listed(self, pipeline: Pipeline) -> tuple[dict[Ref, teardown.Child], tuple[str, ...]]:
        """The children that the API server tells of when it is asked, and where it may not be asked."""
        made, unseen = {}, []
        for kind, namespace in own_places(pipeline):
            try:
                found = await self.api.list(kind, namespace, _selector(pipeline.identity))
            except NotServed:
                continue
            except Forbidden:
                unseen.append(f"{kind.plural} in {namespace}")
                continue
            for raw in found:
                if owned(raw, pipeline.identity):
                    made[Ref.of(raw)] = teardown.Child.of(raw)
        return made, tuple(unseen)

    async def _gone(self, ref: Ref) -> bool:
        """Asked of the API server itself where a watch says so: much is undone on the strength of it."""
        found = await self.observer.read(ref)
        if found in _GONE:
            found = await self.observer.fetch(ref)
        if found is Missing.ANSWER:
            raise ApiUnavailable(f"{ref} cannot be read, so nobody knows whether it is gone. It is tried again.")
        return found in _GONE

    async def _change(self, ref: Ref, body: Mapping[str, Any]) -> None:
        try:
            await self.api.merge_patch(ref, body)
        except (NotFound, Conflict):
            return  # it went by itself, or is looked at again as it is now


def _selector(identity: Identity) -> str:
    return f"{OWN_SELECTOR},{objects.PIPELINE_LABEL}={identity.name},{objects.NAMESPACE_LABEL}={identity.namespace}"
