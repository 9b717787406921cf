"""Metabase: its Deployment and the way to it, its own database, and the Secret of what it must never lose. Pure.

The Secret with the administrator and the encryption key, and the database, outlive Metabase: what people made in it is
there, and unreadable without that key.
"""

from __future__ import annotations

from collections.abc import Mapping

from pulse.facts import DatabaseAccess
from pulse.names import metabase_role, role_prefix
from pulse_operator.dashboards import METABASE as COMPONENT
from pulse_operator.dashboards import PROVISION
from pulse_operator.objects import DATABASE, DEPLOYMENT, SECRET, SERVICE, Manifest, Ref
from pulse_operator.render.database import COMPONENT as DATABASES
from pulse_operator.render.database import login, reclaim, role_refs
from pulse_operator.render.dsn import jdbc
from pulse_operator.render.environment import (
    CREDENTIALS_ANNOTATION,
    Environment,
    database_files,
    database_settings,
    encoded,
    secret,
    secret_ref,
)
from pulse_operator.render.ingress import address, ingress
from pulse_operator.render.inputs import Inputs, Wanted, lasting, selector, workload
from pulse_operator.render.network import peers, policy
from pulse_operator.render.pod import Container, template

PORT, PORT_NAME = 3000, "http"
# The keys of the Secret, and what each holds of `pulse.facts.DashboardKeys`; and one that says that others may come in.
OPENED_KEY = "opened"
KEYS = {"email": "email", "password": "password", "encryption-key": "encryption_key"}
# Metabase unpacks its drivers there.
_SCRATCH = "2Gi"
_START_SECONDS = 900


def metabases(inputs: Inputs) -> list[Wanted]:
    """Its database for as long as there is one; all else while it is enabled.

    The Deployment once its own database is there and that of the events has its schema.
    """
    stored = database(inputs)
    if not inputs.spec.dashboard.metabase.enabled:
        return stored
    deployment = inputs.home(DEPLOYMENT, COMPONENT)
    access, kept = inputs.facts.dashboards.database, _kept(inputs)
    around = _surroundings(inputs)
    if isinstance(kept[0], Ref):  # whether others may get to it is in there too
        around = [one if isinstance(one, Ref) else Ref.of(one) for one in around]
    around = [*stored, *kept, *around]
    if access is None or isinstance(kept[0], Ref):
        return [*around, secret_ref(inputs, COMPONENT), deployment]
    told = _told(inputs, access)
    ready = workload(inputs, deployment, COMPONENT, spec=_spec(inputs, told)) if inputs.startable else deployment
    return [*around, *secret(inputs, COMPONENT, told), ready]


def database(inputs: Inputs) -> list[Wanted]:
    """Metabase's own, with its role, in the Cluster of the events; nothing where a person supplies one."""
    sink, facts = inputs.cloud_native_pg, inputs.facts.dashboards
    if sink is None or not (inputs.spec.dashboard.metabase.enabled or facts.database_kept):
        return []
    namespace = sink.namespace or inputs.identity.namespace
    name = metabase_role(role_prefix(inputs.name))
    spec = {
        "cluster": {"name": sink.cluster},
        "name": name,
        "owner": name,
        "databaseReclaimPolicy": reclaim(inputs),
    }
    return [
        *login(inputs, sink.cluster, *role_refs(inputs.name, namespace, COMPONENT), name, facts.keys.role_password),
        lasting(inputs, Ref(DATABASE, namespace, f"{inputs.name}-{COMPONENT}"), DATABASES, spec=spec),
    ]


def inside(inputs: Inputs) -> str:
    """Where pods find it."""
    return f"http://{inputs.name}-{COMPONENT}.{inputs.identity.namespace}.svc"


def outside(inputs: Inputs) -> str:
    """Where people find it; "" if nobody said."""
    wanted = inputs.spec.dashboard.metabase
    return wanted.site_url or address(wanted.ingress, "")


def _kept(inputs: Inputs) -> list[Wanted]:
    keys, ref = inputs.facts.dashboards.keys, inputs.home(SECRET, COMPONENT)
    content = {key: str(getattr(keys, field)) for key, field in KEYS.items()}
    if not all(content.values()):
        return [ref]
    if _opened(inputs):
        content[OPENED_KEY] = "true"
    return [lasting(inputs, ref, COMPONENT, type="Opaque", data=encoded(content))]


