"""What is wrong with a spec: everything is found, under the path that the API server would name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.checks import name_mistakes, spec_mistakes, without_nulls
from pulse.rules import Rule, within
from pulse.spec import Part, PipelineSpec, Transform

SMALLEST: dict[str, Any] = {
    "source": {"strimzi": {"cluster": "kafka"}},
    "sink": {"cloudNativePG": {"cluster": "postgres"}},
}


def told(**parts: Any) -> list[str]:
    return [str(mistake) for mistake in spec_mistakes({**SMALLEST, **parts})]


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"suspend": "yes"}, "spec.suspend: must be true or false, not 'yes'"),
        ({"suspend": 1}, "spec.suspend: must be true or false, not 1"),
        ({"simulator": {"users": 0}}, "spec.simulator.users: must be from 1 to 10000000, not 0"),
        ({"simulator": {"users": True}}, "spec.simulator.users: must be a whole number, not true"),
        ({"simulator": {"users": 1.5}}, "spec.simulator.users: must be a whole number, not 1.5"),
        ({"simulator": []}, "spec.simulator: must have fields of its own, not be a list"),
        ({"deletionPolicy": "Keep"}, "spec.deletionPolicy: must be Delete or Retain, not 'Keep'"),
        ({"deletionPolicy": []}, "spec.deletionPolicy: must be Delete or Retain, not a list"),
        ({"transform": {"timeZone": 2}}, "spec.transform.timeZone: must be text, not 2; put it in quotes"),
        ({"transform": {"timeZone": ""}}, "spec.transform.timeZone: must not be empty"),
        ({"transform": {"lateAfter": "5"}}, "spec.transform.lateAfter: must have at least 2 characters, not 1"),
        ({"transform": {"timeZone": "a" * 65}}, "spec.transform.timeZone: must have at most 64 characters, not 65"),
        ({"sink": {"cloudNativePG": {"cluster": "a\n"}}}, "spec.sink.cloudNativePG.cluster: must match ^"),
        ({"source": {"strimzi": {}}}, "spec.source.strimzi.cluster: is missing"),
        ({"source": {"strimzi": {"cluster": None}}}, "spec.source.strimzi.cluster: is missing"),
        ({"source": None}, "spec.source: is missing"),
        ({"simulator": {"user": 5}}, "spec.simulator.user: there is no such field; did you mean users?"),
        ({"qqq": 5}, "spec.qqq: there is no such field"),
        ({"source": {}}, "spec.source: set exactly one of strimzi and external"),
    ],
)
def test_a_mistake_is_named(parts: dict[str, Any], says: str) -> None:
    (found,) = told(**parts)
    assert found.startswith(says)


def host(*annotations: Any) -> dict[str, Any]:
    return {"dashboard": {"live": {"ingress": {"host": "a.example", "annotations": list(annotations)}}}}


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"dashboard": {"live": {"allowFrom": "a"}}}, "spec.dashboard.live.allowFrom: must be a list, not 'a'"),
        ({"dashboard": {"live": {"allowFrom": ["a", 5]}}}, "spec.dashboard.live.allowFrom[1]: must be text, not 5"),
        (
            {"dashboard": {"live": {"allowFrom": ["a", "b", "a"]}}},
            "spec.dashboard.live.allowFrom[2]: stands there tw",
        ),
        (
            {"dashboard": {"live": {"allowFrom": [f"n{number}" for number in range(17)]}}},
            "spec.dashboard.live.allowFrom: must have at most 16 entries, not 17",
        ),
        (host({"value": "x"}), "spec.dashboard.live.ingress.annotations[0].name: is missing"),
        (
            host({"name": "a"}, {"name": "a", "value": "x"}),
            "spec.dashboard.live.ingress.annotations[1]: stands",
        ),
        (
            host({"name": "a", "vale": "x"}),
            "spec.dashboard.live.ingress.annotations[0].vale: there is no such",
        ),
        ({"dashboard": {"live": {"auth": "proxy"}}}, "spec.dashboard.live: auth proxy needs allowFrom"),
    ],
)
def test_a_mistake_in_a_list_is_named_with_its_place(parts: dict[str, Any], says: str) -> None:
    (found,) = told(**parts)
    assert found.startswith(says)


def test_what_is_null_in_a_list_of_parts_counts_as_absent() -> None:
    assert told(**host({"name": "a", "value": None})) == []


def test_all_mistakes_are_found_at_once() -> None:
    scaling = {"min": 9, "max": 7}
    found = told(source={}, sink={"cloudNativePG": {}}, consumer={"scaling": scaling, "batch": {"linger": 5}}, x=1)
    assert [one.split(": ")[0] for one in found] == [
        *("spec.x", "spec.source", "spec.sink.cloudNativePG.cluster", "spec.consumer.batch.linger"),
        "spec.consumer.scaling",
    ]


def test_what_is_null_counts_as_absent() -> None:
    assert told(transform=None, simulator={"users": None}) == []


@pytest.mark.parametrize("spec", [None, [], "x", 5])
def test_a_spec_that_is_none_is_one_mistake(spec: Any) -> None:
    assert len(spec_mistakes(spec)) == 1


@pytest.mark.parametrize("name", [None, 5, "", "Shop", "1a", "a.b", "a-", "a" * 41, "pg", "pg-a", "cnpg", "cnpg-a"])
def test_a_name_that_no_pipeline_can_have_is_one_mistake(name: object) -> None:
    (found,) = name_mistakes(name)
    assert str(found).startswith("metadata.name")


@pytest.mark.parametrize("name", ["a", "shop-2", "pgx", "a" * 40])
def test_a_name_that_a_pipeline_can_have(name: str) -> None:
    assert name_mistakes(name) == []


@pytest.mark.parametrize(
    ("text", "holds"),
    [("0s", False), ("1ms", True), ("24h", True), ("24h1ms", False), ("9999999999999h", False), ("1h1m1s1ms", True)],
)
def test_a_duration_has_both_limits(text: str, holds: bool) -> None:
    rule = within("session_gap", "24h")
    assert rule.holds
    assert rule.holds(Transform(session_gap=text)) is holds
    assert rule.message == "sessionGap must be longer than 0 and at most 24h"


def rules(kind: type[Part] = PipelineSpec) -> list[Rule]:
    """Those of the spec and of everything in it."""
    inner = [field.type for field in msgspec.inspect.type_info(kind).fields]  # type: ignore[union-attr]
    plain = [one.type if isinstance(one, msgspec.inspect.Metadata) else one for one in inner]
    parts = [one.cls for one in plain if isinstance(one, msgspec.inspect.StructType)]
    return [*kind.rules, *(rule for part in parts for rule in rules(part))]


def test_only_a_rule_about_the_stored_object_is_left_to_the_api_server() -> None:
    assert len(rules()) > 10
    assert all((rule.holds is None) == ("oldSelf" in rule.rule) for rule in rules())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
FIELDS = ("source", "sink", "contract", "consumer", "simulator", "collector", "transform", "dashboard", "suspend")


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), values, max_size=3))
def test_what_is_not_found_wrong_can_be_read(parts: dict[str, Any]) -> None:
    filled = {name: value for name, value in {**SMALLEST, **parts}.items() if value is not None}
    if not spec_mistakes(filled):
        msgspec.convert(without_nulls(filled), PipelineSpec)
