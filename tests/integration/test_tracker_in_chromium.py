"""The tracker in a real Chromium, in the demo shop, before a real collector: what a person did is stored once."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kit import browser
from kit.collector import Running
from kit.pipeline import PATIENCE_SECONDS, Pipeline
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from pulse.settings import LogSettings, TransformSettings
from pulse_local import ports
from pulse_local.ports import HOST
from pulse_local.shop.serve import Shop

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).parents[2] / "dbt"
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
# A person's browser has no driver to tell of.
NO_DRIVER = "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false });"
NO_STORAGE = """
for (const name of ['localStorage', 'sessionStorage'])
  Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } });
Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set() {} });
"""
TWO_HOURS_AHEAD = """
const Real = Date;
window.Date = class extends Real {
  constructor(...words) { words.length ? super(...words) : super(Real.now() + 7_200_000); }
  static now() { return Real.now() + 7_200_000; }
};
"""


class Street:
    """The shop, and the pipeline behind it."""

    def __init__(self, pipeline: Pipeline) -> None:
        port = ports.free_port()
        self.address = f"http://{HOST}:{port}"
        self.pipeline = pipeline
        self.collector = Running(pipeline, origins=self.address, keys="shop:shop-key-1")
        self.shop = Shop(port, f"http://{HOST}:{self.collector.port}", "shop-key-1")
        self._thread = threading.Thread(target=self.shop.serve_forever, daemon=True)
        self._thread.start()
        pipeline.start_consumer()

    def close(self) -> None:
        self.shop.shutdown()
        self._thread.join()
        self.shop.server_close()

    def stored(self) -> Counter[str]:
        """How many events of each type are in Postgres."""
        return Counter(dict(self.pipeline.rows("select event_type, count(*)::int from raw.events group by 1")))  # type: ignore[arg-type]

    def wait_for(self, **expected: int) -> None:
        """Returns once these events are stored; fails if there are others, or one is a conflict or a dead letter."""
        self.pipeline.wait_for(lambda: self.stored() >= Counter(expected), lambda: (self.stored(), self.collector.log))
        self.pipeline.wait_until_caught_up()
        assert self.stored() == Counter(expected)
        sums = self.pipeline.sums()
        assert (sums["conflict"], sums["dead"]) == (0, 0)


@pytest.fixture
def street(pipeline: Pipeline) -> Iterator[Street]:
    made = Street(pipeline)
    yield made
    made.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # For the whole browser, as a beacon is not sent under the name that a context was given.
    arguments = [f"--user-agent={PERSON}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=browser.program(), args=arguments)
        yield running
        running.close()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    made = visiting(chromium)
    yield made
    made.close()


def visiting(chromium: Browser, *scripts: str) -> BrowserContext:
    """A browser of a person of its own."""
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    for script in (NO_DRIVER, *scripts):
        context.add_init_script(script)
    return context


def at(context: BrowserContext, street: Street, path: str = "index.html") -> Page:
    """A new tab with this page of the shop, and the tracker in it at work."""
    page = context.new_page()
    page.goto(f"{street.address}/{path}")
    ready(page)
    return page


def ready(page: Page) -> None:
    page.wait_for_function("window.pulse && !window.pulse.q")


def emptied(page: Page) -> None:
    """Returns once the collector has answered for everything. What a test does to requests, it does in here."""
    page.wait_for_function("!Object.keys(localStorage).some((name) => name.startsWith('pulse.q.'))")


def track(page: Page, kind: str, **data: Any) -> None:
    page.evaluate("([kind, data]) => pulse.track(kind, data)", [kind, data])


def test_a_person_buys_and_the_funnel_in_the_marts_is_what_was_clicked(street: Street, chromium: Browser) -> None:
    for steps in (5, 3):
        visitor = visiting(chromium)
        page = at(visitor, street)
        page.click("text=Sencha")
        ready(page)
        page.click("#add")
        page.wait_for_url("**/cart.html")
        ready(page)
        if steps == 5:
            page.click("#go")
            page.wait_for_url("**/checkout.html")
            ready(page)
            page.click("#pay")
            page.wait_for_url("**/thanks.html")
            ready(page)
        page.evaluate("pulse.flush()")
        visitor.close()
    street.wait_for(page_view=8, product_view=2, add_to_cart=2, checkout=1, payment=1)
    rows = street.pipeline.rows(
        "select event_type, product_id, price::text, funnel_step_index, properties -> 'context' ->> 'is_bot',"
        " properties -> 'context' -> 'user_agent' ->> 'browser' from raw.events where event_type = 'add_to_cart'"
    )
    assert rows == [("add_to_cart", "2", "14.00", 2, "false", "chrome")] * 2
    assert street.pipeline.number("select count(distinct user_id) from raw.events") == 2
    settings = TransformSettings(street.pipeline.transform, LogSettings(), str(PROJECT))
    run = street.pipeline.start(["-m", "pulse_transform", "run"], settings.to_env())
    assert run.wait(300) == 0, street.pipeline.log(run)
    funnel = ", ".join(f"sum(users_step_{step})::int" for step in range(5))
    assert street.pipeline.rows(f"select {funnel} from marts.fct_funnel_daily") == [(2, 2, 2, 1, 1)]
    assert street.pipeline.number("select count(*) from marts.fct_sessions") == 2


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
