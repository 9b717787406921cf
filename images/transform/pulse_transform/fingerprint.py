"""What tells one dbt project from another whose marts may differ."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

# Tests are not among them: they change no table.
_PARTS = ("dbt_project.yml", "models", "macros")


def project_hash(project: Path) -> str:
    """SHA-256 over the project's settings, models and macros: names and contents, wherever the project lies."""
    digest = sha256()
    for path in _files(project):
        for part in (path.relative_to(project).as_posix().encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def _files(project: Path) -> list[Path]:
    found = [path for part in _PARTS for path in (project / part, *(project / part).rglob("*")) if path.is_file()]
    return sorted(found, key=lambda path: path.relative_to(project).as_posix())
