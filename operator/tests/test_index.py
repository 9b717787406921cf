"""What is kept of an object, and what a listing or a change makes of what was known."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from pulse_operator.index import Index, Scope
from pulse_operator.metadata import Broken, Change, Meta, event, page
from pulse_operator.objects import HASH_ANNOTATION, KAFKA_TOPIC, SECRET, Identity, Kind, Ref, labels, owner_reference

SHOP = Identity("web", "shop", "uid-1")
OWN = Scope(SECRET, "web", "app.kubernetes.io/managed-by=pulse-operator")
ALL = Scope(SECRET, "web")


def partial(name: str, **metadata: Any) -> dict[str, Any]:
    usual = {"namespace": "web", "uid": f"uid of {name}", "resourceVersion": "7", "labels": labels(SHOP, "consumer")}
    return {"kind": "PartialObjectMetadata", "metadata": {"name": name, **usual, **metadata}}


def listed(*objects: dict[str, Any], kind: Kind = SECRET, **metadata: Any) -> dict[Ref, Meta]:
    body = json.dumps({"metadata": {"resourceVersion": "9", **metadata}, "items": list(objects)}).encode()
    return page(kind, body).objects


def happened(what: str, **object_: Any) -> Change | Broken:
    return event(SECRET, json.dumps({"type": what, "object": object_}).encode())


def ref(name: str) -> Ref:
    return Ref(SECRET, "web", name)


def test_a_page_says_what_is_needed_of_each_object_and_where_to_go_on() -> None:
    one = partial(
        "a",
        generation=3,
        creationTimestamp="1970-01-01T00:01:00Z",
        deletionTimestamp="2026-01-01T00:00:00Z",
        annotations={HASH_ANNOTATION: "abc", "other": "x"},
        ownerReferences=[{"uid": "no"}, owner_reference(SHOP)],
        managedFields=[{"manager": "kubectl"}],
    )
    body = json.dumps({"metadata": {"resourceVersion": "9", "continue": "more"}, "items": [one]}).encode()
    found = page(SECRET, body)
    assert (found.version, found.next) == ("9", "more")
    assert found.objects == {
        ref("a"): Meta("uid of a", "7", 3, True, 60.0, ("web", "shop"), "consumer", "abc", "uid-1")
    }


def test_an_object_that_is_not_pulses_has_neither_owner_nor_component() -> None:
    (meta,) = listed(partial("a", labels={"app.kubernetes.io/component": "database"})).values()
    assert (meta.owner, meta.component, meta.controller, meta.deleting) == (None, "", "", False)


def test_an_empty_list_may_be_null() -> None:
    assert page(SECRET, b'{"metadata":{"resourceVersion":"9"},"items":null}').objects == {}


def test_events_of_a_watch() -> None:
    changed = happened("MODIFIED", **partial("a"))
    assert isinstance(changed, Change)
    assert changed.ref == ref("a")
    assert changed.meta is not None
    assert changed.version == "7"
    gone = happened("DELETED", **partial("a", resourceVersion="8"))
    assert gone == Change(ref("a"), None, "8")
    assert happened("BOOKMARK", metadata={"resourceVersion": "12"}) == Change(None, None, "12")
    assert happened("ERROR", code=410, message="too old") == Broken(410, "too old")


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        event(SECRET, b'{"type": "ADDED", "object"')


def test_a_listing_reports_what_is_new_different_or_gone_and_nothing_else() -> None:
    index = Index()
    assert set(index.replace(OWN, listed(partial("a"), partial("b"), partial("c")))) == {ref("a"), ref("b"), ref("c")}
    changed = index.replace(OWN, listed(partial("a"), partial("b", resourceVersion="8"), partial("d")))
    assert sorted(one.name for one in changed) == ["b", "c", "d"]
    assert index.lookup(ref("c")) is None
    assert index.lookup(ref("a")) is not None


def test_an_object_made_anew_under_its_name_counts_as_changed() -> None:
    index = Index()
    index.replace(OWN, listed(partial("a")))
    assert index.replace(OWN, listed(partial("a", uid="another"))) == [ref("a")]


def test_the_objects_of_a_pipeline_are_found_over_all_kinds() -> None:
    index = Index()
    topic = partial("shop-events", namespace="kafka")
    index.replace(OWN, listed(partial("a"), partial("b", labels={})))
    index.replace(Scope(KAFKA_TOPIC), listed(topic, kind=KAFKA_TOPIC))
    assert index.owned_by("web", "shop") == {ref("a"), Ref(KAFKA_TOPIC, "kafka", "shop-events")}
    index.change(OWN, ref("a"), None)
    assert index.owned_by("web", "shop") == {Ref(KAFKA_TOPIC, "kafka", "shop-events")}
    assert index.owned_by("web", "other") == frozenset()


def test_labels_that_move_to_another_pipeline_move_the_object() -> None:
    index = Index()
    index.replace(OWN, listed(partial("a")))
    index.replace(OWN, listed(partial("a", labels=labels(Identity("web", "other", "u"), "consumer"))))
    assert index.owned_by("web", "shop") == frozenset()
    assert index.owned_by("web", "other") == {ref("a")}


def test_an_object_in_two_scopes_is_gone_only_when_it_left_both() -> None:
    index = Index()
    index.replace(OWN, listed(partial("a")))
    index.replace(ALL, listed(partial("a"), partial("foreign", labels={})))
    index.replace(OWN, {})
    assert index.lookup(ref("a")) is not None
    assert index.owned_by("web", "shop") == {ref("a")}
    index.change(ALL, ref("a"), None)
    assert index.lookup(ref("a")) is None
    assert index.owned_by("web", "shop") == frozenset()


def test_a_watch_of_all_namespaces_answers_for_each() -> None:
    index = Index()
    index.replace(Scope(SECRET), listed(partial("a"), partial("b", namespace="other")))
    assert index.lookup(Ref(SECRET, "other", "b")) is not None
    assert index.lookup(Ref(SECRET, "web", "b")) is None
