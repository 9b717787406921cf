"""The write keys that senders have, by the names of those senders."""

from __future__ import annotations

from collections.abc import Mapping

from pulse import senders
from pulse_operator.credentials.secrets import secret_value
from pulse_operator.dependencies import Reason, Verdict
from pulse_operator.dependencies.verdict import false, unknown
from pulse_operator.render.collector import SENDER
from pulse_operator.seen import Seen, secret_text
from pulse_operator.wants import Wants

_BY_PERSON = "Create it, or correct spec.collector.writeKeys of the pipeline."


def write_keys(wants: Wants, seen: Seen, made: str = "") -> Mapping[str, str] | Verdict:
    """All of them, or why they cannot be said; none without a collector. `made` is a new one, where one was due."""
    ref = wants.supplied_keys or wants.own_keys
    if ref is None:
        return {}
    found = seen.there(ref)
    if wants.supplied_keys is not None and (found is None or not found.get("data")):
        lacking = secret_value(seen, ref, "web", _BY_PERSON)
        assert isinstance(lacking, Verdict)  # noqa: S101 - there is none of any name
        return lacking
    keys = {name: (secret_text(found, name) or "").strip() for name in found.get("data") or {}} if found else {}
    if wants.own_keys is not None and not keys.get(SENDER):
        if not made:
            return unknown(Reason.PENDING, f"The write key in {ref} is not made yet. Wait.")
        keys[SENDER] = made
    entries = sorted(keys.items())
    wrong = senders.mistake(entries)
    if wrong:
        return false(Reason.WRITE_KEY_INVALID, f"{ref}: the entry {entries[wrong[0]][0]} {wrong[1]}")
    return keys
