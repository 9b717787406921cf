"""What the API server answers when it does not do what it was asked, and what happens next. Pure.

PulseError
 └── ApiError
      ├── ApiUnavailable  (Retry)  no answer, too busy, or failing inside; asked again later
      │    └── NotLeading          not even asked: another process writes now
      ├── Conflict        (Retry)  somebody else changed it first; it is read again
      ├── NotFound        (Stop)   the object, or the namespace it should be in, is not there
      ├── NotServed       (Stop)   the kind is not there: its definition is not installed
      ├── Forbidden       (Stop)   a role is missing
      └── Invalid         (Stop)   the object cannot be like this
"""

from __future__ import annotations

import msgspec

from pulse.errors import PulseError, Retry, Stop
from pulse_operator.objects import Kind, Ref

# What a request is called in messages, and the verb that a role has to allow.
VERBS = {"apply": "patch", "merge": "patch", "amend": "patch", "read": "get"}


class ApiError(PulseError):
    """The API server did not do what it was asked."""


class ApiUnavailable(ApiError, Retry):
    """It cannot be reached, is too busy, or failed inside. `after_seconds` is how long it asks to be left alone."""

    def __init__(self, message: str, after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class NotLeading(ApiUnavailable):
    """This process does not hold the Lease any more, so it asked for nothing; whoever holds it will."""


class Conflict(ApiError, Retry):
    """The object is not what the request took it for any more, or exists already."""


class NotFound(ApiError, Stop):
    """There is no such object, or no such namespace."""


class NotServed(ApiError, Stop):
    """There is no such kind in this cluster."""


class Forbidden(ApiError, Stop):
    """The operator's account may not do this."""


class Invalid(ApiError, Stop):
    """The object is refused as it is; the message is the server's."""


class Details(msgspec.Struct):
    """What a Status says about its object."""

    name: str = ""
    kind: str = ""
    retryAfterSeconds: int = 0  # noqa: N815 as it is on the wire


class Status(msgspec.Struct):
    """The answer to a request that was not carried out."""

    message: str = ""
    reason: str = ""
    details: Details | None = None


def refusal(verb: str, subject: Ref | Kind | str, status: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """The error for an answer that is no success. `subject` names the object or kind that was asked for."""
    told = _told(body)
    said = f"Could not {verb} {subject}: {told.message or body[:300].decode(errors='replace').strip() or status}"
    said = said if said.endswith(".") else f"{said}."
    if status == 404:
        return _absent(said, told, subject)
    if status == 403:
        need = VERBS.get(verb, verb)
        return Forbidden(f"{said} Give the operator's account the verb {need!r} on it.")
    if status == 409 or (status == 422 and not _names_object(told)):  # the latter: a `test` that does not hold
        return Conflict(f"{said} It is read again, then tried again.")
    if status in (400, 413, 415, 422) or _untyped(told):
        return Invalid(f"{said} Correct it; nothing was changed.")
    if status == 401:
        return ApiUnavailable(f"{said} The log-in is not accepted: renew the token or the certificate.")
    if status in (405, 406):
        return NotServed(f"{said} This API server does not know this kind of request.")
    if status == 410:
        return Conflict(f"{said} The version asked for is too old; everything is listed again.")
    return ApiUnavailable(f"{said} Status {status}; it is tried again.", _seconds(retry_after, told))


def transient(status: int, body: bytes) -> bool:
    """Whether the very same request may succeed a moment later."""
    return status == 429 or (status >= 500 and not _untyped(_told(body)))


def _told(body: bytes) -> Status:
    try:
        return msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError:  # plain text, or a proxy's page
        return Status()


def _absent(said: str, told: Status, subject: Ref | Kind | str) -> ApiError:
    """A missing object is named in the answer; where the kind itself is missing, there is nothing to name."""
    if _names_object(told):
        return NotFound(f"{said} Create it, or correct the name.")
    kind = subject.kind if isinstance(subject, Ref) else subject
    return NotServed(f"{said} This cluster does not serve {kind}: install its definition.")


def _names_object(told: Status) -> bool:
    """What is said of an object names it; what is said of the request, or of the kind, does not."""
    return told.details is not None and bool(told.details.name)


def _untyped(told: Status) -> bool:
    """A field that the schema does not have makes an apply fail as if the server were at fault; it is the object."""
    return "failed to create typed patch object" in told.message


def _seconds(retry_after: str | None, told: Status) -> float:
    """What the server asks for; a date, which some proxies send, counts as nothing."""
    if retry_after and retry_after.isdigit():
        return float(retry_after)
    return float(told.details.retryAfterSeconds) if told.details else 0.0
