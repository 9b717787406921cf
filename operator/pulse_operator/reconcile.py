"""One pass over one pipeline: observe, decide, render, apply, report. The same pass whatever happened, and as often as
anything does: it asks what there is and brings it to what there should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import UNSET

from pulse.facts import Decision, Facts, Images
from pulse_operator import deduce, objects
from pulse_operator.apply import Applier, Outcome
from pulse_operator.conditions import Evidence, aside, conditions
from pulse_operator.decide import scaling_policy, shall_be
from pulse_operator.dependencies import Missing, Reason
from pulse_operator.dependencies.verdict import condition
from pulse_operator.events import Events
from pulse_operator.lag import Wanted
from pulse_operator.objects import Ref
from pulse_operator.observe import Observer
from pulse_operator.passwords import dashboard_keys, passwords, texts_read, write_key
from pulse_operator.pipeline import Pipeline, SpecInvalid, identity_of, parsed, parsed_to_go
from pulse_operator.publish import Publisher
from pulse_operator.refusals import ApiUnavailable
from pulse_operator.remove import Remover
from pulse_operator.render import Rendered, migration_job, provision_job, render
from pulse_operator.render.inputs import Inputs
from pulse_operator.render.topics import topic_settings
from pulse_operator.scaler import Scaler, Target
from pulse_operator.seen import Seen
from pulse_operator.timestamps import seconds_of
from pulse_operator.wants import Wants, wants

# Whatever an object says, a watch tells at once. What turns into something else by time alone is looked at again soon.
SETTLING_SECONDS = 15.0
_PATIENT = frozenset({Reason.PENDING, Reason.NOT_READ})
TEARDOWN_SECONDS = 3.0
# A migration or a provisioning that failed is tried again: what it failed for may be mended in the meantime.
RETRY_JOB_SECONDS = 180.0

Raw = Mapping[str, Any]
Key = tuple[str, str]  # namespace and name


@dataclass(slots=True)
class Reconciler:
    """Everything that a pass needs; it holds nothing of any one pipeline."""

    images: Images
    observer: Observer
    applier: Applier
    remover: Remover
    scaler: Scaler
    publisher: Publisher
    events: Events
    resync_seconds: float
    clock: Callable[[], float]
    dependents: dict[Ref, set[Key]] = field(default_factory=dict)

    async def current(self, key: Key) -> Raw | None:
        """The pipeline as the API server has it now; None if it is gone."""
        ref = Ref(objects.PIPELINE, *key)
        found = await self.observer.fetch(ref)
        self.observer.forget([ref])
        if found is Missing.ANSWER or found is Missing.RIGHT:
            raise ApiUnavailable(f"PulsePipeline {'/'.join(key)} cannot be read. It is tried again.")
        return None if isinstance(found, Missing) else found

    async def reconcile(self, raw: Raw) -> float | None:
        """One pass. Returns the seconds after which another is due at the latest; None when the pipeline is gone."""
        identity = identity_of(raw)
        try:
            pipeline = parsed_to_go(raw) if "deletionTimestamp" in raw["metadata"] else parsed(raw)
        except SpecInvalid as wrong:
            await self.publisher.only_ready(identity, raw, aside.invalid(wrong), "Pending")
            return self.resync_seconds
        if pipeline.deleting:
            return await self._teardown(pipeline, raw)
        if pipeline.paused:
            self.scaler.drop(pipeline.key)
            await self.publisher.only_ready(identity, raw, aside.paused(), "Paused")
            return self.resync_seconds
        await self.publisher.hold(pipeline)
        return await self._keep(pipeline)

    async def _keep(self, pipeline: Pipeline) -> float:
        wanted, seen = await self.observer.observe(pipeline)
        self._depend(pipeline, wanted, seen)
        known = await passwords(self.observer, wanted, seen)
        key = await write_key(self.observer, wanted, seen)
        keys = await dashboard_keys(self.observer, pipeline, wanted, seen)
        told = deduce.facts(pipeline, wanted, seen, self.images, known, key, keys)
        facts, migration, provision = self._facts(pipeline, wanted, seen, told)
        decided = self.scaler.decision(pipeline.key)  # another one may come while this pass goes on
        decision = shall_be(pipeline, seen.there(wanted.consumer), decided)
        rendered = render(pipeline.identity, pipeline.spec, facts, decision)
        outcome = await self._write(pipeline, wanted, seen, rendered, (migration, provision))
        before = seen.there(wanted.consumer)
        seen = replace(seen, objects={**seen.objects, **outcome.written})
        self._enrol(pipeline, wanted, seen, facts)
        evidence = Evidence(
            pipeline,
            wanted,
            seen,
            facts,
            migration,
            provision,
            outcome.refusals,
            self.scaler.reading(pipeline.key),
            self.scaler.topics(pipeline.key),
            self.scaler.decision(pipeline.key),
        )
        found = conditions(evidence)
        await self.publisher.publish(evidence, found)
        await self.events.corrected(pipeline.identity, outcome.corrected)
        after = seen.there(wanted.consumer)
        await self.events.scaled(pipeline.identity, wanted.consumer, before, after, decided)
        # What refused a child may be mended where no watch tells of it: rights, quotas, objects of others.
        settled = not outcome.refusals and not any(verdict.reason in _PATIENT for verdict in found.values())
        return self.resync_seconds if settled else SETTLING_SECONDS

    def _facts(
        self, pipeline: Pipeline, wanted: Wants, seen: Seen, found: Facts
    ) -> tuple[Facts, Ref | None, Ref | None]:
        """The facts, and the Jobs that tell whether schema and Metabase are as these images need them."""
        provision = provision_job(pipeline.identity, pipeline.spec, found)
        found = deduce.with_provisioned(found, seen, provision)
        if "owner" not in found.databases:
            return found, None, provision
        migration = migration_job(pipeline.identity, pipeline.spec, found)
        if not deduce.migratable(wanted, seen, migration):
            others = dict(found.databases)
            del others["owner"]
            return replace(found, databases=others), None, provision
        return replace(found, migrated=deduce.succeeded(seen, migration)), migration, provision

    async def _write(
        self, pipeline: Pipeline, wanted: Wants, seen: Seen, rendered: Rendered, jobs: Iterable[Ref | None]
    ) -> Outcome:
        outcome = await self.applier.apply(pipeline.identity, rendered.manifests, texts_read(wanted, seen))
        keep = {Ref.of(manifest) for manifest in rendered.manifests} | rendered.withheld
        await self.applier.prune(pipeline.identity, keep, outcome)
        for ref in jobs:
            await self._retry(seen, ref)
        await self._rest(pipeline, seen, rendered)
        await self._wake(pipeline, wanted.collector, seen, outcome)
        return outcome

    async def _rest(self, pipeline: Pipeline, seen: Seen, rendered: Rendered) -> None:
        """A suspended pipeline rests also while what its pods are made of is not known, and so is not written."""
        ref = Ref(objects.DEPLOYMENT, pipeline.identity.namespace, f"{pipeline.identity.name}-consumer")
        live = seen.there(ref)
        if pipeline.spec.suspend and ref in rendered.withheld and live and live["spec"].get("replicas"):
            await self.applier.scale(ref, 0)

    async def _wake(self, pipeline: Pipeline, ref: Ref | None, seen: Seen, outcome: Outcome) -> None:
        """Starts the fewest collectors that there may be. How many more is the autoscaler's to say; but it begins with
        one, and at zero, as somebody or an uninstall that was broken off may leave it, it does nothing at all."""
        live = outcome.written.get(ref) or seen.there(ref) if ref else None
        fewest = pipeline.spec.collector.scaling.min
        if ref is not None and live is not None and live["spec"].get("replicas", 1) < fewest:
            await self.applier.scale(ref, fewest)

    async def _retry(self, seen: Seen, ref: Ref | None) -> None:
        """Removes a Job of Pulse's own that failed a while ago, so that the next pass makes it anew."""
        job = seen.there(ref)
        failed = condition(job, "Failed") if job is not None else None
        if ref is None or job is None or failed is None:
            return
        if seen.at - seconds_of(failed["lastTransitionTime"]) >= RETRY_JOB_SECONDS:
            await self.applier.delete(ref, job["metadata"]["uid"])

    def _enrol(self, pipeline: Pipeline, wanted: Wants, seen: Seen, facts: Facts) -> None:
        """Has the lag looked at as soon as there is a way to; the autoscaler decides once there is a Deployment."""
        access = facts.kafka.get("lag")
        if access is None:
            self.scaler.drop(pipeline.key)
            return
        topics = topic_settings(Inputs(pipeline.identity, pipeline.spec, facts, Decision(0)))
        consumer = seen.there(wanted.consumer)
        told = (consumer.get("status") or {}) if consumer else {}
        external = pipeline.spec.source.external is not UNSET
        self.scaler.enrol(
            pipeline.key,
            Target(
                access,
                Wanted(topics.events, topics.group),
                replicas=consumer["spec"].get("replicas", 1) if consumer else 0,
                ready=told.get("readyReplicas", 0),
                policy=scaling_policy(pipeline.spec) if consumer and not pipeline.spec.suspend else None,
                supplied_topics=(topics.events, topics.dlq) if external else (),
            ),
            pipeline.status.get("autoscaler"),
        )

    def _depend(self, pipeline: Pipeline, wanted: Wants, seen: Seen) -> None:
        """Remembers whose change concerns this pipeline, among them the Secrets that Strimzi makes for its users.

        What it no longer stands on costs a pass too many at most.
        """
        secrets = (ref for ref in seen.objects if ref.kind is objects.SECRET)
        for ref in {*wanted.platform, *secrets}:
            self.dependents.setdefault(ref, set()).add(pipeline.key)

    async def _teardown(self, pipeline: Pipeline, raw: Raw) -> float | None:
        self.scaler.drop(pipeline.key)
        if not self.publisher.holds(pipeline):
            self.forget(pipeline.key, pipeline.identity.uid)
            return None
        await self.observer.watched(pipeline)
        asked_at = seconds_of(raw["metadata"]["deletionTimestamp"])
        steps = await self.remover.advance(pipeline, wants(pipeline), asked_at)
        if steps.done:
            await self.events.left(pipeline.identity, steps.kept, steps.unseen)
            await self.publisher.release(pipeline)
            self.forget(pipeline.key, pipeline.identity.uid)
            return None
        await self.publisher.only_ready(pipeline.identity, raw, aside.deleting(steps.awaited), "Deleting")
        return TEARDOWN_SECONDS

    def owner(self, ref: Ref) -> Key | None:
        """The pipeline that a child belongs to, also of one that is gone or lost its labels."""
        return self.applier.owner(ref)

    def forget(self, key: Key, uid: str) -> None:
        """Lets go of a pipeline that is no more."""
        self.scaler.drop(key)
        self.publisher.forget(uid)
        self.applier.forget(key)
        for keys in self.dependents.values():
            keys.discard(key)
