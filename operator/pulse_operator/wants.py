"""Which objects a pipeline stands on, and under which names: what has to be read before anything is decided. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from pulse import names
from pulse.facts import ROLES, USERS, Role, User
from pulse_operator import objects
from pulse_operator.dashboards import DashboardRefs, dashboard_refs
from pulse_operator.objects import Ref
from pulse_operator.pipeline import Pipeline
from pulse_operator.render.collector import COMPONENT as COLLECTOR
from pulse_operator.render.collector import KEYS


@dataclass(frozen=True, slots=True)
class Wants:
    """The refs of one pipeline; what it has no use for is absent."""

    consumer: Ref
    transform: Ref
    maintain: Ref
    dashboards: DashboardRefs
    kafka: Ref | None = None
    topics: Mapping[str, Ref] = field(default_factory=dict)  # by what they hold: events, dlq
    users: Mapping[User, Ref] = field(default_factory=dict)
    broker_ca: Ref | None = None
    cluster: Ref | None = None
    database: Ref | None = None
    roles: Mapping[Role, Ref] = field(default_factory=dict)
    role_secrets: Mapping[Role, Ref] = field(default_factory=dict)
    postgres_ca: Ref | None = None
    source_secret: Ref | None = None  # supplied by a person, for an external source
    sink_secret: Ref | None = None  # likewise for an external sink
    collector: Ref | None = None
    own_keys: Ref | None = None  # the write keys that Pulse makes
    supplied_keys: Ref | None = None  # those of a person

    @property
    def platform(self) -> tuple[Ref, ...]:
        """What others make and Pulse only reads; a change of one concerns every pipeline that stands on it."""
        supplied = (self.source_secret, self.sink_secret, self.supplied_keys)
        found = (self.kafka, self.broker_ca, self.cluster, self.postgres_ca, *supplied)
        return tuple(ref for ref in found if ref is not None)


def wants(pipeline: Pipeline) -> Wants:
    """Everything that this pipeline stands on."""
    home, name = pipeline.identity.namespace, pipeline.identity.name
    return Wants(
        consumer=Ref(objects.DEPLOYMENT, home, f"{name}-consumer"),
        transform=Ref(objects.CRON_JOB, home, f"{name}-transform"),
        maintain=Ref(objects.CRON_JOB, home, f"{name}-maintain"),
        dashboards=dashboard_refs(home, name, postgres_namespace(pipeline)),
        **_source(pipeline, home, name),
        **_sink(pipeline, home, name),
        **_collector(pipeline, home, name),
    )


def kafka_namespace(pipeline: Pipeline) -> str | None:
    """Where Strimzi's objects of this pipeline are; None for an external source."""
    strimzi = pipeline.spec.source.strimzi
    return None if strimzi is UNSET else strimzi.namespace or pipeline.identity.namespace


def postgres_namespace(pipeline: Pipeline) -> str | None:
    """Where CloudNativePG's objects of this pipeline are; None for an external sink."""
    sink = pipeline.spec.sink.cloud_native_pg
    return None if sink is UNSET else sink.namespace or pipeline.identity.namespace


def _source(pipeline: Pipeline, home: str, name: str) -> dict[str, Any]:
    source = pipeline.spec.source
    there = kafka_namespace(pipeline)
    if source.strimzi is UNSET or there is None:
        external = source.external
        if external is UNSET or external.auth.secret_ref is UNSET:
            return {}
        return {"source_secret": Ref(objects.SECRET, home, external.auth.secret_ref.name)}
    return {
        "kafka": Ref(objects.KAFKA, there, source.strimzi.cluster),
        "topics": {
            "events": Ref(objects.KAFKA_TOPIC, there, names.events_topic(name)),
            "dlq": Ref(objects.KAFKA_TOPIC, there, names.dlq_topic(name)),
        },
        "users": {user: Ref(objects.KAFKA_USER, there, f"{name}-{user}") for user in USERS},
        "broker_ca": Ref(objects.SECRET, there, f"{source.strimzi.cluster}-cluster-ca-cert"),
    }


def _sink(pipeline: Pipeline, home: str, name: str) -> dict[str, Any]:
    sink = pipeline.spec.sink
    there = postgres_namespace(pipeline)
    if sink.cloud_native_pg is UNSET or there is None:
        external = sink.external
        return {} if external is UNSET else {"sink_secret": Ref(objects.SECRET, home, external.secret_ref.name)}
    return {
        "cluster": Ref(objects.CLUSTER, there, sink.cloud_native_pg.cluster),
        "database": Ref(objects.DATABASE, there, name),
        "roles": {role: Ref(objects.DATABASE_ROLE, there, f"{name}-{role}") for role in ROLES},
        "role_secrets": {role: Ref(objects.SECRET, there, f"{name}-db-{role}") for role in ROLES},
        "postgres_ca": Ref(objects.SECRET, there, f"{sink.cloud_native_pg.cluster}-ca"),
    }


def _collector(pipeline: Pipeline, home: str, name: str) -> dict[str, Any]:
    wanted = pipeline.spec.collector
    if not wanted.enabled:
        return {}
    found = {"collector": Ref(objects.DEPLOYMENT, home, f"{name}-{COLLECTOR}")}
    if wanted.write_keys is UNSET:
        return {**found, "own_keys": Ref(objects.SECRET, home, f"{name}-{KEYS}")}
    return {**found, "supplied_keys": Ref(objects.SECRET, home, wanted.write_keys.name)}
