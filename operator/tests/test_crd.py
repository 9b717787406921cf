"""The CRD says what `pulse.spec` says, in the form that an API server takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import jsonschema
import msgspec
import pytest
from msgspec import inspect

from pulse.spec import Ingress, PipelineSpec
from pulse_operator import crd
from pulse_operator.crd import definition

SMALLEST = {"source": {"strimzi": {"cluster": "kafka"}}, "sink": {"cloudNativePG": {"cluster": "postgres"}}}


def root() -> dict[str, Any]:
    found: dict[str, Any] = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in the schema, with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


def below(*names: str) -> list[tuple[str, dict[str, Any]]]:
    """The schemas below spec and status, which are Pulse's own."""
    return [pair for name in names for pair in nodes(root()["properties"][name], name)]


def test_every_field_is_described_and_has_one_type() -> None:
    for path, schema in below("spec", "status"):
        assert schema["type"] in {"object", "string", "integer", "boolean", "array"}, path
        assert schema.get("description") or path.endswith("[]"), path


def test_every_text_and_list_has_a_maximum() -> None:
    # Without one the API server takes the worst case for the cost of the rules and refuses the CRD.
    for path, schema in below("spec"):
        if schema["type"] == "string":
            assert "maxLength" in schema or "enum" in schema, path
    for path, schema in below("spec", "status"):
        if schema["type"] == "array":
            assert "maxItems" in schema, path


def test_every_default_is_accepted_by_its_own_field() -> None:
    for path, schema in below("spec"):
        if "default" in schema:
            jsonschema.Draft202012Validator(schema).validate(schema["default"])
            assert schema["default"] is not None, path


def test_what_the_schema_fills_in_is_what_the_operator_reads() -> None:
    filled = with_defaults(root()["properties"]["spec"], SMALLEST)
    assert msgspec.convert(filled, PipelineSpec) == msgspec.convert(SMALLEST, PipelineSpec)


def with_defaults(schema: dict[str, Any], value: Any) -> Any:
    """As the API server does it: defaults from the outside in."""
    if not isinstance(value, dict):
        return value
    inner = schema.get("properties", {})
    filled = {**{name: one["default"] for name, one in inner.items() if "default" in one}, **value}
    return {name: with_defaults(inner.get(name, {}), one) for name, one in filled.items()}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("source.strimzi.cluster", "Kafka!"),
        ("source.strimzi.partitions", 0),
        ("source.strimzi.retention", "7 days"),
        ("consumer.scaling.mode", "Sometimes"),
        ("consumer.batch.linger", "soon"),
        ("transform.schedule", "every day"),
        ("transform.schedule", "* * * *"),
        ("deletionPolicy", "Perhaps"),
        ("suspend", "yes"),
    ],
)
def test_a_wrong_value_is_refused_by_schema_and_operator_alike(path: str, value: Any) -> None:
    spec = msgspec.to_builtins(msgspec.convert(SMALLEST, PipelineSpec))
    target = spec
    *way, last = path.split(".")
    for name in way:
        target = target[name]
    target[last] = value
    assert list(jsonschema.Draft202012Validator(root()["properties"]["spec"]).iter_errors(spec))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(spec, PipelineSpec)


@pytest.mark.parametrize("schedule", ["*/15 * * * *", "0 3 * * 1-5", "@hourly", "5,35 2 1 JAN SUN"])
def test_schedules_of_cron_are_taken(schedule: str) -> None:
    spec = {**SMALLEST, "transform": {"schedule": schedule}}
    jsonschema.Draft202012Validator(root()["properties"]["spec"]).validate(spec)
    assert msgspec.convert(spec, PipelineSpec).transform.schedule == schedule


def test_the_columns_show_what_a_person_asks_first() -> None:
    columns = definition()["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [column["name"] for column in columns if not column["priority"]] == [
        "Ready",
        "Reason",
        "Lag",
        "Replicas",
        "Last dbt",
        "Age",
    ]


def test_a_list_has_a_maximum_and_tells_its_parts_apart() -> None:
    made = crd.schema(inspect.type_info(Ingress))["properties"]["annotations"]
    assert (made["type"], made["maxItems"], made["default"]) == ("array", 32, [])
    assert made["x-kubernetes-list-map-keys"] == ["name"]
    assert made["items"]["properties"]["name"]["maxLength"]
    plain = crd.schema(inspect.type_info(tuple[Annotated[str, msgspec.Meta(max_length=9)], ...]))
    assert plain["x-kubernetes-list-type"] == "set"
