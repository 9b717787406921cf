"""The CustomResourceDefinition of PulsePipeline, made from the types of `pulse.spec`. Pure.

The API server wants a structural schema: every field with one type, defaults written out, no references. Rules of
CEL stand beside the types they compare and come out as x-kubernetes-validations.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from pulse.rules import Rule
from pulse.spec import NAME_RULE, Part, PipelineName, PipelineSpec

GROUP, VERSION, PLURAL, KIND = "pulse.dev", "v1alpha1", "pulsepipelines", "PulsePipeline"
PHASES = ("Pending", "Progressing", "Ready", "Degraded", "Suspended", "Paused", "Deleting")


def definition() -> dict[str, Any]:
    """The whole CustomResourceDefinition, sorted as it is written to files."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["pp"],
                "categories": ["pulse"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _root()},
                }
            ],
        },
    }


def _root() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "A clickstream pipeline: events from Kafka into Postgres, and dbt over them.",
        "required": ["spec"],
        "x-kubernetes-validations": _validations((NAME_RULE,)),
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": _described(inspect.type_info(PipelineName))}},
            "spec": schema(inspect.type_info(PipelineSpec)),
            "status": _status(),
        },
    }


def schema(kind: inspect.Type) -> dict[str, Any]:
    """The structural schema of a type that `pulse.spec` uses, and of everything in it."""
    if isinstance(kind, inspect.StructType):
        return _part(kind)
    if isinstance(kind, inspect.StrType):
        return _only_set(type="string", minLength=kind.min_length, maxLength=kind.max_length, pattern=kind.pattern)
    if isinstance(kind, inspect.IntType):
        return _only_set(type="integer", format="int64", minimum=kind.ge, maximum=kind.le)
    if isinstance(kind, inspect.BoolType):
        return {"type": "boolean"}
    if isinstance(kind, inspect.LiteralType):
        return {"type": "string", "enum": list(kind.values)}
    if isinstance(kind, inspect.VarTupleType):
        return _list(kind)
    raise TypeError(f"pulse.spec uses {kind}, which the CRD has no form for: teach pulse_operator.crd about it.")


def _part(kind: inspect.StructType) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "object",
        "description": (kind.cls.__doc__ or "").strip().splitlines()[0],
        "properties": {item.encode_name: _field(item) for item in kind.fields},
    }
    required = [item.encode_name for item in kind.fields if item.required]
    if required:
        made["required"] = required
    rules: tuple[Rule, ...] = kind.cls.rules if issubclass(kind.cls, Part) else ()
    if rules:
        made["x-kubernetes-validations"] = _validations(rules)
    return made


