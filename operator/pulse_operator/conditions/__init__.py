"""Every condition of a pipeline, judged in the order in which one stands on the other. Pure; docs/conditions.md."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_operator.conditions.collector import collector_available
from pulse_operator.conditions.consumer import consumer_available, lag_known, scaling_limited
from pulse_operator.conditions.credentials import credentials_ready
from pulse_operator.conditions.dashboard import dashboard_ready
from pulse_operator.conditions.database import database_ready, schema_migrated
from pulse_operator.conditions.evidence import Evidence, combined, refused
from pulse_operator.conditions.kafka import kafka_ready, topics_ready
from pulse_operator.conditions.maintenance import database_maintained, runs_of_maintenance
from pulse_operator.conditions.scheduled import last_failure, last_success
from pulse_operator.conditions.transform import runs_of_dbt, transform_fresh
from pulse_operator.dashboards import is_dashboards
from pulse_operator.dependencies import Reason, Status, Verdict
from pulse_operator.dependencies.verdict import true

__all__ = [
    "ORDER",
    "Evidence",
    "combined",
    "conditions",
    "last_failure",
    "last_success",
    "refused",
    "runs_of_dbt",
    "runs_of_maintenance",
]

ORDER = (
    *("KafkaReady", "TopicsReady", "CredentialsReady", "DatabaseReady", "SchemaMigrated", "ConsumerAvailable"),
    *("LagKnown", "ScalingLimited", "CollectorAvailable", "TransformFresh", "DatabaseMaintained", "DashboardReady"),
    "Ready",
)
# Say how well it goes, not whether: events are stored and counted all the same.
_TELLS_ONLY = frozenset({"ScalingLimited", "DatabaseMaintained", "DashboardReady"})
# What is only not known yet, such as a first run of dbt that is due in ten minutes, does not make a pipeline unready.
_MAY_BE_UNKNOWN = frozenset({"TransformFresh"})


def conditions(evidence: Evidence) -> dict[str, Verdict]:
    """Each by its type, in the order of `ORDER`."""
    found = {
        "KafkaReady": kafka_ready(evidence),
        "TopicsReady": topics_ready(evidence),
        "CredentialsReady": credentials_ready(evidence),
    }
    without_kafka = _first_against(found)
    found["DatabaseReady"] = database_ready(evidence)
    found["SchemaMigrated"] = schema_migrated(evidence)
    blocker = _first_against(found)
    found["ConsumerAvailable"] = consumer_available(evidence, blocker)
    found["LagKnown"] = lag_known(evidence)
    found["ScalingLimited"] = scaling_limited(evidence)
    found["CollectorAvailable"] = collector_available(evidence, without_kafka)
    found["TransformFresh"] = transform_fresh(evidence, blocker)
    found["DatabaseMaintained"] = database_maintained(evidence, blocker)
    found["DashboardReady"] = dashboard_ready(evidence, blocker)
    found["Ready"] = _ready(evidence, found)
    return found


def _ready(evidence: Evidence, found: Mapping[str, Verdict]) -> Verdict:
    """The roll-up: it holds when nothing stands in its way, else it says what does."""
    if evidence.pipeline.spec.suspend:
        consumer = found["ConsumerAvailable"]
        return Verdict(Status.FALSE, Reason.SUSPENDED, f"The pipeline is suspended. {consumer.message}")
    against = _first_against(found)
    if against is None:
        # A child that no condition speaks of, such as a Service, could not be written.
        name = evidence.pipeline.identity.name
        unwritten = next((told for ref, told in evidence.refusals.items() if not is_dashboards(ref, name)), None)
        return unwritten or true(Reason.READY, "Events are consumed and the marts are fresh.")
    name, verdict = against
    return Verdict(verdict.status, verdict.reason, f"{name}: {verdict.message}")


def _first_against(found: Mapping[str, Verdict]) -> tuple[str, Verdict] | None:
    """The first condition that is False, else the first that is Unknown; never one that only waits for another."""
    for status in (Status.FALSE, Status.UNKNOWN):
        passed = _TELLS_ONLY if status is Status.FALSE else _TELLS_ONLY | _MAY_BE_UNKNOWN
        for name, verdict in found.items():
            if name not in passed and verdict.status is status and verdict.reason is not Reason.BLOCKED:
                return name, verdict
    return None
