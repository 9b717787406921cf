"""Whether a KafkaUser has credentials, and where they are. The Secret itself is read by somebody else."""

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

USER = strimzi.kind("KafkaUser")
_NOT_WATCHED = (
    f"Its label {strimzi.CLUSTER_LABEL} is right, so check that the user operator runs and that this is the namespace "
    "it watches, normally Kafka's own."
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The Secret, in the user's namespace, and the name that Kafka knows the user by."""

    secret: str
    username: str


def user_verdict(found: Found, namespace: str, name: str, cluster: str, seconds: float) -> Verdict:
    """Whether the user has credentials. `seconds` is the age of the object."""
    target = Target(USER, namespace, name)
    if isinstance(found, Missing):
        return missing(found, target)
    return (
        strimzi.unlabelled(found, target, cluster)
        or strimzi.unsettled(found, target, seconds, _NOT_WATCHED)
        or strimzi.refused(found, target, {})
        or _unnamed(found, target)
        or true(Reason.READY, f"{target} is ready, its credentials are in Secret {status(found)['secret']}.")
    )


def credentials(user: Raw) -> Credentials | None:
    """Where the credentials are; None while the user operator has not said so. The Secret's name may be prefixed."""
    found = status(user)
    if not found.get("secret") or not found.get("username"):
        return None
    return Credentials(secret=found["secret"], username=found["username"])


def _unnamed(user: Raw, target: Target) -> Verdict | None:
    if credentials(user):
        return None
    kind = user["spec"].get("authentication", {}).get("type")
    return false(
        Reason.CREDENTIALS_NOT_NAMED,
        f"{target} is ready, but status.secret or status.username is empty: spec.authentication.type is "
        f"{kind or 'absent'}. Set it to tls or scram-sha-512, as the listener asks for.",
    )