def _list(kind: inspect.VarTupleType) -> dict[str, Any]:
    """A list. Parts in it are told apart by their first field, and plain values occur once."""
    items = _described(kind.item_type)
    made = {"type": "array", **_only_set(minItems=kind.min_length, maxItems=kind.max_length), "items": items}
    if items["type"] != "object":
        return {**made, "x-kubernetes-list-type": "set"}
    key = next(iter(items["properties"]))
    return {**made, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


def _validations(rules: tuple[Rule, ...]) -> list[dict[str, str]]:
    return [{"rule": rule.rule, "message": rule.message} for rule in rules]


def _field(item: inspect.Field) -> dict[str, Any]:
    made = _described(item.type)
    if item.default is not msgspec.NODEFAULT:
        made["default"] = msgspec.json.decode(msgspec.json.encode(item.default))
    return made


def _described(kind: inspect.Type) -> dict[str, Any]:
    """The schema of a field, with the description that stands at it."""
    if not isinstance(kind, inspect.Metadata):
        return schema(kind)
    described = (kind.extra_json_schema or {}).get("description")
    return {**schema(kind.type), **_only_set(description=described)}


def _only_set(**words: Any) -> dict[str, Any]:
    return {name: value for name, value in words.items() if value is not None}


def _columns() -> list[dict[str, Any]]:
    columns = (
        ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
        ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', 0),
        ("Lag", "integer", ".status.lag.total", 0),
        ("Replicas", "string", ".status.replicas.summary", 0),
        ("Last dbt", "date", ".status.transform.lastSuccessTime", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("Phase", "string", ".status.phase", 1),
        ("Why", "string", '.status.conditions[?(@.type=="Ready")].message', 1),
    )
    return [
        {"name": name, "type": kind, "jsonPath": path, "priority": priority} for name, kind, path, priority in columns
    ]


def _status() -> dict[str, Any]:
    return _object(
        "How the pipeline is, as the operator last saw it.",
        observedGeneration=_whole("The generation of the spec that this status speaks of."),
        phase={"type": "string", "description": "One word for it all.", "enum": list(PHASES)},
        conditions=_conditions(),
        lag=_object(
            "Records that are in Kafka and not yet in Postgres; rounded to two digits.",
            total=_whole("Over all partitions."),
            drainSeconds=_whole("Seconds until the backlog is worked off at the present rate; absent if unknown."),
            measuredAt=_time("When it was measured."),
            partitions={
                "type": "array",
                "description": "Each partition by itself.",
                "items": {
                    **_object("One partition.", partition=_whole("Its number."), lag=_whole("Records.")),
                    "required": ["partition"],
                },
                "maxItems": 1000,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["partition"],
            },
            stalledPartitions={
                "type": "array",
                "description": "Partitions whose offset does not move although others' do.",
                "items": {"type": "integer", "format": "int32"},
                "maxItems": 1000,
                "x-kubernetes-list-type": "set",
            },
        ),
        replicas=_object(
            "Consumers.",
            current=_whole("How many are ready."),
            desired=_whole("How many there should be."),
            summary=_words("Ready and desired, for the list.", 32),
            reason=_words("Why there should be so many: the last decision.", 64),
            message=_words("The arithmetic behind it.", 1024),
            changedAt=_time("When the number was last changed."),
        ),
        transform=_runs("The runs of dbt."),
        maintenance=_runs("The upkeep of the database: partitions and retention."),
        collector=_object(
            "Where the collectors take events.",
            service=_words("Address inside of the cluster.", 256),
            url=_words("Address that the Ingress leads there.", 512),
            keysSecret=_words("Name of the Secret with the write keys, each by the name of its sender.", 253),
        ),
        dashboard=_object(
            "Where the dashboards are.",
            live=_object(
                "The live page.",
                url=_words("Its address: for people where the spec names a host, else within the cluster.", 600),
                secret=_words("The Secret in the pipeline's namespace whose key token lets people in.", 253),
            ),
            metabase=_object(
                "Metabase.",
                url=_words("Its address: for people where the spec names one, else within the cluster.", 600),
                secret=_words("The Secret there with email and password of its administrator.", 253),
            ),
        ),
        autoscaler=_words("What the autoscaler goes on from after a restart; no interface for others.", 65_536),
    )


def _runs(description: str) -> dict[str, Any]:
    return _object(
        description,
        lastSuccessTime=_time("When the last good run ended."),
        lastFailureTime=_time("When the last failed run ended."),
        message=_words("What failed, if the newest run did.", 1024),
    )


def _conditions() -> dict[str, Any]:
    """The standard condition of Kubernetes (meta/v1 Condition), one of each type."""
    condition = _object(
        "One aspect of the pipeline.",
        type=_words("Which aspect.", 316),
        status={"type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether it holds."},
        reason=_words("A word for programs.", 1024),
        message=_words("A sentence for people, naming the object that it speaks of.", 32_768),
        observedGeneration=_whole("The generation of the spec that it speaks of."),
        lastTransitionTime=_time("When the status last changed."),
    )
    condition["required"] = ["type", "status", "reason", "message", "lastTransitionTime"]
    return {
        "type": "array",
        "description": "Every aspect, each with its reason.",
        "items": condition,
        "maxItems": 32,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }


def _object(description: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "description": description, "properties": properties}


def _whole(description: str) -> dict[str, Any]:
    return {"type": "integer", "format": "int64", "description": description}


def _words(description: str, most: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": most, "description": description}


def _time(description: str) -> dict[str, Any]:
    return {"type": "string", "format": "date-time", "description": description}
