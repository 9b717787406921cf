"""DatabaseReady and SchemaMigrated."""

from __future__ import annotations

from pulse_operator.conditions.evidence import Evidence, combined, refused
from pulse_operator.conditions.pods import complaint
from pulse_operator.dependencies import Reason, Verdict, cluster_verdict, database_verdict
from pulse_operator.dependencies.verdict import condition, false, status, true, unknown
from pulse_operator.render.dsn import place

# The words of `migrate` for a database that another pipeline has taken.
_TAKEN = "belongs to pipeline"


def database_ready(evidence: Evidence) -> Verdict:
    """Whether the database is there and can be written to."""
    wants, seen = evidence.wants, evidence.seen
    if wants.cluster is None or wants.database is None:
        return true(
            Reason.EXTERNAL,
            "No object speaks for this database: SchemaMigrated and ConsumerAvailable tell whether it answers.",
        )
    cluster, database = wants.cluster, wants.database
    return refused(evidence, (database,)) or combined(
        [
            cluster_verdict(seen.found(cluster), cluster.namespace, cluster.name, seen.age(cluster)),
            database_verdict(seen.found(database), database.namespace, database.name, seen.age(database)),
        ]
    )


def schema_migrated(evidence: Evidence) -> Verdict:
    """Whether the database has the schema that these images need, told by the Job that brings it there."""
    job = evidence.migration
    problem = refused(evidence, (job,))
    if problem:
        return problem
    if job is None:
        return unknown(
            Reason.BLOCKED,
            "The migration waits for CredentialsReady and DatabaseReady: it needs the database, every role, and the "
            "owner's credentials.",
        )
    found = evidence.seen.there(job)
    if found is None:
        return unknown(Reason.MIGRATING, f"{job} is about to be made.")
    if condition(found, "Complete"):
        return true(Reason.MIGRATED, f"{job} brought the schema up to date.")
    said = complaint(evidence.seen.pods.get(job, ()))
    failed = condition(found, "Failed")
    if said and _TAKEN in said:
        return false(Reason.OTHER_PIPELINE, f"{job}: {said} (spec.sink)")
    if failed:
        why = said or f"{failed.get('reason')}: {failed.get('message')}"
        return false(
            Reason.MIGRATION_FAILED,
            f"{job} failed: {why.rstrip('.')}. It is tried again in a few minutes. {_check(evidence)}",
        )
    tries = status(found).get("failed", 0)
    if not tries:
        return unknown(Reason.MIGRATING, f"{job} runs{f', and says: {said}' if said else ''}. Wait for it.")
    last = f"; the last one: {said}" if said else ""
    return unknown(
        Reason.MIGRATING,
        f"{job} failed {tries} time{'s' if tries > 1 else ''}{last}. It is tried again by itself. {_check(evidence)}",
    )


def _check(evidence: Evidence) -> str:
    """What to look at when the migration does not come through, if its words do not say so themselves."""
    wants = evidence.wants
    if wants.sink_secret is not None:
        access = evidence.facts.databases.get("owner")
        leads = f", which leads to {place(access.dsn)}" if access else ""
        return f"Check the owner's connection string, key owner-dsn of {wants.sink_secret}{leads}."
    return f"Check that nothing keeps this namespace's pods from {wants.cluster}, such as a NetworkPolicy."
