"""Reads what a pipeline stands on: asks the index first, and the API server only for objects that changed since."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec

from pulse_operator import objects
from pulse_operator.api import Api
from pulse_operator.dashboards import PROVISION
from pulse_operator.dependencies import Found, Missing, credentials
from pulse_operator.dependencies.verdict import Raw, condition, status
from pulse_operator.objects import OWN_SELECTOR, Kind, Manifest, Ref
from pulse_operator.pipeline import Pipeline
from pulse_operator.refusals import ApiUnavailable, Forbidden, NotFound, NotServed
from pulse_operator.seen import Seen
from pulse_operator.wants import Wants, kafka_namespace, postgres_namespace, wants
from pulse_operator.watch import Phase, Watches

OWN_KINDS = (
    *(objects.DEPLOYMENT, objects.CRON_JOB, objects.JOB, objects.SERVICE, objects.DISRUPTION_BUDGET),
    *(objects.NETWORK_POLICY, objects.INGRESS, objects.AUTOSCALER, objects.POD_MONITOR),
)
KAFKA_KINDS = (objects.KAFKA_TOPIC, objects.KAFKA_USER)
POSTGRES_KINDS = (objects.DATABASE, objects.DATABASE_ROLE)
OPTIONAL_KINDS = (objects.POD_MONITOR, objects.DATABASE_ROLE)

# What is in the names of the Jobs that Pulse makes itself; CronJobs make the others.
OWN_JOBS = ("migrate", PROVISION)

# Of the Jobs of dbt and of those of the upkeep the two newest are read each time; older ones tell nothing that counts.
_RUNS = 2
# What a watch that does not work says about every object of its kind. One that fails after it worked is believed.
_UNREAD = {Phase.NOT_SERVED: Missing.KIND, Phase.FORBIDDEN: Missing.RIGHT, Phase.PENDING: Missing.ANSWER}
SYNC_SECONDS = 20.0


class Observer:
    """What was read is kept until the index says that it changed. One for all pipelines."""

    def __init__(self, api: Api, watches: Watches, everywhere: bool, clock: Callable[[], float]) -> None:
        self._api = api
        self._watches = watches
        self._everywhere = everywhere
        self._clock = clock
        self._bodies: dict[Ref, tuple[str, bytes]] = {}

    async def observe(self, pipeline: Pipeline) -> tuple[Wants, Seen]:
        """Everything that this pipeline stands on, and its own children that tell how it is."""
        wanted = wants(pipeline)
        await self.watched(pipeline)
        refs = [*_direct(wanted), *self._runs(pipeline)]
        found = dict(zip(refs, await asyncio.gather(*(self.read(ref) for ref in refs)), strict=True))
        secrets = _user_secrets(wanted, found)
        found.update(zip(secrets, await asyncio.gather(*(self.read(ref) for ref in secrets)), strict=True))
        runs, maintenance = self._jobs(found, "transform"), self._jobs(found, "maintain")
        return wanted, Seen(
            at=self._clock(),
            objects=found,
            pods=await self._pods(pipeline, wanted, found, [*runs, *maintenance]),
            runs=tuple(runs),
            maintenance=tuple(maintenance),
            served=frozenset(kind for kind in OPTIONAL_KINDS if self._serves(kind, pipeline)),
        )

    async def read(self, ref: Ref) -> Found:
        """One object, or why there is none."""
        unread = _UNREAD.get(self._phase(ref.kind, ref.namespace))
        if unread is not None:
            return unread
        meta = self._watches.lookup(ref)
        if meta is None:
            self._bodies.pop(ref, None)
            return Missing.OBJECT
        kept = self._bodies.get(ref)
        if kept is None or kept[0] != meta.version:
            return await self.fetch(ref)
        body: Manifest = msgspec.json.decode(kept[1])
        return body

    async def fetch(self, ref: Ref) -> Found:
        """The object as the API server has it now."""
        try:
            live = await self._api.get(ref)
        except NotFound:
            self._bodies.pop(ref, None)
            return Missing.OBJECT
        except NotServed:
            return Missing.KIND
        except Forbidden:
            return Missing.RIGHT
        except ApiUnavailable:
            return Missing.ANSWER
        self.keep(ref, live)
        return live

    def keep(self, ref: Ref, live: Manifest) -> None:
        """Remembers an object as it was just read or written."""
        live["metadata"].pop("managedFields", None)
        self._bodies[ref] = live["metadata"]["resourceVersion"], msgspec.json.encode(live)

    def forget(self, refs: Iterable[Ref]) -> None:
        """Lets go of what is no longer asked for."""
        for ref in refs:
            self._bodies.pop(ref, None)

    async def watched(self, pipeline: Pipeline) -> None:
        """Has everything watched that the pipeline touches, and waits for the first listing."""
        # Of Secrets those of others are watched too.
        scopes = [(kind, place, "" if kind is objects.SECRET else OWN_SELECTOR) for kind, place in own_places(pipeline)]
        for namespace, platform in (
            (kafka_namespace(pipeline), objects.KAFKA),
            (postgres_namespace(pipeline), objects.CLUSTER),
        ):
            if namespace is not None:
                scopes += [(objects.SECRET, namespace, ""), (platform, namespace, "")]
        for kind, namespace, labels in scopes:
            self._watches.ensure(kind, self._scope(namespace), labels)
        deadline = self._clock() + SYNC_SECONDS
        while self._clock() < deadline and any(
            self._phase(kind, namespace) is Phase.PENDING for kind, namespace, _ in scopes
        ):
            await asyncio.sleep(0.1)

    def unlisted(self, pipeline: Pipeline) -> tuple[str, ...]:
        """Where a pipeline may have children that nobody could ask for yet."""
        return tuple(
            f"{kind.plural} in {namespace}"
            for kind, namespace in own_places(pipeline)
            if self._phase(kind, namespace) is Phase.PENDING
        )

    def _phase(self, kind: Kind, namespace: str) -> Phase:
        return self._watches.state(kind, self._scope(namespace)).phase

    def _scope(self, namespace: str) -> str | None:
        return None if self._everywhere else namespace

    def _serves(self, kind: Kind, pipeline: Pipeline) -> bool:
        there = postgres_namespace(pipeline) if kind is objects.DATABASE_ROLE else pipeline.identity.namespace
        return there is not None and self._phase(kind, there) is Phase.SYNCED

    def _runs(self, pipeline: Pipeline) -> list[Ref]:
        """The Jobs of this pipeline: those that Pulse makes itself, and the newest runs of dbt and of the upkeep."""
        owned = self._watches.index.owned_by(*pipeline.key)
        jobs = [ref for ref in owned if ref.kind is objects.JOB]
        made = {ref: meta.created_at for ref in jobs if (meta := self._watches.lookup(ref)) is not None}
        found = sorted(made, key=lambda ref: made[ref])
        prefixes = tuple(f"{pipeline.identity.name}-{one}-" for one in OWN_JOBS)
        own = [ref for ref in found if ref.name.startswith(prefixes)]
        upkeep = [ref for ref in found if ref.name.startswith(f"{pipeline.identity.name}-maintain-")]
        others = [ref for ref in found if ref not in (*own, *upkeep)]
        return own + upkeep[-_RUNS:] + others[-_RUNS:]

    def _jobs(self, found: dict[Ref, Found], component: str) -> list[Raw]:
        jobs = [raw for ref, raw in found.items() if ref.kind is objects.JOB and not isinstance(raw, Missing)]
        ours = [raw for raw in jobs if raw["metadata"].get("labels", {}).get(objects.COMPONENT_LABEL) == component]
        return sorted(ours, key=lambda raw: str(raw["metadata"].get("creationTimestamp", "")))

    async def _pods(
        self, pipeline: Pipeline, wanted: Wants, found: dict[Ref, Found], runs: Sequence[Raw]
    ) -> dict[Ref, tuple[Raw, ...]]:
        """Pods are asked for only where something does not go well, as nothing else is told of them."""
        troubled: dict[Ref, str] = {}
        wanted_pods = (wanted.consumer, wanted.collector, wanted.dashboards.page, wanted.dashboards.metabase)
        for ref in filter(None, wanted_pods):
            live = found.get(ref)
            if live is not None and not isinstance(live, Missing) and _lacking(live):
                component = ref.name.removeprefix(f"{pipeline.identity.name}-")
                troubled[ref] = (
                    f"{objects.PIPELINE_LABEL}={pipeline.identity.name},{objects.COMPONENT_LABEL}={component}"
                )
        for job in (*self._jobs(found, "migrate"), *self._jobs(found, PROVISION), *runs):
            if not condition(job, "Complete"):
                troubled[Ref.of(dict(job))] = f"batch.kubernetes.io/job-name={job['metadata']['name']}"
        listed = [self._listed(pipeline.identity.namespace, labels) for labels in troubled.values()]
        return dict(zip(troubled, await asyncio.gather(*listed), strict=True))

    async def _listed(self, namespace: str, labels: str) -> tuple[Raw, ...]:
        try:
            return tuple(await self._api.list(objects.POD, namespace, labels))
        except (ApiUnavailable, Forbidden):
            return ()  # a complaint less; the condition says the rest


def own_places(pipeline: Pipeline) -> list[tuple[Kind, str]]:
    """Every kind that a pipeline has children of, and the namespace in which."""
    home, kafka, postgres = pipeline.identity.namespace, kafka_namespace(pipeline), postgres_namespace(pipeline)
    places = [(kind, home) for kind in (*OWN_KINDS, objects.SECRET)]
    places += [(kind, kafka) for kind in KAFKA_KINDS if kafka is not None]
    places += [(kind, postgres) for kind in (*POSTGRES_KINDS, objects.SECRET) if postgres is not None]
    return places


def _direct(wanted: Wants) -> list[Ref]:
    refs = [*wanted.platform, *wanted.topics.values(), *wanted.users.values(), *wanted.roles.values()]
    refs += [*wanted.role_secrets.values(), wanted.consumer, wanted.transform, wanted.maintain, *wanted.dashboards.all]
    return [*refs, *(ref for ref in (wanted.database, wanted.collector, wanted.own_keys) if ref is not None)]


def _user_secrets(wanted: Wants, found: dict[Ref, Found]) -> list[Ref]:
    """Strimzi says in the status of a user which Secret is its own."""
    secrets = []
    for ref in wanted.users.values():
        user = found.get(ref)
        named = credentials(user) if user is not None and not isinstance(user, Missing) else None
        if named is not None:
            secrets.append(Ref(objects.SECRET, ref.namespace, named.secret))
    return secrets


def _lacking(deployment: Raw) -> bool:
    """Whether a pod is not ready, be it one that is to replace another."""
    told = status(deployment)
    old = told.get("replicas", 0) > told.get("updatedReplicas", 0)
    return bool(old or told.get("readyReplicas", 0) < deployment["spec"].get("replicas", 1))
