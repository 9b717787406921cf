"""The Deployment of the consumers, and what protects and shows it. Pure."""

from __future__ import annotations

from math import ceil

from pulse.env import duration
from pulse.facts import DatabaseAccess, KafkaAccess
from pulse.settings import ConsumerSettings
from pulse_operator.objects import DEPLOYMENT, DISRUPTION_BUDGET, SERVICE, Manifest
from pulse_operator.render.environment import (
    CREDENTIALS_ANNOTATION,
    LOG,
    Environment,
    database_files,
    database_settings,
    environment,
    kafka_files,
    kafka_settings,
    secret,
    secret_ref,
)
from pulse_operator.render.inputs import Inputs, Wanted, selector, workload
from pulse_operator.render.pod import HEALTH_PORT, HEALTH_PORT_NAME, Container, probes, spread, template
from pulse_operator.render.topics import topic_settings

COMPONENT = "consumer"
# After the wait for the batch in flight the group is left, and what is still under way is broken off.
_LEAVE_SECONDS = 40


def surroundings(inputs: Inputs) -> list[Wanted]:
    """What is there whether or not consumers run.

    Events wait in Kafka while a consumer moves, so a drain may take one at a time even of a single one, and any number
    of those that do not work.
    """
    pods = selector(inputs, COMPONENT)
    budget = {
        "maxUnavailable": 1,
        "selector": {"matchLabels": pods},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    port = {"name": HEALTH_PORT_NAME, "port": HEALTH_PORT, "targetPort": HEALTH_PORT_NAME, "protocol": "TCP"}
    # For those who look at metrics: each consumer by its own address, above all one that is not ready.
    service = {"clusterIP": "None", "publishNotReadyAddresses": True, "ports": [port], "selector": pods}
    return [
        workload(inputs, inputs.home(SERVICE, COMPONENT), COMPONENT, spec=service),
        workload(inputs, inputs.home(DISRUPTION_BUDGET, COMPONENT), COMPONENT, spec=budget),
    ]


def consumers(inputs: Inputs) -> list[Wanted]:
    """The Secret once all access is known, and the Deployment once the database has its schema too."""
    deployment = inputs.home(DEPLOYMENT, COMPONENT)
    kafka, database = inputs.facts.kafka.get("consumer"), inputs.facts.databases.get("ingest")
    if kafka is None or database is None:
        return [secret_ref(inputs, COMPONENT), deployment]
    made = settings(inputs, kafka, database)
    told = environment(inputs, COMPONENT, made, {**kafka_files(kafka), **database_files(database)})
    kept = secret(inputs, COMPONENT, told)
    if not inputs.startable:
        return [*kept, deployment]
    return [*kept, workload(inputs, deployment, COMPONENT, spec=_spec(inputs, told, made))]


def settings(inputs: Inputs, kafka: KafkaAccess, database: DatabaseAccess) -> ConsumerSettings:
    """What the consumer is told.

    Every Kafka that Strimzi 1.x runs has the new group protocol. Of an external one nobody knows, and all have the
    classic one.
    """
    spec = inputs.spec
    return ConsumerSettings(
        kafka=kafka_settings(kafka),
        database=database_settings(database),
        topics=topic_settings(inputs),
        log=LOG,
        batch_rows=spec.consumer.batch.rows,
        batch_bytes=spec.consumer.batch.bytes,
        batch_linger=duration(spec.consumer.batch.linger),
        group_protocol="consumer" if inputs.strimzi else "classic",
        custom_events=spec.contract.custom_events,
        health_port=HEALTH_PORT,
    )


def _spec(inputs: Inputs, told: Environment, made: ConsumerSettings) -> Manifest:
    runs = Container(
        COMPONENT,
        inputs.facts.images.consumer,
        ("pulse-consumer", "run"),
        told,
        inputs.spec.consumer.resources,
        grace_seconds=ceil(made.shutdown_grace.total_seconds()) + _LEAVE_SECONDS,
        more=probes(),
    )
    pod = template(inputs, runs, "Always", {CREDENTIALS_ANNOTATION: told.fingerprint})
    pod["spec"]["topologySpreadConstraints"] = spread(inputs, COMPONENT)
    return {
        "replicas": 0 if inputs.decision.suspended else inputs.decision.replicas,
        "selector": {"matchLabels": selector(inputs, COMPONENT)},
        # New ones first, so that a version or a password that does not work never takes the place of a consumer that
        # does. A quarter at a time: each wave costs the group a rebalance, so waves are to be few, and the wait behind
        # each lets the group settle before the next.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
        "minReadySeconds": 10,
        "revisionHistoryLimit": 3,
        "template": pod,
    }
