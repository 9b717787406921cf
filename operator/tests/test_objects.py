"""Kinds, paths and marks of Kubernetes objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pulse_operator import objects
from pulse_operator.objects import Identity, Ref, kind_of, labels, owned, owner_of, owner_reference

SHOP = Identity("web", "shop", "uid-1")
CRDS = Path(__file__).parent / "crds"


def child(**metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaTopic",
        "metadata": {"namespace": "kafka", "name": "shop-events", "labels": labels(SHOP, "topics"), **metadata},
    }


def test_a_manifest_is_named_and_found() -> None:
    ref = Ref.of(child())
    assert str(ref) == "KafkaTopic kafka/shop-events"
    assert ref.path == "/apis/kafka.strimzi.io/v1/namespaces/kafka/kafkatopics/shop-events"
    assert {ref: 1}[Ref(objects.KAFKA_TOPIC, "kafka", "shop-events")] == 1


def test_the_core_group_has_its_own_root() -> None:
    assert Ref(objects.SECRET, "web", "shop-env").path == "/api/v1/namespaces/web/secrets/shop-env"
    assert objects.SECRET.path() == "/api/v1/secrets"


@pytest.mark.parametrize(
    ("namespace", "name"), [("web", "../x"), ("", "shop"), ("web", ""), ("w/b", "shop"), ("web", "a?b")]
)
def test_a_name_cannot_lead_to_another_object(namespace: str, name: str) -> None:
    with pytest.raises(ValueError, match="no name of an object"):
        _ = Ref(objects.SECRET, namespace, name).path


def test_a_kind_that_is_not_handled_is_refused() -> None:
    with pytest.raises(ValueError, match="'Node' of 'v1'"):
        kind_of({"apiVersion": "v1", "kind": "Node"})


def test_every_kind_is_as_its_definition_says() -> None:
    known = {(kind.api_version, kind.name): kind for kind in objects.KINDS}
    assert len(known) == len(objects.KINDS)
    checked = 0
    for file in CRDS.glob("*.yaml"):
        spec = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]
        versions = [f"{spec['group']}/{version['name']}" for version in spec["versions"] if version["served"]]
        found = [known[one, spec["names"]["kind"]] for one in versions if (one, spec["names"]["kind"]) in known]
        if not found:
            continue  # kinds of the examples, which people make
        assert [kind.plural for kind in found] == [spec["names"]["plural"]], file.name
        assert found[0].namespaced == (spec["scope"] == "Namespaced")
        checked += 1
    assert checked == 7


def test_labels_lead_back_to_the_pipeline() -> None:
    assert owner_of(labels(SHOP, "consumer")) == ("web", "shop")
    assert owner_of({}) is None
    assert owner_of({**labels(SHOP, "consumer"), objects.MANAGED_LABEL: "Helm"}) is None


def test_what_another_pipeline_or_person_made_is_not_owned() -> None:
    assert owned(child(), SHOP)
    assert not owned(child(), Identity("web", "shop2", "uid-1"))
    assert not owned(child(), Identity("other", "shop", "uid-1"))
    assert not owned(child(labels=None), SHOP)


def test_what_the_last_pipeline_of_this_name_controlled_is_not_owned() -> None:
    assert owned(child(ownerReferences=[owner_reference(SHOP)]), SHOP)
    assert not owned(child(ownerReferences=[owner_reference(Identity("web", "shop", "uid-0"))]), SHOP)
    assert owned(child(ownerReferences=[{"kind": "Kafka", "uid": "x"}]), SHOP)
