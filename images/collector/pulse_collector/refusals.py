"""Why a request is refused as a whole: its status and a code that never changes its meaning.

docs/collector.md lists them, and a test holds that list to this one.
"""

from __future__ import annotations

REFUSALS: dict[str, tuple[int, str]] = {
    "invalid_json": (400, "The body is not one JSON document."),
    "not_utf8": (400, "The body holds bytes that are not UTF-8."),
    "not_an_object": (400, "The body is JSON, and no object."),
    "nesting_too_deep": (400, "The body is nested too deep."),
    "invalid_batch": (400, "`batch` is not a list."),
    "invalid_sent_at": (400, "`sent_at` is not a time as RFC 3339 writes it."),
    "empty_body": (400, "The request has no body."),
    "bad_gzip": (400, "The body is not what gzip makes, or ends in the middle."),
    "invalid_query": (400, "The query of the pixel holds a number or a time that is none."),
    "unknown_key": (401, "The write key is missing, or none of this collector's."),
    "origin_not_allowed": (403, "The page's origin is not on the collector's list."),
    "not_found": (404, "There is no such path."),
    "method_not_allowed": (405, "The path is there, and not for this method."),
    "body_too_slow": (408, "The body did not come in time."),
    "request_too_large": (413, "The body is longer than PULSE_COLLECTOR_REQUEST_BYTES."),
    "unpacked_too_large": (413, "The unpacked body is longer than PULSE_COLLECTOR_UNPACKED_BYTES."),
    "too_many_events": (413, "The batch has more events than PULSE_COLLECTOR_BATCH_EVENTS."),
    "unsupported_type": (415, "The content type is neither application/json nor text/plain in UTF-8."),
    "unsupported_encoding": (415, "The content encoding is neither gzip nor identity."),
    "rate_limited": (429, "This key has sent too much; Retry-After says how long to wait."),
    "internal": (500, "The collector failed at this request. Nothing is claimed of it."),
    "kafka_unavailable": (503, "Kafka did not store the events. Nothing is claimed of them."),
    "buffer_full": (503, "Kafka is away, and the buffer on the disk has no room for the events."),
    "busy": (503, "The collector holds as much as it can. Try again."),
}


class Refused(Exception):
    """The request as a whole is refused, for a code of REFUSALS. `retry_seconds` is how long to wait at least."""

    def __init__(self, code: str, retry_seconds: float = 0.0) -> None:
        super().__init__(code)
        self.code = code
        self.status, self.reason = REFUSALS[code]
        self.retry_seconds = retry_seconds
