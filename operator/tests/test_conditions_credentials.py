"""CredentialsReady, case by case: KafkaUsers, DatabaseRoles and the Secrets that they log in with.

The verdicts on one object each stand in test_dependencies_users.py and test_dependencies_databases.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from kit.evidence import EXTERNAL, KAFKA, OURS, SPEC, ConditionCase, looked, pipeline, secret, there

from pulse_operator import objects
from pulse_operator.dependencies import Missing, Reason
from pulse_operator.dependencies.verdict import false
from pulse_operator.objects import Ref
from pulse_operator.wants import wants

PRODUCER = OURS.users["producer"]
OF_PRODUCER = Ref(objects.SECRET, PRODUCER.namespace, PRODUCER.name)
INGEST, OF_INGEST = OURS.roles["ingest"], OURS.role_secrets["ingest"]
FOREIGN = wants(pipeline(EXTERNAL))
assert OURS.cluster
assert OURS.postgres_ca
assert FOREIGN.source_secret
assert FOREIGN.sink_secret
MSK, RDS = FOREIGN.source_secret, FOREIGN.sink_secret
COLLECTS = {**SPEC, "collector": {"enabled": True}}
THEIR_KEYS = {**SPEC, "collector": {"enabled": True, "writeKeys": {"name": "keys"}}}
KEYS, THEIRS = Ref(objects.SECRET, "web", "shop-collector-keys"), Ref(objects.SECRET, "web", "keys")


def unlabelled() -> dict[str, Any]:
    user = there(PRODUCER)
    return {**user, "metadata": {**user["metadata"], "labels": {}}}


def open_to_all() -> dict[str, Any]:
    """A Kafka whose listener asks nobody for a log-in."""
    kafka = there(KAFKA)
    listener = {**kafka["spec"]["kafka"]["listeners"][0]}
    del listener["authentication"]
    return {**kafka, "spec": {**kafka["spec"], "kafka": {**kafka["spec"]["kafka"], "listeners": [listener]}}}


def case(name: str, evidence: Any, status: str, reason: str, *says: str) -> ConditionCase:
    return ConditionCase(name, evidence, "CredentialsReady", status, reason, says)


CASES = [
    case("all there", looked(), "True", "Ready"),
    case("external, all there", looked(EXTERNAL), "True", "Ready", "Users of Kafka and roles of Postgres"),
    case(
        "a user without its label",
        looked(put={PRODUCER: unlabelled()}),
        "False",
        "WrongClusterLabel",
        str(PRODUCER),
    ),
    case("a user is missing", looked(put={PRODUCER: Missing.OBJECT}), "False", "NotFound", str(PRODUCER)),
    case(
        "nobody logs in, so no user is asked about",
        looked(put={KAFKA: open_to_all(), PRODUCER: Missing.OBJECT}),
        "True",
        "Ready",
    ),
    case("no listener known", looked(put={KAFKA: Missing.OBJECT}), "Unknown", "Pending", str(KAFKA), "KafkaReady"),
    case("a role is not applied", looked(status={INGEST: {"applied": False}}), "False", "NotApplied", str(INGEST)),
    case(
        "roles by hand",
        looked(put=dict.fromkeys(OURS.roles.values(), Missing.KIND)),
        "Unknown",
        "RolesByHand",
        "by hand",
    ),
    case(
        "nothing of CloudNativePG is served",
        looked(put=dict.fromkeys((OURS.cluster, *OURS.roles.values()), Missing.KIND)),
        "False",
        "CRDMissing",
        "DatabaseRole in postgresql.cnpg.io/v1. Install CloudNativePG 1.30 or newer",
        "looked for again",
    ),
    case(
        "a user's Secret is missing",
        looked(put={OF_PRODUCER: Missing.OBJECT}),
        "False",
        "SecretMissing",
        str(OF_PRODUCER),
        "user operator",
    ),
    case(
        "a user's Secret lacks its key",
        looked(put={OF_PRODUCER: secret(OF_PRODUCER, user_crt="certificate")}),
        "False",
        "SecretKeyMissing",
        f"{OF_PRODUCER} has no text under the key user.key",
    ),
    case(
        "the CA of Postgres is missing",
        looked(put={OURS.postgres_ca: Missing.OBJECT}),
        "False",
        "SecretMissing",
        str(OURS.postgres_ca),
        "DatabaseReady",
    ),
    case(
        "a Secret that may not be read",
        looked(put={OURS.postgres_ca: Missing.RIGHT}),
        "False",
        "Forbidden",
        str(OURS.postgres_ca),
        "postgresNamespaces",
    ),
    case(
        "a Secret that nobody told of",
        looked(put={OF_PRODUCER: Missing.ANSWER}),
        "Unknown",
        "NotRead",
        str(OF_PRODUCER),
    ),
    case("a password that is not made", looked(put={OF_INGEST: Missing.OBJECT}), "Unknown", "Pending", "role ingest"),
    case("a write key that is not made", looked(COLLECTS, put={KEYS: Missing.OBJECT}), "Unknown", "Pending", str(KEYS)),
    case(
        "a person's write keys are missing",
        looked(THEIR_KEYS, put={THEIRS: Missing.OBJECT}),
        *("False", "SecretMissing", str(THEIRS), "spec.collector.writeKeys"),
    ),
    case(
        "a person's write keys are none",
        looked(THEIR_KEYS, put={THEIRS: secret(THEIRS)}),
        *("False", "SecretKeyMissing", str(THEIRS)),
    ),
    case(
        "a write key with a character that no URL takes",
        looked(THEIR_KEYS, put={THEIRS: secret(THEIRS, app="a-good-key", web="a key with spaces")}),
        *("False", "WriteKeyInvalid", f"{THEIRS}: the entry web is not of the form", "8 to 200 letters"),
    ),
    case(
        "two senders with one write key",
        looked(COLLECTS, put={KEYS: secret(KEYS, app="key-of-both", web="key-of-both")}),
        *("False", "WriteKeyInvalid", f"{KEYS}: the entry web has the key of app."),
    ),
    case(
        "external, Kafka's Secret is missing",
        looked(EXTERNAL, put={MSK: Missing.OBJECT}),
        "False",
        "SecretMissing",
        str(MSK),
        "spec.source.external.auth.secretRef",
    ),
    case(
        "external, Kafka's Secret lacks a key",
        looked(EXTERNAL, put={MSK: secret(MSK, username="pulse")}),
        "False",
        "SecretKeyMissing",
        "the key password",
    ),
    case(
        "external, the database's Secret is missing",
        looked(EXTERNAL, put={RDS: Missing.OBJECT}),
        "False",
        "SecretMissing",
        str(RDS),
        "spec.sink.external.secretRef",
    ),
    case(
        "external, the database's Secret lacks a role",
        looked(EXTERNAL, put={RDS: secret(RDS, owner_dsn="postgresql://h/d", ingest_dsn="", transform_dsn="x")}),
        "False",
        "SecretKeyMissing",
        "the key ingest-dsn",
    ),
    case(
        "a Secret that could not be written",
        looked(refusals={OF_INGEST: false(Reason.FORBIDDEN, f"{OF_INGEST} may not be written.")}),
        "False",
        "Forbidden",
        str(OF_INGEST),
    ),
    case(
        "a user that was refused",
        looked(refusals={PRODUCER: false(Reason.REFUSED, f"{PRODUCER}: no.")}),
        "False",
        "Refused",
        str(PRODUCER),
    ),
    case(
        "a role of somebody else's",
        looked(refusals={INGEST: false(Reason.OWNED_BY_OTHER, f"{INGEST} is not this pipeline's.")}),
        "False",
        "OwnedByOther",
        str(INGEST),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.condition}: {case.name}")
def test_condition(case: ConditionCase) -> None:
    case.hold()
