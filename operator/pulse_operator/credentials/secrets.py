"""Keys of a Secret, or the verdict that names the one that is missing."""

from __future__ import annotations

from pulse_operator.dependencies import Missing, Reason, Verdict
from pulse_operator.dependencies.verdict import Kind, Target, false, missing
from pulse_operator.objects import Ref
from pulse_operator.seen import Seen, secret_text


def secret_value(seen: Seen, ref: Ref, key: str, absent: str) -> str | Verdict:
    """The value of a key. `absent` says what to do if there is no such Secret or key."""
    found = seen.found(ref)
    if found is Missing.OBJECT:
        return false(Reason.SECRET_MISSING, f"{ref} does not exist. {absent}")
    if isinstance(found, Missing):
        return missing(found, Target(Kind("Secret", "v1", "Kubernetes", absent), ref.namespace, ref.name))
    value = secret_text(found, key)
    if value is None:
        return false(Reason.SECRET_KEY_MISSING, f"{ref} has no text under the key {key}. {absent}")
    return value


def optional_value(seen: Seen, ref: Ref, key: str) -> str:
    """The value of a key that may be absent; "" then."""
    found = seen.there(ref)
    return (secret_text(found, key) or "") if found is not None else ""
