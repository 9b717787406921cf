"""KafkaUsers with passwords, as Strimzi's user operator keeps them: credentials, access rules and the Secret."""

from __future__ import annotations

import re
import secrets
from typing import Any, cast

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from stand_in_operators.kubernetes import Kubernetes, Raw
from stand_in_operators.objects import KAFKA_API, child, condition, decoded, encoded, folder, own_path

SECONDS = 10.0
_RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "cluster": ResourceType.BROKER,
    "transactionalId": ResourceType.TRANSACTIONAL_ID,
}
_PATTERNS = {"literal": ResourcePatternType.LITERAL, "prefix": ResourcePatternType.PREFIXED}


class Users:
    """What was done of each user is remembered, so that nothing is asked of Kafka in rest."""

    def __init__(self, kubernetes: Kubernetes) -> None:
        self._kubernetes = kubernetes
        self._done: dict[tuple[str, int], str] = {}
        self._cleaned: dict[int, frozenset[str]] = {}

    def keep(self, raw: Raw, admin: AdminClient) -> None:
        """Acts on one KafkaUser."""
        metadata = raw["metadata"]
        path = own_path(KAFKA_API, "kafkausers", raw)
        kind = raw["spec"].get("authentication", {}).get("type")
        if kind != "scram-sha-512":
            message = f"The stand-in makes users with scram-sha-512, not with {kind}."
            self._kubernetes.tell(path, raw, _status(raw, ("InvalidResourceException", message)))
            return
        password = self._password(raw)
        key = (metadata["uid"], metadata["generation"])
        if self._done.get(key) == password and raw.get("status"):
            return
        try:
            _credentials(admin, metadata["name"], password)
            _rules(admin, metadata["name"], _wanted(raw))
        except KafkaException as failed:
            self._kubernetes.tell(path, raw, _status(raw, ("KafkaError", failed.args[0].str())))
            return
        self._kubernetes.tell(path, raw, _status(raw, None))
        self._done[key] = password

    def forget(self, admin: AdminClient, named: set[str]) -> None:
        """Takes rights and credentials from whoever is no KafkaUser any more."""
        if self._cleaned.get(id(admin)) == frozenset(named):
            return
        known = {one.principal.removeprefix("User:") for one in admin.describe_acls(_every_rule(None)).result(SECONDS)}
        for name in known - named:
            _rules(admin, name, set())
            gone = UserScramCredentialDeletion(name, ScramMechanism.SCRAM_SHA_512)
            admin.alter_user_scram_credentials([gone])[name].result(SECONDS)
        self._cleaned[id(admin)] = frozenset(named)

    def _password(self, raw: Raw) -> str:
        """The one in the user's Secret; a new one if there is none."""
        name = raw["metadata"]["name"]
        where = folder("/api/v1", raw["metadata"]["namespace"], "secrets")
        kept = self._kubernetes.found(f"{where}/{name}")
        password = decoded(kept).get("password") if kept else None
        password = password or secrets.token_urlsafe(24)
        login = f'org.apache.kafka.common.security.scram.ScramLoginModule required username="{name}"'
        values = {"password": password, "sasl.jaas.config": f'{login} password="{password}";'}
        self._kubernetes.ensure(where, child(raw, "v1", "Secret", name, data=encoded(values)))
        return password


def _credentials(admin: AdminClient, name: str, password: str) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion(name, info, password.encode())
    admin.alter_user_scram_credentials([change])[name].result(SECONDS)


def _wanted(raw: Raw) -> set[AclBinding]:
    found = set()
    for rule in raw["spec"].get("authorization", {}).get("acls", ()):
        resource = rule["resource"]
        for operation in rule.get("operations", ()):
            found.add(
                AclBinding(
                    _RESOURCES[resource["type"]],
                    resource.get("name", "kafka-cluster"),
                    _PATTERNS[resource.get("patternType", "literal")],
                    f"User:{raw['metadata']['name']}",
                    rule.get("host", "*"),
                    AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).upper()],
                    AclPermissionType.ALLOW,
                )
            )
    return found


def _every_rule(principal: str | None) -> AclBindingFilter:
    """All rules, or all of one principal. The library takes None for any, though its types do not say so."""
    anything: Any = None
    return AclBindingFilter(
        ResourceType.ANY,
        anything,
        ResourcePatternType.ANY,
        cast(Any, principal),
        anything,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def _rules(admin: AdminClient, name: str, wanted: set[AclBinding]) -> None:
    """Makes these the only rules of the user."""
    there = set(admin.describe_acls(_every_rule(f"User:{name}")).result(SECONDS))
    if wanted - there:
        for done in admin.create_acls(list(wanted - there)).values():
            done.result(SECONDS)
    for rule in there - wanted:
        exact = AclBindingFilter(
            rule.restype,
            rule.name,
            rule.resource_pattern_type,
            rule.principal,
            rule.host,
            rule.operation,
            rule.permission_type,
        )
        for done in admin.delete_acls([exact]).values():
            done.result(SECONDS)


def _status(raw: Raw, refusal: tuple[str, str] | None) -> Raw:
    name, generation = raw["metadata"]["name"], raw["metadata"]["generation"]
    if refusal:
        told = condition(raw, "NotReady", "True", reason=refusal[0], message=refusal[1])
        return {"observedGeneration": generation, "conditions": [told]}
    told = condition(raw, "Ready", "True")
    return {"observedGeneration": generation, "username": name, "secret": name, "conditions": [told]}
