"""Everything that is wrong with a raw spec, not only the first thing: what a file is told before any cluster sees it.

Where the schema speaks, the words are for people and the path is that of the API server; where a rule speaks, the
sentence is the rule's own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from pulse.rules import Rule
from pulse.spec import NAME_RULE, Part, PipelineName, PipelineSpec

Path = tuple[str, ...]


class Mistake(NamedTuple):
    """What is wrong, and the field that it is about."""

    path: Path
    message: str

    def __str__(self) -> str:
        where = ".".join(self.path)
        return self.message if self.message.startswith(where) else f"{where}: {self.message}"


def name_mistakes(name: object) -> list[Mistake]:
    """What keeps a pipeline from being called so."""
    path = ("metadata", "name")
    if name is None:
        return [Mistake(path, "is missing")]
    found = list(_checked(inspect.type_info(PipelineName), name, path))
    return found or list(_broken((NAME_RULE,), name, path))


def spec_mistakes(spec: object) -> list[Mistake]:
    """What keeps a spec from being taken. A field that is null counts as absent, as it does for the API server."""
    if spec is None:
        return [Mistake(("spec",), "is missing")]
    return list(_checked(inspect.type_info(PipelineSpec), without_nulls(spec), ("spec",)))


def without_nulls(value: Any) -> Any:
    """The same without the fields that hold nothing."""
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}


def unknown_field(path: Path, known: list[str]) -> Mistake:
    """A field that is not there, with the one that comes nearest."""
    near = difflib.get_close_matches(path[-1], known, 1)
    return Mistake(path, f"there is no such field; did you mean {near[0]}?" if near else "there is no such field")


def _checked(kind: inspect.Type, value: Any, path: Path) -> Iterator[Mistake]:
    kind = kind.type if isinstance(kind, inspect.Metadata) else kind
    if isinstance(kind, inspect.StructType):
        yield from _part(kind, value, path)
    elif isinstance(kind, inspect.StrType):
        yield from _text(kind, value, path)
    elif isinstance(kind, inspect.IntType):
        yield from _whole(kind, value, path)
    elif isinstance(kind, inspect.BoolType):
        if not isinstance(value, bool):
            yield Mistake(path, f"must be true or false, not {_shown(value)}")
    elif isinstance(kind, inspect.LiteralType):
        if value not in kind.values:
            yield Mistake(path, f"must be {' or '.join(map(str, kind.values))}, not {_shown(value)}")
    elif isinstance(kind, inspect.VarTupleType):
        yield from _list(kind, value, path)
    else:
        raise TypeError(f"pulse.spec uses {kind}, which cannot be checked yet: teach pulse.checks about it.")


def _part(kind: inspect.StructType, value: Any, path: Path) -> Iterator[Mistake]:
    """The mistakes in a part; its own rules are asked once everything in it is of its type."""
    if not isinstance(value, Mapping):
        yield Mistake(path, f"must have fields of its own, not be {_shown(value)}")
        return
    fields = {item.encode_name: item for item in kind.fields}
    found = [unknown_field((*path, str(name)), list(fields)) for name in value if name not in fields]
    for name, item in fields.items():
        if name in value:
            found += _checked(item.type, value[name], (*path, name))
        elif item.required:
            found.append(Mistake((*path, name), "is missing"))
    yield from found
    if not found and issubclass(kind.cls, Part):
        yield from _broken(kind.cls.rules, msgspec.convert(value, kind.cls), path)


def _broken(rules: tuple[Rule, ...], value: Any, path: Path) -> Iterator[Mistake]:
    for rule in rules:
        if rule.holds is not None and not rule.holds(value):
            yield Mistake(path, rule.message)


def _text(kind: inspect.StrType, value: Any, path: Path) -> Iterator[Mistake]:
    if not isinstance(value, str):
        yield Mistake(path, f"must be text, not {_shown(value)}; put it in quotes")
    elif kind.max_length is not None and len(value) > kind.max_length:
        yield Mistake(path, f"must have at most {kind.max_length} characters, not {len(value)}")
    elif kind.min_length is not None and len(value) < kind.min_length:
        least = "not be empty" if not value else f"have at least {kind.min_length} characters, not {len(value)}"
        yield Mistake(path, f"must {least}")
    # `$` of Python also stands before a last line break, and that of the API server does not.
    elif kind.pattern is not None and not re.search(kind.pattern.removesuffix("$") + r"\Z", value):
        yield Mistake(path, f"must match {kind.pattern}, and {_shown(value)} does not")


def _whole(kind: inspect.IntType, value: Any, path: Path) -> Iterator[Mistake]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield Mistake(path, f"must be a whole number, not {_shown(value)}")
    elif (kind.ge is not None and value < kind.ge) or (kind.le is not None and value > kind.le):
        yield Mistake(path, f"must be from {kind.ge} to {kind.le}, not {value}")


def _list(kind: inspect.VarTupleType, value: Any, path: Path) -> Iterator[Mistake]:
    """The mistakes in a list. Its parts are told apart by their first field, and plain values occur once."""
    if not isinstance(value, list):
        yield Mistake(path, f"must be a list, not {_shown(value)}")
        return
    if kind.max_length is not None and len(value) > kind.max_length:
        yield Mistake(path, f"must have at most {kind.max_length} entries, not {len(value)}")
    item = kind.item_type.type if isinstance(kind.item_type, inspect.Metadata) else kind.item_type
    key = item.fields[0].encode_name if isinstance(item, inspect.StructType) else ""
    seen: list[Any] = []
    for place, one in enumerate(value):
        yield from _checked(kind.item_type, one, (*path[:-1], f"{path[-1]}[{place}]"))
        told = one.get(key) if key and isinstance(one, Mapping) else one
        if told in seen:
            yield Mistake((*path[:-1], f"{path[-1]}[{place}]"), f"stands there twice: {_shown(told)}")
        seen.append(told)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a group of fields"
    if isinstance(value, list):
        return "a list"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
