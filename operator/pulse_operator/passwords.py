"""What Pulse makes for others to log in with, the passwords of the database roles and the write key of the collector:
those that earlier passes made, and new ones where there is none."""

from __future__ import annotations

import secrets

from pulse.facts import ROLES, Role
from pulse_operator import deduce, objects
from pulse_operator.dependencies import Missing
from pulse_operator.objects import Ref
from pulse_operator.observe import Observer
from pulse_operator.render.collector import SENDER
from pulse_operator.seen import Seen, secret_text
from pulse_operator.wants import Wants

BYTES = 24


async def passwords(observer: Observer, wanted: Wants, seen: Seen) -> dict[Role, str]:
    """One for each role that has a Secret or may get one; where roles are made by hand, so are their Secrets."""
    known = deduce.kept_passwords(wanted, seen)
    if objects.DATABASE_ROLE not in seen.served:
        return known
    for role in ROLES:
        ref = wanted.role_secrets.get(role)
        if ref is None or role in known:
            continue
        made = await _kept_or_new(observer, ref, "password")
        if made:
            known[role] = made
    return known


async def write_key(observer: Observer, wanted: Wants, seen: Seen) -> str:
    """The key that Pulse makes for a sender; "" where none is due, or nobody can say whether it is."""
    ref = wanted.own_keys
    if ref is None:
        return ""
    known = seen.there(ref)
    return (secret_text(known, SENDER) if known else None) or await _kept_or_new(observer, ref, SENDER)


async def _kept_or_new(observer: Observer, ref: Ref, key: str) -> str:
    """What the Secret has under the key, or something new if it has nothing; "" if it cannot be read.

    The index may lag behind what was written a moment ago, and a second password would void the first: before one is
    made, the API server itself has to say that there is none.
    """
    live = await observer.fetch(ref)
    if isinstance(live, Missing):
        return secrets.token_urlsafe(BYTES) if live is Missing.OBJECT else ""
    return secret_text(live, key) or secrets.token_urlsafe(BYTES)
