"""The verdict on a Database and a DatabaseRole, case by case, on objects that their real definitions accept."""

from __future__ import annotations

from typing import Any

import pytest
from kit.crds import Case, checked

from pulse_operator.dependencies import Missing, database_verdict, role_verdict


def made(kind: str, spec: dict[str, Any], status: dict[str, Any] | None) -> dict[str, Any]:
    raw = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": kind,
        "metadata": {"name": "shop", "namespace": "data", "generation": 2},
        "spec": {"cluster": {"name": "main"}, "name": "shop", **spec},
    }
    return checked(raw if status is None else {**raw, "status": status})


def database(status: dict[str, Any] | None) -> dict[str, Any]:
    return made("Database", {"owner": "pulse_owner", "schemas": [{"name": "raw"}]}, status)


def role(status: dict[str, Any] | None) -> dict[str, Any]:
    return made("DatabaseRole", {"login": True, "passwordSecret": {"name": "shop-ingest"}}, status)


APPLIED = {"applied": True, "observedGeneration": 2}
REFUSED = {"applied": False, "observedGeneration": 1, "message": "role pulse_owner does not exist"}

DATABASE_CASES = [
    Case("database: applied", database(APPLIED), "True", "Ready"),
    Case("database: kind not served", Missing.KIND, "False", "CRDMissing", ("Database in postgresql.cnpg.io/v1",)),
    Case("database: no such object", Missing.OBJECT, "False", "NotFound", ("Pulse makes it",)),
    Case("database: may not be read", Missing.RIGHT, "False", "Forbidden", ("namespace data",)),
    Case("database: not heard of", Missing.ANSWER, "Unknown", "NotRead"),
    Case("database: new, no status", database(None), "Unknown", "Pending", seconds=1),
    Case(
        "database: no status for long",
        database(None),
        "False",
        "NotPickedUp",
        ("spec.cluster.name (main)", "same namespace"),
        seconds=121,
    ),
    Case(
        "database: edited, not yet applied",
        database({"applied": True, "observedGeneration": 1}),
        "Unknown",
        "Progressing",
        ("generation 1 of 2",),
    ),
    Case(
        "database: refused; a refusal leaves the generation where it was",
        database(REFUSED),
        "False",
        "NotApplied",
        ("status.applied", "role pulse_owner does not exist."),
    ),
    Case(
        "database: a schema refused",
        database(
            {
                "applied": False,
                "observedGeneration": 2,
                "message": "failed to reconcile schemas",
                "schemas": [
                    {"name": "raw", "applied": False, "message": "permission denied"},
                    {"name": "ops", "applied": True},
                ],
            }
        ),
        "False",
        "NotApplied",
        ("failed to reconcile schemas; schemas raw: permission denied.",),
    ),
    Case(
        "database: nobody knows",
        database({"message": "cluster is hibernated", "observedGeneration": 2}),
        "Unknown",
        "Pending",
        ("status.applied is absent: cluster is hibernated.",),
    ),
]
ROLE_CASES = [
    Case("role: applied", role(APPLIED), "True", "Ready"),
    Case(
        "role: kind not served",
        Missing.KIND,
        "Unknown",
        "RolesByHand",
        ("DatabaseRole in postgresql.cnpg.io/v1", "by hand", "Secret with its username and password"),
    ),
    Case("role: no such object", Missing.OBJECT, "False", "NotFound", ("Pulse makes it",)),
    Case("role: may not be read", Missing.RIGHT, "False", "Forbidden", ("namespace data",)),
    Case("role: not heard of", Missing.ANSWER, "Unknown", "NotRead"),
    Case("role: new, no status", role(None), "Unknown", "Pending", seconds=1),
    Case("role: no status for long", role(None), "False", "NotPickedUp", seconds=121),
    Case("role: edited, not yet applied", role({**APPLIED, "observedGeneration": 1}), "Unknown", "Progressing"),
    Case("role: refused", role({"applied": False}), "False", "NotApplied", ("no message",)),
]
CASES = [*DATABASE_CASES, *ROLE_CASES]


@pytest.mark.parametrize("case", DATABASE_CASES, ids=lambda case: case.name)
def test_database_verdict(case: Case) -> None:
    verdict = database_verdict(case.found, "data", "shop", case.seconds)
    assert (verdict.status.value, verdict.reason.value) == (case.status, case.reason), verdict.message
    for words in ("Database data/shop", *case.says):
        assert words in verdict.message


@pytest.mark.parametrize("case", ROLE_CASES, ids=lambda case: case.name)
def test_role_verdict(case: Case) -> None:
    verdict = role_verdict(case.found, "data", "shop", case.seconds)
    assert (verdict.status.value, verdict.reason.value) == (case.status, case.reason), verdict.message
    for words in ("DatabaseRole data/shop", *case.says):
        assert words in verdict.message
