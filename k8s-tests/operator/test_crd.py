"""The CRD on a real API server: it is taken as it is, and refuses with a sentence what it can see."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apiserver import ApiServer
from programs import program

from pulse_local.paths import Paths

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PIPELINES = "/apis/pulse.dev/v1alpha1/namespaces/default/pulsepipelines"
EXTERNAL = {"bootstrapServers": "kafka:9092", "topic": "events", "dlqTopic": "dlq"}


@pytest.fixture(scope="module")
def installed(strimzi_and_cnpg: ApiServer) -> ApiServer:
    """The API server with the CRD, ready to take pipelines."""
    return strimzi_and_cnpg


def pipeline(name: str, **spec: Any) -> dict[str, Any]:
    smallest = {"source": {"strimzi": {"cluster": "kafka"}}, "sink": {"cloudNativePG": {"cluster": "postgres"}}}
    return {
        "apiVersion": "pulse.dev/v1alpha1",
        "kind": "PulsePipeline",
        "metadata": {"name": name},
        "spec": {**smallest, **spec},
    }


@pytest.fixture
def stored(installed: ApiServer) -> Iterator[dict[str, Any]]:
    """A pipeline with six partitions as the API server stores it, defaults filled in."""
    status, made = installed.call("POST", PIPELINES, pipeline(f"p-{uuid.uuid4().hex[:8]}"))
    assert status == 201, made
    yield made
    installed.call("DELETE", f"{PIPELINES}/{made['metadata']['name']}")


def changed(server: ApiServer, stored: dict[str, Any], path: str, value: Any) -> tuple[int, str]:
    """The answer to a change of one field; a value of None removes it."""
    *way, last = path.split(".")
    target = stored["spec"]
    for name in way:
        target = target.setdefault(name, {})
    if value is None:
        target.pop(last)
    else:
        target[last] = value
    status, answer = server.call("PUT", f"{PIPELINES}/{stored['metadata']['name']}", stored)
    return status, str(answer.get("message", ""))


def test_conditions_of_the_definition_are_good(installed: ApiServer) -> None:
    _, found = installed.call("GET", f"{DEFINITIONS}/pulsepipelines.pulse.dev")
    conditions = {condition["type"]: condition["status"] for condition in found["status"]["conditions"]}
    assert conditions["Established"] == conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions
    assert found["status"]["acceptedNames"]["shortNames"] == ["pp"]


def test_defaults_are_filled_in(stored: dict[str, Any]) -> None:
    assert stored["spec"]["source"]["strimzi"]["partitions"] == 6
    assert stored["spec"]["consumer"]["scaling"]["mode"] == "Auto"
    assert stored["spec"]["transform"]["sessionGap"] == "30m"
    assert stored["spec"]["deletionPolicy"] == "Retain"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("source.strimzi.partitions", 12),
        ("consumer.scaling.max", 6),
        ("suspend", True),
        ("transform.schedule", "@hourly"),
        ("sink.cloudNativePG.pooler", "readers"),
    ],
)
def test_what_may_change_can_change(installed: ApiServer, stored: dict[str, Any], path: str, value: Any) -> None:
    status, message = changed(installed, stored, path, value)
    assert status == 200, message


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("source.strimzi.partitions", 5, "partitions cannot shrink"),
        ("source.strimzi.cluster", "other", "cluster and namespace cannot change"),
        ("source.strimzi.namespace", "other", "cluster and namespace cannot change"),
        ("source.external", EXTERNAL, "set exactly one of strimzi and external"),
        ("source", {"external": EXTERNAL}, "cannot change between strimzi and external"),
        ("source", {}, "set exactly one of strimzi and external"),
        ("sink.cloudNativePG.cluster", "other", "cluster, namespace and database cannot change"),
        ("sink.cloudNativePG.database", "other", "cluster, namespace and database cannot change"),
        ("sink", {"external": {"secretRef": {"name": "s"}}}, "cannot change between cloudNativePG and external"),
        ("consumer.scaling.max", 7, "must not be larger than source.strimzi.partitions"),
        ("consumer.scaling.min", 4, "min must not be larger than max"),
        ("transform.schedule", "every day", "should match"),
        ("transform.sessionGap", "soon", "should match"),
        ("transform.sessionGap", "25h", "sessionGap must be longer than 0 and at most 24h"),
        ("transform.lateAfter", "0s", "lateAfter must be longer than 0"),
        ("consumer.batch.linger", "2m", "linger must be longer than 0 and at most 60s"),
        ("consumer.scaling.targetDrainTime", "0m", "targetDrainTime must be longer than 0"),
        ("consumer.scaling.scaleDownDelay", "0s", "scaleDownDelay must be longer than 0"),
        ("deletionPolicy", "Perhaps", "Unsupported value"),
    ],
)
def test_what_may_not_be_is_refused_with_a_sentence(
    installed: ApiServer, stored: dict[str, Any], path: str, value: Any, says: str
) -> None:
    status, message = changed(installed, stored, path, value)
    assert (status, says in message) == (422, True), message


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"external": {**EXTERNAL, "dlqTopic": "events"}}, "dlqTopic must be another topic"),
        ({"external": {**EXTERNAL, "auth": {"protocol": "SASL_SSL"}}}, "needs mechanism and secretRef"),
        ({"external": {**EXTERNAL, "bootstrapServers": "kafka"}}, "should match"),
    ],
)
def test_external_sources_are_checked_too(installed: ApiServer, source: dict[str, Any], says: str) -> None:
    status, answer = installed.call("POST", PIPELINES, pipeline("external", source=source))
    assert (status, says in answer["message"]) == (422, True), answer


@pytest.mark.parametrize("name", ["pg", "cnpg-shop"])
def test_a_name_that_postgres_keeps_for_itself_is_refused(installed: ApiServer, name: str) -> None:
    status, answer = installed.call("POST", PIPELINES, pipeline(name))
    assert (status, "Postgres and CloudNativePG keep such names for roles" in answer["message"]) == (422, True), answer


def test_a_prefix_that_postgres_keeps_for_itself_is_refused(installed: ApiServer) -> None:
    sink = {"external": {"secretRef": {"name": "s"}, "rolePrefix": "pg_shop"}}
    status, answer = installed.call("POST", PIPELINES, pipeline("external", sink=sink))
    assert (status, "rolePrefix must not be pg" in answer["message"]) == (422, True), answer


def test_a_name_that_no_child_could_carry_is_refused(installed: ApiServer) -> None:
    status, answer = installed.call("POST", PIPELINES, pipeline("a" * 41))
    assert (status, "40" in answer["message"]) == (422, True), answer


def test_the_list_says_why_a_pipeline_is_not_ready(
    installed: ApiServer, stored: dict[str, Any], server_paths: Paths, tmp_path: Path
) -> None:
    name, at = stored["metadata"]["name"], "2026-03-01T12:00:00Z"
    ready = {"type": "Ready", "status": "False", "reason": "ListenerMissing", "message": "m", "lastTransitionTime": at}
    stored["status"] = {"conditions": [ready], "lag": {"total": 120}, "replicas": {"summary": "0/1"}}
    status, answer = installed.call("PUT", f"{PIPELINES}/{name}/status", stored)
    assert status == 200, answer
    kubectl, config = program("kubectl", server_paths.cache), installed.kubeconfig(tmp_path / "kubeconfig")
    words = [str(kubectl), "--kubeconfig", str(config), "get", "pp", name]
    table = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    heading, row = (line.split() for line in table.splitlines())
    assert heading == ["NAME", "READY", "REASON", "LAG", "REPLICAS", "LAST", "DBT", "AGE"]
    assert row[:5] == [name, "False", "ListenerMissing", "120", "0/1"]
    assert max(len(line) for line in table.splitlines()) <= 80
