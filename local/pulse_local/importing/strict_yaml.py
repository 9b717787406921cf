"""YAML as a person means it: a key written twice in one block is a mistake, and not the last one wins in silence."""

from __future__ import annotations

from typing import Any

import yaml


class WrittenTwice(Exception):
    """A key that stands twice in one block: its name and the line of the second one."""

    def __init__(self, key: str, line: int) -> None:
        super().__init__(f"{key} is written twice")
        self.key = key
        self.line = line


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise WrittenTwice(key.value, key.start_mark.line + 1)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def loaded(text: str) -> Any:
    """The value of the document; WrittenTwice, or yaml.YAMLError if it is not YAML."""
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader, only stricter
