"""DashboardReady: the live page, and Metabase with Pulse's dashboards in it."""

from __future__ import annotations

from collections.abc import Iterator

from pulse_operator.conditions.deployment import running
from pulse_operator.conditions.evidence import Evidence, combined
from pulse_operator.conditions.pods import complaint
from pulse_operator.credentials import metabase_access
from pulse_operator.dashboards import is_dashboards
from pulse_operator.deduce import metabase_database
from pulse_operator.dependencies import Missing, Reason, Status, Verdict, role_verdict
from pulse_operator.dependencies.verdict import Kind, Target, condition, false, missing, status, true, unknown
from pulse_operator.objects import Ref

# Metabase makes its database when it starts first.
METABASE_SECONDS = 900.0

_SECRET = Kind("Secret", "v1", "Kubernetes", "Pulse makes it.")


def dashboard_ready(evidence: Evidence, blocker: tuple[str, Verdict] | None) -> Verdict:
    """Whether people can look at the numbers. `blocker` is the first earlier condition that does not hold."""
    wanted = evidence.pipeline.spec.dashboard
    if not (wanted.live.enabled or wanted.metabase.enabled):
        return true(Reason.NOT_ENABLED, "No dashboard is asked for.")
    found = [
        *_refused(evidence),
        *([_page(evidence, blocker)] if wanted.live.enabled else []),
        *([_metabase(evidence, blocker)] if wanted.metabase.enabled else []),
    ]
    told = combined(found)
    if told.status is not Status.TRUE or told.reason is Reason.ROLLING:
        return told
    rolling = next((verdict for verdict in found if verdict.reason is Reason.ROLLING), None)
    return rolling or true(Reason.AVAILABLE, " ".join(verdict.message for verdict in found))


def _refused(evidence: Evidence) -> Iterator[Verdict]:
    """Children of the dashboards that could not be written."""
    for ref, verdict in evidence.refusals.items():
        if is_dashboards(ref, evidence.pipeline.identity.name):
            yield verdict


def _page(evidence: Evidence, blocker: tuple[str, Verdict] | None) -> Verdict:
    ref = evidence.wants.dashboards.page
    found = evidence.seen.there(ref)
    return _to_come(ref, blocker) if found is None else running(evidence, ref, found)


def _metabase(evidence: Evidence, blocker: tuple[str, Verdict] | None) -> Verdict:
    """What it stands on, then whether it runs, then whether the dashboards are in it."""
    ref = evidence.wants.dashboards.metabase
    against = list(_against(evidence))
    if against:
        return combined(against)
    found = evidence.seen.there(ref)
    if found is None:
        return _to_come(ref, blocker)
    runs = running(evidence, ref, found, METABASE_SECONDS)
    return runs if runs.status is not Status.TRUE else _provisioned(evidence, runs)


def _to_come(ref: Ref, blocker: tuple[str, Verdict] | None) -> Verdict:
    if blocker:
        return unknown(Reason.BLOCKED, f"{ref} waits for {blocker[0]} ({blocker[1].reason.value}).")
    return unknown(Reason.PENDING, f"{ref} is about to be made.")


def _against(evidence: Evidence) -> Iterator[Verdict]:
    """What is missing of what Metabase stands on."""
    refs, seen, keys = evidence.wants.dashboards, evidence.seen, evidence.facts.dashboards.keys
    held = seen.found(refs.keys)
    if not (keys.email and keys.password and keys.encryption_key):
        if isinstance(held, Missing) and held is not Missing.OBJECT:
            yield missing(held, Target(_SECRET, refs.keys.namespace, refs.keys.name))
        elif refs.database is not None and seen.there(refs.database) is not None:
            yield false(
                Reason.KEYS_LOST,
                f"{refs.keys} is gone or lacks a key, and what {refs.database} holds was encrypted with it. Restore "
                "the Secret from a backup; to begin anew instead, drop that database and delete its object.",
            )
    if refs.role is not None and not keys.role_password:
        role = role_verdict(seen.found(refs.role), refs.role.namespace, refs.role.name, seen.age(refs.role))
        if role.reason is Reason.ROLES_BY_HAND:
            yield role
    access = metabase_access(evidence.pipeline, evidence.wants, seen, keys.role_password)
    if isinstance(access, Verdict):
        yield access
    yield from metabase_database(evidence.wants, seen)


def _provisioned(evidence: Evidence, runs: Verdict) -> Verdict:
    """Told by the Job that puts the dashboards into Metabase."""
    job = evidence.provision
    found = evidence.seen.there(job)
    if job is None or found is None:
        return unknown(Reason.PROVISIONING, f"{job or 'The Job that provisions Metabase'} is about to be made.")
    if condition(found, "Complete"):
        return Verdict(runs.status, runs.reason, f"{runs.message} {job} put the dashboards into it.")
    said = complaint(evidence.seen.pods.get(job, ()))
    failed = condition(found, "Failed")
    if failed:
        why = said or f"{failed.get('reason')}: {failed.get('message')}"
        return false(
            Reason.PROVISIONING_FAILED, f"{job} failed: {why.rstrip('.')}. It is tried again in a few minutes."
        )
    tries = status(found).get("failed", 0)
    before = f" after {tries} that failed" if tries else ""
    return unknown(Reason.PROVISIONING, f"{job} runs{before}{f', and says: {said}' if said else ''}. Wait for it.")
