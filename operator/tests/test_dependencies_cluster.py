"""The verdict on a CloudNativePG Cluster, case by case, on objects that its real CustomResourceDefinition accepts."""

from __future__ import annotations

from typing import Any

import pytest
from kit.crds import Case, checked

from pulse_operator.dependencies import Missing, cluster_verdict

HEALTHY = "Cluster in healthy state"


def condition(kind: str, status: str = "True", reason: str = "Because") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": "",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    }


INITIALIZED = condition("Initialized")
READY = condition("Ready", reason="ClusterIsReady")
UNREADY = condition("Ready", "False", "ClusterIsNotReady")


def cluster(
    *conditions: dict[str, Any],
    instances: int = 2,
    annotations: dict[str, str] | None = None,
    told: bool = True,
    **status: Any,
) -> dict[str, Any]:
    made = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": "shop", "namespace": "data", "generation": 4, "annotations": annotations or {}},
        "spec": {"instances": instances, "storage": {"size": "10Gi"}},
    }
    usual = {
        "conditions": list(conditions),
        "phase": HEALTHY,
        "currentPrimary": "shop-1",
        "targetPrimary": "shop-1",
        "readyInstances": 2,
    }
    return checked({**made, "status": {**usual, **status}} if told else made)


CASES = [
    Case("healthy", cluster(INITIALIZED, READY), "True", "Ready", ("2 of 2",)),
    Case("kind not served", Missing.KIND, "False", "CRDMissing", ("postgresql.cnpg.io/v1", "Install CloudNativePG")),
    Case("no such object", Missing.OBJECT, "False", "NotFound", ("spec.sink.cloudNativePG.cluster",)),
    Case("may not be read", Missing.RIGHT, "False", "Forbidden", ("namespace data", "postgresNamespaces")),
    Case("not heard of", Missing.ANSWER, "Unknown", "NotRead"),
    Case("new, no status", cluster(told=False), "Unknown", "Pending", seconds=119),
    Case("no status for long", cluster(told=False), "False", "NotPickedUp", ("WATCH_NAMESPACE",), seconds=120),
    Case(
        "setting up its first instance",
        cluster(UNREADY, phase="Setting up primary", currentPrimary="", readyInstances=0),
        "False",
        "Initializing",
        ("condition Initialized",),
    ),
    Case(
        "initialized false",
        cluster(condition("Initialized", "False"), READY),
        "False",
        "Initializing",
    ),
    *(
        Case(
            f"live primary while: {phase}",
            cluster(INITIALIZED, UNREADY, phase=phase, phaseReason="just so"),
            "True",
            "Degraded",
            (f"status.phase is '{phase}' (just so)", "can be written to"),
        )
        for phase in ("Creating a new replica", "Applying configuration", "Upgrading cluster")
    ),
    Case("no Ready condition, primary live", cluster(INITIALIZED), "True", "Degraded", (HEALTHY,)),
    Case(
        "edited to three instances, nothing done yet",
        cluster(INITIALIZED, READY, instances=3),
        "True",
        "Degraded",
        ("status.readyInstances is 2 and spec.instances 3",),
    ),
    Case(
        "failing over",
        cluster(INITIALIZED, UNREADY, phase="Failing over", targetPrimary="pending", readyInstances=1),
        "False",
        "SwitchingPrimary",
        ("status.currentPrimary is shop-1, status.targetPrimary pending", "writers retry"),
    ),
    Case(
        "switching while its Ready condition is old",
        cluster(INITIALIZED, READY, targetPrimary="shop-2"),
        "False",
        "SwitchingPrimary",
    ),
    Case(
        "both primaries empty",
        cluster(INITIALIZED, UNREADY, currentPrimary="", targetPrimary=""),
        "False",
        "SwitchingPrimary",
        ("status.currentPrimary is empty",),
    ),
    Case(
        "only instance down",
        cluster(INITIALIZED, UNREADY, instances=1, readyInstances=0),
        "False",
        "NoReadyInstance",
        ("status.readyInstances is 0", "Pod shop-1"),
    ),
    Case(
        "unrecoverable",
        cluster(INITIALIZED, UNREADY, phase="Cluster is unrecoverable and needs manual intervention"),
        "False",
        "Unrecoverable",
        ("cannot be written to", "waits for a person", "unrecoverable and needs manual intervention"),
    ),
    Case(
        "waits for a person, primary live",
        cluster(INITIALIZED, UNREADY, phase="Waiting for user action"),
        "True",
        "WaitingForUser",
        ("can be written to", "Waiting for user action"),
    ),
    Case(
        "waits for a person, primary down",
        cluster(INITIALIZED, UNREADY, phase="Waiting for user action", readyInstances=0),
        "False",
        "WaitingForUser",
        ("cannot be written to",),
    ),
    Case(
        "invalid definition, primary live",
        cluster(INITIALIZED, UNREADY, phase="Invalid cluster definition"),
        "True",
        "InvalidDefinition",
    ),
    Case(
        "invalid definition before the first instance",
        cluster(UNREADY, phase="Invalid cluster definition", phaseReason="bad size", currentPrimary=""),
        "False",
        "InvalidDefinition",
        ("bad size",),
    ),
    Case(
        "told to hibernate",
        cluster(INITIALIZED, READY, annotations={"cnpg.io/hibernation": "on"}),
        "False",
        "Hibernated",
        ("annotation cnpg.io/hibernation",),
    ),
    Case("hibernated", cluster(INITIALIZED, condition("cnpg.io/hibernation")), "False", "Hibernated"),
    Case(
        "awake again",
        cluster(
            INITIALIZED,
            READY,
            condition("cnpg.io/hibernation", "False"),
            annotations={"cnpg.io/hibernation": "off"},
        ),
        "True",
        "Ready",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict(case: Case) -> None:
    verdict = cluster_verdict(case.found, "data", "shop", case.seconds)
    assert (verdict.status.value, verdict.reason.value) == (case.status, case.reason), verdict.message
    for words in ("Cluster data/shop", *case.says):
        assert words in verdict.message
