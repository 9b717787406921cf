"""Writes what the Helm chart holds of other sources: `make docs`. A test fails when one is out of date.

From charts/pulse/values.yaml, with the sentence above every value: its closed schema and the table in its README.
From the types of the spec: the PulsePipeline definition. What a setting accepts is what the operator's settings say.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pulse.settings import OperatorSettings
from pulse_operator.crd import definition

CHART = Path(__file__).parents[1] / "charts" / "pulse"
TABLE = re.compile(r"(?<=<!-- values -->\n).*?(?=<!-- end of values -->)", re.DOTALL)

_NAMESPACE = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}
_NAMESPACES = {"type": "array", "items": _NAMESPACE, "uniqueItems": True}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_DURATION = {"type": "string", "pattern": r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$", "minLength": 2}

IMAGES = ("operator", "consumer", "simulator", "transform", "dashboards", "collector")

# Values that become a variable of the operator: it says what is accepted.
SETTINGS = {
    "images.pullPolicy": "PULSE_IMAGE_PULL_POLICY",
    "operator.logLevel": "PULSE_LOG_LEVEL",
    "operator.logFormat": "PULSE_LOG_FORMAT",
    "operator.lagInterval": "PULSE_LAG_INTERVAL",
    "operator.resyncInterval": "PULSE_RESYNC_INTERVAL",
    "operator.workers": "PULSE_RECONCILE_WORKERS",
}

# What the default alone does not tell. An object named here is one value, whatever it holds.
SHAPES: dict[str, dict[str, Any]] = {
    "fullnameOverride": {"pattern": "^([a-z]([-a-z0-9]*[a-z0-9])?)?$", "maxLength": 44},
    "namespaces": _NAMESPACES,
    "kafkaNamespaces": _NAMESPACES,
    "postgresNamespaces": _NAMESPACES,
    **{f"images.{name}.repository": {"minLength": 1} for name in IMAGES},
    **{f"images.{name}.digest": {"pattern": "^(sha256:[0-9a-f]{64})?$"} for name in IMAGES},
    "imagePullSecrets": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"name": {"type": "string", "minLength": 1}},
            "required": ["name"],
            "additionalProperties": False,
        },
    },
    "operator.resources": {
        "type": "object",
        "properties": {part: {"type": "object"} for part in ("requests", "limits", "claims")},
        "additionalProperties": False,
    },
    "operator.podAnnotations": _TEXTS,
    "operator.podLabels": _TEXTS,
    "operator.nodeSelector": _TEXTS,
    "operator.tolerations": _OBJECTS,
    "operator.affinity": {"type": "object"},
    "operator.lagInterval": _DURATION,
    "operator.resyncInterval": _DURATION,
    "serviceAccount.annotations": _TEXTS,
    "drain.timeoutSeconds": {"minimum": 30},
    "networkPolicy.from": _OBJECTS,
    "monitoring.podMonitor.labels": _TEXTS,
    "monitoring.podMonitor.interval": _DURATION,
    "monitoring.serviceMonitor.labels": _TEXTS,
    "monitoring.serviceMonitor.interval": _DURATION,
    "monitoring.prometheusRule.labels": _TEXTS,
    "monitoring.prometheusRule.disabled": {
        "type": "array",
        "items": {"enum": sorted(path.stem for path in CHART.glob("alerts/*.yaml"))},
    },
    "monitoring.dashboard.labels": _TEXTS,
    "monitoring.dashboard.annotations": _TEXTS,
}


class Value(NamedTuple):
    """A value of the chart: where it stands, what it is for, and what it is when nobody says anything."""

    path: str
    sentence: str
    default: Any


def values() -> list[Value]:
    """Every value of values.yaml in its order."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    said = dict(_sentences(text))
    return [Value(path, said.get(path, ""), default) for path, default in _leaves(yaml.safe_load(text))]


def _leaves(tree: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, found in tree.items():
        path = above + name
        if isinstance(found, dict) and path not in SHAPES:
            yield from _leaves(found, f"{path}.")
        else:
            yield path, found


def _sentences(text: str) -> Iterator[tuple[str, str]]:
    """The comment right above each key, with the key's path."""
    above: list[str] = []
    comment = ""
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("#"):
            comment = f"{comment} {bare.removeprefix('#').strip()}".strip()
        elif key := re.match(r"( *)(\w+):", line):
            above[len(key[1]) // 2 :] = [key[2]]
            yield ".".join(above), comment
            comment = ""
        else:
            comment = ""


def schema() -> str:
    """values.schema.json: every object closed, so that a misspelt value stops the release."""
    root = _closed()
    root["$schema"] = "http://json-schema.org/draft-07/schema#"
    root["title"] = "Values of the chart pulse. Generated by `make docs` from values.yaml."
    for value in values():
        *parts, last = value.path.split(".")
        place = root
        for part in parts:
            place = place["properties"].setdefault(part, _closed())
        place["properties"][last] = _shape(value)
    # Helm itself puts this here where the chart is a part of another.
    root["properties"]["global"] = {"type": "object"}
    return json.dumps(root, indent=2) + "\n"


def _closed() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _shape(value: Value) -> dict[str, Any]:
    kinds = {bool: "boolean", int: "integer", str: "string"}
    shape: dict[str, Any] = {"description": value.sentence}
    if type(value.default) in kinds:
        shape["type"] = kinds[type(value.default)]
    shape |= SHAPES.get(value.path, {})
    if value.path in SETTINGS:
        shape |= _accepted(SETTINGS[value.path])
    return shape


def _accepted(variable: str) -> dict[str, Any]:
    """What the operator takes for a variable, as far as a schema can say it."""
    (setting,) = [item for item in OperatorSettings.fields() if item.metadata["env"] == variable]
    limits = {} if setting.type == "timedelta" else {name: setting.metadata[name] for name in ("minimum", "maximum")}
    said = {"enum": list(setting.metadata["choices"]), **limits}
    return {name: limit for name, limit in said.items() if limit not in (None, [])}


def readme() -> str:
    """The chart's README with the table of values as it is now."""
    rows = [f"| `{value.path}` | {value.sentence} | {_shown(value.default)} |" for value in values()]
    table = "\n".join(["| value | meaning | default |", "| --- | --- | --- |", *rows, ""])
    return TABLE.sub(lambda _: table, (CHART / "README.md").read_text(encoding="utf-8"))


def _shown(default: Any) -> str:
    return (
        "" if default in ("", [], {}) else f"`{json.dumps(default) if isinstance(default, (dict, bool)) else default}`"
    )


def crd() -> str:
    """The PulsePipeline definition, as the chart and `kubectl apply` take it."""
    note = "# Generated by `make docs` from core/pulse/spec/ and operator/pulse_operator/crd.py.\n"
    return note + yaml.safe_dump(definition(), sort_keys=False, width=120, allow_unicode=True)


FILES = {"values.schema.json": schema, "README.md": readme, "files/pulsepipelines.yaml": crd}


def main() -> int:
    """Writes every file."""
    for name, made in FILES.items():
        (CHART / name).write_text(made(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
