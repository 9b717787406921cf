"""The passwords of the database roles: those that earlier passes made, and new ones where there is none."""

from __future__ import annotations

import secrets

from pulse.facts import ROLES, Role
from pulse_operator import deduce, objects
from pulse_operator.dependencies import Missing
from pulse_operator.observe import Observer
from pulse_operator.seen import Seen, secret_text
from pulse_operator.wants import Wants

BYTES = 24


async def passwords(observer: Observer, wanted: Wants, seen: Seen) -> dict[Role, str]:
    """One for each role that has a Secret or may get one; where roles are made by hand, so are their Secrets.

    The index may lag behind what was written a moment ago, and a second password would void the first: before one is
    made, the API server itself has to say that there is none.
    """
    known = deduce.kept_passwords(wanted, seen)
    if objects.DATABASE_ROLE not in seen.served:
        return known
    for role in ROLES:
        ref = wanted.role_secrets.get(role)
        if ref is None or role in known:
            continue
        live = await observer.fetch(ref)
        kept = None if isinstance(live, Missing) else secret_text(live, "password")
        if kept or live is Missing.OBJECT or not isinstance(live, Missing):
            known[role] = kept or secrets.token_urlsafe(BYTES)
    return known
