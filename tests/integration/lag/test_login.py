"""The operator's look at lag on a broker that asks who comes: which rights it takes, and what is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from kit.certificates import Authority
from kit.lag import Kafka, kind, one, settled
from kit.secured import SecuredBroker

from pulse_operator.lag import LagReader, Unknown, Wanted
from pulse_operator.scaling import PartitionOffsets

pytestmark = pytest.mark.integration


def allow(secured_broker: SecuredBroker, principal: str, wanted: Wanted) -> None:
    secured_broker.allow(principal, ResourceType.TOPIC, wanted.topic, AclOperation.DESCRIBE)
    secured_broker.allow(principal, ResourceType.GROUP, wanted.group, AclOperation.DESCRIBE)


def test_lag_is_read_over_tls(reader: LagReader, secured_broker: SecuredBroker, secured: Kafka) -> None:
    secured.produce(0, 1)
    answer = one(reader, secured_broker.tls, secured.wanted)
    assert answer == {0: PartitionOffsets(0, 1), 1: PartitionOffsets(0, 0)}


def test_describe_on_topic_and_group_is_all_that_a_password_user_needs(
    reader: LagReader, secured_broker: SecuredBroker, secured: Kafka
) -> None:
    secured_broker.add_user("lag", "secret")
    allow(secured_broker, "User:lag", secured.wanted)
    secured.produce(0, 3)
    secured.commit(0, 1)
    answer = settled(
        lambda: one(reader, secured_broker.scram("lag", "secret"), secured.wanted),
        lambda told: not isinstance(told, Unknown),
    )
    assert answer == {0: PartitionOffsets(0, 3, 1), 1: PartitionOffsets(0, 0)}


def test_describe_on_topic_and_group_is_all_that_a_certificate_user_needs(
    reader: LagReader, secured_broker: SecuredBroker, secured: Kafka
) -> None:
    access = secured_broker.mutual_tls("lag")
    allow(secured_broker, "User:CN=lag", secured.wanted)
    secured.produce(1, 2)
    answer = settled(lambda: one(reader, access, secured.wanted), lambda told: not isinstance(told, Unknown))
    assert answer == {0: PartitionOffsets(0, 0), 1: PartitionOffsets(0, 2)}


def test_a_missing_right_is_said_with_its_object_and_concerns_one_pipeline(
    reader: LagReader, secured_broker: SecuredBroker, secured: Kafka
) -> None:
    secured_broker.add_user("half", "secret")
    access = secured_broker.scram("half", "secret")
    allow(secured_broker, "User:half", secured.wanted)
    settled(lambda: one(reader, access, secured.wanted), lambda told: not isinstance(told, Unknown))
    answers = reader.read(
        {
            "allowed": (access, secured.wanted),
            "no group": (access, Wanted(secured.wanted.topic, "closed-group")),
            "no topic": (access, Wanted("closed-topic", secured.wanted.group)),
        }
    )
    assert kind(answers["allowed"]) == "known"
    assert answers["no group"] == Unknown(
        "Denied", "Kafka does not let user half look at group closed-group: grant it Describe on the group."
    )
    assert answers["no topic"] == Unknown(
        "Denied", "Kafka does not let user half look at topic closed-topic: grant it Describe on the topic."
    )


def test_refused_credentials_are_told_from_a_broker_that_is_away(
    reader: LagReader, secured_broker: SecuredBroker, secured: Kafka, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secured_broker.add_user("known", "secret")
    strangers = Authority(tmp_path_factory.mktemp("strangers") / "authority", "another CA")
    stranger = strangers.issue("stranger")
    mutual = secured_broker.mutual_tls("known")
    asked = {
        "wrong password": secured_broker.scram("known", "guess"),
        "unknown user": secured_broker.scram("nobody", "secret"),
        "another CA": replace(secured_broker.tls, ca=strangers.certificate),
        "no certificate": replace(mutual, certificate="", key=""),
        "a stranger's certificate": replace(mutual, certificate=stranger.certificate, key=stranger.key),
        "another's key": replace(mutual, key=stranger.key),
    }
    answers = reader.read(
        {"good": (secured_broker.tls, secured.wanted)} | {k: (a, secured.wanted) for k, a in asked.items()}
    )
    assert {key: kind(answer) for key, answer in answers.items()} == {
        "good": "known",
        "wrong password": "AuthenticationFailed",
        "unknown user": "AuthenticationFailed",
        "another CA": "TlsFailed",
        "no certificate": "TlsFailed",
        "a stranger's certificate": "TlsFailed",
        "another's key": "AccessInvalid",
    }
    said = " ".join(answer.reason for answer in answers.values() if isinstance(answer, Unknown))
    assert "guess" not in said
    assert "PRIVATE" not in said
