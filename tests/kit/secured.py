"""A broker that asks who is there and allows nothing that no ACL grants; beside it a plain listener that may all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from kit.certificates import Authority
from kit.guardian import Guardian
from pulse.adapters import kafka as kafka_adapter
from pulse.facts import KafkaAccess
from pulse_local import ports
from pulse_local.paths import Paths
from pulse_local.processes import wait_until
from pulse_local.services import kafka

SETTLE_SECONDS = 10.0


@dataclass(frozen=True)
class SecuredBroker:
    """The broker, its ways in, and what gives a user a way in."""

    broker: kafka.Broker
    authority: Authority
    controller_port: int
    tls_port: int
    scram_port: int
    mutual_port: int

    @property
    def data(self) -> Path:
        """Where it keeps its log, and who it is."""
        return Path(self.broker.process.log).parent / "kafka" / "data"

    @property
    def admin(self) -> AdminClient:
        """A client that may do everything."""
        return kafka_adapter.admin(self.broker.settings)

    @property
    def tls(self) -> KafkaAccess:
        """Nobody in particular, over TLS; may do everything, as on the plain listener."""
        return KafkaAccess(self._at(self.tls_port), "SSL", ca=self.authority.certificate)

    def scram(self, user: str, password: str) -> KafkaAccess:
        """User:user by password, over TLS; `add_user` makes the password known."""
        return KafkaAccess(
            self._at(self.scram_port), "SASL_SSL", "SCRAM-SHA-512", user, password, self.authority.certificate
        )

    def mutual_tls(self, user: str) -> KafkaAccess:
        """User:CN=user by a new certificate."""
        mine = self.authority.issue(user)
        ca = self.authority.certificate
        return KafkaAccess(self._at(self.mutual_port), "SSL", ca=ca, certificate=mine.certificate, key=mine.key)

    def add_user(self, user: str, password: str) -> None:
        """Returns when the broker knows the password."""
        admin = self.admin
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(user, info, password.encode())
        admin.alter_user_scram_credentials([change])[user].result(SETTLE_SECONDS)
        assert wait_until(lambda: self._knows(admin, user), SETTLE_SECONDS), f"the broker does not learn of {user}"

    @staticmethod
    def _knows(admin: AdminClient, user: str) -> bool:
        try:
            return bool(admin.describe_user_scram_credentials([user])[user].result(SETTLE_SECONDS))
        except KafkaException as failed:
            assert failed.args[0].code() == KafkaError.RESOURCE_NOT_FOUND, failed
            return False

    def allow(self, principal: str, kind: ResourceType, name: str, operation: AclOperation) -> None:
        """Grants one operation on one topic or group; it is in force some moments later."""
        acl = AclBinding(kind, name, ResourcePatternType.LITERAL, principal, "*", operation, AclPermissionType.ALLOW)
        admin = self.admin  # a client that nobody holds takes its answers with it
        admin.create_acls([acl])[acl].result(SETTLE_SECONDS)

    def _at(self, port: int) -> str:
        return f"{ports.HOST}:{port}"


def _listeners(plain: int, controller: int, tls: int, scram: int, mutual: int) -> dict[str, str]:
    clients = {"PLAINTEXT": plain, "TLS": tls, "SCRAM": scram, "MUTUAL": mutual}
    listed = ",".join(f"{name}://{ports.HOST}:{port}" for name, port in clients.items())
    protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,SCRAM:SASL_SSL,MUTUAL:SSL"
    return {
        "listeners": f"{listed},CONTROLLER://{ports.HOST}:{controller}",
        "advertised.listeners": listed,
        "listener.security.protocol.map": protocols,
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }


def _certificates(authority: Authority, directory: Path) -> dict[str, str]:
    own = authority.issue("broker", hosts=[ports.HOST])
    keystore, truststore = directory / "broker.pem", directory / "clients.pem"
    keystore.write_text(own.key + own.certificate)
    truststore.write_text(authority.certificate)
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(truststore),
    }


@pytest.fixture(scope="session")
def secured_broker(server_paths: Paths, kafka_jars: list[Path], guardian: Guardian) -> Iterator[SecuredBroker]:
    """One for the session; it starts when the first test asks for it."""
    directory = server_paths.home / "secured"
    authority = Authority(directory / "authority")
    taken: list[int] = []
    for _ in range(5):
        taken.append(ports.free_port(taken=taken))
    plain, controller, tls, scram, mutual = taken
    running = kafka.start(
        directory / "kafka",
        directory / "kafka.log",
        kafka_jars,
        plain,
        controller,
        on_start=guardian.watch,
        extra={**_listeners(plain, controller, tls, scram, mutual), **_certificates(authority, directory)},
    )
    yield SecuredBroker(running, authority, controller, tls, scram, mutual)
    kafka.stop(running.process)
