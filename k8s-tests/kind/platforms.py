"""Who answers the resources of Kafka and Postgres on the cluster: the real operators of Strimzi and CloudNativePG, or
the stand-in for them. Tests run unchanged on either. What a cluster has been given stays with it."""

from __future__ import annotations

from dataclasses import dataclass

from kind import real, stand_in
from kind.cluster import Cluster

REAL, STAND_IN = "real", "stand-in"
NAMESPACES = {REAL: real.CLOUDNATIVE_PG.namespace, STAND_IN: stand_in.NAMESPACE}
# Whose logs say why something does not come: namespace and label of the pods of either platform.
PODS = (
    (stand_in.NAMESPACE, "app=stand-in"),
    (real.STRIMZI.namespace, "name=strimzi-cluster-operator"),
    (real.CLOUDNATIVE_PG.namespace, "app.kubernetes.io/name=cloudnative-pg"),
)


class PlatformError(Exception):
    """The platform that was asked for cannot be had here."""


@dataclass(frozen=True, slots=True)
class Platform:
    """One of the two, and why it is this one."""

    name: str
    why: str

    def __str__(self) -> str:
        named = {REAL: "the real operators of Strimzi and CloudNativePG", STAND_IN: "a stand-in for the operators"}
        return f"{self.name}: {named[self.name]}, because {self.why}"


def chosen(asked: str, runs: str, lacking: str) -> Platform:
    """The platform for a cluster on which `runs` is installed. `lacking` is why the real one cannot be pulled."""
    if asked not in ("", REAL, STAND_IN):
        raise PlatformError(f"PLATFORM={asked} is none: say {REAL} or {STAND_IN}, or leave it out.")
    if runs and asked not in ("", runs):
        raise PlatformError(
            f"PLATFORM={asked} was asked for, but the cluster runs the platform {runs}: say `make kind-down` first."
        )
    if runs:
        return Platform(runs, "the cluster runs it already")
    if asked == REAL and lacking:
        raise PlatformError(
            f"PLATFORM={REAL} needs the images of Strimzi and CloudNativePG, and they cannot be pulled here "
            f"({lacking}): leave PLATFORM out, and a stand-in runs real Kafka and real Postgres."
        )
    if asked:
        return Platform(asked, f"PLATFORM={asked} says so")
    if lacking:
        return Platform(STAND_IN, f"the real ones cannot be pulled here ({lacking})")
    return Platform(REAL, "their images can be pulled here")


def decide(cluster: Cluster, asked: str) -> Platform:
    """The platform that this cluster gets; says which it is and why."""
    runs = next((name for name, namespace in NAMESPACES.items() if _exists(cluster, namespace)), "")
    platform = chosen(asked, runs, "" if runs else _lacking(cluster))
    print(f"platform {platform}", flush=True)
    return platform


def install(cluster: Cluster, platform: Platform, operator_image: str) -> None:
    """Puts it on the cluster, or brings what is there up to date; returns when it is ready."""
    if platform.name == REAL:
        real.install(cluster)
    else:
        stand_in.deploy(cluster, operator_image)


def _lacking(cluster: Cluster) -> str:
    return "the node was made without an image registry" if cluster.platform == "offline" else real.lacking()


def _exists(cluster: Cluster, namespace: str) -> bool:
    return bool(cluster.kubectl("get", "namespace", namespace, "--ignore-not-found", "-o", "name"))
