"""What each container is told, read as the container reads it: variables and Secrets resolved, then `from_env`.

The figures are compared with the pipeline and the facts themselves, not with the code that wrote them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from kit import golden
from kit.golden import Golden

from pulse.env import Settings, duration
from pulse.facts import DatabaseAccess, KafkaAccess
from pulse.settings import (
    CollectorSettings,
    ConsumerSettings,
    DashboardSettings,
    KafkaSettings,
    MaintainSettings,
    MetabaseSettings,
    MigrateSettings,
    SimulatorSettings,
    TransformSettings,
)
from pulse_operator.objects import Manifest

DIRECTORY = "/etc/pulse/credentials"
READERS: dict[str, type[Settings]] = {
    "collector": CollectorSettings,
    "consumer": ConsumerSettings,
    "dashboards": DashboardSettings,
    "maintain": MaintainSettings,
    "migrate": MigrateSettings,
    "provision": MetabaseSettings,
    "simulator": SimulatorSettings,
    "transform": TransformSettings,
}


@dataclass(frozen=True)
class Told:
    """What one container finds: its settings, and the files under their paths."""

    name: str
    settings: Any
    files: dict[str, str]


def pod_of(manifest: Manifest) -> Manifest | None:
    spec = manifest.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    found: Manifest | None = spec.get("template", {}).get("spec")
    return found


def told(case: Golden) -> Iterator[Told]:
    manifests = case.rendered.manifests
    secrets = {
        made["metadata"]["name"]: {key: base64.b64decode(value).decode() for key, value in made["data"].items()}
        for made in manifests
        if made["kind"] == "Secret" and made["type"] == "Opaque"
    }
    for pod in filter(None, map(pod_of, manifests)):
        (container,) = pod["containers"]
        volumes = {volume["name"]: volume.get("secret") for volume in pod["volumes"]}
        mounted = {
            f"{mount['mountPath']}/{item['path']}": secrets[secret["secretName"]][item["key"]]
            for mount in container["volumeMounts"]
            if (secret := volumes[mount["name"]])
            for item in secret["items"]
        }
        env = {one["name"]: _value(one, secrets) for one in container["env"]}
        reader = READERS.get(container["name"])
        # Metabase has variables of its own.
        yield Told(container["name"], reader.from_env(env) if reader else env, mounted)


def _value(variable: Manifest, secrets: dict[str, dict[str, str]]) -> str:
    if "value" in variable:
        return str(variable["value"])
    where = variable["valueFrom"]["secretKeyRef"]
    return secrets[where["name"]][where["key"]]


def check_kafka(found: Told, access: KafkaAccess) -> None:
    kafka: KafkaSettings = found.settings.kafka
    assert kafka.bootstrap_servers == access.bootstrap_servers
    assert (kafka.security_protocol, kafka.sasl_mechanism) == (access.protocol, access.mechanism)
    assert (kafka.sasl_username, kafka.sasl_password) == (access.username, access.password)
    named = (kafka.ssl_ca, kafka.ssl_certificate, kafka.ssl_key)
    assert tuple(found.files.get(path, "") for path in named) == (access.ca, access.certificate, access.key)
    assert [bool(path) for path in named] == [bool(text) for text in (access.ca, access.certificate, access.key)]


def check_database(found: Told, access: DatabaseAccess) -> None:
    dsn: str = found.settings.database.dsn
    assert dsn.startswith(access.dsn)
    assert found.files[f"{DIRECTORY}/postgres-ca.crt"] == access.ca
    assert dsn.count(f"sslrootcert={DIRECTORY}/postgres-ca.crt") == 1
    assert dsn.count("sslmode=verify-full") == 1


def check_consumer(case: Golden, found: Told) -> None:
    made, spec, name = found.settings, case.spec, case.identity.name
    check_kafka(found, case.facts.kafka["consumer"])
    check_database(found, case.facts.databases["ingest"])
    batch = spec.consumer.batch
    assert (made.batch_rows, made.batch_bytes, made.batch_linger) == (batch.rows, batch.bytes, duration(batch.linger))
    assert made.custom_events == spec.contract.custom_events
    assert made.health_port == 8080
    assert made.topics.group == f"{name}-consumer"
    external = spec.source.external
    if external:
        assert (made.topics.events, made.topics.dlq) == (external.topic, external.dlq_topic)
        assert made.group_protocol == "classic"
    else:
        assert (made.topics.events, made.topics.dlq) == (f"{name}-events", f"{name}-dlq")
        assert made.group_protocol == "consumer"


def check_dashboards(case: Golden, found: Told) -> None:
    made, live = found.settings, case.spec.dashboard.live
    check_kafka(found, case.facts.kafka["lag"])
    reader = case.facts.databases["reader"]
    assert made.database.dsn.startswith(reader.dsn)
    assert found.files[f"{DIRECTORY}/postgres-ca.crt"] == reader.ca
    assert made.topics.group == f"{case.identity.name}-consumer"
    assert (made.auth, made.base_path) == (live.auth, live.base_path)
    assert made.token == (case.facts.dashboards.keys.token if live.auth == "token" else "")
    assert (made.port, made.health_port) == (8088, 8080)
    assert made.host == "0.0.0.0"  # noqa: S104 - a pod's own


def check_metabase(case: Golden, found: Told) -> None:
    env, facts = found.settings, case.facts.dashboards
    assert facts.database
    assert env["MB_DB_TYPE"] == "postgres"
    assert env["MB_DB_CONNECTION_URI"] in {
        "jdbc:postgresql://postgres-rw.dashboards.svc:5432/shop_metabase"
        f"?sslmode=verify-full&sslrootcert={DIRECTORY}/postgres-ca.crt",
        f"jdbc:postgresql://db.example.com:6432/metabase?sslmode=require&sslrootcert={DIRECTORY}/postgres-ca.crt",
    }
    assert env["MB_DB_PASS"] in ("postgres-password-of-metabase", "given password")
    assert env["MB_DB_USER"] in ("shop_metabase", "metabase")
    assert env["MB_ENCRYPTION_SECRET_KEY"] == facts.keys.encryption_key
    assert found.files[f"{DIRECTORY}/postgres-ca.crt"] == facts.database.ca
    assert env["MB_SITE_URL"] in ("http://bi.example.com", "https://bi.example.com")


def check_provision(case: Golden, found: Told) -> None:
    made, keys = found.settings, case.facts.dashboards.keys
    assert made.database.dsn.startswith(case.facts.databases["reader"].dsn)
    assert (made.email, made.password) == (keys.email, keys.password)
    assert made.url == f"http://{case.identity.name}-metabase.{case.identity.namespace}.svc"
    assert (made.pipeline, made.edited) == (case.identity.name, case.spec.dashboard.metabase.edited)


def check_migrate(case: Golden, found: Told) -> None:
    check_database(found, case.facts.databases["owner"])
    assert found.settings.pipeline == case.identity.name
    external = case.spec.sink.external
    assert found.settings.role_prefix == (external.role_prefix if external else case.identity.name.replace("-", "_"))


def check_maintain(case: Golden, found: Told) -> None:
    check_database(found, case.facts.databases["owner"])
    sink, told = case.spec.sink, found.settings
    for kept, length in ((sink.retention, told.retention), (sink.dead_letter_retention, told.dead_letter_retention)):
        days = length / timedelta(days=1)
        assert kept == f"{days:g}d" if kept else days == 0


def check_simulator(case: Golden, found: Told) -> None:
    made, spec = found.settings, case.spec
    check_kafka(found, case.facts.kafka["producer"])
    external = spec.source.external
    assert made.events_topic == (external.topic if external else f"{case.identity.name}-events")
    assert (made.rate, made.users) == (spec.simulator.events_per_second, spec.simulator.users)
    assert (made.days, made.events, made.truth) == (0, 0, "")


def check_collector(case: Golden, found: Told) -> None:
    made, spec = found.settings, case.spec.collector
    check_kafka(found, case.facts.kafka["producer"])
    assert made.events_topic == f"{case.identity.name}-events"
    assert made.custom_events == case.spec.contract.custom_events
    assert (made.port, made.health_port) == (8000, 8080)
    assert made.origins.split(",") == list(spec.origins)
    assert dict(one.split(":") for one in made.keys.split(",")) == case.facts.write_keys
    assert made.address == {"Drop": "none", "Truncate": "truncated"}[spec.address]
    assert made.proxies == (spec.proxies or 1), "an Ingress is one"
    kinds = {"None": "none", "Readable": "readable", "HttpOnly": "http-only"}
    assert (made.cookie, made.cookie_domain) == (kinds[spec.cookie.kind], spec.cookie.domain or "")
    limits = spec.limits
    assert (made.request_bytes, made.unpacked_bytes) == (limits.request_bytes, limits.unpacked_bytes)
    assert (made.event_bytes, made.batch_events) == (limits.event_bytes, limits.batch_events)
    assert (made.held_bytes, made.connections) == (limits.held_bytes, limits.connections)
    assert (made.rate, made.reject_rate) == (spec.rate.events_per_second, spec.rate.rejected_per_second)
    assert made.stop_delay == timedelta(seconds=10)


def check_transform(case: Golden, found: Told) -> None:
    made, spec = found.settings, case.spec.transform
    check_database(found, case.facts.databases["transform"])
    assert (made.session_gap, made.late_after) == (duration(spec.session_gap), duration(spec.late_after))
    assert (made.time_zone, made.exclude_bots) == (spec.time_zone, spec.bots == "Exclude")
    assert made.include_custom_events
    assert made.project == "/opt/pulse/dbt"


CHECKS = {
    "collector": check_collector,
    "consumer": check_consumer,
    "dashboards": check_dashboards,
    "maintain": check_maintain,
    "metabase": check_metabase,
    "migrate": check_migrate,
    "provision": check_provision,
    "simulator": check_simulator,
    "transform": check_transform,
}


def wanted_containers(case: Golden) -> list[str]:
    """Which containers there have to be, so that none of them goes unread."""
    wanted = []
    if "owner" in case.facts.databases:
        wanted.append("migrate")
    if case.facts.migrated:
        wanted.append("consumer")
    if case.spec.collector.enabled and case.facts.topics_made:
        wanted.append("collector")
    if case.spec.simulator.enabled and "producer" in case.facts.kafka:
        wanted.append("simulator")
    if case.facts.migrated:
        wanted += ["transform"] * (2 if case.spec.transform.full_refresh_schedule else 1)
        wanted.append("maintain")
        wanted += ["dashboards"] if case.spec.dashboard.live.enabled else []
        wanted += ["metabase", "provision"] if case.spec.dashboard.metabase.enabled else []
    return wanted


@pytest.mark.parametrize("name", golden.names())
def test_every_container_reads_what_the_pipeline_says(name: str) -> None:
    case = golden.case(name)
    found = list(told(case))
    assert [one.name for one in found] == wanted_containers(case)
    for one in found:
        CHECKS[one.name](case, one)


@pytest.mark.parametrize("name", golden.names())
def test_no_secret_stands_outside_of_a_secret(name: str) -> None:
    case = golden.case(name)
    facts = case.facts
    secrets = {
        *facts.passwords.values(),
        *facts.write_keys.values(),
        *(access.dsn for access in facts.databases.values()),
    }
    for access in facts.kafka.values():
        secrets |= {access.password, access.key}
    keys = facts.dashboards.keys
    secrets |= {facts.dashboards.database.dsn, "given password"} if facts.dashboards.database else set()
    secrets |= {keys.token, keys.password, keys.encryption_key, keys.role_password}
    text = "".join(str(made) for made in case.rendered.manifests if made["kind"] != "Secret")
    assert [secret for secret in sorted(secrets - {""}) if secret in text] == []
