"""What Strimzi's kinds have in common: empty status, paused, generation lag, and two ways to say not ready.

Kafka and KafkaUser write NotReady=True and never Ready=False; KafkaTopic writes Ready=False. All are accepted of all.
"""

from __future__ import annotations

from pulse_operator.dependencies.verdict import (
    MADE_BY_PULSE,
    Kind,
    Raw,
    Reason,
    Target,
    Verdict,
    condition,
    false,
    generation_lag,
    no_status,
    status,
    told,
    unknown,
)

API_VERSION = "kafka.strimzi.io/v1"
OPERATOR = "Strimzi 1.0 or newer"
CLUSTER_LABEL = "strimzi.io/cluster"
PATIENCE_SECONDS = 180.0  # Strimzi looks at every object each 120 s, whatever it missed


def kind(name: str, absent: str = MADE_BY_PULSE) -> Kind:
    """One of Strimzi's kinds."""
    return Kind(name, API_VERSION, OPERATOR, absent)


def unlabelled(raw: Raw, target: Target, cluster: str) -> Verdict | None:
    """The topic and user operators look only at objects with the label of their cluster; others stay as they are."""
    label = raw["metadata"].get("labels", {}).get(CLUSTER_LABEL)
    if label == cluster:
        return None
    return false(
        Reason.WRONG_CLUSTER_LABEL,
        f"{target}: metadata.labels[{CLUSTER_LABEL}] is {label or 'absent'}, so the operators of Kafka {cluster} "
        f"ignore it. Set the label to {cluster}.",
    )


def unsettled(raw: Raw, target: Target, seconds: float, hint: str) -> Verdict | None:
    """The verdict while the status does not speak of the latest spec; None when it does."""
    if not status(raw):
        return no_status(target, seconds, PATIENCE_SECONDS, hint)
    if condition(raw, "ReconciliationPaused"):
        return unknown(
            Reason.RECONCILIATION_PAUSED,
            f"{target} is paused, so its status may be old. "
            "Remove its annotation strimzi.io/pause-reconciliation to go on.",
        )
    return generation_lag(raw, target)


def not_ready(raw: Raw) -> Raw | None:
    """The condition that says not ready, in either form."""
    return condition(raw, "NotReady") or condition(raw, "Ready", "False")


def refused(raw: Raw, target: Target, names: dict[str, Reason]) -> Verdict | None:
    """The verdict on a settled object that is not ready; `names` are the reasons that have a word of their own."""
    found = not_ready(raw)
    if found:
        reason = names.get(str(found.get("reason")), Reason.NOT_READY)
        return false(reason, f"{target} is not ready: {told(found)}. {_ADVICE.get(reason, _LOOK)}")
    if condition(raw, "Ready"):
        return None
    return unknown(Reason.PENDING, f"{target} has no Ready condition yet. Wait for its operator to act on it.")


_LOOK = "Mend what it names, or look at the log of Strimzi's operators."
_ADVICE = {
    Reason.CREATING: "Wait for its pods.",
    Reason.TOPIC_OWNED_BY_OTHER: "An older KafkaTopic owns this topic: delete that one, or rename the pipeline.",
    Reason.CHANGE_NOT_SUPPORTED: "Kafka cannot make this change: set the field back, or make a new topic.",
}
