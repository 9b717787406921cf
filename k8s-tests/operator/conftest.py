"""The surroundings that tests of the running operator share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apiserver import ApiServer
from world import World, running_world

from pulse_local.services.kafka import Broker


@pytest.fixture(scope="module")
def world(control_plane: ApiServer, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An operator of all namespaces on an API server with the real controllers, one for each file of tests."""
    home: Path = tmp_path_factory.mktemp("operator")
    with running_world(control_plane, broker, home) as running:
        yield running
