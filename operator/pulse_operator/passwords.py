"""What is made once and kept: passwords of database roles, the write key of the collector, and what the dashboards must
not lose."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from pulse.facts import ROLES, DashboardKeys, Role
from pulse_operator import deduce, objects
from pulse_operator.dependencies import Missing
from pulse_operator.dependencies.verdict import Raw
from pulse_operator.objects import Ref
from pulse_operator.observe import Observer
from pulse_operator.pipeline import Pipeline
from pulse_operator.render import page
from pulse_operator.render.collector import SENDER
from pulse_operator.render.metabase import KEYS
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
        made = await _kept(observer, seen, ref, {"password": _random})
        if "password" in made:
            known[role] = made["password"]
    return known


async def write_key(observer: Observer, wanted: Wants, seen: Seen) -> str:
    """The key that Pulse makes for a sender; "" where none is due, or nobody can say whether it is."""
    ref = wanted.own_keys
    if ref is None:
        return ""
    return (await _kept(observer, seen, ref, {SENDER: _random})).get(SENDER, "")


async def dashboard_keys(observer: Observer, pipeline: Pipeline, wanted: Wants, seen: Seen) -> DashboardKeys:
    """Those that the dashboards need and may have.

    None is made for a Metabase whose database is there already: what it holds could not be read with another key.
    """
    refs, spec = wanted.dashboards, pipeline.spec.dashboard
    found = deduce.kept_keys(wanted, seen)
    if spec.live.enabled and spec.live.auth == "token":
        made = await _kept(observer, seen, refs.token, {page.TOKEN_KEY: _random})
        found = deduce.with_texts(found, token=made.get(page.TOKEN_KEY, ""))
    if not spec.metabase.enabled:
        return found
    first = {"email": lambda: spec.metabase.admin_email, "password": _random, "encryption-key": _random}
    begun = refs.database is not None and seen.there(refs.database) is not None
    made = await _kept(observer, seen, refs.keys, {} if begun else first, KEYS)
    found = deduce.with_texts(found, **{KEYS[key]: text for key, text in made.items()})
    if refs.role_secret is not None and objects.DATABASE_ROLE in seen.served:
        made = await _kept(observer, seen, refs.role_secret, {"password": _random})
        found = deduce.with_texts(found, role_password=made.get("password", ""))
    return found


def texts_read(wanted: Wants, seen: Seen) -> dict[Ref, Raw]:
    """The Secrets that this pass has taken such texts from, as they were then."""
    dashboards = wanted.dashboards
    refs = (*wanted.role_secrets.values(), wanted.own_keys, dashboards.token, dashboards.keys, dashboards.role_secret)
    return {ref: live for ref in refs if ref is not None and (live := seen.there(ref)) is not None}


async def _kept(
    observer: Observer,
    seen: Seen,
    ref: Ref,
    makers: Mapping[str, Callable[[], str]],
    keys: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The texts of a Secret: those that earlier passes made, and new ones where there is none.

    The index may lag behind what was written a moment ago, and a second password would void the first: before one is
    made, the API server itself has to say that there is none. Empty if it says nothing.
    """
    wanted = [*(keys or makers)]
    live = seen.there(ref)
    known = {key: text for key in wanted if live is not None and (text := secret_text(live, key))}
    if len(known) == len(wanted):
        return known
    fresh = await observer.fetch(ref)
    if isinstance(fresh, Missing) and fresh is not Missing.OBJECT:
        return known
    stored = {} if isinstance(fresh, Missing) else fresh
    texts = {key: secret_text(stored, key) or (makers[key]() if key in makers else "") for key in wanted}
    return {key: text for key, text in texts.items() if text}


def _random() -> str:
    return secrets.token_urlsafe(BYTES)
