"""What tests run on, started when first asked for and ended with the run.

`api_server` only stores and checks objects, `control_plane` has the real controllers, `kind_cluster` has a node too.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apiserver
import definitions
import pytest
from apiserver import ApiServer
from controllers import running_controllers
from kind import cluster, images, platforms
from kind.cluster import Cluster
from kind.platforms import Platform
from programs import program

from pulse_local import ports
from pulse_local.paths import Paths

PLATFORM = pytest.StashKey[Platform]()
ON_PLATFORM = ("runs on", "platform")


def pytest_configure(config: pytest.Config) -> None:
    """Leaves out a warning that says nothing about the test in which it comes.

    A connection that is given up in the middle of its TLS handshake, as tests with a frozen wire have them, is
    closed by asyncio only when it is collected.
    """
    late = "ignore:Exception ignored in. <(function _SelectorTransport|socket.socket)"
    config.addinivalue_line("filterwarnings", f"{late}:pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="session")
def api_server(server_paths: Paths) -> Iterator[ApiServer]:
    """A real kube-apiserver without controllers; the first run on a machine builds it."""
    cache = server_paths.cache
    etcd, kube_apiserver = program("etcd", cache), program("kube-apiserver", cache)
    client, peer, api = _free_ports(3)
    with (
        tempfile.TemporaryDirectory() as home,
        apiserver.running(etcd, kube_apiserver, Path(home), (client, peer, api)) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def strimzi_and_cnpg(api_server: ApiServer) -> ApiServer:
    """The same API server, and it knows the kinds of Strimzi, of CloudNativePG and of Pulse."""
    definitions.install(api_server)
    return api_server


@pytest.fixture(scope="session")
def control_plane(server_paths: Paths) -> Iterator[ApiServer]:
    """An API server of its own with the real controllers and every kind, but no node: tests write the pods' status."""
    cache = server_paths.cache
    etcd, kube_apiserver, manager = (
        program(name, cache) for name in ("etcd", "kube-apiserver", "kube-controller-manager")
    )
    client, peer, api, metrics = _free_ports(4)
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        with apiserver.running(etcd, kube_apiserver, home, (client, peer, api), service_accounts=True) as server:
            # Before the controllers start: the garbage collector looks for new kinds only now and then.
            definitions.install(server)
            with running_controllers(manager, server, home, metrics):
                yield server


@pytest.fixture(scope="session")
def kind_cluster(server_paths: Paths) -> Iterator[Cluster]:
    """A real cluster of one node. One that ran before is used and left alone; KEEP=1 leaves a new one too."""
    cache = server_paths.cache
    with cluster.alone(cache):
        leave = cluster.is_up(cache) or bool(os.environ.get("KEEP"))
        try:
            yield cluster.up(cache)
        finally:
            if not leave:
                cluster.down(cache)


@pytest.fixture(scope="session")
def pulse_images(kind_cluster: Cluster) -> dict[str, str]:
    """Component -> its image, built from this checkout, on the node, and what the chart starts by default."""
    return images.build_and_load(kind_cluster)


@pytest.fixture(scope="session")
def platform(kind_cluster: Cluster, pulse_images: dict[str, str], request: pytest.FixtureRequest) -> Cluster:
    """The cluster with Pulse's images, on which the platform of PLATFORM answers Kafkas and Clusters."""
    chosen = platforms.decide(kind_cluster, os.environ.get("PLATFORM", ""))
    request.config.stash[PLATFORM] = chosen  # first: a run says which it was also when it cannot be installed
    platforms.install(kind_cluster, chosen, pulse_images["operator"])
    return kind_cluster


@pytest.fixture
def on_stand_in(platform: Cluster, request: pytest.FixtureRequest) -> Cluster:
    """The same, for what is about the stand-in itself."""
    name = request.config.stash[PLATFORM].name
    if name != platforms.STAND_IN:
        pytest.skip(f"about the stand-in, and this cluster runs the platform {name}")
    return platform


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Marks what runs on a platform, for the sum at the end."""
    if "platform" in getattr(item, "fixturenames", ()):
        item.user_properties.append(ON_PLATFORM)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says at the end on which platform how many tests ran."""
    platform = config.stash.get(PLATFORM, None)
    if platform:
        reports = [*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())]
        ran = sum(ON_PLATFORM in report.user_properties for report in reports)
        terminalreporter.section("platform")
        terminalreporter.write_line(f"{ran} tests ran on the platform {platform}.")


def _free_ports(count: int) -> tuple[int, ...]:
    taken: set[int] = set()
    for _ in range(count):
        taken.add(ports.free_port(0, taken))
    return tuple(taken)
