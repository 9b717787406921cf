"""A pipeline as it is seen once everything is well, and what a test changes of that, for what the operator concludes.

The children are those that the rendering makes, in the status that their operators would give them, and what belongs
to Strimzi and CloudNativePG is held to their definitions.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from kit.crds import checked
from kit.golden import IMAGES, UID
from pulse.facts import Images
from pulse.spec import PipelineSpec
from pulse_operator import deduce, objects, scaling
from pulse_operator.conditions import Evidence, conditions
from pulse_operator.decide import shall_be
from pulse_operator.dependencies import Found, Missing, Verdict
from pulse_operator.objects import Identity, Kind, Ref
from pulse_operator.pipeline import Pipeline, parsed
from pulse_operator.readings import Reading
from pulse_operator.render import migration_job, provision_job, render
from pulse_operator.scaling import PartitionOffsets
from pulse_operator.seen import Seen
from pulse_operator.timestamps import seconds_of
from pulse_operator.wants import Wants, wants

MADE_AT, RAN_AT, NOW = "2026-03-01T09:00:00Z", "2026-03-01T12:01:00Z", "2026-03-01T12:10:00Z"
AT = seconds_of(NOW)
PASSWORD = "p@ss/word"
SPEC: dict[str, Any] = {
    "source": {"strimzi": {"cluster": "events", "namespace": "kafka"}},
    "sink": {"cloudNativePG": {"cluster": "main", "namespace": "data"}},
}
BROKERS = "b-1.example:9096"
EXTERNAL: dict[str, Any] = {
    "source": {
        "external": {
            "bootstrapServers": BROKERS,
            "topic": "clicks",
            "dlqTopic": "clicks-dead",
            "auth": {"protocol": "SASL_SSL", "mechanism": "SCRAM-SHA-512", "secretRef": {"name": "msk"}},
        }
    },
    "sink": {"external": {"secretRef": {"name": "rds"}}},
}
READING = Reading(AT, {number: PartitionOffsets(0, 1_000, 800) for number in range(6)})
STEADY = scaling.Decision(2, 2, scaling.Reason.STEADY, "2: steady.", scaling.Memory(), lag=1_200, drain_seconds=12.4)


def raw_pipeline(spec: Mapping[str, Any] = SPEC, /, **metadata: Any) -> dict[str, Any]:
    """The PulsePipeline as the API server holds it."""
    return {
        "apiVersion": objects.PIPELINE.api_version,
        "kind": objects.PIPELINE.name,
        "metadata": {
            "namespace": "web",
            "name": "shop",
            "uid": UID,
            "generation": 4,
            "resourceVersion": "70",
            "creationTimestamp": MADE_AT,
            **metadata,
        },
        "spec": dict(spec),
    }


def pipeline(spec: Mapping[str, Any] = SPEC, /, **parts: Any) -> Pipeline:
    """The same, parsed; `parts` are added to the spec."""
    return parsed(raw_pipeline({**spec, **parts}))


OURS = wants(pipeline())
CONSUMER, TRANSFORM, MAINTAIN = OURS.consumer, OURS.transform, OURS.maintain
assert OURS.kafka, "the pipeline of these tests stands on Strimzi"
KAFKA: Ref = OURS.kafka
EVENTS, DLQ = OURS.topics["events"], OURS.topics["dlq"]


@dataclass(frozen=True)
class ConditionCase:
    """Something seen, and how one condition judges it. `says` must all stand in the message."""

    name: str
    evidence: Evidence | Verdict
    condition: str
    status: str
    reason: str
    says: tuple[str, ...] = ()

    def hold(self) -> None:
        """The test."""
        told = self.evidence if isinstance(self.evidence, Verdict) else conditions(self.evidence)[self.condition]
        assert (told.status.value, told.reason.value) == (self.status, self.reason), told.message
        for words in self.says:
            assert words in told.message
        assert told.message.rstrip().endswith((".", ")")), "a message is made of sentences"


def looked(
    spec: Mapping[str, Any] = SPEC,
    /,
    *,
    put: Mapping[Ref, Found] | None = None,
    status: Mapping[Ref, Mapping[str, Any]] | None = None,
    pods: Mapping[Ref, Sequence[Mapping[str, Any]]] | None = None,
    runs: Sequence[Mapping[str, Any]] = (),
    maintenance: Sequence[Mapping[str, Any]] = (),
    stored: Mapping[str, Any] | None = None,
    seconds: float = 0.0,
    **evidence: Any,
) -> Evidence:
    """All is well, but for this: objects that are others or missing, parts of a status, pods, runs of dbt and of the
    upkeep, some seconds more; `stored` is the pipeline's status, `evidence` are fields of Evidence."""
    ours = parsed({**raw_pipeline(spec), "status": dict(stored or {})})
    there: dict[Ref, Found] = {**_world(json.dumps(spec)), **(put or {})}
    for ref, told in (status or {}).items():
        found = there[ref]
        assert not isinstance(found, Missing)
        there[ref] = {**found, "status": {**found.get("status", {}), **told}}
    seen = Seen(
        at=AT + seconds,
        objects=there,
        pods={ref: tuple(found) for ref, found in (pods or {}).items()},
        runs=tuple(runs),
        maintenance=tuple(maintenance),
        served=frozenset({objects.DATABASE_ROLE}),
    )
    return concluded(ours, seen, **{"reading": READING, "decision": STEADY, **evidence})


