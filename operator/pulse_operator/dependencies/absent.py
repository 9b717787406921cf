"""The verdict on an object whose kind the API server does not serve, told alike by whoever finds that out: a look or a
write."""

from __future__ import annotations

from pulse_operator.dependencies.cluster import CLUSTER
from pulse_operator.dependencies.databases import DATABASE, ROLE
from pulse_operator.dependencies.kafka import KAFKA
from pulse_operator.dependencies.topics import TOPIC
from pulse_operator.dependencies.users import USER
from pulse_operator.dependencies.verdict import Kind, Missing, Target, Verdict, missing

_KINDS = {(kind.api_version, kind.name): kind for kind in (KAFKA, TOPIC, USER, CLUSTER, DATABASE, ROLE)}


def kind_missing(api_version: str, kind: str, namespace: str, name: str) -> Verdict:
    """What to install, also for a kind of neither Strimzi nor CloudNativePG."""
    known = _KINDS.get((api_version, kind)) or Kind(kind, api_version, "whatever brings it", "")
    return missing(Missing.KIND, Target(known, namespace, name))
