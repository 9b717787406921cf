"""The live page: its Deployment, the way to it, and the Secret with the token that lets people in. Pure."""

from __future__ import annotations

from datetime import timedelta

from pulse.facts import DatabaseAccess, KafkaAccess
from pulse.settings import DashboardSettings
from pulse_operator.dashboards import PAGE as COMPONENT
from pulse_operator.objects import DEPLOYMENT, SECRET, SERVICE, Manifest
from pulse_operator.render.environment import (
    CREDENTIALS_ANNOTATION,
    LOG,
    Environment,
    database_files,
    database_settings,
    encoded,
    environment,
    kafka_files,
    kafka_settings,
    secret,
    secret_ref,
)
from pulse_operator.render.ingress import address, ingress
from pulse_operator.render.inputs import Inputs, Wanted, selector, workload
from pulse_operator.render.network import peers, policy
from pulse_operator.render.pod import HEALTH_PORT, Container, probes, spread, template
from pulse_operator.render.topics import topic_settings
from pulse_operator.schedule import longest_gap

PORT, PORT_NAME = 8088, "http"
TOKEN_KEY = "token"  # noqa: S105 - the key of a Secret
# A run of dbt that is missed once is no news; the page warns as TransformFresh does.
_LEAST_STALE = timedelta(hours=1)


def pages(inputs: Inputs) -> list[Wanted]:
    """Nothing unless it is enabled. The Deployment once all access is known and the database has its schema."""
    live = inputs.spec.dashboard.live
    if not live.enabled:
        return []
    deployment, token = inputs.home(DEPLOYMENT, COMPONENT), inputs.home(SECRET, COMPONENT)
    asks = live.auth == "token"
    kafka, database = inputs.facts.kafka.get("lag"), inputs.facts.databases.get("reader")
    known = inputs.facts.dashboards.keys.token
    if kafka is None or database is None or (asks and not known):
        return [*_surroundings(inputs), *([token] if asks else []), secret_ref(inputs, COMPONENT), deployment]
    made = settings(inputs, kafka, database)
    told = environment(inputs, COMPONENT, made, {**kafka_files(kafka), **database_files(database)})
    kept = secret(inputs, COMPONENT, told)
    if asks:
        kept.append(workload(inputs, token, COMPONENT, type="Opaque", data=encoded({TOKEN_KEY: known})))
    ready = workload(inputs, deployment, COMPONENT, spec=_spec(inputs, told)) if inputs.startable else deployment
    return [*_surroundings(inputs), *kept, ready]


def settings(inputs: Inputs, kafka: KafkaAccess, database: DatabaseAccess) -> DashboardSettings:
    """What the page is told: to look at the lag as the operator does, and at the database as a reader."""
    live, transform = inputs.spec.dashboard.live, inputs.spec.transform
    gap = longest_gap(transform.schedule, transform.time_zone) if transform.enabled else None
    return DashboardSettings(
        kafka=kafka_settings(kafka),
        database=database_settings(database),
        topics=topic_settings(inputs),
        log=LOG,
        host="0.0.0.0",  # noqa: S104 - a pod's own
        port=PORT,
        base_path=live.base_path,
        auth=live.auth,
        token=inputs.facts.dashboards.keys.token if live.auth == "token" else "",
        stale_after=max(_LEAST_STALE, 2 * (gap or timedelta(0))),
        health_port=HEALTH_PORT,
    )


def inside(inputs: Inputs) -> str:
    """Where pods find it."""
    return f"http://{inputs.name}-{COMPONENT}.{inputs.identity.namespace}.svc{inputs.spec.dashboard.live.base_path}/"


def outside(inputs: Inputs) -> str:
    """Where people find it; "" if nobody said."""
    live = inputs.spec.dashboard.live
    return address(live.ingress, f"{live.base_path}/")


def _surroundings(inputs: Inputs) -> list[Wanted]:
    live, pods = inputs.spec.dashboard.live, selector(inputs, COMPONENT)
    # Anybody may look at metrics: where Prometheus runs, and under which labels, is not ours to know.
    allowed = [peers(PORT, live.allow_from), peers(HEALTH_PORT, ())]
    port = {"name": PORT_NAME, "port": 80, "targetPort": PORT_NAME, "protocol": "TCP"}
    return [
        policy(inputs, COMPONENT, {"ingress": allowed}),
        workload(inputs, inputs.home(SERVICE, COMPONENT), COMPONENT, spec={"ports": [port], "selector": pods}),
        *ingress(inputs, COMPONENT, live.ingress, PORT_NAME, live.base_path or "/"),
    ]


def _spec(inputs: Inputs, told: Environment) -> Manifest:
    live = inputs.spec.dashboard.live
    command = ("pulse-dashboards", "serve")
    more = probes({"name": PORT_NAME, "containerPort": PORT, "protocol": "TCP"})
    runs = Container(COMPONENT, inputs.facts.images.dashboards, command, told, live.resources, more=more)
    pod = template(inputs, runs, "Always", {CREDENTIALS_ANNOTATION: told.fingerprint})
    pod["spec"]["topologySpreadConstraints"] = spread(inputs, COMPONENT)
    return {
        "replicas": live.replicas,
        "selector": {"matchLabels": selector(inputs, COMPONENT)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "revisionHistoryLimit": 3,
        "template": pod,
    }
