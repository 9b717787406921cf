"""What makes two sendings of one event the same: a hash of what the client said."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from pulse.documents import Document, Metadata

# What a collector adds or corrects; a retry of one event may differ in these, so they are no part of its identity.
COLLECTOR_CONTEXT = frozenset({"sent_at", "user_agent", "ip", "is_bot", "bot_reason"})


_canonical = msgspec.json.Encoder(order="sorted")


def fingerprint(document: Document, metadata: Metadata, event_us: int, properties: dict[str, Any] | None) -> bytes:
    """16 bytes that two sendings of one event share and two different contents do not.

    It covers what the client said: every field but received_at, and the context without what a collector adds. Where
    context.created_at is there, the collector may have corrected the timestamp, so the client's own time counts.
    """
    when: Any = event_us
    if properties:
        context = properties.get("context")
        if isinstance(context, dict):
            when = context.get("created_at", event_us)
            kept = {name: value for name, value in context.items() if name not in COLLECTOR_CONTEXT}
            rest = {name: value for name, value in properties.items() if name != "context"}
            properties = {**rest, "context": kept} if kept else rest
    payload = (
        document.event_type,
        document.user_id,
        when,
        document.page,
        metadata.product_id,
        metadata.category,
        metadata.price,
        metadata.search_query,
        document.funnel_step_index,
        document.funnel_complete,
        document.session_id,
        document.anonymous_id,
        properties or None,
    )
    return blake2b(_canonical.encode(payload), digest_size=16).digest()
