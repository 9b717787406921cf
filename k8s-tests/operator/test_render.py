"""Every rendered manifest on a real API server with the real definitions: taken as it is, and stored as it was sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from apiserver import ApiServer
from definitions import APPLY
from kit import golden

from pulse_operator.objects import Manifest, Ref
from pulse_operator.render.quantity import canonical

NAMESPACES = "/api/v1/namespaces"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def apply(server: ApiServer, manifest: Manifest) -> dict[str, Any]:
    """What the API server stores. A field that it does not know is an error."""
    path = f"{Ref.of(manifest).path}?fieldManager=pulse-operator&force=true&fieldValidation=Strict"
    status, answer = server.call("PATCH", path, manifest, content_type=APPLY)
    assert status in (200, 201), f"{Ref.of(manifest)}: {answer['message']}"
    return answer


def ensure_namespace(server: ApiServer, name: str) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}
    status, answer = server.call("PATCH", f"{NAMESPACES}/{name}?fieldManager=tests", body, content_type=APPLY)
    assert status in (200, 201), answer


def differences(wanted: Any, live: Any, where: str = "") -> list[str]:
    """Where the live object lacks a wanted field or has another value. Fields that it has beyond are no difference."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        return [
            found
            for key, value in wanted.items()
            for found in differences(value, live.get(key, "absent"), f"{where}.{key}")
        ]
    if isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        return [
            found
            for number, (one, other) in enumerate(zip(wanted, live, strict=True))
            for found in differences(one, other, f"{where}[{number}]")
        ]
    return [] if wanted == live and type(wanted) is type(live) else [f"{where}: {wanted!r} is stored as {live!r}"]


@pytest.mark.parametrize("name", golden.names())
def test_manifests_are_accepted_and_stored_as_they_were_sent(strimzi_and_cnpg: ApiServer, name: str) -> None:
    server = strimzi_and_cnpg
    manifests = golden.case(name).rendered.manifests
    for namespace in sorted({made["metadata"]["namespace"] for made in manifests}):
        ensure_namespace(server, namespace)
    versions = [apply(server, made)["metadata"]["resourceVersion"] for made in manifests]
    for made in manifests:
        status, live = server.call("GET", Ref.of(made).path)
        assert status == 200, live
        assert differences(made, live) == [], Ref.of(made)
    again = [apply(server, made)["metadata"]["resourceVersion"] for made in manifests]
    assert again == versions, "applying the same again changes something"


@pytest.mark.parametrize("name", golden.names())
def test_pipelines_of_the_cases_are_accepted(strimzi_and_cnpg: ApiServer, name: str) -> None:
    case = golden.case(name)
    ensure_namespace(strimzi_and_cnpg, case.identity.namespace)
    apply(strimzi_and_cnpg, case.pipeline)


def pods(name: str) -> list[Manifest]:
    """A Pod from each template of the case."""
    made = []
    for number, manifest in enumerate(golden.case(name).rendered.manifests):
        spec = manifest.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            metadata = {"name": f"pod-{number}", "namespace": "restricted", **template["metadata"]}
            made.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
    return made


def create_dry(server: ApiServer, pod: Manifest) -> tuple[int, dict[str, Any]]:
    return server.call("POST", f"{NAMESPACES}/restricted/pods?dryRun=All&fieldValidation=Strict", pod)


@pytest.mark.parametrize("name", ["every-field", "external", "plain"])
def test_pods_are_admitted_where_only_restricted_ones_are(strimzi_and_cnpg: ApiServer, name: str) -> None:
    ensure_namespace(strimzi_and_cnpg, "restricted")
    made = pods(name)
    assert len(made) >= 4
    for pod in made:
        status, answer = create_dry(strimzi_and_cnpg, pod)
        assert status == 201, answer["message"]
        loose = json.loads(json.dumps(pod))
        loose["spec"]["securityContext"].pop("runAsNonRoot")
        status, answer = create_dry(strimzi_and_cnpg, loose)
        assert (status, "runAsNonRoot" in answer["message"]) == (403, True), answer


AMOUNTS = (
    *("0", "0Mi", "1", "1000m", "0.5", "1.5", "1.500", "0.0001", "250m", "2000m", "1500m", "1024Mi", "1536Mi"),
    *("1.5Gi", "0.5Ki", "0.1Gi", "1024Gi", "512Ki", "2048", "128000000", "1k", "1000k", "1.25G", "007", "007Mi"),
    *(
        "100.0m",
        "0.0000000001",
        "0.000000000001Ki",
        "0.9765625Ki",
        "1023",
        "1024",
        "0.999Ki",
        "999999m",
        "12345678901234567m",
        "3.14159Ti",
        "1048576Ki",
    ),
)


def stored_amounts(server: ApiServer, amounts: list[str]) -> list[str]:
    """The amounts as the API server gives them back."""
    pod = pods("plain")[0]
    sizes = [{"name": f"v{number}", "emptyDir": {"sizeLimit": text}} for number, text in enumerate(amounts)]
    pod["spec"]["volumes"] += sizes
    status, answer = create_dry(server, pod)
    assert status == 201, answer
    return [volume["emptyDir"]["sizeLimit"] for volume in answer["spec"]["volumes"][-len(amounts) :]]


def test_amounts_are_stored_as_they_are_written(strimzi_and_cnpg: ApiServer) -> None:
    ensure_namespace(strimzi_and_cnpg, "restricted")
    written = [canonical(text) for text in AMOUNTS]
    assert stored_amounts(strimzi_and_cnpg, written) == written


def test_amounts_are_the_same_to_the_api_server(strimzi_and_cnpg: ApiServer) -> None:
    """It rewrites what a person wrote, if not always to the shortest form; the amount must not change on the way."""
    ensure_namespace(strimzi_and_cnpg, "restricted")
    stored = stored_amounts(strimzi_and_cnpg, list(AMOUNTS))
    assert stored != list(AMOUNTS)
    assert [canonical(text) for text in stored] == [canonical(text) for text in AMOUNTS]
