"""How settings reach a container: plain variables, secret ones by way of a Secret, and certificates as files. Pure.

The settings class that the container reads writes them here, so the two sides cannot drift apart.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pulse.env import Settings
from pulse.facts import DatabaseAccess, KafkaAccess
from pulse.settings import DatabaseSettings, KafkaSettings, LogSettings
from pulse_operator.crd import GROUP
from pulse_operator.objects import SECRET, Manifest, Ref
from pulse_operator.render.dsn import secured
from pulse_operator.render.inputs import Inputs, workload

# Where pods find their certificates. Nothing else is in there.
CREDENTIALS_DIRECTORY = "/etc/pulse/credentials"
CREDENTIALS_ANNOTATION = f"{GROUP}/credentials"
KAFKA_CA, KAFKA_CERTIFICATE, KAFKA_KEY = "kafka-ca.crt", "kafka-user.crt", "kafka-user.key"
POSTGRES_CA = "postgres-ca.crt"

LOG = LogSettings(format="json")


@dataclass(frozen=True, slots=True)
class Environment:
    """All that a container is told. `hidden` and `files` are what its Secret holds."""

    secret: Ref
    plain: Mapping[str, str]
    hidden: Mapping[str, str]
    files: Mapping[str, str]

    @property
    def variables(self) -> list[Manifest]:
        """The container's `env`."""
        shown = [{"name": name, "value": value} for name, value in self.plain.items()]
        kept = [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": self.secret.name, "key": name}}}
            for name in self.hidden
        ]
        return sorted([*shown, *kept], key=lambda variable: str(variable["name"]))

    @property
    def fingerprint(self) -> str:
        """Another one whenever a password or a certificate is, so that pods which carry it are replaced."""
        content = json.dumps({**self.hidden, **self.files}, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def secret_ref(inputs: Inputs, component: str) -> Ref:
    """The Secret of a component."""
    return inputs.home(SECRET, f"{component}-env")


def environment(inputs: Inputs, component: str, settings: Settings, files: Mapping[str, str]) -> Environment:
    """The settings, split into what anybody may read and what not."""
    hidden_names = {item.metadata["env"] for item in settings.fields() if item.metadata["secret"]}
    written = settings.to_env()
    return Environment(
        secret=secret_ref(inputs, component),
        plain={name: value for name, value in written.items() if name not in hidden_names},
        hidden={name: value for name, value in written.items() if name in hidden_names},
        files=files,
    )


def secret(inputs: Inputs, component: str, told: Environment) -> list[Manifest]:
    """The Secret, or nothing for a component that has no secrets."""
    content = {**told.hidden, **told.files}
    return [workload(inputs, told.secret, component, type="Opaque", data=encoded(content))] if content else []


def encoded(content: Mapping[str, str]) -> dict[str, str]:
    """Texts as the data of a Secret."""
    return {name: base64.b64encode(text.encode()).decode() for name, text in content.items()}


def kafka_settings(access: KafkaAccess) -> KafkaSettings:
    """How the container reaches the brokers; certificates by the names of their files."""
    there = kafka_files(access)

    def file(name: str) -> str:
        return f"{CREDENTIALS_DIRECTORY}/{name}" if name in there else ""

    return KafkaSettings(
        bootstrap_servers=access.bootstrap_servers,
        security_protocol=access.protocol,
        sasl_mechanism=access.mechanism,
        sasl_username=access.username,
        sasl_password=access.password,
        ssl_ca=file(KAFKA_CA),
        ssl_certificate=file(KAFKA_CERTIFICATE),
        ssl_key=file(KAFKA_KEY),
    )


def kafka_files(access: KafkaAccess) -> dict[str, str]:
    """The certificates among it."""
    found = {KAFKA_CA: access.ca, KAFKA_CERTIFICATE: access.certificate, KAFKA_KEY: access.key}
    return {name: text for name, text in found.items() if text}


def database_settings(access: DatabaseAccess) -> DatabaseSettings:
    """How the container reaches the database."""
    ca_file = f"{CREDENTIALS_DIRECTORY}/{POSTGRES_CA}"
    return DatabaseSettings(secured(access.dsn, ca_file) if access.ca else access.dsn)


def database_files(access: DatabaseAccess) -> dict[str, str]:
    """The certificate among it."""
    return {POSTGRES_CA: access.ca} if access.ca else {}
