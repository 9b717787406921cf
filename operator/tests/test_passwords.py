"""The write key that Pulse makes: once, and never a second one that would void the first."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from kit.evidence import AT, SPEC, pipeline, secret

from pulse import senders
from pulse_operator.objects import Ref
from pulse_operator.observe import Observer
from pulse_operator.passwords import write_key
from pulse_operator.refusals import ApiError, ApiUnavailable, Forbidden, NotFound
from pulse_operator.seen import Seen
from pulse_operator.wants import wants

COLLECTS = wants(pipeline({**SPEC, "collector": {"enabled": True}}))
assert COLLECTS.own_keys
KEYS: Ref = COLLECTS.own_keys


class Server:
    """An API server that answers so when it is asked for the Secret."""

    def __init__(self, answer: dict[str, Any] | ApiError) -> None:
        self._answer = answer

    async def get(self, ref: Ref) -> dict[str, Any]:
        assert ref == KEYS
        if isinstance(self._answer, ApiError):
            raise self._answer
        return {**self._answer, "metadata": {**self._answer["metadata"], "resourceVersion": "1"}}


def key(answer: dict[str, Any] | ApiError, seen: dict[Ref, Any] | None = None) -> str:
    observer = Observer(cast(Any, Server(answer)), cast(Any, None), False, lambda: AT)
    return asyncio.run(write_key(observer, COLLECTS, Seen(AT, seen or {})))


def test_one_is_made_where_there_is_none_and_it_is_one_that_can_be_used() -> None:
    made = key(NotFound("no such Secret"))
    assert senders.mistake([("web", made)]) is None
    assert key(NotFound("no such Secret")) != made, "it is random"


def test_one_is_made_where_the_secret_has_lost_it() -> None:
    assert senders.mistake([("web", key(secret(KEYS, app="key-of-the-app")))]) is None


def test_the_one_that_is_there_stays_also_where_no_watch_told_of_it_yet() -> None:
    kept = secret(KEYS, web="key-of-the-pages")
    assert key(NotFound("not asked"), {KEYS: kept}) == "key-of-the-pages"
    assert key(kept) == "key-of-the-pages"


@pytest.mark.parametrize("error", [Forbidden("no"), ApiUnavailable("away")])
def test_none_is_made_while_nobody_can_say_whether_there_is_one(error: ApiError) -> None:
    assert key(error) == ""


@pytest.mark.parametrize("parts", [{"enabled": False}, {"enabled": True, "writeKeys": {"name": "mine"}}])
def test_none_is_made_where_none_is_due(parts: dict[str, Any]) -> None:
    found = wants(pipeline({**SPEC, "collector": parts}))
    observer = Observer(cast(Any, None), cast(Any, None), False, lambda: AT)
    assert asyncio.run(write_key(observer, found, Seen(AT))) == ""
