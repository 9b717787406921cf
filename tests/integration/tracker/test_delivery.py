"""The tracker in a real Chromium, in the demo shop, before a real collector: what a person did is stored once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from kit.own_kafka import OwnKafka
from kit.pipeline import Pipeline
from kit.street import NO_STORAGE, TWO_HOURS_AHEAD, Street, at, emptied, ready, track, visiting
from playwright.sync_api import Browser, BrowserContext, Route

pytestmark = pytest.mark.integration


def test_a_program_that_drives_the_browser_is_a_bot(street: Street, chromium: Browser) -> None:
    context = chromium.new_context()
    at(context, street).evaluate("pulse.flush()")
    street.wait_for(page_view=1)
    context.close()
    (row,) = street.pipeline.rows("select properties -> 'context' ->> 'bot_reason' from raw.events")
    assert row == ("webdriver",)


def test_what_happens_offline_arrives_when_the_network_is_back(street: Street, visitor: BrowserContext) -> None:
    page = at(visitor, street)
    page.evaluate("pulse.flush()")
    visitor.set_offline(True)
    for number in range(30):
        track(page, "search", search_query=f"tea {number}")
    page.wait_for_timeout(1_500)
    assert street.stored()["search"] == 0
    visitor.set_offline(False)
    street.wait_for(page_view=1, search=30)


def test_a_collector_that_says_503_gets_the_same_events_again(street: Street, visitor: BrowserContext) -> None:
    answers = iter([503, 503])

    def refuse(route: Route) -> None:
        status = next(answers, None)
        route.fulfill(status=status, headers={"Access-Control-Allow-Origin": "*"}) if status else route.continue_()

    visitor.route("**/v1/events**", refuse)
    page = at(visitor, street)
    track(page, "search")
    emptied(page)
    street.wait_for(page_view=1, search=1)
    assert page.evaluate("pulse.counts") == {"dropped": 0, "failed": 2}


def test_an_answer_that_is_lost_makes_duplicates_and_no_conflict(street: Street, visitor: BrowserContext) -> None:
    answers = iter([True])

    def lose(route: Route) -> None:
        if next(answers, False):
            route.fetch()  # the collector has it, the page does not learn so
            route.abort()
        else:
            route.continue_()

    visitor.route("**/v1/events**", lose)
    page = at(visitor, street)
    for _ in range(5):
        track(page, "search")
    page.evaluate("pulse.flush()")
    emptied(page)
    street.wait_for(page_view=1, search=5)
    assert street.pipeline.sums()["duplicate"] >= 1


def test_a_tab_that_is_closed_while_it_sends_loses_nothing(street: Street, visitor: BrowserContext) -> None:
    for number in range(5):
        page = at(visitor, street)
        for _ in range(3):
            track(page, "search", tab=number)
        page.close(run_before_unload=True)
    at(visitor, street, "cart.html")
    street.wait_for(page_view=6, search=15)


def test_two_tabs_that_send_at_the_same_time_send_each_event_once(street: Street, visitor: BrowserContext) -> None:
    tabs = [at(visitor, street), at(visitor, street, "cart.html")]
    for number in range(25):
        for tab in tabs:
            track(tab, "search", number=number)
    for tab in tabs:
        tab.evaluate("pulse.flush()")
    street.wait_for(page_view=2, search=50)
    assert street.pipeline.sums()["duplicate"] == 0
    assert street.pipeline.number("select count(distinct anonymous_id) from raw.events") == 1


def test_a_clock_that_is_two_hours_ahead_is_set_right(street: Street, chromium: Browser) -> None:
    context = visiting(chromium, TWO_HOURS_AHEAD)
    before = datetime.now(UTC)
    page = at(context, street)
    assert page.evaluate("Date.now()") / 1000 > before.timestamp() + 7_000
    page.evaluate("pulse.flush()")
    street.wait_for(page_view=1)
    context.close()
    ((happened, told),) = street.pipeline.rows(
        "select event_timestamp, (properties -> 'context' ->> 'created_at')::timestamptz from raw.events"
    )
    assert before - timedelta(seconds=1) <= happened <= datetime.now(UTC)
    assert told - happened > timedelta(minutes=110)


def test_who_says_no_is_not_counted_and_who_says_yes_again_is(street: Street, visitor: BrowserContext) -> None:
    page = at(visitor, street)
    page.evaluate("pulse.flush()")
    page.click("text=Do not count me")
    page.wait_for_selector("text=Allow counting")
    track(page, "search")
    page.goto(f"{street.address}/cart.html")
    ready(page)
    assert visitor.cookies() == []
    page.click("text=Allow counting")
    page.wait_for_selector("text=Do not count me")
    track(page, "button_click")
    page.evaluate("pulse.flush()")
    street.wait_for(page_view=1, button_click=1)


def test_a_browser_that_keeps_nothing_is_served_all_the_same(street: Street, chromium: Browser) -> None:
    context = visiting(chromium, NO_STORAGE)
    failures: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda failed: failures.append(str(failed)))
    page.goto(f"{street.address}/product.html?id=3")
    ready(page)
    for _ in range(3):
        track(page, "search")
    page.evaluate("pulse.flush()")
    street.wait_for(page_view=1, product_view=1, search=3)
    context.close()
    assert failures == []
    assert street.pipeline.number("select count(distinct anonymous_id) from raw.events") == 1


def test_while_kafka_is_away_the_page_keeps_what_happens(own: tuple[OwnKafka, Pipeline], chromium: Browser) -> None:
    broker, pipeline = own
    street, visitor = Street(pipeline, ack_timeout=timedelta(seconds=2)), visiting(chromium)
    page = at(visitor, street)
    page.evaluate("pulse.flush()")
    emptied(page)
    broker.kill()
    for number in range(5):
        track(page, "search", search_query=f"tea {number}")
    page.evaluate("pulse.flush()")
    page.wait_for_function("pulse.counts.failed > 0")
    page.goto(f"{street.address}/cart.html")
    ready(page)
    broker.start()
    emptied(page)
    street.wait_for(page_view=2, search=5)
    assert street.collector.metric('pulse_collector_requests_total{code="kafka_unavailable"}') >= 1
    visitor.close()
    street.close()
