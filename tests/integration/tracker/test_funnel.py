"""People click through the shop in a real Chromium, whatever goes wrong meanwhile: the funnel is what they clicked."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit.street import NO_STORAGE, TWO_HOURS_AHEAD, Street, at, emptied, ready, visiting
from playwright.sync_api import Browser, Page, Route

from pulse.settings import LogSettings, TransformSettings

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).parents[3] / "dbt"
PRODUCT, CART, CHECKOUT, PAYMENT = 1, 2, 3, 4


def looks_at_product(page: Page) -> None:
    page.click("text=Sencha")
    page.wait_for_url("**/product.html*")
    ready(page)


def adds(page: Page) -> None:
    page.click("#add")
    page.wait_for_url("**/cart.html")
    ready(page)


def checks_out(page: Page) -> None:
    page.click("#go")
    page.wait_for_url("**/checkout.html")
    ready(page)


def pays(page: Page) -> None:
    page.click("#pay")
    page.wait_for_url("**/thanks.html")
    ready(page)


def goes(page: Page, *steps: int) -> None:
    """From the page on which the person is through these steps, and everything of it is sent."""
    for step in steps:
        (looks_at_product, adds, checks_out, pays)[step - 1](page)
    page.evaluate("pulse.flush()")
    emptied(page)


def funnel_of(street: Street) -> tuple[int, ...]:
    """What the marts make of the events: users by step."""
    settings = TransformSettings(street.pipeline.transform, LogSettings(), str(PROJECT))
    run = street.pipeline.start(["-m", "pulse_transform", "run"], settings.to_env())
    assert run.wait(300) == 0, street.pipeline.log(run)
    columns = ", ".join(f"sum(users_step_{step})::int" for step in range(5))
    ((*users,),) = street.pipeline.rows(f"select {columns} from marts.fct_funnel_daily")
    return tuple(users)


def test_a_person_buys_and_the_funnel_in_the_marts_is_what_was_clicked(street: Street, chromium: Browser) -> None:
    for last in (PAYMENT, CART):
        visitor = visiting(chromium)
        goes(at(visitor, street), *range(PRODUCT, last + 1))
        visitor.close()
    street.wait_for(page_view=8, product_view=2, add_to_cart=2, checkout=1, payment=1)
    rows = street.pipeline.rows(
        "select event_type, product_id, price::text, funnel_step_index, properties -> 'context' ->> 'is_bot',"
        " properties -> 'context' -> 'user_agent' ->> 'browser' from raw.events where event_type = 'add_to_cart'"
    )
    assert rows == [("add_to_cart", "2", "14.00", 2, "false", "chrome")] * 2
    assert street.pipeline.number("select count(distinct user_id) from raw.events") == 2
    assert funnel_of(street) == (2, 2, 2, 1, 1)
    assert street.pipeline.number("select count(*) from marts.fct_sessions") == 2


def offline_at_the_product(street: Street, chromium: Browser) -> None:
    visitor = visiting(chromium)
    page = at(visitor, street)
    looks_at_product(page)
    visitor.set_offline(True)
    page.click("#add")
    page.wait_for_url("chrome-error://**")
    visitor.set_offline(False)
    page.goto(f"{street.address}/cart.html")
    ready(page)
    goes(page, CHECKOUT, PAYMENT)
    visitor.close()


def while_the_collector_says_503(street: Street, chromium: Browser) -> None:
    visitor = visiting(chromium)
    answers = iter([503, 503])

    def refuse(route: Route) -> None:
        status = next(answers, None)
        route.fulfill(status=status, headers={"Access-Control-Allow-Origin": "*"}) if status else route.continue_()

    visitor.route("**/v1/events**", refuse)
    goes(at(visitor, street), PRODUCT, CART, CHECKOUT, PAYMENT)
    visitor.close()


def closes_the_tab_while_it_sends(street: Street, chromium: Browser) -> None:
    visitor = visiting(chromium)
    page = at(visitor, street)
    for step in (looks_at_product, adds, checks_out):
        step(page)
    page.evaluate("void pulse.flush()")
    page.close(run_before_unload=True)
    goes(at(visitor, street))
    visitor.close()


def with_two_tabs(street: Street, chromium: Browser) -> None:
    visitor = visiting(chromium)
    first, second = at(visitor, street), at(visitor, street)
    for step in (looks_at_product, adds):
        step(first)
    for tab in (first, second):
        tab.evaluate("void pulse.flush()")
    emptied(first)
    visitor.close()


def with_a_clock_that_is_two_hours_ahead(street: Street, chromium: Browser) -> None:
    visitor = visiting(chromium, TWO_HOURS_AHEAD)
    goes(at(visitor, street), PRODUCT, CART, CHECKOUT, PAYMENT)
    visitor.close()


def says_no_at_the_product_and_yes_in_the_cart(street: Street, chromium: Browser) -> None:
    visitor = visiting(chromium)
    page = at(visitor, street)
    goes(page, PRODUCT)
    page.click("text=Do not count me")
    page.wait_for_selector("text=Allow counting")
    adds(page)
    page.click("text=Allow counting")
    page.wait_for_selector("text=Do not count me")
    goes(page, CHECKOUT, PAYMENT)
    visitor.close()


def where_the_browser_keeps_nothing(street: Street, chromium: Browser) -> None:
    visitor = visiting(chromium, NO_STORAGE)
    page = at(visitor, street)
    looks_at_product(page)
    page.click("text=Cart")
    page.wait_for_url("**/cart.html")
    ready(page)
    page.evaluate("pulse.flush()")
    visitor.close()


def test_whatever_goes_wrong_each_click_is_stored_once_and_the_funnel_is_what_was_clicked(
    street: Street, chromium: Browser
) -> None:
    for person in (
        offline_at_the_product,
        while_the_collector_says_503,
        closes_the_tab_while_it_sends,
        with_two_tabs,
        with_a_clock_that_is_two_hours_ahead,
        says_no_at_the_product_and_yes_in_the_cart,
        where_the_browser_keeps_nothing,
    ):
        person(street, chromium)
    pages = 5 + 5 + 5 + 4 + 5 + 4 + 3
    street.wait_for(page_view=pages, product_view=7, add_to_cart=5, checkout=5, payment=4)
    # Who said no comes back as somebody else, and who keeps nothing is somebody else on each of three pages.
    furthest = [4, 4, 3, 2, 4, *(1, 4), *(0, 1, 0)]
    assert street.pipeline.number("select count(distinct user_id) from raw.events") == len(furthest)
    assert funnel_of(street) == tuple(sum(step >= least for step in furthest) for least in range(5))
