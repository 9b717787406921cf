"""Takes a story off the cluster, in the order in which each still has whom it needs to go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from kind.cluster import Cluster
from kind.commands import CommandError

LASTING = "kafkatopics,databases.postgresql.cnpg.io,databaseroles.postgresql.cnpg.io,kafkausers"


def refuse(cluster: Cluster, namespaces: Sequence[str]) -> None:
    """AssertionError if a story would meet, and in the end remove, what somebody has there: these namespaces, Pulse."""
    looked = [("crd", "pulsepipelines.pulse.dev"), *(("namespace", name) for name in namespaces)]
    found = [cluster.kubectl("get", kind, name, "--ignore-not-found", "-o", "name").strip() for kind, name in looked]
    there = ", ".join(filter(None, found))
    assert not there, (
        f"{there}: in use on this cluster already, and would be removed. `make kind-down` gives a new one."
    )


def remove(cluster: Cluster, namespaces: Sequence[str], releases: Mapping[str, str]) -> None:
    """Pipelines and what they stand on in these namespaces, releases (name -> namespace), namespaces, definition."""
    for namespace in namespaces:
        for kinds in ("pp", LASTING):
            with suppress(CommandError):
                cluster.kubectl("delete", kinds, "--all", "--namespace", namespace, "--timeout=60s")
    for name, namespace in releases.items():
        with suppress(CommandError):
            cluster.helm("uninstall", name, "--namespace", namespace, "--ignore-not-found", "--no-hooks")
    every = dict.fromkeys((*releases.values(), *namespaces))
    cluster.kubectl("delete", "namespace", *every, "--ignore-not-found", "--timeout=120s")
    cluster.kubectl("delete", "crd", "pulsepipelines.pulse.dev", "--ignore-not-found", "--timeout=60s")
