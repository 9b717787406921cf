"""DatabaseReady and SchemaMigrated, case by case.

The verdicts on one object each stand in test_dependencies_cluster.py and test_dependencies_databases.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from kit.evidence import EXTERNAL, OURS, ConditionCase, condition, looked, migration

from pulse_operator.dependencies import Missing, Reason
from pulse_operator.dependencies.verdict import false

assert OURS.cluster
assert OURS.database
CLUSTER, DATABASE, JOB, OUTSIDE = OURS.cluster, OURS.database, migration(), migration(EXTERNAL)
RUNNING: dict[str, Any] = {"conditions": []}
FAILED = {"conditions": [condition("Failed", reason="BackoffLimitExceeded", message="Job has reached the limit.")]}


def ended(message: str, code: int = 3) -> dict[str, Any]:
    """A pod of the migration that did not end well."""
    state = {"terminated": {"exitCode": code, "reason": "Error", "message": message}}
    return {"metadata": {"name": "migrate-x"}, "status": {"containerStatuses": [{"state": state}]}}


def unstarted(reason: str, message: str) -> dict[str, Any]:
    """A pod of the migration whose container waits."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"metadata": {"name": "migrate-x"}, "status": {"containerStatuses": [{"state": state}]}}


CASES = [
    ConditionCase("both as they should be", looked(), "DatabaseReady", "True", "Ready", (str(CLUSTER),)),
    ConditionCase(
        "no such Cluster", looked(put={CLUSTER: Missing.OBJECT}), "DatabaseReady", "False", "NotFound", (str(CLUSTER),)
    ),
    ConditionCase(
        "a Cluster in less than full health",
        looked(status={CLUSTER: {"readyInstances": 2}}),
        "DatabaseReady",
        "True",
        "Degraded",
        (str(CLUSTER),),
    ),
    ConditionCase(
        "a Database that is not applied",
        looked(status={DATABASE: {"applied": False, "message": "no owner"}}),
        "DatabaseReady",
        "False",
        "NotApplied",
        (str(DATABASE), "no owner"),
    ),
    ConditionCase(
        "a Database that was refused",
        looked(refusals={DATABASE: false(Reason.REFUSED, f"{DATABASE}: no.")}),
        "DatabaseReady",
        "False",
        "Refused",
        (str(DATABASE),),
    ),
    ConditionCase(
        "a Database of somebody else's",
        looked(refusals={DATABASE: false(Reason.OWNED_BY_OTHER, f"{DATABASE} is not this pipeline's.")}),
        "DatabaseReady",
        "False",
        "OwnedByOther",
        (str(DATABASE),),
    ),
    ConditionCase(
        "external, whatever it is", looked(EXTERNAL), "DatabaseReady", "True", "External", ("SchemaMigrated",)
    ),
    ConditionCase("done", looked(), "SchemaMigrated", "True", "Migrated", (str(JOB),)),
    ConditionCase(
        "to be made", looked(put={JOB: Missing.OBJECT}), "SchemaMigrated", "Unknown", "Migrating", (str(JOB),)
    ),
    ConditionCase(
        "at work", looked(status={JOB: RUNNING}), "SchemaMigrated", "Unknown", "Migrating", (f"{JOB} runs. Wait",)
    ),
    ConditionCase(
        "at work, after a try that failed",
        looked(status={JOB: {**RUNNING, "failed": 1}}, pods={JOB: [ended("no connection to main-rw", 1)]}),
        "SchemaMigrated",
        "Unknown",
        "Migrating",
        (
            f"{JOB} failed 1 time; the last one: Pod migrate-x ended with code 1: no connection to main-rw. It is "
            "tried again by itself. Check",
            str(CLUSTER),
        ),
    ),
    ConditionCase(
        "at work, after tries whose pods are gone",
        looked(status={JOB: {**RUNNING, "failed": 2}}),
        "SchemaMigrated",
        "Unknown",
        "Migrating",
        (f"{JOB} failed 2 times. It is tried again by itself.",),
    ),
    ConditionCase(
        "at work, in the words of a pod that does not start",
        looked(status={JOB: RUNNING}, pods={JOB: [unstarted("ErrImagePull", "no such image")]}),
        "SchemaMigrated",
        "Unknown",
        "Migrating",
        ("and says: Pod migrate-x: ErrImagePull: no such image. Wait",),
    ),
    ConditionCase(
        "external, after a try that failed",
        looked(EXTERNAL, status={OUTSIDE: {**RUNNING, "failed": 1}}),
        "SchemaMigrated",
        "Unknown",
        "Migrating",
        ("Check the owner's connection string, key owner-dsn of Secret web/rds, which leads to ",),
    ),
    ConditionCase(
        "failed, its pods gone",
        looked(status={JOB: FAILED}),
        "SchemaMigrated",
        "False",
        "MigrationFailed",
        (str(JOB), "BackoffLimitExceeded: Job has reached the limit. It is tried again"),
    ),
    ConditionCase(
        "failed, with the words of its pod",
        looked(status={JOB: FAILED}, pods={JOB: [ended("permission denied.")]}),
        "SchemaMigrated",
        "False",
        "MigrationFailed",
        ("Pod migrate-x ended with code 3: permission denied. It",),
    ),
    ConditionCase(
        "the database is another pipeline's",
        looked(status={JOB: FAILED}, pods={JOB: [ended("This database belongs to pipeline other.")]}),
        "SchemaMigrated",
        "False",
        "OtherPipeline",
        ("belongs to pipeline other", "(spec.sink)"),
    ),
    ConditionCase(
        "the database is another pipeline's, before the Job gives up",
        looked(status={JOB: RUNNING}, pods={JOB: [ended("This database belongs to pipeline other.")]}),
        "SchemaMigrated",
        "False",
        "OtherPipeline",
    ),
    ConditionCase(
        "without credentials of the owner",
        looked(put={OURS.role_secrets["owner"]: Missing.OBJECT}),
        "SchemaMigrated",
        "Unknown",
        "Blocked",
        ("waits for CredentialsReady",),
    ),
    ConditionCase(
        "a Job that was refused",
        looked(refusals={JOB: false(Reason.REFUSED, f"{JOB}: exceeded quota.")}),
        "SchemaMigrated",
        "False",
        "Refused",
        ("exceeded quota",),
    ),
    ConditionCase(
        "a Job of somebody else's",
        looked(refusals={JOB: false(Reason.OWNED_BY_OTHER, f"{JOB} is not this pipeline's.")}),
        "SchemaMigrated",
        "False",
        "OwnedByOther",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.condition}: {case.name}")
def test_condition(case: ConditionCase) -> None:
    case.hold()
