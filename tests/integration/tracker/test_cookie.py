"""The collector's cookie in a real Chromium: for who agrees, readable where the tracker needs it, gone with a no."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from kit.pipeline import Pipeline
from kit.street import Street, at, emptied, ready, track, visiting
from playwright.sync_api import Browser, BrowserContext, Page

from pulse_local.ports import HOST

pytestmark = pytest.mark.integration

SAYS_NO = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true });"


@pytest.fixture
def street(pipeline: Pipeline) -> Iterator[Street]:
    """A shop that has the collector set the cookie."""
    made = Street(pipeline, {"collectorCookie": True}, cookie="readable")
    yield made
    made.close()


def cookie(visitor: BrowserContext) -> dict[str, Any] | None:
    """What the browser has of it, whether scripts may see it or not."""
    found: list[dict[str, Any]] = [dict(one) for one in visitor.cookies() if one.get("name") == "pulse_id"]
    assert len(found) <= 1
    return found[0] if found else None


def sent(page: Page) -> None:
    page.evaluate("pulse.flush()")
    emptied(page)


def test_a_visitor_who_agrees_has_a_cookie_of_the_collectors_that_the_tracker_reads(
    street: Street, visitor: BrowserContext
) -> None:
    page = at(visitor, street)
    sent(page)
    street.wait_for(page_view=1)
    found = cookie(visitor)
    assert found is not None
    assert (found["secure"], found["httpOnly"], found["sameSite"]) == (True, False, "Lax"), (
        "a script's is not secure here"
    )
    assert found["expires"] > time.time() + 394 * 86_400
    ((stored,),) = street.pipeline.rows("select anonymous_id from raw.events")
    assert found["value"] == stored
    page.evaluate("localStorage.clear()")  # as a browser does that cuts down what scripts keep
    page.goto(f"{street.address}/cart.html")
    ready(page)
    assert (cookie(visitor) or {})["secure"], "the tracker leaves it as it is"
    sent(page)
    street.wait_for(page_view=2)
    assert street.pipeline.rows("select distinct anonymous_id from raw.events") == [(stored,)]


def test_with_a_no_it_is_gone_and_is_not_set_again(street: Street, visitor: BrowserContext) -> None:
    page = at(visitor, street)
    sent(page)
    assert cookie(visitor) is not None
    page.click("text=Do not count me")
    page.wait_for_selector("text=Allow counting")
    assert cookie(visitor) is None
    track(page, "search")
    page.goto(f"{street.address}/cart.html")
    ready(page)
    page.evaluate("pulse.flush()")
    assert cookie(visitor) is None
    page.click("text=Allow counting")
    page.wait_for_selector("text=Do not count me")
    track(page, "button_click")
    sent(page)
    street.wait_for(page_view=1, button_click=1)
    assert (cookie(visitor) or {})["secure"]
    assert street.pipeline.number("select count(distinct anonymous_id) from raw.events") == 2


def test_a_browser_that_says_no_gets_none(street: Street, chromium: Browser) -> None:
    visitor = visiting(chromium, SAYS_NO)
    page = at(visitor, street)
    page.evaluate("pulse.flush()")
    assert cookie(visitor) is None
    visitor.close()
    person = visiting(chromium)
    sent(at(person, street))
    street.wait_for(page_view=1)
    assert cookie(person) is not None
    person.close()


def test_a_page_with_the_pixel_alone_knows_its_visitor_and_no_script_does(
    pipeline: Pipeline, visitor: BrowserContext
) -> None:
    street = Street(pipeline, cookie="http-only")
    address = f"http://{HOST}:{street.collector.port}/v1/p.gif?key=shop-key-1&cookie=1"
    page = visitor.new_page()
    page.goto(f"{street.address}/shop.css")
    for _ in range(2):
        page.evaluate(
            "(address) => new Promise((done, failed) => {"
            " const image = new Image(); image.onload = done; image.onerror = failed; image.src = address; })",
            f"{address}&x={time.monotonic_ns()}",
        )
    street.wait_for(page_view=2)
    found = cookie(visitor)
    assert found is not None
    assert (found["secure"], found["httpOnly"], found["sameSite"]) == (True, True, "Lax")
    assert page.evaluate("document.cookie") == ""
    assert pipeline.rows("select distinct user_id from raw.events") == [(found["value"],)]
    street.close()
