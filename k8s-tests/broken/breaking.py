"""Carries out a mutation on a copy of the checkout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from broken.mutations import Edit, Mutation


class DoesNotFitError(Exception):
    """The code is not what the mutation was made for."""


def broken(text: str, edit: Edit) -> str:
    """The text with the edit made; DoesNotFitError unless what it replaces stands there once."""
    count = text.count(edit.old)
    if count != 1:
        raise DoesNotFitError(f"{edit.file} has this {count} times instead of once: adapt the mutation.\n{edit.old}")
    return text.replace(edit.old, edit.new)


def broken_copy(checkout: Path, mutation: Mutation, copy: Path) -> None:
    """What git knows of the checkout, as it is now, with the mutation, and with the checkout's environment."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=checkout, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (checkout / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, copy / name)
    (copy / ".venv").symlink_to(checkout / ".venv")
    for edit in mutation.edits:
        file = copy / edit.file
        file.write_text(broken(file.read_text(), edit))
