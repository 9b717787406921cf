"""Every example is taken as it is by a real API server with the real definitions, and so is what Pulse makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from apiserver import ApiServer

from pulse.names import events_topic
from pulse_operator.cli.render import rendered

EXAMPLES = Path(__file__).parents[2] / "examples"
PIPELINES = ("minimal.yaml", "production.yaml", "external.yaml", "collector.yaml", "dashboards.yaml")
FILES = ("platform.yaml", "producer.yaml", *PIPELINES)
CHART = EXAMPLES.parent / "charts" / "pulse" / "Chart.yaml"
GROUPS = {"v1": "/api/v1"}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")))


def accepted(server: ApiServer, document: dict[str, Any]) -> None:
    """Fails with the API server's words if it would not store the object, or would drop a field of it."""
    metadata, version = document["metadata"], document["apiVersion"]
    namespace = metadata.get("namespace", "default")
    server.call(
        "POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    )
    plural = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}.get(
        document["kind"], document["kind"].lower() + "s"
    )
    path = f"{GROUPS.get(version, f'/apis/{version}')}/namespaces/{namespace}/{plural}/{metadata['name']}"
    query = "fieldManager=tests&force=true&dryRun=All&fieldValidation=Strict"
    status, answer = server.call("PATCH", f"{path}?{query}", document, content_type="application/apply-patch+yaml")
    assert status in (200, 201), f"{document['kind']} {metadata['name']}: {answer.get('message')}"


@pytest.mark.parametrize("name", FILES)
def test_an_example_is_accepted(strimzi_and_cnpg: ApiServer, name: str) -> None:
    found = documents(name)
    assert found
    for document in found:
        accepted(strimzi_and_cnpg, document)


@pytest.mark.parametrize("name", PIPELINES)
def test_what_is_made_of_an_example_is_accepted(strimzi_and_cnpg: ApiServer, name: str) -> None:
    (pipeline,) = [document for document in documents(name) if document["kind"] == "PulsePipeline"]
    pipeline["metadata"].setdefault("namespace", "default")
    manifests = rendered(pipeline, "scram-sha-512", "registry.example.com/pulse")
    assert {"Deployment", "CronJob", "Job"} <= {manifest["kind"] for manifest in manifests}
    for manifest in manifests:
        accepted(strimzi_and_cnpg, manifest)


def test_the_platform_carries_the_smallest_pipeline() -> None:
    names = {document["kind"]: document["metadata"]["name"] for document in documents("platform.yaml")}
    (pipeline,) = documents("minimal.yaml")
    assert pipeline["spec"]["source"]["strimzi"]["cluster"] == names["Kafka"]
    assert pipeline["spec"]["sink"]["cloudNativePG"]["cluster"] == names["Cluster"]


def test_the_producer_fits_the_platform_the_smallest_pipeline_and_the_image() -> None:
    platform = {document["kind"]: document for document in documents("platform.yaml")}
    found = {document["kind"]: document for document in documents("producer.yaml")}
    (pipeline,) = documents("minimal.yaml")
    user, pod = found["KafkaUser"], found["Job"]["spec"]["template"]["spec"]
    kafka, (listener,) = platform["Kafka"]["metadata"]["name"], platform["Kafka"]["spec"]["kafka"]["listeners"]
    assert user["metadata"]["labels"] == {"strimzi.io/cluster": kafka}
    assert user["spec"]["authentication"] == listener["authentication"]
    (container,) = pod["containers"]
    told = {one["name"]: one for one in container["env"]}
    assert told["KAFKA_BOOTSTRAP_SERVERS"]["value"] == f"{kafka}-kafka-bootstrap:{listener['port']}"
    assert told["KAFKA_TOPIC"]["value"] == events_topic(pipeline["metadata"]["name"])
    assert told["KAFKA_PASSWORD"]["valueFrom"]["secretKeyRef"] == {"name": user["metadata"]["name"], "key": "password"}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["kafka"]["secret"]["secretName"] == f"{kafka}-cluster-ca-cert"
    version = yaml.safe_load(CHART.read_text(encoding="utf-8"))["appVersion"]
    assert container["image"] == f"pulse/consumer:{version}"
