"""What Helm makes of the chart, held to what the operator reads and to the rights that it says it needs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from charts import CHART, KUBERNETES, VALUE_SETS, Manifest, Program, Render, told
from programs import program

from pulse.settings import OperatorSettings
from pulse_local.paths import Paths
from pulse_operator.crd import definition

READ = ["get", "list", "watch"]
FULL = [*READ, "create", "patch", "delete"]

# (API group, resource) -> verbs, by the part of the operator's work. The README's table says the same in words.
RIGHTS: dict[str, dict[tuple[str, str], list[str]]] = {
    "pipelines": {
        ("pulse.dev", "pulsepipelines"): [*READ, "patch"],
        ("pulse.dev", "pulsepipelines/status"): ["patch"],
        ("pulse.dev", "pulsepipelines/finalizers"): ["update"],
        ("apps", "deployments"): FULL,
        ("batch", "jobs"): FULL,
        ("batch", "cronjobs"): FULL,
        ("", "services"): FULL,
        ("", "secrets"): FULL,
        ("policy", "poddisruptionbudgets"): FULL,
        ("autoscaling", "horizontalpodautoscalers"): FULL,
        ("networking.k8s.io", "networkpolicies"): FULL,
        ("networking.k8s.io", "ingresses"): FULL,
        ("monitoring.coreos.com", "podmonitors"): FULL,
        ("", "pods"): READ,
        ("", "events"): ["create"],
    },
    "kafka": {
        ("kafka.strimzi.io", "kafkas"): READ,
        ("kafka.strimzi.io", "kafkatopics"): FULL,
        ("kafka.strimzi.io", "kafkausers"): FULL,
        ("", "secrets"): READ,
    },
    "postgres": {
        ("postgresql.cnpg.io", "clusters"): READ,
        ("postgresql.cnpg.io", "databases"): FULL,
        ("postgresql.cnpg.io", "databaseroles"): FULL,
        ("", "secrets"): FULL,
    },
    "lease": {
        ("coordination.k8s.io", "leases"): ["create"],
        ("coordination.k8s.io", "leases/pulse-operator"): ["get", "patch"],
    },
    "drain": {("apps", "deployments/pulse-operator"): ["get", "patch"]},
}


def of_kind(kind: str, manifests: list[Manifest]) -> list[Manifest]:
    return [found for found in manifests if found["kind"] == kind]


def one(kind: str, manifests: list[Manifest]) -> Manifest:
    (found,) = of_kind(kind, manifests)
    return found


def pods(manifests: list[Manifest]) -> list[Manifest]:
    """The spec of every Pod that the release may start."""
    templates = [found["spec"]["template"]["spec"] for found in manifests if found["kind"] in ("Deployment", "Job")]
    return [*templates, *(found["spec"] for found in of_kind("Pod", manifests))]


def granted(role: Manifest) -> dict[tuple[str, str], list[str]]:
    """The rights of a role; those to one named object are written resource/name."""
    found = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for name in rule.get("resourceNames", [""]):
                    found[group, f"{resource}/{name}" if name else resource] = rule["verbs"]
    return found


@pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)
def test_helm_finds_nothing_to_complain_about(offline_helm: Program, values: Path) -> None:
    offline_helm.run("lint", CHART, "--strict", "--kube-version", KUBERNETES, "-f", values)


def test_every_sentence_about_the_templates_holds(server_paths: Paths, offline_helm: Program, tmp_path: Path) -> None:
    unittest = Program(program("helm-unittest", server_paths.cache), offline_helm.home)
    report = tmp_path / "report.xml"
    made = unittest.run(
        "--strict", "--output-type", "JUnit", "--output-file", report, "--color=false", CHART, check=False
    )
    assert made.returncode == 0, made.stdout
    assert report.read_text(encoding="utf-8").count("<testcase ") > 40, made.stdout


@pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)
def test_the_operator_accepts_the_environment_that_it_is_given(render: Render, values: Path) -> None:
    manifests = render(values)
    settings = OperatorSettings.from_env(told(one("Deployment", manifests)))
    assert settings.own_namespace == "pulse-system"
    assert settings.lease == one("Deployment", manifests)["metadata"]["name"]
    for job in of_kind("Job", manifests):
        draining = OperatorSettings.from_env(told(job))
        assert draining.deployment == one("Deployment", manifests)["metadata"]["name"]
        assert {**told(job), "PULSE_OPERATOR_DEPLOYMENT": ""} == {
            **told(one("Deployment", manifests)),
            "PULSE_OPERATOR_DEPLOYMENT": "",
        }


def test_every_setting_reaches_the_operator(render: Render) -> None:
    settings = OperatorSettings.from_env(told(one("Deployment", render(CHART / "ci" / "production.yaml"))))
    assert settings.namespaces == "shop,media"
    assert settings.consumer_image == "registry.example.com/pulse/consumer:0.1.0-rc.1"
    assert settings.simulator_image == "registry.example.com/pulse/simulator:0.1.0"
    assert settings.transform_image == "registry.example.com/pulse/transform:0.1.0"
    assert settings.dashboards_image == "registry.example.com/pulse/dashboards:0.1.0"
    assert settings.collector_image == "registry.example.com/pulse/collector:0.1.0"
    assert (settings.pull_policy, settings.pull_secrets) == ("Always", "mirror,other")
    assert (settings.log.level, settings.log.format) == ("debug", "text")
    assert settings.lag_interval == timedelta(seconds=90)
    assert settings.resync_interval == timedelta(minutes=10)
    assert settings.workers == 32


def test_no_setting_of_the_operator_is_forgotten(render: Render) -> None:
    given = set(told(one("Job", render(CHART / "ci" / "production.yaml"))))
    assert given == {item.metadata["env"] for item in OperatorSettings.fields()}


def test_all_namespaces_are_kept_when_the_release_is_for_the_whole_cluster(render: Render) -> None:
    settings = OperatorSettings.from_env(told(one("Deployment", render(CHART / "ci" / "cluster-wide.yaml"))))
    assert settings.namespaces == ""


def test_rights_are_exactly_those_listed_and_none_is_for_the_whole_cluster(render: Render) -> None:
    manifests = render(CHART / "ci" / "production.yaml")
    assert not of_kind("ClusterRole", manifests)
    assert not of_kind("ClusterRoleBinding", manifests)
    roles = {
        (role["metadata"]["name"], role["metadata"]["namespace"]): granted(role) for role in of_kind("Role", manifests)
    }
    places = {"pipelines": ["shop", "media"], "kafka": ["kafka"], "postgres": ["postgres"]}
    assert roles == {
        (f"pulse-{part}.pulse-system", namespace): rights
        for part, rights in RIGHTS.items()
        for namespace in places.get(part, ["pulse-system"])
    }


def test_rights_for_the_whole_cluster_are_the_same_ones(render: Render) -> None:
    roles = of_kind("ClusterRole", render(CHART / "ci" / "cluster-wide.yaml"))
    assert {role["metadata"]["name"]: granted(role) for role in roles} == {
        f"pulse-{part}.pulse-system": RIGHTS[part] for part in ("pipelines", "postgres")
    }


def test_each_account_is_bound_to_what_it_needs(render: Render) -> None:
    bindings: dict[str, set[str]] = {}
    for binding in of_kind("RoleBinding", render(CHART / "ci" / "production.yaml")):
        assert binding["roleRef"]["name"] == binding["metadata"]["name"]
        for subject in binding["subjects"]:
            assert subject["namespace"] == "pulse-system"
            part = binding["metadata"]["name"].removeprefix("pulse-").removesuffix(".pulse-system")
            bindings.setdefault(subject["name"], set()).add(part)
    assert bindings == {
        "pulse-operator": {"pipelines", "kafka", "postgres", "lease"},
        "pulse-drain": {"pipelines", "lease", "drain"},
    }


@pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)
def test_every_pod_is_locked_down(render: Render, values: Path) -> None:
    found = pods(render(values))
    assert len(found) >= 2
    for spec in found:
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert set(container["resources"]) == {"requests", "limits"}


@pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)
def test_every_object_says_whose_it_is_and_where_it_lives(render: Render, values: Path) -> None:
    for manifest in render(values):
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "pulse"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        everywhere = manifest["kind"] in ("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")
        assert everywhere != ("namespace" in manifest["metadata"]), manifest["metadata"]["name"]


def test_nobody_but_the_operator_answers_for_it(render: Render) -> None:
    manifests = render(CHART / "ci" / "production.yaml")
    chosen = one("Deployment", manifests)["spec"]["selector"]["matchLabels"].items()
    assert one("Service", manifests)["spec"]["selector"].items() == chosen
    assert chosen <= one("Deployment", manifests)["spec"]["template"]["metadata"]["labels"].items()
    for other in (one("Job", manifests)["spec"]["template"], one("Pod", manifests)):
        assert not chosen <= other["metadata"]["labels"].items()


def test_the_definition_arrives_as_it_was_made(render: Render) -> None:
    assert one("CustomResourceDefinition", render())["spec"] == definition()["spec"]


def test_every_alert_arrives_but_those_left_out(render: Render) -> None:
    rules: list[dict[str, Any]] = one("PrometheusRule", render(CHART / "ci" / "production.yaml"))["spec"]["groups"][0][
        "rules"
    ]
    files = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in CHART.glob("alerts/*.yaml")}
    assert {rule["alert"] for rule in rules} == set(files) - {"PulseScalingLimited"}
    for rule in rules:
        assert rule["annotations"].pop("runbook_url") == f"https://example.com/pulse/runbooks/{rule['alert']}.md"
        assert rule == files[rule["alert"]]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--set", "operator.loglevel=debug"], "loglevel"),
        (["--set", "namespace=shop"], "namespace"),
        (["--set", "operator.workers=many"], "/operator/workers"),
        (["--set", "clusterWide=true", "--set", "namespaces={shop}"], "unset one of the two"),
    ],
    ids=str,
)
def test_a_mistake_in_the_values_is_named(offline_helm: Program, words: list[str], complaint: str) -> None:
    made = offline_helm.run("template", "pulse", CHART, "--kube-version", KUBERNETES, *words, check=False)
    assert made.returncode != 0
    assert complaint in made.stderr
