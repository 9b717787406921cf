"""The collectors: their Deployment, what scales it, and how they are reached, for as long as they are enabled. Pure.

A suspended pipeline's collectors go on: events are kept in Kafka until the consumers go on, and a page asks only once.
"""

from __future__ import annotations

from datetime import timedelta
from math import ceil

from msgspec import UNSET

from pulse.facts import KafkaAccess
from pulse.senders import keys_text
from pulse.settings import CollectorSettings
from pulse_operator.objects import AUTOSCALER, DEPLOYMENT, DISRUPTION_BUDGET, SECRET, SERVICE, Manifest, Ref
from pulse_operator.render.environment import (
    CREDENTIALS_ANNOTATION,
    LOG,
    Environment,
    encoded,
    environment,
    kafka_files,
    kafka_settings,
    secret,
    secret_ref,
)
from pulse_operator.render.ingress import ingress
from pulse_operator.render.inputs import Inputs, Wanted, selector, workload
from pulse_operator.render.pod import HEALTH_PORT, HEALTH_PORT_NAME, Container, probes, spread, template
from pulse_operator.render.topics import topic_settings

COMPONENT = "collector"
# The Secret of the write keys that Pulse makes, and the sender that it makes one for.
KEYS, SENDER = "collector-keys", "web"
PORT, PORT_NAME = 8000, "http"
SERVICE_PORT = 80
# All of the protocol is below it, so that a host may have other paths for others.
PATH = "/v1"
EVENTS_PATH = f"{PATH}/events"

_COOKIES = {"None": "none", "Readable": "readable", "HttpOnly": "http-only"}

# Until whoever routes to a pod that is about to stop has learned of it. The pod itself waits, so no hook has to.
_STOP_DELAY = timedelta(seconds=10)
_MARGIN_SECONDS = 5


def keys_ref(inputs: Inputs) -> Ref:
    """The Secret with the write keys that Pulse makes."""
    return inputs.home(SECRET, KEYS)


def surroundings(inputs: Inputs) -> list[Wanted]:
    """How collectors are reached, and that a drain takes one at a time; nothing unless they are enabled."""
    if not inputs.spec.collector.enabled:
        return []
    pods = selector(inputs, COMPONENT)
    ports = [
        {"name": PORT_NAME, "port": SERVICE_PORT, "targetPort": PORT_NAME, "protocol": "TCP"},
        {"name": HEALTH_PORT_NAME, "port": HEALTH_PORT, "targetPort": HEALTH_PORT_NAME, "protocol": "TCP"},
    ]
    budget = {
        "maxUnavailable": 1,
        "selector": {"matchLabels": pods},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    return [
        workload(inputs, inputs.home(SERVICE, COMPONENT), COMPONENT, spec={"ports": ports, "selector": pods}),
        workload(inputs, inputs.home(DISRUPTION_BUDGET, COMPONENT), COMPONENT, spec=budget),
        *ingress(inputs, COMPONENT, inputs.spec.collector.ingress, PORT_NAME, PATH),
    ]


def collectors(inputs: Inputs) -> list[Wanted]:
    """The write keys if Pulse makes them; the Deployment and what scales it once Kafka has the topic and a user."""
    if not inputs.spec.collector.enabled:
        return []
    keys = _keys(inputs)
    deployment, autoscaler = inputs.home(DEPLOYMENT, COMPONENT), inputs.home(AUTOSCALER, COMPONENT)
    kafka = inputs.facts.kafka.get("producer")
    if kafka is None or not inputs.facts.write_keys:
        return [*keys, secret_ref(inputs, COMPONENT), deployment, autoscaler]
    made = settings(inputs, kafka)
    told = environment(inputs, COMPONENT, made, kafka_files(kafka))
    kept = [*keys, *secret(inputs, COMPONENT, told)]
    if not inputs.facts.topics_made:  # it would end at once, and be started again with growing pauses
        return [*kept, deployment, autoscaler]
    return [
        *kept,
        workload(inputs, deployment, COMPONENT, spec=_spec(inputs, told, made)),
        workload(inputs, autoscaler, COMPONENT, spec=_scaled(inputs, deployment)),
    ]


def settings(inputs: Inputs, kafka: KafkaAccess) -> CollectorSettings:
    """What each collector is told."""
    wanted = inputs.spec.collector
    before = 0 if wanted.ingress is UNSET else 1
    return CollectorSettings(
        kafka=kafka_settings(kafka),
        log=LOG,
        events_topic=topic_settings(inputs).events,
        custom_events=inputs.spec.contract.custom_events,
        port=PORT,
        health_port=HEALTH_PORT,
        origins=",".join(wanted.origins),
        keys=keys_text(inputs.facts.write_keys),
        address="truncated" if wanted.address == "Truncate" else "none",
        cookie=_COOKIES[wanted.cookie.kind],
        cookie_domain=wanted.cookie.domain or "",
        proxies=before if wanted.proxies is UNSET else wanted.proxies,
        request_bytes=wanted.limits.request_bytes,
        unpacked_bytes=wanted.limits.unpacked_bytes,
        event_bytes=wanted.limits.event_bytes,
        batch_events=wanted.limits.batch_events,
        held_bytes=wanted.limits.held_bytes,
        connections=wanted.limits.connections,
        rate=float(wanted.rate.events_per_second),
        reject_rate=float(wanted.rate.rejected_per_second),
        stop_delay=_STOP_DELAY,
    )


def _keys(inputs: Inputs) -> list[Wanted]:
    """Only the key that Pulse made: what a person adds to the Secret is that person's."""
    if inputs.spec.collector.write_keys is not UNSET:
        return []
    made, ref = inputs.facts.write_keys.get(SENDER), keys_ref(inputs)
    return [workload(inputs, ref, COMPONENT, type="Opaque", data=encoded({SENDER: made})) if made else ref]


def _spec(inputs: Inputs, told: Environment, made: CollectorSettings) -> Manifest:
    """Without replicas: those are the autoscaler's, and who wrote them here would undo it with every change."""
    wait = made.stop_delay + made.shutdown_grace + made.ack_timeout
    runs = Container(
        COMPONENT,
        inputs.facts.images.collector,
        ("pulse-collector",),
        told,
        inputs.spec.collector.resources,
        grace_seconds=ceil(wait.total_seconds()) + _MARGIN_SECONDS,
        more=probes({"name": PORT_NAME, "containerPort": PORT, "protocol": "TCP"}),
    )
    pod = template(inputs, runs, "Always", {CREDENTIALS_ANNOTATION: told.fingerprint})
    pod["spec"]["topologySpreadConstraints"] = spread(inputs, COMPONENT)
    return {
        "selector": {"matchLabels": selector(inputs, COMPONENT)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
        "minReadySeconds": 5,
        "revisionHistoryLimit": 3,
        "template": pod,
    }


def _scaled(inputs: Inputs, deployment: Ref) -> Manifest:
    wanted = inputs.spec.collector.scaling
    target = {"type": "Utilization", "averageUtilization": wanted.target_cpu_percent}
    return {
        "scaleTargetRef": {
            "apiVersion": deployment.kind.api_version,
            "kind": deployment.kind.name,
            "name": deployment.name,
        },
        "minReplicas": wanted.min,
        "maxReplicas": wanted.max,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
