"""What an answer of the API server means, answer by answer, in the forms that real servers gave."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulse.errors import Verdict
from pulse_operator import refusals
from pulse_operator.objects import KAFKA_TOPIC, Ref
from pulse_operator.refusals import ApiError, ApiUnavailable, refusal, transient

TOPIC = Ref(KAFKA_TOPIC, "kafka", "shop-events")
UNTYPED = "failed to create typed patch object (kafka/shop-events; ): .spec.x: field not declared in schema"


def status(message: str, reason: str = "", **details: Any) -> bytes:
    return json.dumps({"kind": "Status", "message": message, "reason": reason, "details": details}).encode()


CASES = [
    (404, status('kafkatopics "shop-events" not found', "NotFound", name="shop-events"), refusals.NotFound),
    (404, status('namespaces "kafka" not found', "NotFound", name="kafka", kind="namespaces"), refusals.NotFound),
    (404, status("the server could not find the requested resource", "NotFound"), refusals.NotServed),
    (404, b"404 page not found\n", refusals.NotServed),
    (403, status("cannot patch", "Forbidden", name="shop-events"), refusals.Forbidden),
    (409, status("the object has been modified", "Conflict", name="shop-events"), refusals.Conflict),
    (410, status("too old resource version", "Expired"), refusals.Conflict),
    (422, status("spec.partitions is negative", "Invalid", name="shop-events"), refusals.Invalid),
    (422, status("the server rejected our request due to an error in our request", "Invalid"), refusals.Conflict),
    (400, status("unknown field", "BadRequest"), refusals.Invalid),
    (500, status(UNTYPED), refusals.Invalid),
    (500, status("etcdserver: request timed out", "InternalError"), refusals.ApiUnavailable),
    (503, b"<html>bad gateway</html>", refusals.ApiUnavailable),
    (429, status("too many requests", "TooManyRequests"), refusals.ApiUnavailable),
    (401, status("Unauthorized", "Unauthorized"), refusals.ApiUnavailable),
    (302, b"", refusals.ApiUnavailable),
]


@pytest.mark.parametrize(("code", "body", "error"), CASES)
def test_each_answer_is_one_error_that_names_verb_and_object(code: int, body: bytes, error: type[ApiError]) -> None:
    found = refusal("apply", TOPIC, code, body)
    assert type(found) is error
    assert str(found).startswith("Could not apply KafkaTopic kafka/shop-events: ")
    assert str(found).endswith(".")


def test_what_passes_by_itself_is_retried_and_what_a_person_must_mend_is_not() -> None:
    retried = {error.__name__ for _, _, error in CASES if error.verdict is Verdict.RETRY}
    assert retried == {"ApiUnavailable", "Conflict"}


@pytest.mark.parametrize(
    ("code", "body", "again"),
    [
        (429, b"", True),
        (500, b"", True),
        (503, b"", True),
        (500, status(UNTYPED), False),
        (409, b"", False),
        (401, b"", False),
    ],
)
def test_only_a_busy_or_failing_server_is_asked_the_same_again_at_once(code: int, body: bytes, again: bool) -> None:
    assert transient(code, body) is again


@pytest.mark.parametrize(
    ("header", "body", "seconds"),
    [
        ("7", b"", 7.0),
        (None, status("busy", retryAfterSeconds=3), 3.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", b"", 0.0),
        (None, b"", 0.0),
    ],
)
def test_the_pause_that_the_server_asks_for_is_kept(header: str | None, body: bytes, seconds: float) -> None:
    found = refusal("list", KAFKA_TOPIC, 429, body, header)
    assert isinstance(found, ApiUnavailable)
    assert found.after_seconds == seconds


def test_a_missing_role_is_named_by_the_verb_that_kubernetes_has_for_it() -> None:
    assert "the verb 'patch'" in str(refusal("apply", TOPIC, 403, status("no", "Forbidden")))
    assert "the verb 'list'" in str(refusal("list", KAFKA_TOPIC, 403, status("no", "Forbidden")))
