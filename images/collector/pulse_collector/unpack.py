"""Bodies that were packed with gzip, unpacked up to a limit. Pure."""

from __future__ import annotations

import zlib

from pulse_collector.refusals import Refused

_GZIP = 16 + zlib.MAX_WBITS


def unpacked(body: bytes, most_bytes: int) -> bytes:
    """What is in the body; Refused if it is not whole, or longer than `most_bytes`, which is never held in memory."""
    machine = zlib.decompressobj(_GZIP)
    try:
        found = machine.decompress(body, most_bytes + 1)
    except zlib.error:
        raise Refused("bad_gzip") from None
    if len(found) > most_bytes:
        raise Refused("unpacked_too_large")
    if not machine.eof or machine.unused_data:
        raise Refused("bad_gzip")
    return found
