"""Whether a Kafka can carry a pipeline, and how clients reach it.

Besides Strimzi's own word this asks for what a pipeline needs of it: both entity operators, simple authorization for
the ACLs of KafkaUsers where clients log in, and the listener that clients are to use.
"""

from __future__ import annotations

from dataclasses import dataclass

from pulse_operator.dependencies import strimzi
from pulse_operator.dependencies.verdict import (
    Found,
    Missing,
    Raw,
    Reason,
    Target,
    Verdict,
    false,
    missing,
    status,
    true,
)

KAFKA = strimzi.kind("Kafka", "Create it, or correct spec.source.strimzi.cluster and namespace of the pipeline.")
_NOT_WATCHED = "Check that Strimzi's cluster operator runs and watches this namespace (STRIMZI_NAMESPACE)."


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How clients reach a listener. A cluster_id other than before is a rebuilt Kafka: stored offsets are void."""

    bootstrap_servers: str
    tls: bool
    authentication: str | None  # "tls", "scram-sha-512", "custom"; None: anybody may connect
    certificates: tuple[str, ...]  # PEM
    cluster_id: str | None


def kafka_verdict(found: Found, namespace: str, name: str, listener: str, seconds: float) -> Verdict:
    """Whether this Kafka can carry a pipeline that uses this listener. `seconds` is the age of the object."""
    target = Target(KAFKA, namespace, name)
    if isinstance(found, Missing):
        return missing(found, target)
    return (
        _unfit(found, target, listener)
        or strimzi.unsettled(found, target, seconds, _NOT_WATCHED)
        or strimzi.refused(found, target, {"Creating": Reason.CREATING})
        or _unreachable(found, target, listener)
        or true(Reason.READY, f"{target} is ready.")
    )


def endpoint(kafka: Raw, listener: str) -> Endpoint | None:
    """How clients reach the listener; None while its address is unknown. An address does not imply readiness."""
    declared, live = _declared(kafka).get(listener), _live(kafka).get(listener)
    if not declared or not live or not live.get("bootstrapServers"):
        return None
    return Endpoint(
        bootstrap_servers=live["bootstrapServers"],
        tls=declared["tls"],
        authentication=declared.get("authentication", {}).get("type"),
        certificates=tuple(live.get("certificates", ())),
        cluster_id=status(kafka).get("clusterId"),
    )


def _declared(kafka: Raw) -> dict[str, Raw]:
    return {found["name"]: found for found in kafka["spec"]["kafka"]["listeners"]}


def _live(kafka: Raw) -> dict[str, Raw]:
    return {found["name"]: found for found in status(kafka).get("listeners", ())}


def _unfit(kafka: Raw, target: Target, listener: str) -> Verdict | None:
    """Mistakes in the spec. They come first, because waiting does not mend them."""
    operators = kafka["spec"].get("entityOperator") or {}
    absent = [name for name in ("topicOperator", "userOperator") if name not in operators]
    if absent:
        return false(
            Reason.ENTITY_OPERATOR_MISSING,
            f"{target}: spec.entityOperator lacks {' and '.join(absent)}, so topics or users are never made. "
            f"Add {', '.join(f'{name}: {{}}' for name in absent)} there.",
        )
    declared = _declared(kafka)
    if listener not in declared:
        return _no_listener(target, "spec.kafka.listeners", listener, declared)
    return _unfit_for_users(kafka, target, listener, logs_in="authentication" in declared[listener])


def _unfit_for_users(kafka: Raw, target: Target, listener: str, *, logs_in: bool) -> Verdict | None:
    """Users need simple authorization for their ACLs; where nobody logs in there are none to be asked for."""
    authorization = kafka["spec"]["kafka"].get("authorization", {}).get("type")
    if logs_in and authorization != "simple":
        return false(
            Reason.AUTHORIZATION_MISSING,
            f"{target}: spec.kafka.authorization.type is {authorization or 'absent'}, so users with ACLs are refused. "
            "Set it to simple.",
        )
    if authorization and not logs_in:
        return false(
            Reason.AUTHENTICATION_MISSING,
            f"{target}: listener {listener} asks for no login, spec.kafka.authorization.type is {authorization}, so "
            "its clients are nobody and may do nothing. Give the listener authentication: {type: scram-sha-512}.",
        )
    return None


def _unreachable(kafka: Raw, target: Target, listener: str) -> Verdict | None:
    """A ready Kafka whose listener has no address, such as a load balancer that is still being made."""
    live = _live(kafka)
    if listener not in live:
        return _no_listener(target, "status.listeners", listener, live)
    if endpoint(kafka, listener) is None:
        return false(
            Reason.LISTENER_PENDING,
            f"{target}: status.listeners has no bootstrapServers for {listener}. Wait for its address; if it stays "
            "away, look at the listener's Service.",
        )
    return None


def _no_listener(target: Target, field: str, listener: str, there: dict[str, Raw]) -> Verdict:
    return false(
        Reason.LISTENER_MISSING,
        f"{target}: {field} has no listener {listener}; it has {', '.join(sorted(there)) or 'none'}. "
        "Add it there, or correct spec.source.strimzi.listener of the pipeline.",
    )
