"""Which subcommands there are, and the code of the one that is called.

Subcommands of other packages are found by entry point, and only the one that is called is imported: a broken package
breaks its own subcommands and no other. The line that --help shows of them is read from their source, unrun.
"""

from __future__ import annotations

import ast
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from pulse.cli import ENTRY_POINT_GROUP, PIPELINE_ENTRY_POINT_GROUP, Command
from pulse.errors import Stop

# The local stack's own, in the order in which a person meets them.
OWN = {name: f"pulse_local.commands.{name}:{name.upper()}" for name in ("demo", "up", "status", "logs", "psql", "down")}
OWN["import"] = "pulse_local.commands.import_:IMPORT"


def known() -> dict[str, list[EntryPoint]]:
    """Every subcommand by its name, with the packages that offer it."""
    found: dict[str, list[EntryPoint]] = {
        name: [EntryPoint(name, value, ENTRY_POINT_GROUP)] for name, value in OWN.items()
    }
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        found.setdefault(point.name, []).append(point)
    for name, points in of_pipelines().items():
        if name not in OWN:
            found.setdefault(name, []).extend(points)
    return found


def of_pipelines() -> dict[str, list[EntryPoint]]:
    """Those about pipelines in a cluster. One of them may share its name with one of the local stack's own."""
    found: dict[str, list[EntryPoint]] = {}
    for point in sorted(entry_points(group=PIPELINE_ENTRY_POINT_GROUP), key=lambda point: point.name):
        found.setdefault(point.name, []).append(point)
    return found


def loaded(name: str, offers: list[EntryPoint]) -> Command:
    """The subcommand's code; Stop names the package that is broken."""
    if len(offers) > 1:
        places = " and ".join(point.value for point in offers)
        raise Stop(f"`pulse {name}` is offered twice, by {places}: uninstall one of them.")
    point = offers[0]
    try:
        command = point.load()
    except Exception as broken:
        raise Stop(
            f"`pulse {name}` cannot be loaded from {point.value} ({type(broken).__name__}: {broken}): "
            "reinstall Pulse, `make setup` in a checkout."
        ) from broken
    if not isinstance(command, Command):
        raise Stop(f"`pulse {name}`: {point.value} is a {type(command).__name__} and no pulse.cli.Command.")
    return command


def summary(point: EntryPoint) -> str:
    """The one line that says what a subcommand does, without importing it; empty if the source does not show it."""
    try:
        source = _source(point.module)
        tree = ast.parse(source.read_text()) if source else None
    except (OSError, SyntaxError, ImportError):
        return ""
    for node in tree.body if tree else ():
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == point.attr for target in targets):
                return _first_text(node.value)
    return ""


def _first_text(call: ast.Call) -> str:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "help"]
    for value in [*named, *call.args[:1]]:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return ""


def _source(module: str) -> Path | None:
    package, _, leaf = module.rpartition(".")
    spec = find_spec(package) if package else find_spec(module)
    if spec is None or (package and not spec.submodule_search_locations):
        return None
    if not package:
        return Path(spec.origin) if spec.origin else None
    return next(
        (path for place in spec.submodule_search_locations or () if (path := Path(place) / f"{leaf}.py").is_file()),
        None,
    )
