"""CollectorAvailable: whether events are taken by HTTP. It stands on Kafka alone: no database, no schema."""

from __future__ import annotations

from pulse_operator.conditions.deployment import running, to_come
from pulse_operator.conditions.evidence import Evidence, refused
from pulse_operator.dependencies import Reason, Verdict
from pulse_operator.dependencies.verdict import true


def collector_available(evidence: Evidence, blocker: tuple[str, Verdict] | None) -> Verdict:
    """Whether somebody takes events. `blocker` is the first condition of what it stands on that does not hold."""
    ref = evidence.wants.collector
    if ref is None:
        return true(Reason.NOT_ENABLED, "No collector is asked for (spec.collector.enabled is false).")
    place = ref.namespace, ref.name
    # All that makes it up has one name: without its Service or its Ingress nobody reaches it.
    problem = refused(evidence, (one for one in evidence.refusals if (one.namespace, one.name) == place))
    if problem:
        return problem
    found = evidence.seen.there(ref)
    if found is None:
        return to_come(ref, blocker)
    return running(evidence, ref, found)
