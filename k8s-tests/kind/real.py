"""The operators of Strimzi and CloudNativePG themselves, from the Helm charts that their projects publish.

The versions are those whose definitions the tests hold every object to. Needs their registries, so nothing here can be
run on a machine without one.
"""

from __future__ import annotations

from dataclasses import dataclass

from kind.cluster import Cluster
from kind.commands import CommandError, run

WAIT = "10m"  # both pull a few hundred megabytes


@dataclass(frozen=True, slots=True)
class Operator:
    """A release of one operator: its chart, and the image that the chart starts."""

    release: str
    namespace: str
    chart: tuple[str, ...]
    version: str
    image: str
    values: tuple[str, ...] = ()

    def install_words(self) -> tuple[str, ...]:
        """What Helm is told; the same words bring a release up to date."""
        where = ("--namespace", self.namespace, "--create-namespace")
        values = tuple(word for value in self.values for word in ("--set", value))
        chart = (*self.chart, "--version", self.version)
        return ("upgrade", "--install", self.release, *chart, *where, *values, "--wait", "--timeout", WAIT)


STRIMZI = Operator(
    release="strimzi",
    namespace="strimzi-system",
    chart=("oci://quay.io/strimzi-helm/strimzi-kafka-operator",),
    version="1.2.0",
    image="quay.io/strimzi/operator:1.2.0",
    values=("watchAnyNamespace=true",),
)
CLOUDNATIVE_PG = Operator(  # watches every namespace unless told otherwise
    release="cnpg",
    namespace="cnpg-system",
    chart=("cloudnative-pg", "--repo", "https://cloudnative-pg.github.io/charts"),
    version="0.29.0",
    image="ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0",
)
OPERATORS = (STRIMZI, CLOUDNATIVE_PG)


def lacking() -> str:
    """Why the operators' images cannot be pulled on this machine; nothing if they can. Downloads no image."""
    for operator in OPERATORS:
        try:
            run("docker", "manifest", "inspect", operator.image)
        except CommandError as refused:
            return refused.last_line
    return ""


def install(cluster: Cluster) -> None:
    """Returns when both operators are ready."""
    for operator in OPERATORS:
        cluster.helm(*operator.install_words())
