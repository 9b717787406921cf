"""PulsePipelines out of a YAML file, or of standard input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pulse.errors import SettingsError
from pulse_operator.crd import GROUP, KIND, VERSION


def pipelines(name: str, namespace: str) -> list[dict[str, Any]]:
    """Every PulsePipeline of the file `name` (`-` is standard input), each with its namespace.

    SettingsError if there is none, or if the file cannot be read.
    """
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        documents = list(yaml.safe_load_all(text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as failed:
        raise SettingsError(f"{name} cannot be read as YAML: {failed}") from failed
    wanted = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND}
    found = [one for one in documents if isinstance(one, Mapping) and wanted.items() <= one.items()]
    if not found:
        raise SettingsError(f"{name} holds no {KIND} of {GROUP}/{VERSION}.")
    return [_placed(name, document, namespace) for document in found]


def _placed(name: str, document: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping) or not metadata.get("name") or not isinstance(document.get("spec"), Mapping):
        raise SettingsError(f"{name}: a {KIND} without metadata.name or spec. Give it both.")
    return {**document, "metadata": {**metadata, "namespace": metadata.get("namespace", namespace)}}
