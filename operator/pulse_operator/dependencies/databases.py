"""Whether CloudNativePG has made a Database and the DatabaseRoles of a pipeline.

Neither kind says readiness by conditions: status.applied is true, false, or absent while nobody knows. A failure leaves
status.observedGeneration where it was, so it is looked at before the generation.
"""

from __future__ import annotations

from pulse_operator.dependencies.cluster import API_VERSION, OPERATOR, PATIENCE_SECONDS
from pulse_operator.dependencies.verdict import (
    MADE_BY_PULSE,
    Found,
    Kind,
    Missing,
    Raw,
    Reason,
    Target,
    Verdict,
    false,
    generation_lag,
    missing,
    no_status,
    status,
    true,
    unknown,
)

DATABASE = Kind("Database", API_VERSION, OPERATOR, MADE_BY_PULSE)
ROLE = Kind("DatabaseRole", API_VERSION, OPERATOR, MADE_BY_PULSE)

_PARTS = ("extensions", "schemas", "fdws", "servers")


def database_verdict(found: Found, namespace: str, name: str, seconds: float) -> Verdict:
    """Whether the database is there as asked. `seconds` is the age of the object."""
    return _applied(found, Target(DATABASE, namespace, name), seconds)


def role_verdict(found: Found, namespace: str, name: str, seconds: float, *, installed: bool = True) -> Verdict:
    """Whether the role is there as asked. `installed` says whether there is a CloudNativePG at all.

    One without this kind has its roles made by hand, and nobody can tell from here.
    """
    target = Target(ROLE, namespace, name)
    if found is Missing.KIND and installed:
        return unknown(
            Reason.ROLES_BY_HAND,
            f"{target} cannot be made: the API server does not serve DatabaseRole in {API_VERSION} (CloudNativePG "
            "before 1.30). Create the role by hand and supply a Secret with its username and password.",
        )
    return _applied(found, target, seconds)


def _applied(found: Found, target: Target, seconds: float) -> Verdict:
    if isinstance(found, Missing):
        return missing(found, target)
    now = status(found)
    if not now:
        return no_status(target, seconds, PATIENCE_SECONDS, _hint(found))
    if now.get("applied") is False:
        return false(
            Reason.NOT_APPLIED,
            f"{target} was not applied (status.applied): {_complaint(found)}. Mend what it names; it is tried again.",
        )
    if now.get("applied") is None:
        return unknown(Reason.PENDING, _undecided(target, now.get("message")))
    return generation_lag(found, target) or true(Reason.READY, f"{target} is applied.")


def _undecided(target: Target, said: str | None) -> str:
    return f"{target}: status.applied is absent{f': {said}' if said else ''}. Wait; look at its Cluster if it stays."


def _hint(raw: Raw) -> str:
    return (
        f"Check that spec.cluster.name ({raw['spec']['cluster'].get('name') or 'empty'}) is a Cluster in the same "
        "namespace and has a live primary."
    )


def _complaint(raw: Raw) -> str:
    """The object's own message, and those of its parts that failed."""
    now = status(raw)
    parts = [
        f"{kind} {part['name']}: {part.get('message') or 'no message'}"
        for kind in _PARTS
        for part in now.get(kind, ())
        if not part["applied"]
    ]
    return "; ".join([(now.get("message") or "no message").rstrip("."), *parts])
