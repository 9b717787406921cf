"""The order of the one story, for everything else runs in any order; and a namespace for what is about the stand-in."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kind.cluster import Cluster
from smoke.place import Place

STORY = "test_install.py"


@pytest.hookimpl(trylast=True)  # after the plugin that shuffles
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = [place for place, item in enumerate(items) if item.path.name == STORY]
    told = sorted((items[place] for place in places), key=lambda item: item.reportinfo()[1] or 0)
    for place, item in zip(places, told, strict=True):
        items[place] = item


@pytest.fixture
def place(on_stand_in: Cluster, tmp_path: Path) -> Iterator[Place]:
    """A namespace of its own, on a cluster that the stand-in answers."""
    name = f"stand-in-{uuid.uuid4().hex[:8]}"
    on_stand_in.kubectl("create", "namespace", name)
    yield Place(on_stand_in, name, tmp_path)
    on_stand_in.kubectl("delete", "namespace", name, "--wait=false")
