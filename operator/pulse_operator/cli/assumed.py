"""Facts for a preview without a cluster: what would be known of a platform in good order. Pure.

Credentials are words in angle brackets, so that nothing that is printed can be taken for a secret.
"""

from __future__ import annotations

from msgspec import UNSET

from pulse import VERSION
from pulse.facts import ROLES, USERS, DashboardFacts, DashboardKeys, DatabaseAccess, Facts, Images, KafkaAccess
from pulse_operator.pipeline import Pipeline
from pulse_operator.render.collector import SENDER
from pulse_operator.wants import kafka_namespace

AUTHENTICATIONS = ("scram-sha-512", "tls", "none")
_PEM = "<read from a Secret>"


def images(registry: str) -> Images:
    """The images of this version."""
    prefix = f"{registry.rstrip('/')}/" if registry else ""

    def image(name: str) -> str:
        return f"{prefix}pulse/{name}:{VERSION}"

    return Images(
        consumer=image("consumer"),
        simulator=image("simulator"),
        transform=image("transform"),
        dashboards=image("dashboards"),
        collector=image("collector"),
    )


def facts(pipeline: Pipeline, authentication: str, made_of: Images) -> Facts:
    """Everything known, with nothing missing. `authentication` is that of the listener, one of AUTHENTICATIONS."""
    wanted = None if authentication == "none" else authentication
    access = _kafka(pipeline, wanted)
    return Facts(
        images=made_of,
        kafka=dict.fromkeys(USERS, access),
        databases={role: DatabaseAccess(f"<connection string of {role}>", ca=_PEM) for role in ROLES},
        passwords={role: f"<password of {role}>" for role in ROLES},
        write_keys={SENDER: "<write key>"},
        listener_authentication=wanted,
        listener_known=True,
        topics_made=True,
        migrated=True,
        optional_kinds=frozenset({"databaseroles", "podmonitors"}),
        dashboards=DashboardFacts(
            keys(DashboardKeys()),
            DatabaseAccess("postgresql://metabase:<password of metabase>@<host>:5432/metabase", ca=_PEM),
            provisioned=True,
        ),
    )


def keys(kept: DashboardKeys) -> DashboardKeys:
    """What the dashboards would get, with what there is already."""
    return DashboardKeys(
        token=kept.token or "<token of the page>",
        email=kept.email or "<email>",
        password=kept.password or "<password of the administrator>",
        encryption_key=kept.encryption_key or "<encryption key>",
        role_password=kept.role_password or "<password of metabase>",
        opened=kept.opened,
    )


def _kafka(pipeline: Pipeline, authentication: str | None) -> KafkaAccess:
    source = pipeline.spec.source
    if source.external is not UNSET:
        auth = source.external.auth
        mechanism = "" if auth.mechanism is UNSET else str(auth.mechanism)
        name, password = ("<username>", "<password>") if mechanism else ("", "")
        return KafkaAccess(source.external.bootstrap_servers, auth.protocol, mechanism, name, password)
    cluster = "" if source.strimzi is UNSET else source.strimzi.cluster
    bootstrap = f"{cluster}-kafka-bootstrap.{kafka_namespace(pipeline)}.svc:9093"
    if authentication == "tls":
        return KafkaAccess(bootstrap, "SSL", ca=_PEM, certificate=_PEM, key=_PEM)
    if authentication == "scram-sha-512":
        return KafkaAccess(bootstrap, "SASL_SSL", "SCRAM-SHA-512", "<username>", "<password>", ca=_PEM)
    return KafkaAccess(bootstrap)
