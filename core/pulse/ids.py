"""Event ids: the UUIDs that a producer supplies, and the ones derived for records that carry none.

Layout of the derived ones: RFC 9562, section 5.8 (version 8). An id is 16 bytes here, as Postgres stores it.
"""

from __future__ import annotations

from hashlib import blake2b


def parsed(text: str) -> bytes | None:
    """The 16 bytes of a UUID in its 36-character form (either case), or None if the text is anything else."""
    if len(text) != 36 or text[8] != "-" or text[13] != "-" or text[18] != "-" or text[23] != "-":
        return None
    try:
        raw = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    return raw if len(raw) == 16 else None  # fromhex skips blanks, so a blank shows as a missing byte


def formatted(event_id: bytes) -> str:
    """The canonical lower-case text of a 16-byte id."""
    digits = event_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def uuid7(milliseconds: int, random_10_bytes: bytes) -> bytes:
    """A UUIDv7 of this time and this chance."""
    tail = random_10_bytes
    lead = milliseconds.to_bytes(6, "big")
    return lead + bytes([0x70 | tail[0] & 0x0F, tail[1], 0x80 | tail[2] & 0x3F]) + tail[3:]


def milliseconds(event_id: bytes | None) -> int | None:
    """The time since 1970 in an id that has one in front, which those of versions 7 and 8 do; else None."""
    if event_id is None or event_id[6] >> 4 not in (7, 8):
        return None
    return int.from_bytes(event_id[:6], "big")


def derived(milliseconds: int, *parts: bytes) -> bytes:
    """A UUIDv8 that is the same whenever it is derived from the same parts.

    The leading 48 bits are `milliseconds`, so that it sorts and partitions with UUIDv7; the rest is a hash of
    `parts`, each with its length before it, so that no two lists of parts read alike.
    """
    digest = blake2b(digest_size=10)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    lead = min(max(milliseconds, 0), 0xFFFF_FFFF_FFFF).to_bytes(6, "big")
    tail = digest.digest()
    return lead + bytes([0x80 | tail[0] & 0x0F, tail[1], 0x80 | tail[2] & 0x3F]) + tail[3:]


def of_record(kafka_ms: int, user_id: str, topic_id: bytes, partition: int, offset: int) -> bytes:
    """The id of a record that carries none: a replay gives the same, two records of one millisecond stay two."""
    return derived(
        kafka_ms, user_id.encode(), topic_id, partition.to_bytes(4, "big", signed=True), offset.to_bytes(8, "big")
    )
