"""What a collector is sent by those who mean it no good, and what it has to answer. Pure data."""

from __future__ import annotations

import gzip
import json
import zlib
from functools import lru_cache
from typing import NamedTuple

from kit.collector import JSON, event

MEBIBYTE = 1024 * 1024


class Junk(NamedTuple):
    """The body of a request, its headers, and the code of its answer; for an event of it, `rejected` is the code."""

    body: bytes
    headers: dict[str, str]
    code: str = "ok"
    rejected: str = ""


@lru_cache
def bomb(mebibytes: int) -> bytes:
    """So many mebibytes of blanks around one event, as gzip packs them: a thousandth of that."""
    machine = zlib.compressobj(9, wbits=31)
    blanks = b" " * MEBIBYTE
    parts = [machine.compress(blanks) for _ in range(mebibytes)]
    return b"".join([*parts, machine.compress(json.dumps(event(0)).encode()), machine.flush()])


@lru_cache
def many_keys(count: int) -> bytes:
    """An event with so many properties."""
    keys = ",".join(f'"k{number}":1' for number in range(count))
    return json.dumps(event(0))[:-1].encode() + b',"properties":{' + keys.encode() + b"}}"


GZIP = {**JSON, "Content-Encoding": "gzip"}


@lru_cache
def junk() -> dict[str, Junk]:
    """Every kind, by a name for it; some are large, and made when they are first asked for."""
    return {
        "broken JSON": Junk(b'{"event_type": "page_view"', JSON, "invalid_json"),
        "no JSON at all": Junk(b"event_type=page_view&user_id=u", JSON, "invalid_json"),
        "a wrong content type": Junk(b"<event/>", {"Content-Type": "application/xml"}, "unsupported_type"),
        "no content type": Junk(b"{}", {}, "unsupported_type"),
        "an encoding that is none": Junk(b"{}", {**JSON, "Content-Encoding": "br"}, "unsupported_encoding"),
        "a gzip that is none": Junk(b"{}", GZIP, "bad_gzip"),
        "a gzip bomb of 500 MB": Junk(bomb(500), GZIP, "unpacked_too_large"),
        "bytes that are not UTF-8": Junk(b'{"event_type": "\xff\xfe"}}', JSON, "not_utf8"),
        "100,000 brackets": Junk(b'{"a": ' + b"[" * 100_000, JSON, "nesting_too_deep"),
        "501 events": Junk(json.dumps({"batch": [{}] * 501}).encode(), JSON, "too_many_events"),
        "a body of 2 MB": Junk(b'{"a": "' + b"x" * 2 * MEBIBYTE + b'"}', JSON, "request_too_large"),
        "a million keys": Junk(many_keys(1_000_000), JSON, "request_too_large"),
        "a million keys, packed": Junk(gzip.compress(many_keys(1_000_000)), GZIP, "request_too_large"),
        "400,000 keys, packed": Junk(gzip.compress(many_keys(400_000)), GZIP, "unpacked_too_large"),
        "10,000 keys": Junk(
            json.dumps(event(0, properties={f"k{number}": 1 for number in range(10_000)})).encode(),
            JSON,
            rejected="event_too_large",
        ),
        "a document that is no event": Junk(b'{"a": 1}', JSON, rejected="missing_field"),
        "an event from 1970": Junk(
            json.dumps(event(0, timestamp="1970-01-01T00:00:00Z")).encode(), JSON, rejected="timestamp_out_of_range"
        ),
        "an event from 2099": Junk(
            json.dumps(event(0, timestamp="2099-01-01T00:00:00Z")).encode(), JSON, rejected="timestamp_out_of_range"
        ),
        "a batch with an event that is not UTF-8": Junk(
            b'{"batch": [{"event_type": "\xff"}]}', JSON, rejected="not_utf8"
        ),
        "an event with U+0000": Junk(json.dumps(event(0, page="\0")).encode(), JSON, rejected="nul_character"),
    }
