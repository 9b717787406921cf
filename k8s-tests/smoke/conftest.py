"""A namespace for what is about the stand-in."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kind.cluster import Cluster
from smoke.place import Place


@pytest.fixture
def place(on_stand_in: Cluster, tmp_path: Path) -> Iterator[Place]:
    """A namespace of its own, on a cluster that the stand-in answers."""
    name = f"stand-in-{uuid.uuid4().hex[:8]}"
    on_stand_in.kubectl("create", "namespace", name)
    yield Place(on_stand_in, name, tmp_path)
    on_stand_in.kubectl("delete", "namespace", name, "--wait=false")
