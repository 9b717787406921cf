"""Pulse broken on purpose: what a mutation is, and a copy of the checkout with one carried out."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Edit:
    """One place in the code: what stands there once, and what stands there instead."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """A broken Pulse: a mistake that somebody could make in good faith. `catches` are the tests that have to fail."""

    name: str
    means: str
    edits: tuple[Edit, ...]
    catches: tuple[str, ...]


class DoesNotFitError(Exception):
    """The code is not what the mutation was made for."""


def broken(text: str, edit: Edit) -> str:
    """The text with the edit made; DoesNotFitError unless what it replaces stands there once."""
    count = text.count(edit.old)
    if count != 1:
        raise DoesNotFitError(f"{edit.file} has this {count} times instead of once: adapt the mutation.\n{edit.old}")
    return text.replace(edit.old, edit.new)


def broken_texts(checkout: Path, mutation: Mutation) -> dict[str, str]:
    """The files that the mutation changes, by name, as they are with it; DoesNotFitError if one is another."""
    texts: dict[str, str] = {}
    for edit in mutation.edits:
        texts[edit.file] = broken(texts.get(edit.file) or (checkout / edit.file).read_text(), edit)
    return texts


def broken_copy(checkout: Path, mutation: Mutation, copy: Path) -> None:
    """What git knows of the checkout, as it is now, with the mutation, and with the checkout's environment."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=checkout, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (checkout / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, copy / name)
    (copy / ".venv").symlink_to(checkout / ".venv")
    for name, text in broken_texts(checkout, mutation).items():
        (copy / name).write_text(text)


def failed_tests(report: Path) -> set[str]:
    """The names of the tests that failed in their own body, from JUnit's XML; a failed preparation shows nothing."""
    if not report.exists():
        return set()
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - our own file
    return {case.attrib["name"] for case in cases if case.find("failure") is not None}
