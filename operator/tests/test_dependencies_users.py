"""The verdict on a KafkaUser, case by case, on objects that its real CustomResourceDefinition accepts."""

from __future__ import annotations

from typing import Any

import pytest
from kit.crds import Case, checked

from pulse_operator.dependencies import Credentials, Missing, credentials, user_verdict

READY = {"type": "Ready", "status": "True"}
NAMED = {"username": "CN=shop-consumer", "secret": "team-shop-consumer"}


def user(
    *conditions: dict[str, Any],
    observed: int = 1,
    label: str | None = "events",
    authentication: str | None = "tls",
    told: dict[str, Any] | None = NAMED,
) -> dict[str, Any]:
    labels = {} if label is None else {"strimzi.io/cluster": label}
    made = {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": "shop-consumer", "namespace": "kafka", "generation": 1, "labels": labels},
        "spec": {"authentication": {"type": authentication}} if authentication else {},
    }
    status = {} if told is None else {"observedGeneration": observed, "conditions": list(conditions), **told}
    return checked({**made, "status": status})


def not_ready(reason: str, message: str) -> dict[str, Any]:
    return {"type": "NotReady", "status": "True", "reason": reason, "message": message}


CASES = [
    Case("ready", user(READY), "True", "Ready", ("Secret team-shop-consumer",)),
    Case("kind not served", Missing.KIND, "False", "CRDMissing", ("kafka.strimzi.io/v1",)),
    Case("no such object", Missing.OBJECT, "False", "NotFound", ("Pulse makes it",)),
    Case("may not be read", Missing.RIGHT, "False", "Forbidden", ("namespace kafka",)),
    Case("not heard of", Missing.ANSWER, "Unknown", "NotRead"),
    Case("new, status empty", user(told=None), "Unknown", "Pending", seconds=179.9),
    Case(
        "status empty for long",
        user(told=None),
        "False",
        "NotPickedUp",
        ("empty status for more than 180 s", "label strimzi.io/cluster", "user operator runs"),
        seconds=600,
    ),
    Case("no main condition yet", user(), "Unknown", "Pending"),
    Case(
        "without the label of its cluster",
        user(told=None, label=None),
        "False",
        "WrongClusterLabel",
        ("metadata.labels[strimzi.io/cluster] is absent", "Set the label to events"),
    ),
    Case("labelled for another cluster", user(READY, label="other"), "False", "WrongClusterLabel", ("is other",)),
    Case("edited, not yet acted on", user(READY, observed=0), "Unknown", "Progressing", ("generation 0 of 1",)),
    Case(
        "refused",
        user(not_ready("InvalidResourceException", "Simple authorization ACL rules are configured")),
        "False",
        "NotReady",
        ("InvalidResourceException: Simple authorization",),
    ),
    Case("paused", user({"type": "ReconciliationPaused", "status": "True"}), "Unknown", "ReconciliationPaused"),
    Case(
        "ready, credentials made elsewhere",
        user(READY, authentication="tls-external", told={"username": "CN=shop-consumer"}),
        "False",
        "CredentialsNotNamed",
        ("status.secret", "spec.authentication.type is tls-external"),
    ),
    Case(
        "ready, without authentication",
        user(READY, authentication=None, told={"username": "shop-consumer"}),
        "False",
        "CredentialsNotNamed",
        ("is absent",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict(case: Case) -> None:
    verdict = user_verdict(case.found, "kafka", "shop-consumer", "events", case.seconds)
    assert (verdict.status.value, verdict.reason.value) == (case.status, case.reason), verdict.message
    for words in ("KafkaUser kafka/shop-consumer", *case.says):
        assert words in verdict.message


def test_the_secret_is_the_one_that_the_status_names_and_not_the_name_of_the_user() -> None:
    assert credentials(user(READY)) == Credentials(secret="team-shop-consumer", username="CN=shop-consumer")


def test_no_credentials_before_they_are_named() -> None:
    assert credentials(user(told=None)) is None
