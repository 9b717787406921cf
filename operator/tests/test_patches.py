"""Comparing objects: the patch that is the way from one to the other, and whether a live object is as wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_operator.patches import carried, contains, difference, fingerprint, with_fingerprint

SCALARS = st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4)
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, as its section 2 writes it."""
    if not isinstance(patch, Mapping):
        return patch
    made = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merged(made.get(name), value)
    return made


@given(OBJECTS, OBJECTS)
def test_a_difference_leads_from_the_old_to_the_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merged(old, difference(old, new)) == new


@given(OBJECTS)
def test_there_is_no_difference_to_oneself(one: dict[str, Any]) -> None:
    assert difference(one, one) == {}


@given(OBJECTS, OBJECTS)
def test_a_difference_says_nothing_that_is_so_already(old: dict[str, Any], new: dict[str, Any]) -> None:
    for name, value in difference(old, new).items():
        if value is None:
            assert name in old
            assert name not in new
        else:
            assert old.get(name) != new[name]


def test_lists_are_replaced_whole() -> None:
    assert difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == {"a": [1, {"b": 3}]}
    assert difference({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}) == {"a": {"c": None}}


@given(OBJECTS, OBJECTS)
def test_an_object_contains_itself_and_what_was_taken_from_it(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert contains(one, one)
    assert contains({**other, **one}, one)
    assert contains({"spec": {**other, **one}, "status": other}, {"spec": one})


@given(OBJECTS, st.sampled_from("abcd"))
def test_an_object_that_lost_a_field_contains_it_no_more(one: dict[str, Any], name: str) -> None:
    less = {key: value for key, value in one.items() if key != name}
    assert contains(less, one) == (name not in one)


@pytest.mark.parametrize(
    ("live", "wanted", "there"),
    [
        ({"a": 1}, {"a": 2}, False),
        ({"a": {"b": 1, "c": 1}}, {"a": {"b": 1}}, True),
        ({"a": [1, 2]}, {"a": [1, 2]}, True),
        ({"a": [2, 1]}, {"a": [1, 2]}, False),
        ({"a": [1, 2, 3]}, {"a": [1, 2]}, False),
        ({"a": "12"}, {"a": ["1", "2"]}, False),
        ({"a": "b"}, {"a": {"b": 1}}, False),
        ({"a": []}, {"a": []}, True),
        ({"a": [{"x": 1}]}, {"a": []}, False),
        # named things are found wherever they stand, beside those of others
        ([{"name": "sidecar"}, {"name": "main", "image": "i", "tty": True}], [{"name": "main", "image": "i"}], True),
        ([{"name": "main", "image": "j"}], [{"name": "main", "image": "i"}], False),
        ([{"name": "sidecar"}], [{"name": "main"}], False),
        (["main"], [{"name": "main"}], False),
        # without names the place counts
        ([{"key": "a", "more": 1}, {"key": "b"}], [{"key": "a"}, {"key": "b"}], True),
        ([{"key": "b"}, {"key": "a"}], [{"key": "a"}, {"key": "b"}], False),
    ],
)
def test_whether_a_live_object_is_as_wanted(live: Any, wanted: Any, there: bool) -> None:
    assert contains(live, wanted) is there


def test_a_fingerprint_is_of_what_is_asked_for_and_not_of_its_order() -> None:
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint({"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint({"a": 1}) != fingerprint({"a": 1, "b": None})
    assert len(fingerprint({})) == 16


def test_a_manifest_carries_its_fingerprint_beside_its_other_annotations() -> None:
    manifest = {"kind": "Service", "metadata": {"name": "a", "annotations": {"mine": "1"}}}
    marked = with_fingerprint(manifest)
    assert carried(marked) == fingerprint(manifest)
    assert marked["metadata"]["annotations"]["mine"] == "1"
    assert manifest == {"kind": "Service", "metadata": {"name": "a", "annotations": {"mine": "1"}}}
    assert carried(with_fingerprint({"metadata": {"name": "a"}})) == fingerprint({"metadata": {"name": "a"}})


@pytest.mark.parametrize("live", [{}, {"metadata": {}}, {"metadata": {"annotations": None}}])
def test_an_object_without_annotations_carries_none(live: dict[str, Any]) -> None:
    assert carried(live) is None
