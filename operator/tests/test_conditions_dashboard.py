"""DashboardReady, case by case; and what it does not touch."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from kit.evidence import EXTERNAL, KAFKA, MADE_AT, OURS, RAN_AT, SPEC, ConditionCase, condition, looked, there

from pulse_operator import objects, report
from pulse_operator.conditions import Evidence, conditions
from pulse_operator.dependencies import Missing, Reason, Status
from pulse_operator.dependencies.verdict import false
from pulse_operator.objects import Ref

LIVE = {**SPEC, "dashboard": {"live": {"enabled": True}}}
METABASE = {**SPEC, "dashboard": {"metabase": {"enabled": True}}}
BOTH = {**SPEC, "dashboard": {"live": {"enabled": True}, "metabase": {"enabled": True}}}
SUPPLIED = {**EXTERNAL, "dashboard": {"metabase": {"enabled": True}}}
REFS = OURS.dashboards
assert REFS.role
assert REFS.role_secret
assert REFS.database
assert OURS.postgres_ca
ROLE, ROLE_SECRET, DATABASE, POSTGRES_CA = REFS.role, REFS.role_secret, REFS.database, OURS.postgres_ca
SINK = Ref(objects.SECRET, "web", "rds")
SERVICE = Ref(objects.SERVICE, "web", "shop-dashboards")
GONE = Missing.OBJECT


def job(spec: dict[str, Any] = METABASE) -> Ref:
    found = looked(spec).provision
    assert found is not None
    return found


def new(ref: Ref) -> dict[str, Any]:
    """A Deployment that was made just now, and whose pods start."""
    made = there(ref, BOTH)
    metadata = {**made["metadata"], "creationTimestamp": "2026-03-01T12:10:00Z"}
    return {**made, "metadata": metadata, "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}}


def at_work(**told: Any) -> dict[Ref, Any]:
    return {job(): {**there(job(), METABASE), "status": told}}


def failed() -> dict[Ref, Any]:
    why = condition("Failed", reason="BackoffLimitExceeded", message="Job has reached the limit.")
    return {job(): {**there(job(), METABASE), "status": {"conditions": [{**why, "lastTransitionTime": RAN_AT}]}}}


def said(message: str) -> dict[str, Any]:
    state = {"terminated": {"exitCode": 3, "message": message}}
    pod = {"name": "pod-x", "creationTimestamp": MADE_AT}
    return {"metadata": pod, "status": {"containerStatuses": [{"state": state}]}}


def supplied(dsn: str) -> Any:
    """The Secret of a person, with this connection string for Metabase."""
    made = there(SINK, SUPPLIED)
    data = {**made["data"], "metabase-dsn": base64.b64encode(dsn.encode()).decode()}
    return looked(SUPPLIED, put={SINK: {**made, "data": {key: value for key, value in data.items() if value}}})


def case(name: str, evidence: Any, status: str, reason: str, *says: str) -> ConditionCase:
    return ConditionCase(name, evidence, "DashboardReady", status, reason, says)


def refused(ref: Ref, reason: Reason) -> Any:
    return looked(BOTH, refusals={ref: false(reason, f"{ref}: no.")})


CASES = [
    case("nobody asks for one", looked(), "True", "NotEnabled"),
    case("both there", looked(BOTH), "True", "Available", str(REFS.page), str(REFS.metabase), str(job())),
    case("the page alone", looked(LIVE), "True", "Available", str(REFS.page)),
    case("suspended, and shown all the same", looked({**BOTH, "suspend": True}), "True", "Available"),
    case("about to be made", looked(LIVE, put={REFS.page: GONE}), "Unknown", "Pending", str(REFS.page)),
    case(
        "waiting for an earlier condition",
        looked(LIVE, put={REFS.page: GONE, KAFKA: GONE}),
        *("Unknown", "Blocked", "KafkaReady (NotFound)"),
    ),
    case("the page starts", looked(LIVE, put={REFS.page: new(REFS.page)}), "Unknown", "Pending", "its pods start"),
    case(
        "the page started for too long",
        looked(LIVE, put={REFS.page: new(REFS.page)}, seconds=100),
        *("False", "Unavailable", "none of its pods is ready"),
    ),
    case(
        "the page does not run, in the words of its pod",
        looked(LIVE, status={REFS.page: {"readyReplicas": 0}}, pods={REFS.page: [said("PULSE_DATABASE_DSN: no")]}),
        *("False", "Unavailable", "PULSE_DATABASE_DSN: no"),
    ),
    case("an old page beside the new", looked(BOTH, status={REFS.page: {"replicas": 2}}), "True", "Rolling", "1 old"),
    case(
        "Metabase starts", looked(METABASE, put={REFS.metabase: new(REFS.metabase)}, seconds=800), "Unknown", "Pending"
    ),
    case(
        "Metabase started for too long",
        looked(METABASE, put={REFS.metabase: new(REFS.metabase)}, seconds=1_000),
        *("False", "Unavailable", str(REFS.metabase)),
    ),
    case("Metabase about to be made", looked(METABASE, put={REFS.metabase: GONE}), "Unknown", "Pending"),
    case("a child that was refused", refused(SERVICE, Reason.REFUSED), "False", "Refused", str(SERVICE)),
    case("a child of somebody else's", refused(REFS.metabase, Reason.OWNED_BY_OTHER), "False", "OwnedByOther"),
    case(
        "Metabase's keys are lost",
        looked(METABASE, put={REFS.keys: GONE}),
        *("False", "KeysLost", str(REFS.keys), str(DATABASE)),
    ),
    case("Metabase's keys may not be read", looked(METABASE, put={REFS.keys: Missing.RIGHT}), "False", "Forbidden"),
    case("Metabase's keys are not heard of", looked(METABASE, put={REFS.keys: Missing.ANSWER}), "Unknown", "NotRead"),
    case(
        "Metabase's role has no password yet",
        looked(METABASE, put={ROLE_SECRET: GONE}),
        "Unknown",
        "Pending",
        "password",
    ),
    case(
        "Metabase's role by hand",
        looked(METABASE, put={ROLE_SECRET: GONE, ROLE: Missing.KIND}),
        *("Unknown", "RolesByHand", str(ROLE)),
    ),
    case(
        "Metabase's database is not applied",
        looked(METABASE, status={DATABASE: {"applied": False, "message": "no"}}),
        *("False", "NotApplied", str(DATABASE)),
    ),
    case("Metabase's database is missing", looked(METABASE, put={DATABASE: GONE}), "False", "NotFound", str(DATABASE)),
    case("the CA of Postgres is missing", looked(METABASE, put={POSTGRES_CA: GONE}), "False", "SecretMissing"),
    case("external, Metabase's database is named", looked(SUPPLIED), "True", "Available"),
    case("external, Metabase's database is not named", supplied(""), "False", "SecretKeyMissing", "metabase-dsn"),
    case(
        "external, Metabase's connection string lacks something",
        supplied("postgresql://rds/metabase"),
        *("False", "ConnectionStringInvalid", "names no user", str(SINK)),
    ),
    case(
        "external, Metabase in the database of the events",
        supplied("postgresql://metabase:x@rds/shop"),
        *("False", "ConnectionStringInvalid", "one database (rds/shop)"),
    ),
    case("the provisioning is to be made", looked(METABASE, put={job(): GONE}), "Unknown", "Provisioning", str(job())),
    case("the provisioning runs", looked(METABASE, put=at_work()), "Unknown", "Provisioning", str(job())),
    case(
        "the provisioning runs, after tries that failed",
        looked(METABASE, put=at_work(failed=2), pods={job(): [said("Metabase is starting.")]}),
        *("Unknown", "Provisioning", "after 2 that failed", "Metabase is starting"),
    ),
    case(
        "the provisioning failed, in the words of its pod",
        looked(METABASE, put=failed(), pods={job(): [said("does not let pulse@example.com in")]}),
        *("False", "ProvisioningFailed", "does not let pulse@example.com in", "tried again"),
    ),
    case("the provisioning failed, its pods gone", looked(METABASE, put=failed()), "False", "ProvisioningFailed"),
]


@pytest.mark.parametrize("found", CASES, ids=lambda found: found.name)
def test_it_says_which_part_waits_and_why(found: ConditionCase) -> None:
    found.hold()


@pytest.mark.parametrize("found", [one for one in CASES if one.status != "True"], ids=lambda found: found.name)
def test_numbers_that_nobody_sees_stop_nothing_and_make_nothing_unready(found: ConditionCase) -> None:
    told = conditions(evidence_of(found))
    ready = told["Ready"]
    # Of some cases another condition has something to say too.
    other = {"waiting for an earlier condition": "KafkaReady", "the CA of Postgres is missing": "CredentialsReady"}
    against = "TopicsReady" if found.name.startswith("external") else other.get(found.name)
    assert against is None or ready.message.startswith(f"{against}: ")
    assert (ready.status is Status.TRUE) == (against is None)
    assert told["ConsumerAvailable"].status is Status.TRUE


def evidence_of(found: ConditionCase) -> Evidence:
    assert isinstance(found.evidence, Evidence)
    return found.evidence


def test_a_dashboard_that_fails_shows_in_the_phase() -> None:
    named = {one.name: evidence_of(one) for one in CASES}
    phases = {"both there": "Ready", "the provisioning runs": "Ready", "Metabase's keys are lost": "Degraded"}
    assert {name: report.phase(named[name], conditions(named[name])) for name in phases} == phases


def shown(spec: dict[str, Any]) -> Any:
    evidence = looked(spec)
    return report.status_of(evidence, conditions(evidence)).get("dashboard")


def test_the_status_says_where_dashboards_are_and_what_lets_people_in() -> None:
    assert shown(SPEC) is None
    inside = {"url": "http://shop-dashboards.web.svc/", "secret": "shop-dashboards"}
    assert shown(LIVE) == {"live": inside}
    assert shown(METABASE) == {"metabase": {"url": "http://shop-metabase.web.svc", "secret": "shop-metabase"}}
    host = {"host": "shop.example.com", "tlsSecret": "shop-tls"}
    live = {"enabled": True, "auth": "proxy", "allowFrom": ["login"], "basePath": "/numbers", "ingress": host}
    outside = {"live": live, "metabase": {"enabled": True, "siteUrl": "https://bi.example.com"}}
    assert shown({**SPEC, "dashboard": outside}) == {
        "live": {"url": "https://shop.example.com/numbers/"},
        "metabase": {"url": "https://bi.example.com", "secret": "shop-metabase"},
    }
