"""What docs/sending.md gives to whoever sends events of his own: the program of examples/ as the user of examples/."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.test_rights import Kept, kept, rules
from kit.secured import SETTLE_SECONDS

from pulse_local.processes import wait_until

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parents[2] / "examples"
PASSWORD = "made by Strimzi"

__all__ = ["kept"]  # the fixture


@dataclass(frozen=True)
class Example:
    """The user and the Job of producer.yaml, on the topic of a pipeline of this test."""

    kept: Kept
    user: str
    environment: dict[str, str]

    def send(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, EXAMPLES / "producer.py"],
            env={"PATH": os.environ["PATH"], **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )


def documents() -> dict[str, Any]:
    found = yaml.safe_load_all((EXAMPLES / "producer.yaml").read_text(encoding="utf-8"))
    return {document["kind"]: document for document in found}


@pytest.fixture
def example(kept: Kept) -> Example:
    """As Strimzi's user operator and the kubelet would have it: rights granted, variables set."""
    found, topic = documents(), kept.open.plan.events.name
    user = found["KafkaUser"]["metadata"]["name"]
    (container,) = found["Job"]["spec"]["template"]["spec"]["containers"]
    told = {one["name"]: one.get("value") for one in container["env"]}
    assert told["KAFKA_USERNAME"] == user
    acls = found["KafkaUser"]["spec"]["authorization"]["acls"]
    assert [acl["resource"]["name"] for acl in acls] == [told["KAFKA_TOPIC"]]
    kept.broker.add_user(user, PASSWORD)
    here = [{**acl, "resource": {**acl["resource"], "name": topic}} for acl in acls]
    wanted, admin = rules(user, here), kept.broker.admin
    for future in admin.create_acls(wanted).values():
        future.result(SETTLE_SECONDS)
    access = kept.broker.scram(user, PASSWORD)
    mine = {
        "KAFKA_BOOTSTRAP_SERVERS": access.bootstrap_servers,
        "KAFKA_TOPIC": topic,
        "KAFKA_PASSWORD": PASSWORD,
        "KAFKA_CA_FILE": str(kept.certificate),
    }
    assert set(told) == {*mine, "KAFKA_USERNAME"}
    return Example(kept, user, {**told, **mine})


def test_the_program_sends_an_event_that_is_stored(example: Example) -> None:
    assert wait_until(lambda: example.send().returncode == 0, 3 * SETTLE_SECONDS), example.send()
    consumer = example.kept.consumer.start_consumer()
    example.kept.open.wait_until_caught_up()
    assert example.kept.open.stop(consumer) == 0
    sums = example.kept.open.sums()
    assert (sums["inserted"], sums["dead"]) == (sums["read"], 0)
    assert sums["inserted"] > 0


def test_the_program_fails_with_the_word_of_the_broker_where_it_may_not_write(example: Example) -> None:
    example.environment["KAFKA_TOPIC"] = example.kept.open.plan.dlq.name
    refused = example.send()
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("not sent: KafkaError{code=TOPIC_AUTHORIZATION_FAILED")
