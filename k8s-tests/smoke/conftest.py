"""The stand-in operators on the cluster, and the order of the one story; everything else runs in any order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kind import stand_in
from kind.cluster import Cluster

from pulse_local.paths import Paths

STORY = "test_install.py"


@pytest.hookimpl(trylast=True)  # after the plugin that shuffles
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = [place for place, item in enumerate(items) if item.path.name == STORY]
    told = sorted((items[place] for place in places), key=lambda item: item.reportinfo()[1] or 0)
    for place, item in zip(places, told, strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def platform(kind_cluster: Cluster, pulse_images: dict[str, str], server_paths: Paths) -> Iterator[Cluster]:
    """The cluster, on which Kafkas and Postgres Clusters are answered."""
    stand_in.deploy(kind_cluster, pulse_images["operator"], server_paths.cache)
    yield kind_cluster
    kind_cluster.kubectl("delete", "namespace", stand_in.NAMESPACE, "--timeout=60s")