def concluded(ours: Pipeline, seen: Seen, **evidence: Any) -> Evidence:
    """The evidence of what was seen."""
    wanted = wants(ours)
    kept, keys = deduce.kept_passwords(wanted, seen), deduce.kept_keys(wanted, seen)
    facts = deduce.facts(ours, wanted, seen, Images(**IMAGES), kept, dashboards=keys)
    job = migration_job(ours.identity, ours.spec, facts) if "owner" in facts.databases else None
    told = provision_job(ours.identity, ours.spec, facts)
    facts = deduce.with_provisioned(facts, seen, told)
    given = {"pipeline": ours, "wants": wanted, "seen": seen, "facts": facts, "migration": job, "provision": told}
    return Evidence(**{**given, **evidence})


def migration(spec: Mapping[str, Any] = SPEC) -> Ref:
    """The Job that brings this pipeline's database to its schema."""
    (found,) = (ref for ref in _world(json.dumps(spec)) if "-migrate-" in ref.name and ref.kind is objects.JOB)
    return found


def there(ref: Ref, spec: Mapping[str, Any] = SPEC) -> dict[str, Any]:
    """An object as it is when all is well."""
    return dict(_world(json.dumps(spec))[ref])


def secret(ref: Ref, **data: str) -> dict[str, Any]:
    """A Secret with these texts; an underscore in a name stands for the hyphen or dot that Python does not allow."""
    keys = {
        key.replace("_hyphen_", "-").replace("_crt", ".crt").replace("_key", ".key").replace("_", "-"): value
        for key, value in data.items()
    }
    return {
        **_of(ref),
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in keys.items()},
    }


def condition(kind: str, status: str = "True", **words: Any) -> dict[str, Any]:
    """A condition of somebody else's object."""
    return {"type": kind, "status": status, "lastTransitionTime": RAN_AT, **words}


@cache
def _world(spec: str) -> dict[Ref, Mapping[str, Any]]:
    """What there is once nothing is left to do: the passes of the operator, with everybody else quick and able."""
    ours = pipeline(json.loads(spec))
    wanted = wants(ours)
    found: dict[Ref, Mapping[str, Any]] = _platform(ours.spec, wanted)
    while True:
        seen = Seen(at=AT, objects=found, served=frozenset({objects.DATABASE_ROLE}))
        facts = concluded(ours, seen).facts
        job = migration_job(ours.identity, ours.spec, facts)
        migrated = {"migrated": deduce.succeeded(seen, job)}
        known = type(facts)(**{**{name: getattr(facts, name) for name in facts.__slots__}, **migrated})
        made = render(ours.identity, ours.spec, known, shall_be(ours, None, STEADY)).manifests
        new = {Ref.of(one): _well(dict(one)) for one in made}
        if new.keys() <= found.keys():
            return found
        found = {**new, **found}


def _kept_for_dashboards(spec: PipelineSpec, wanted: Wants, found: dict[Ref, Mapping[str, Any]]) -> None:
    """The Secrets that the operator makes once."""
    refs = wanted.dashboards
    if spec.dashboard.live.enabled:
        found[refs.token] = secret(refs.token, token=PASSWORD)
    if spec.dashboard.metabase.enabled:
        found[refs.keys] = secret(
            refs.keys, email="pulse@example.com", password=PASSWORD, encryption_hyphen_key=PASSWORD
        )
    if spec.dashboard.metabase.enabled and refs.role_secret:
        found[refs.role_secret] = secret(refs.role_secret, username="shop_metabase", password=PASSWORD)