def _opened(inputs: Inputs) -> bool:
    """Once is enough: while other dashboards are put into it, people go on working in it."""
    return inputs.facts.dashboards.provisioned or inputs.facts.dashboards.keys.opened


def _told(inputs: Inputs, access: DatabaseAccess) -> Environment:
    """Metabase has settings of its own, so no class of Pulse's writes them."""
    store = jdbc(database_settings(access).dsn)
    plain: Mapping[str, str] = {
        "JAVA_OPTS": "-XX:MaxRAMPercentage=70.0 -Duser.home=/tmp",
        "MB_ANON_TRACKING_ENABLED": "false",
        "MB_CHECK_FOR_UPDATES": "false",
        "MB_COLORIZE_LOGS": "false",
        "MB_DB_CONNECTION_URI": store.url,
        "MB_DB_TYPE": "postgres",
        "MB_DB_USER": store.user,
        "MB_EMOJI_IN_LOGS": "false",
        "MB_JETTY_HOST": "0.0.0.0",  # noqa: S104 - a pod's own
        "MB_JETTY_PORT": str(PORT),
        "MB_LOAD_SAMPLE_CONTENT": "false",
        "MB_PLUGINS_DIR": "/tmp/plugins",  # noqa: S108 - the pod's own
        **({"MB_SITE_URL": outside(inputs)} if outside(inputs) else {}),
    }
    hidden = {
        "MB_DB_PASS": store.password,
        "MB_ENCRYPTION_SECRET_KEY": inputs.facts.dashboards.keys.encryption_key,
    }
    return Environment(secret_ref(inputs, COMPONENT), plain, hidden, database_files(access))


def _surroundings(inputs: Inputs) -> list[Wanted]:
    """Whoever comes first to a new Metabase makes its administrator, so until Pulse did nobody else gets there."""
    wanted, opened = inputs.spec.dashboard.metabase, _opened(inputs)
    ours = {"ports": [{"port": PORT, "protocol": "TCP"}]}
    ours["from"] = [{"podSelector": {"matchLabels": selector(inputs, PROVISION)}}]
    allowed = [ours, peers(PORT, wanted.allow_from)] if opened else [ours]
    port = {"name": PORT_NAME, "port": 80, "targetPort": PORT_NAME, "protocol": "TCP"}
    pods = selector(inputs, COMPONENT)
    outward = ingress(inputs, COMPONENT, wanted.ingress, PORT_NAME)
    return [
        policy(inputs, COMPONENT, {"ingress": allowed}),
        workload(inputs, inputs.home(SERVICE, COMPONENT), COMPONENT, spec={"ports": [port], "selector": pods}),
        *(outward if opened else [Ref.of(one) for one in outward if isinstance(one, dict)]),
    ]


def _spec(inputs: Inputs, told: Environment) -> Manifest:
    wanted = inputs.spec.dashboard.metabase
    runs = Container(
        COMPONENT, wanted.image, (), told, wanted.resources, grace_seconds=60, scratch=_SCRATCH, more=_more()
    )
    return {
        "replicas": 1,
        "selector": {"matchLabels": selector(inputs, COMPONENT)},
        # Two at once would bring the one database to two versions.
        "strategy": {"type": "Recreate"},
        "revisionHistoryLimit": 3,
        "template": template(inputs, runs, "Always", {CREDENTIALS_ANNOTATION: told.fingerprint}),
    }


def _more() -> Manifest:
    def probe(period_seconds: int, failures: int) -> Manifest:
        return {
            "httpGet": {"path": "/api/health", "port": PORT_NAME},
            "periodSeconds": period_seconds,
            "timeoutSeconds": 10,
            "failureThreshold": failures,
        }

    return {
        "ports": [{"name": PORT_NAME, "containerPort": PORT, "protocol": "TCP"}],
        # A first start makes the database, and an update changes it.
        "startupProbe": probe(10, _START_SECONDS // 10),
        "livenessProbe": probe(20, 6),
        "readinessProbe": probe(10, 3),
    }
