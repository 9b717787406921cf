"""The answer that every adapter gives, and what all of them ask of an object, or of its absence, in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Raw = Mapping[str, Any]
MADE_BY_PULSE = "Pulse makes it; if it stays away, look at the pipeline's Events for the refused write."


class Status(Enum):
    """The status of a condition, in the words of Kubernetes."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(Enum):
    """Why. The words are part of the interface: they stand in conditions, Events and docs/conditions.md."""

    READY = "Ready"
    CRD_MISSING = "CRDMissing"
    NOT_FOUND = "NotFound"
    FORBIDDEN = "Forbidden"
    NOT_READ = "NotRead"
    PENDING = "Pending"
    NOT_PICKED_UP = "NotPickedUp"
    PROGRESSING = "Progressing"
    NOT_READY = "NotReady"
    RECONCILIATION_PAUSED = "ReconciliationPaused"

    CREATING = "Creating"
    ENTITY_OPERATOR_MISSING = "EntityOperatorMissing"
    AUTHENTICATION_MISSING = "AuthenticationMissing"
    AUTHORIZATION_MISSING = "AuthorizationMissing"
    LISTENER_MISSING = "ListenerMissing"
    LISTENER_PENDING = "ListenerPending"

    WRONG_CLUSTER_LABEL = "WrongClusterLabel"
    UNMANAGED = "Unmanaged"
    TOPIC_OWNED_BY_OTHER = "TopicOwnedByOther"
    CHANGE_NOT_SUPPORTED = "ChangeNotSupported"
    PARTITIONS_DIFFER = "PartitionsDiffer"
    CONFIG_DIFFERS = "ConfigDiffers"
    CREDENTIALS_NOT_NAMED = "CredentialsNotNamed"
    SECRET_MISSING = "SecretMissing"  # noqa: S105 - no password
    SECRET_KEY_MISSING = "SecretKeyMissing"  # noqa: S105

    WRITE_KEY_INVALID = "WriteKeyInvalid"
    CONNECTION_STRING_INVALID = "ConnectionStringInvalid"

    HIBERNATED = "Hibernated"
    INITIALIZING = "Initializing"
    NO_READY_INSTANCE = "NoReadyInstance"
    SWITCHING_PRIMARY = "SwitchingPrimary"
    UNRECOVERABLE = "Unrecoverable"
    WAITING_FOR_USER = "WaitingForUser"
    INVALID_DEFINITION = "InvalidDefinition"
    DEGRADED = "Degraded"

    NOT_APPLIED = "NotApplied"
    ROLES_BY_HAND = "RolesByHand"
    EXTERNAL = "External"

    REACHABLE = "Reachable"
    UNREACHABLE = "Unreachable"
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    ACCESS_DENIED = "AccessDenied"
    TOPIC_MISSING = "TopicMissing"
    CLOCK_UNTRUSTED = "ClockUntrusted"
    MESSAGE_SIZE_TOO_SMALL = "MessageSizeTooSmall"

    REFUSED = "Refused"
    OWNED_BY_OTHER = "OwnedByOther"
    BLOCKED = "Blocked"
    SUSPENDED = "Suspended"

    MIGRATED = "Migrated"
    MIGRATING = "Migrating"
    MIGRATION_FAILED = "MigrationFailed"
    OTHER_PIPELINE = "OtherPipeline"

    AVAILABLE = "Available"
    ROLLING = "Rolling"
    UNAVAILABLE = "Unavailable"
    AT_REST = "AtRest"

    KNOWN = "Known"
    NOTHING_COMMITTED = "NothingCommitted"
    QUERY_FAILED = "QueryFailed"

    NOT_LIMITED = "NotLimited"
    PARTITION_COUNT = "PartitionCount"
    MAXIMUM = "Maximum"
    INEFFECTIVE_SCALE_UP = "IneffectiveScaleUp"

    FRESH = "Fresh"
    MAINTAINED = "Maintained"
    NEVER_RAN = "NeverRan"
    STALE = "Stale"
    RUN_FAILED = "RunFailed"
    INVALID_SCHEDULE = "InvalidSchedule"
    INVALID_TIME_ZONE = "InvalidTimeZone"

    PROVISIONING = "Provisioning"
    PROVISIONING_FAILED = "ProvisioningFailed"
    KEYS_LOST = "KeysLost"

    NOT_ENABLED = "NotEnabled"
    PAUSED = "Paused"
    DELETING = "Deleting"
    INVALID_SPEC = "InvalidSpec"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer. The message names the object and the field, and says what the reader can do."""

    status: Status
    reason: Reason
    message: str


class Missing(Enum):
    """Why there is no object to judge."""

    KIND = "kind"  # the API server does not serve it
    OBJECT = "object"  # it serves the kind, and there is no such object
    RIGHT = "right"  # the operator may not read it
    ANSWER = "answer"  # the API server has not been heard yet, or no longer


Found = Raw | Missing


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object that a pipeline stands on. `absent` says what to do when there is no such object."""

    name: str
    api_version: str
    operator: str
    absent: str


