"""Writes what is reported: the status of a pipeline, its finalizer, and the Events that go with a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pulse_operator import gauges, report
from pulse_operator.api import Api
from pulse_operator.conditions import Evidence
from pulse_operator.dependencies import Verdict
from pulse_operator.events import Events
from pulse_operator.objects import FINALIZER, Identity
from pulse_operator.patches import difference
from pulse_operator.pipeline import Pipeline
from pulse_operator.refusals import Conflict, NotFound


@dataclass(slots=True)
class Publisher:
    """One for all pipelines. The newest status is remembered, as a watch tells of it only later."""

    api: Api
    events: Events
    clock: Callable[[], float]
    _stored: dict[str, tuple[int, Mapping[str, Any]]] = field(default_factory=dict)

    async def publish(self, evidence: Evidence, found: Mapping[str, Verdict]) -> None:
        """Writes the status if it is due, and posts what changed."""
        pipeline = evidence.pipeline
        stored = self._status(pipeline.identity, pipeline.version, pipeline.status)
        status = report.status_of(replace(evidence, pipeline=replace(pipeline, status=stored)), found)
        gauges.show(evidence, found)
        if not report.due(stored, status, evidence.seen.at):
            return
        await self._write(pipeline.identity, stored, status)
        for event in report.events(stored.get("conditions", ()), found):
            await self.events.post(pipeline.identity, event)

    async def only_ready(self, identity: Identity, raw: Mapping[str, Any], verdict: Verdict, phase: str) -> None:
        """Says one thing of a pipeline that is not looked into any further, and leaves the rest as it was."""
        stored = self._status(identity, raw["metadata"].get("resourceVersion", ""), raw.get("status") or {})
        generation = raw["metadata"].get("generation", 0)
        status = report.only_ready(stored, generation, self.clock(), verdict, phase)
        if status == stored:
            return
        await self._write(identity, stored, status)
        for event in report.events(stored.get("conditions", ()), {phase: verdict}):
            await self.events.post(identity, event)

    def holds(self, pipeline: Pipeline) -> bool:
        """Whether the pipeline waits for Pulse before it goes."""
        return FINALIZER in pipeline.finalizers

    async def hold(self, pipeline: Pipeline) -> None:
        """Makes the API server keep the pipeline until its children were seen to."""
        if self.holds(pipeline):
            return
        await self._finalizers(pipeline, [*pipeline.finalizers, FINALIZER])

    async def release(self, pipeline: Pipeline) -> None:
        """Lets the pipeline go."""
        try:
            await self._finalizers(pipeline, [name for name in pipeline.finalizers if name != FINALIZER])
        except NotFound:
            return

    def forget(self, uid: str) -> None:
        """Lets go of a pipeline that is no more."""
        self._stored.pop(uid, None)

    async def _finalizers(self, pipeline: Pipeline, wanted: list[str]) -> None:
        """Others have finalizers too: the list is written only if it is still the one that was read."""
        metadata = {"finalizers": wanted, "resourceVersion": pipeline.version}
        await self.api.merge_patch(pipeline.identity.ref, {"metadata": metadata})

    def _status(self, identity: Identity, version: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
        """The newer of what was written last and what the watch tells: a status that others changed is mended too."""
        kept = self._stored.get(identity.uid)
        if kept is None or not version.isdigit() or int(version) < kept[0]:
            return told if kept is None else kept[1]
        return told

    async def _write(self, identity: Identity, stored: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        try:
            made = await self.api.merge_patch(identity.ref, {"status": difference(stored, status)}, "status")
        except (NotFound, Conflict):
            self._stored.pop(identity.uid, None)  # it is another one by now, or gone
            return
        self._stored[identity.uid] = int(made["metadata"]["resourceVersion"]), made.get("status") or {}