def _platform(spec: PipelineSpec, wanted: Wants) -> dict[Ref, Mapping[str, Any]]:
    """What stands before the pipeline does."""
    found: dict[Ref, Mapping[str, Any]] = {}
    if wanted.kafka and wanted.broker_ca:
        found[wanted.kafka] = checked({**_of(wanted.kafka), "spec": KAFKA_SPEC, "status": KAFKA_STATUS})
        found[wanted.broker_ca] = secret(wanted.broker_ca, ca_crt="CA of the brokers")
    for user in wanted.users.values():
        ref = Ref(objects.SECRET, user.namespace, user.name)
        found[ref] = secret(ref, user_crt=f"certificate of {user.name}", user_key=f"key of {user.name}")
    if wanted.cluster and wanted.postgres_ca:
        found[wanted.cluster] = checked({**_of(wanted.cluster), "spec": CLUSTER_SPEC, "status": CLUSTER_STATUS})
        found[wanted.postgres_ca] = secret(wanted.postgres_ca, ca_crt="CA of Postgres")
    for ref in wanted.role_secrets.values():
        found[ref] = secret(ref, username=ref.name, password=PASSWORD)
    _kept_for_dashboards(spec, wanted, found)
    if wanted.source_secret:
        found[wanted.source_secret] = secret(wanted.source_secret, username="pulse", password=PASSWORD)
    for keys in filter(None, (wanted.own_keys, wanted.supplied_keys)):
        found[keys] = secret(keys, web="key-of-the-pages")
    if wanted.sink_secret:
        dsns = {f"{role}_dsn": f"postgresql://{role}@rds/shop" for role in ("owner", "ingest", "transform", "reader")}
        dsns["metabase_dsn"] = "postgresql://metabase:secret@rds/metabase"
        found[wanted.sink_secret] = secret(wanted.sink_secret, **dsns)
    return found


def _of(ref: Ref) -> dict[str, Any]:
    metadata = {"namespace": ref.namespace, "name": ref.name, "generation": 1, "creationTimestamp": MADE_AT}
    return {"apiVersion": ref.kind.api_version, "kind": ref.kind.name, "metadata": {**metadata, "uid": f"uid-{ref}"}}


def _well(manifest: dict[str, Any]) -> dict[str, Any]:
    """A child in the status that it gets when all is well."""
    ref = Ref.of(manifest)
    metadata = {**_of(ref)["metadata"], **manifest["metadata"]}
    made = {**manifest, "metadata": metadata, **_status(ref.kind, ref, manifest.get("spec", {}))}
    ours = ref.kind.api_version.startswith(("kafka.strimzi.io", "postgresql.cnpg.io"))
    return checked(made) if ours else made


def _status(kind: Kind, ref: Ref, spec: Mapping[str, Any]) -> dict[str, Any]:
    ready = {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}
    replicas = spec.get("replicas", 1)
    told: dict[Kind, dict[str, Any]] = {
        objects.KAFKA_TOPIC: {**ready, "topicName": ref.name},
        objects.KAFKA_USER: {**ready, "username": f"CN={ref.name}", "secret": ref.name},
        objects.DATABASE: {"applied": True, "observedGeneration": 1},
        objects.DATABASE_ROLE: {"applied": True, "observedGeneration": 1},
        objects.JOB: {"conditions": [condition("Complete")]},
        objects.CRON_JOB: {"lastSuccessfulTime": RAN_AT},
        objects.DEPLOYMENT: {
            "observedGeneration": 1,
            "replicas": replicas,
            "readyReplicas": replicas,
            "updatedReplicas": replicas,
        },
    }
    return {"status": told[kind]} if kind in told else {}


LISTENER = {"name": "tls", "port": 9093, "type": "internal", "tls": True, "authentication": {"type": "tls"}}
KAFKA_SPEC = {
    "entityOperator": {"topicOperator": {}, "userOperator": {}},
    "kafka": {"authorization": {"type": "simple"}, "listeners": [LISTENER]},
}
KAFKA_STATUS = {
    "observedGeneration": 1,
    "conditions": [{"type": "Ready", "status": "True"}],
    "listeners": [{"name": "tls", "bootstrapServers": "events-kafka-bootstrap.kafka.svc:9093", "certificates": ["CA"]}],
    "clusterId": "Zk5rGm3vSbC1",
}
CLUSTER_SPEC = {"instances": 1, "storage": {"size": "10Gi"}}
CLUSTER_STATUS = {
    "conditions": [
        {**condition("Initialized"), "reason": "Done", "message": ""},
        {**condition("Ready"), "reason": "ClusterIsReady", "message": ""},
    ],
    "phase": "Cluster in healthy state",
    "currentPrimary": "main-1",
    "targetPrimary": "main-1",
    "readyInstances": 1,
}
IDENTITY = Identity("web", "shop", UID)