@dataclass(frozen=True, slots=True)
class Target:
    """The object that is asked about, whether or not it exists."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.name} {self.namespace}/{self.name}"


def true(reason: Reason, message: str) -> Verdict:
    """It holds."""
    return Verdict(Status.TRUE, reason, message)


def false(reason: Reason, message: str) -> Verdict:
    """It does not hold."""
    return Verdict(Status.FALSE, reason, message)


def unknown(reason: Reason, message: str) -> Verdict:
    """Nobody can say yet, so nothing is changed because of it."""
    return Verdict(Status.UNKNOWN, reason, message)


def missing(what: Missing, target: Target) -> Verdict:
    """The verdict on an object that is not there."""
    kind = target.kind
    if what is Missing.KIND:
        return false(
            Reason.CRD_MISSING,
            f"{target}: the API server does not serve {kind.name} in {kind.api_version}. Install {kind.operator} "
            "with its definitions. They are looked for again by themselves.",
        )
    if what is Missing.RIGHT:
        return false(
            Reason.FORBIDDEN,
            f"{target} may not be read by the operator. Name namespace {target.namespace} in the chart's values "
            "(namespaces, kafkaNamespaces or postgresNamespaces).",
        )
    if what is Missing.ANSWER:
        return unknown(
            Reason.NOT_READ, f"{target} has not been read: no answer from the API server. It is tried again."
        )
    return false(Reason.NOT_FOUND, f"{target} does not exist. {kind.absent}")


def generation_lag(raw: Raw, target: Target) -> Verdict | None:
    """Progressing while the object's operator has not yet acted on its latest spec; None when it has."""
    generation = raw["metadata"].get("generation")
    observed = status(raw).get("observedGeneration")
    if observed == generation:
        return None
    return unknown(
        Reason.PROGRESSING,
        f"{target}: its operator has acted on generation {observed or 0} of {generation} (status.observedGeneration). "
        "Wait; if it stays, look at that operator's log.",
    )


def no_status(target: Target, seconds: float, patience_seconds: float, hint: str) -> Verdict:
    """The verdict on an object whose status is empty: patience first, then the likely cause."""
    if seconds < patience_seconds:
        return unknown(Reason.PENDING, f"{target} has no status yet. Wait for its operator to act on it.")
    return false(
        Reason.NOT_PICKED_UP, f"{target} has had an empty status for more than {patience_seconds:.0f} s. {hint}"
    )


def status(raw: Raw) -> Raw:
    """The object's status; empty if there is none."""
    found: Raw = raw.get("status") or {}
    return found


def condition(raw: Raw, kind: str, value: str = "True") -> Raw | None:
    """The condition of that type and status, if the object has it."""
    for found in status(raw).get("conditions", ()):
        if found.get("type") == kind and found.get("status") == value:
            return dict(found)
    return None


def told(found: Raw) -> str:
    """What the other operator says in a condition, as it says it."""
    reason, message = found.get("reason") or "no reason given", found.get("message") or ""
    return f"{reason}: {message.rstrip('.')}" if message else str(reason)
