"""What holds of every rendering."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kit import golden
from kit.golden import Golden, kinds

from pulse.facts import Facts
from pulse.names import checked_pipeline
from pulse.spec import PipelineSpec
from pulse_operator import objects
from pulse_operator.objects import Identity, Ref, owned, owner_of
from pulse_operator.render import Rendered, provision_job

EVERYTHING = golden.case("every-field")
PIPELINE_NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)
WORKLOADS = {
    *("Deployment", "CronJob", "Job", "Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"),
    *("HorizontalPodAutoscaler", "Ingress"),
}
LASTING = {"KafkaTopic", "KafkaUser", "Database", "DatabaseRole"}


def named(case: Golden, name: str) -> Rendered:
    return replace(case, identity=Identity("web", name, golden.UID)).rendered


@given(PIPELINE_NAMES)
def test_same_input_gives_the_same_bytes(name: str) -> None:
    one, other = (json.dumps(named(EVERYTHING, name).manifests) for _ in range(2))
    assert one == other


@given(PIPELINE_NAMES)
@example("a" * 40)
def test_every_name_and_label_fits(name: str) -> None:
    checked_pipeline(name)
    rendered = named(EVERYTHING, name)
    for made in rendered.manifests:
        metadata = made["metadata"]
        longest = 52 if made["kind"] == "CronJob" else 63
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", metadata["name"])
        assert len(metadata["name"]) <= longest, made["kind"]
        assert max(map(len, metadata["labels"].values())) <= 63


@pytest.mark.parametrize("name", golden.names())
def test_keys_are_sorted(name: str) -> None:
    def check(value: Any) -> None:
        if isinstance(value, dict):
            assert list(value) == sorted(value)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(inner)

    check(list(golden.case(name).rendered.manifests))


@pytest.mark.parametrize("name", golden.names())
def test_no_object_is_rendered_twice_nor_withheld_as_well(name: str) -> None:
    rendered = golden.case(name).rendered
    refs = [Ref.of(made) for made in rendered.manifests]
    assert len(set(refs)) == len(refs)
    assert not rendered.withheld & set(refs)


@pytest.mark.parametrize("name", golden.names())
def test_every_child_says_whose_it_is(name: str) -> None:
    case = golden.case(name)
    for made in case.rendered.manifests:
        assert owner_of(made["metadata"]["labels"]) == (case.identity.namespace, case.identity.name)
        assert owned(made, case.identity)


@pytest.mark.parametrize("name", golden.names())
def test_what_holds_data_has_no_owner_and_all_else_has(name: str) -> None:
    case = golden.case(name)
    for made in case.rendered.manifests:
        role_secret = made["kind"] == "Secret" and made["type"] == "kubernetes.io/basic-auth"
        # Without its key nobody can read what Metabase's own database holds.
        keys = made["kind"] == "Secret" and made["metadata"]["name"] == f"{case.identity.name}-metabase"
        references = made["metadata"].get("ownerReferences", [])
        if made["kind"] in LASTING or role_secret or keys:
            assert references == []
        else:
            assert made["kind"] in WORKLOADS | {"Secret"}
            assert made["metadata"]["namespace"] == case.identity.namespace
            assert [(one["uid"], one["controller"]) for one in references] == [(golden.UID, True)]


@pytest.mark.parametrize("name", golden.names())
def test_nothing_is_applied_before_what_it_names(name: str) -> None:
    """Pods come after their Secret and the policy that guards them, roles after their Secret, databases after roles."""
    order = {Ref.of(made): number for number, made in enumerate(golden.case(name).rendered.manifests)}
    for ref, number in order.items():
        if ref.kind == objects.DATABASE_ROLE:
            role = ref.name.rpartition("-")[2]
            assert order[Ref(objects.SECRET, ref.namespace, f"{ref.name.removesuffix(role)}db-{role}")] < number
    manifests = golden.case(name).rendered.manifests
    roles = {made["spec"]["name"]: order[Ref.of(made)] for made in manifests if made["kind"] == "DatabaseRole"}
    for made in manifests:
        if made["kind"] == "Database":
            assert roles.get(made["spec"]["owner"], -1) < order[Ref.of(made)]
    for made in manifests:
        component = made["metadata"]["labels"][objects.COMPONENT_LABEL]
        if made["kind"] in {"Deployment", "CronJob", "Job"}:
            pipeline, space = made["metadata"]["labels"][objects.PIPELINE_LABEL], made["metadata"]["namespace"]
            number = order[Ref.of(made)]
            assert order[Ref(objects.NETWORK_POLICY, space, f"{pipeline}-{component}")] < number
            secret = f"{pipeline}-{component}-env"
            if secret in str(made):
                assert order[Ref(objects.SECRET, space, secret)] < number


@pytest.mark.parametrize("name", golden.names())
def test_pods_see_nothing_of_the_cluster(name: str) -> None:
    """Variables of Services would look like settings: one named pulse-… would stop every component."""
    for made in golden.case(name).rendered.manifests:
        if made["kind"] in {"Deployment", "CronJob", "Job"}:
            text = json.dumps(made)
            assert text.count('"enableServiceLinks": false') == text.count('"containers"') == 1
            assert text.count('"automountServiceAccountToken": false') == 1


@pytest.mark.parametrize("name", golden.names())
def test_nothing_is_empty(name: str) -> None:
    """The API server drops empty lists, texts and mappings, and what it drops would look changed for ever."""

    def check(value: Any, where: str) -> None:
        assert value not in ({}, [], "", None), where
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, found in inner:
            check(found, f"{where}.{key}")

    for made in golden.case(name).rendered.manifests:
        check(made, made["kind"])


@pytest.mark.parametrize("name", golden.names())
def test_selectors_pick_the_pods_of_their_component(name: str) -> None:
    manifests = golden.case(name).rendered.manifests
    pods = {
        made["metadata"]["labels"][objects.COMPONENT_LABEL]: made["spec"]["template"]["metadata"]["labels"]
        for made in manifests
        if made["kind"] in {"Deployment", "Job"}
    }
    for made in manifests:
        spec = made.get("spec", {})
        picked = spec.get("selector", spec.get("podSelector"))
        if picked is None:
            continue
        picked = picked.get("matchLabels", picked)
        component = made["metadata"]["labels"][objects.COMPONENT_LABEL]
        for other, labels in pods.items():
            assert (picked.items() <= labels.items()) == (other == component), made["kind"]


def test_an_external_pipeline_makes_nothing_of_the_platforms() -> None:
    rendered = golden.case("external").rendered
    assert not LASTING & set(kinds(rendered))
    assert rendered.withheld == frozenset()


def test_objects_of_others_go_to_their_namespaces() -> None:
    found = {made["kind"]: made["metadata"]["namespace"] for made in golden.case("cross-namespace").rendered.manifests}
    assert {found["KafkaTopic"], found["KafkaUser"]} == {"platform-kafka"}
    assert {found["Database"], found["DatabaseRole"]} == {"platform-postgres"}
    assert {found[kind] for kind in WORKLOADS & set(found)} == {"cross-namespace"}


def allowed(case: str) -> dict[str, Any]:
    """Who may connect to the pods of each component."""
    return {
        made["metadata"]["name"]: made["spec"].get("ingress")
        for made in golden.case(case).rendered.manifests
        if made["kind"] == "NetworkPolicy"
    }


def tcp(number: int) -> list[dict[str, Any]]:
    return [{"port": number, "protocol": "TCP"}]


def test_nothing_connects_to_a_pipeline_but_to_look_at_metrics_and_numbers() -> None:
    assert allowed("simulator") == {
        "shop-consumer": [{"ports": tcp(8080)}],
        "shop-dashboards": [{"ports": tcp(8088)}, {"ports": tcp(8080)}],
        "shop-maintain": None,
        "shop-migrate": None,
        "shop-simulator": None,
        "shop-transform": None,
    }


def test_people_come_to_dashboards_from_where_the_spec_says() -> None:
    page = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}]
    assert allowed("dashboards")["shop-dashboards"] == [{"ports": tcp(8088), "from": page}, {"ports": tcp(8080)}]
    assert allowed("dashboards")["shop-metabase"][1:] == [{"ports": tcp(3000)}]
    assert allowed("dashboards")["shop-provision"] is None


def _told(name: str) -> tuple[Identity, PipelineSpec, Facts]:
    case = golden.case(name)
    return case.identity, case.spec, case.facts


def test_nobody_but_the_provisioning_comes_to_a_metabase_that_has_no_administrator_yet() -> None:
    """Whoever comes first makes one."""
    (rule,) = allowed("dashboards-external")["shop-metabase"]
    ((peer,), ports) = rule["from"], rule["ports"]
    assert ports == tcp(3000)
    rendered = golden.case("dashboards-external").rendered
    (job,) = (made for made in rendered.manifests if Ref.of(made) == provision_job(*_told("dashboards-external")))
    assert peer["podSelector"]["matchLabels"].items() <= job["spec"]["template"]["metadata"]["labels"].items()
    assert rendered.withheld == {Ref(objects.INGRESS, "dashboards-external", "shop-metabase")}
