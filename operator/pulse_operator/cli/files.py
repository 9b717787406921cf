"""PulsePipelines out of a YAML file, or of standard input. A file is read to its end, and all that is wrong is told."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pulse.checks import Mistake, without_nulls
from pulse.errors import SettingsError, Stop
from pulse_operator.cli.judge import mistakes
from pulse_operator.crd import GROUP, KIND


class FileInvalid(Stop):
    """A file describes pipelines that no API server would take; the message has a line for each mistake."""


class _Loader(yaml.SafeLoader):
    """Reads YAML as kubectl does: a date stays text, and a field that stands there twice is an error."""

    yaml_implicit_resolvers = {  # noqa: RUF012 as PyYAML declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands here twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file, and where it stands."""

    number: int
    raw: Any
    node: yaml.Node

    def line(self, path: tuple[str, ...]) -> int:
        """The line of a field, or of the innermost part around it that is there."""
        node, line = self.node, self.node.start_mark.line
        for name in path:
            found = [pair for pair in node.value if pair[0].value == name] if _is_mapping(node) else []
            if not found:
                break
            key, node = found[0]
            line = key.start_mark.line
        return line + 1

    @property
    def is_pipeline(self) -> bool:
        """Whether it means to be one, be it of another version."""
        group = str(self.raw.get("apiVersion", "")).split("/")[0] if isinstance(self.raw, Mapping) else ""
        return group == GROUP and self.raw.get("kind") == KIND


def pipelines(name: str, namespace: str) -> list[dict[str, Any]]:
    """Every PulsePipeline of the file `name` (`-` is standard input), each with its namespace.

    SettingsError if there is none, or if the file cannot be read; FileInvalid if some cannot be pipelines.
    """
    documents = _documents(name)
    wanted = [document for document in documents if document.is_pipeline]
    if not wanted:
        raise SettingsError(f"{_called(name)} holds no {KIND} of {GROUP}.")
    told = [
        _told(name, document, mistake, several=len(documents) > 1)
        for document in wanted
        for mistake in sorted(mistakes(document.raw), key=lambda one, at=document: at.line(one.path))  # type: ignore[misc]
    ]
    if told:
        count = "a mistake" if len(told) == 1 else f"{len(told)} mistakes"
        raise FileInvalid("\n  ".join([f"{_called(name)} has {count}:", *told]) + "\nCorrect it; nothing was done.")
    return [_placed(document.raw, namespace) for document in wanted]


def _documents(name: str) -> list[Document]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        loader = _Loader(text)
        found: list[Document] = []
        while loader.check_node() and (node := loader.get_node()):
            found.append(Document(len(found) + 1, loader.construct_document(node), node))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as failed:
        raise SettingsError(f"{_called(name)} cannot be read as YAML: {failed}") from failed
    return found


def _told(name: str, document: Document, mistake: Mistake, *, several: bool) -> str:
    where = f" (document {document.number})" if several else ""
    return f"{_called(name)}:{document.line(mistake.path)}{where}: {mistake}"


def _placed(raw: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    metadata = raw["metadata"]
    placed = {**metadata, "namespace": metadata.get("namespace") or namespace}
    return {**raw, "metadata": placed, "spec": without_nulls(raw["spec"])}


def _is_mapping(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode)


def _called(name: str) -> str:
    return "standard input" if name == "-" else name
