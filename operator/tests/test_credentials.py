"""How users and roles log in, read out of Secrets. What is missing is shown in test_conditions_credentials.py."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from kit.evidence import EXTERNAL, KAFKA, OURS, PASSWORD, SPEC, looked, pipeline, secret, there

from pulse.facts import ROLES, USERS, KafkaAccess
from pulse_operator import objects
from pulse_operator.conditions import Evidence
from pulse_operator.credentials import database_access, kafka_access
from pulse_operator.dependencies import Missing, Verdict
from pulse_operator.objects import Ref
from pulse_operator.render.environment import database_settings
from pulse_operator.seen import secret_text
from pulse_operator.wants import wants

BOOTSTRAP = "events-kafka-bootstrap.kafka.svc:9093"
assert OURS.broker_ca
CA: Ref = OURS.broker_ca
MSK = Ref(objects.SECRET, "web", "msk")


def listening(authentication: str | None = "tls", *, tls: bool = True) -> dict[str, Any]:
    """The Kafka with its listener like this."""
    kafka = there(KAFKA)
    listener = {"name": "tls", "port": 9093, "type": "internal", "tls": tls}
    if authentication:
        listener["authentication"] = {"type": authentication}
    return {**kafka, "spec": {**kafka["spec"], "kafka": {**kafka["spec"]["kafka"], "listeners": [listener]}}}


def of_user(evidence: Evidence, user: Any = "consumer") -> KafkaAccess | Verdict:
    return kafka_access(evidence.pipeline, evidence.wants, evidence.seen, user)


def external(**auth: Any) -> dict[str, Any]:
    source = {**EXTERNAL["source"]["external"], "auth": auth}
    return {**EXTERNAL, "source": {"external": source}}


def test_each_user_has_a_certificate_of_its_own() -> None:
    found = {user: of_user(looked(), user) for user in USERS}
    assert found == {
        user: KafkaAccess(
            BOOTSTRAP,
            "SSL",
            ca="CA\nCA of the brokers\n",
            certificate=f"certificate of shop-{user}",
            key=f"key of shop-{user}",
        )
        for user in USERS
    }


def test_a_user_with_a_password_is_known_by_the_name_that_strimzi_tells() -> None:
    user = Ref(objects.SECRET, "kafka", "shop-consumer")
    evidence = looked(put={KAFKA: listening("scram-sha-512"), user: secret(user, password="s3cret")})
    assert of_user(evidence) == KafkaAccess(
        BOOTSTRAP,
        "SASL_SSL",
        mechanism="SCRAM-SHA-512",
        username="CN=shop-consumer",
        password="s3cret",
        ca="CA\nCA of the brokers\n",
    )


def test_without_encryption_there_is_no_certificate_to_check() -> None:
    user = Ref(objects.SECRET, "kafka", "shop-consumer")
    found = of_user(looked(put={KAFKA: listening("scram-sha-512", tls=False), user: secret(user, password="x")}))
    assert isinstance(found, KafkaAccess)
    assert (found.protocol, found.ca) == ("SASL_PLAINTEXT", "")


@pytest.mark.parametrize(
    ("tls", "protocol", "ca"), [(True, "SSL", "CA\nCA of the brokers\n"), (False, "PLAINTEXT", "")]
)
def test_a_listener_that_asks_for_no_login_needs_no_user(tls: bool, protocol: str, ca: str) -> None:
    users = dict.fromkeys(OURS.users.values(), Missing.OBJECT)
    assert of_user(looked(put={KAFKA: listening(None, tls=tls), **users})) == KafkaAccess(BOOTSTRAP, protocol, ca=ca)


def test_while_a_ca_is_renewed_both_are_trusted_each_once() -> None:
    renewing = {
        **secret(CA, ca_crt="CA\n"),
        "data": {**secret(CA, ca_crt="CA")["data"], "ca-old.crt": "T0xE", "ca.p12": "AAAA"},
    }
    found = of_user(looked(put={CA: renewing}))
    assert isinstance(found, KafkaAccess)
    assert found.ca == "CA\nOLD\n"


def test_without_the_secret_of_the_ca_the_listeners_own_is_trusted() -> None:
    found = of_user(looked(put={CA: Missing.OBJECT}))
    assert isinstance(found, KafkaAccess)
    assert found.ca == "CA\n"


def test_a_user_that_names_no_credentials_is_waited_for() -> None:
    found = of_user(looked(status={OURS.users["consumer"]: {"secret": ""}}))
    assert isinstance(found, Verdict)
    assert "KafkaUser kafka/shop-consumer has not named" in found.message


def test_an_external_user_has_what_its_secret_says() -> None:
    assert of_user(looked(EXTERNAL)) == KafkaAccess(
        "b-1.example:9096", "SASL_SSL", mechanism="SCRAM-SHA-512", username="pulse", password=PASSWORD
    )
    with_ca = secret(MSK, username="u", password="p", ca_crt="CA")
    found = of_user(looked(EXTERNAL, put={MSK: with_ca}))
    assert isinstance(found, KafkaAccess)
    assert found.ca == "CA"


def test_an_external_user_may_have_a_certificate_or_nothing() -> None:
    with_certificate = secret(MSK, ca_crt="CA", user_crt="certificate", user_key="key")
    assert of_user(
        looked(external(protocol="SSL", secretRef={"name": "msk"}), put={MSK: with_certificate})
    ) == KafkaAccess("b-1.example:9096", "SSL", ca="CA", certificate="certificate", key="key")
    assert of_user(looked(external(protocol="PLAINTEXT"))) == KafkaAccess("b-1.example:9096", "PLAINTEXT")


@pytest.mark.parametrize(("half", "lacking"), [("user_crt", "user.key"), ("user_key", "user.crt")])
def test_half_a_certificate_is_none(half: str, lacking: str) -> None:
    spec = external(protocol="SSL", secretRef={"name": "msk"})
    found = of_user(looked(spec, put={MSK: secret(MSK, **{half: "PEM"})}))
    assert isinstance(found, Verdict)
    assert f"no text under the key {lacking}" in found.message


def test_a_secret_that_only_may_hold_something_has_to_be_there_all_the_same() -> None:
    found = of_user(looked(external(protocol="SSL", secretRef={"name": "msk"}), put={MSK: Missing.OBJECT}))
    assert isinstance(found, Verdict)
    assert found.reason.value == "SecretMissing"


def test_each_role_reaches_its_database_with_its_own_name_and_password() -> None:
    evidence = looked()
    for role in ROLES:
        found = database_access(evidence.pipeline, evidence.wants, evidence.seen, evidence.facts.passwords, role)
        assert not isinstance(found, Verdict)
        parts = urlsplit(database_settings(found).dsn)  # as the pod gets it
        assert (parts.username, unquote(parts.password or "")) == (f"shop_{role}", PASSWORD)
        assert (parts.hostname, parts.port, parts.path) == ("main-rw.data.svc", 5432, "/shop")
        assert parts.query == "sslmode=verify-full&sslrootcert=/etc/pulse/credentials/postgres-ca.crt"
        assert found.ca == "CA of Postgres"


def test_the_database_may_have_a_name_of_its_own() -> None:
    spec = {**SPEC, "sink": {"cloudNativePG": {"cluster": "main", "database": "clicks-2"}}}
    found = looked(spec).facts.databases["owner"]
    assert "@main-rw.web.svc:5432/clicks-2?" in database_settings(found).dsn


def test_an_external_role_has_the_connection_string_of_its_secret() -> None:
    rds = wants(pipeline(EXTERNAL)).sink_secret
    assert rds
    dsns = {f"{role}_dsn": f"postgresql://{role}@h/d" for role in ROLES}
    found = looked(EXTERNAL, put={rds: secret(rds, **dsns, ca_crt="CA")}).facts.databases
    assert {role: (access.dsn, access.ca) for role, access in found.items()} == {
        role: (f"postgresql://{role}@h/d", "CA") for role in ROLES
    }


@pytest.mark.parametrize(
    ("data", "text"),
    [({"k": "aGk="}, "hi"), ({}, None), (None, None), ({"k": ""}, None), ({"k": "/w=="}, None), ({"k": "a"}, None)],
)
def test_what_is_no_text_is_no_value(data: Any, text: str | None) -> None:
    assert secret_text({"data": data}, "k") == text
