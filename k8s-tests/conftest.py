"""One API server for the whole run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from apiserver import ApiServer, built, running

from pulse_local import ports
from pulse_local.paths import Paths


@pytest.fixture(scope="session")
def api_server(server_paths: Paths) -> Iterator[ApiServer]:
    """A real kube-apiserver; the first run on a machine builds it."""
    taken: set[int] = set()
    for _ in range(3):
        taken.add(ports.free_port(0, taken))
    client, peer, api = taken
    with (
        tempfile.TemporaryDirectory() as home,
        running(built(server_paths.cache), Path(home), (client, peer, api)) as up,
    ):
        yield up
