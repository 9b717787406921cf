"""The live page in a real browser on a real stack: what it draws, how it is used, and what it says when things fail."""

from __future__ import annotations

import time
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from pulse_dashboards.model import Card, Dashboard
from pulse_dashboards.template import Value

from .site import CATALOGUE, Look, Site, opened, until

pytestmark = pytest.mark.integration

DASHBOARDS = {dashboard.slug: dashboard for dashboard in CATALOGUE.dashboards}
FIRST_PAINT_MS = 1_000

# What a chart holds: the numbers of each series, without the marks; and whether anything was painted.
CHART = """
(canvas) => {
  const chart = Chart.getChart(canvas);
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return {
    painted: pixels.some((value, index) => index % 4 === 3 && value > 0),
    series: chart.data.datasets.filter((one) => !one.isMark).map((one) => one.data),
    marks: chart.data.datasets.filter((one) => one.isMark).map((one) => one.data[0]),
  };
}
"""


def test_the_page_is_there_at_once_and_takes_nothing_from_elsewhere(look: Look) -> None:
    look.at("sessions")
    paint = look.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint < FIRST_PAINT_MS
    assert {request.url.split("/")[2] for request in look.requests} == {look.root.split("/")[2]}
    assert look.complaints == []


@pytest.mark.parametrize("slug", DASHBOARDS)
def test_every_chart_is_drawn_with_the_numbers_of_its_statement(look: Look, site: Site, slug: str) -> None:
    dashboard = DASHBOARDS[slug]
    values = site.newest_days(30) if dashboard.filters else {}
    agree(look, site, dashboard, values)
    assert look.complaints == []
    look.picture(slug)


def agree(look: Look, site: Site, dashboard: Dashboard, values: dict[str, Value]) -> None:
    """Holds what is drawn against the statements. What moves by itself is asked again: minutes pass meanwhile."""
    query = "?" + "&".join(f"{name}={value}" for name, value in values.items()) if values else ""
    for attempt in range(5):
        before = {card.key: drawn_of(card, site.rows(card, values)) for card in dashboard.cards}
        look.at(dashboard, query)
        found = {card.key: shown(look, card) for card in dashboard.cards}
        differing = [key for key in before if before[key] != found[key]]
        if not differing:
            return
        time.sleep(attempt)
    assert {key: found[key] for key in differing} == {key: before[key] for key in differing}


def drawn_of(card: Card, rows: list[dict[str, Any]]) -> Any:
    """What a card with these rows has to hold."""
    columns = [[plain(row[series.column]) for row in rows] for series in card.series]
    match card.chart:
        case "number":
            return columns[0][0]
        case "table":
            return [[text(row[series.column], series.unit) for series in card.series] for row in rows]
        case "heatmap":
            return sorted(text(row[card.series[0].column], "percent") for row in rows)
        case "funnel":
            lost = [before - after for before, after in zip(columns[0], columns[0][1:], strict=False)]
            return [columns[0], [0, *lost]]
    return columns


def shown(look: Look, card: Card) -> Any:
    """What the page holds for the card."""
    body = look.page.locator(f"#card-{card.key} .body")
    match card.chart:
        case "number":
            value = body.locator(".value").get_attribute("data-value")
            return None if value is None else value if card.series[0].unit == "time" else float(value)
        case "table":
            cells = body.locator("tbody tr").evaluate_all(
                "(rows) => rows.map((row) => [...row.cells].map((one) => one.textContent))"
            )
            return [
                [
                    cell if one.unit not in ("time", "seconds") else "*"
                    for cell, one in zip(row, card.series, strict=True)
                ]
                for row in cells
            ]
        case "heatmap":
            return sorted(filter(None, body.locator("tbody td").all_text_contents()))
    found = body.locator("canvas").evaluate(CHART)
    assert found["painted"], card.key
    assert found["marks"] == [mark.value for mark in card.marks]
    return found["series"]


def plain(value: Any) -> Any:
    """A value as JavaScript has it."""
    if value is None or isinstance(value, str):
        return value
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else float(value)


def text(value: Any, unit: str) -> str:
    """A value as the page writes it; `*` where this test does not repeat the page's own rounding."""
    if unit in ("time", "seconds"):
        return "*"
    if value is None:
        return "\N{EN DASH}"
    return f"{value:,.2f} %" if unit == "percent" else f"{value:,}" if isinstance(value, int) else str(value)


def test_filters_narrow_every_card_and_stand_in_the_address(look: Look, site: Site) -> None:
    dashboard = DASHBOARDS["sessions"]
    look.at(dashboard)
    category = look.page.locator("select[name=category] option").nth(1).get_attribute("value")
    page = look.page.locator("select[name=landing_page] option").nth(1).get_attribute("value")
    assert category
    assert page
    everything = shown(look, dashboard.cards[0])
    for name, value in (("category", category), ("landing_page", page)):
        look.page.select_option(f"select[name={name}]", value)
        until("fewer sessions", lambda wide=everything: shown(look.settled(), dashboard.cards[0]) < wide)
        everything = shown(look, dashboard.cards[0])
        assert f"{name}=" in look.page.url
    agree(look, site, dashboard, {**site.newest_days(30), "category": category, "landing_page": page})
    assert look.complaints == []


def test_a_range_of_days_a_persons_own_days_and_back(look: Look, site: Site) -> None:
    card = DASHBOARDS["sessions"].cards[0]
    month = shown(look.at("sessions"), card)
    look.page.select_option("select[name=days]", "7")
    until("a week is less", lambda: shown(look.settled(), card) < month)
    week = site.newest_days(7)
    assert look.page.input_value("input[name=date_from]") == str(week["date_from"])
    assert shown(look, card) == plain(site.rows(card, week)[0]["sessions"])
    day = str(week["date_to"])
    look.page.fill("input[name=date_from]", day)
    look.page.locator("input[name=date_from]").dispatch_event("change")
    own = {"date_from": week["date_to"], "date_to": week["date_to"]}
    until("a day", lambda: shown(look.settled(), card) == plain(site.rows(card, own)[0]["sessions"]))
    assert f"date_from={day}" in look.page.url
    look.page.click("button[type=reset]")
    until("the month again", lambda: shown(look.settled(), card) == month)
    assert "?" not in look.page.url


def test_what_is_typed_into_the_address_is_a_value_and_no_statement(look: Look) -> None:
    card = DASHBOARDS["sessions"].cards[0]
    assert shown(look.at("sessions", "?category=%27%20or%201%3D1%20--"), card) == 0
    answer = look.page.request.get(f"{look.root}/api/dashboards/sessions?sql=select+1")
    assert answer.status == 400
    assert "sql is no filter" in answer.json()["problem"]["message"]


def test_no_statement_leaves_the_server(look: Look) -> None:
    for dashboard in CATALOGUE.dashboards:
        for address in (f"/dashboards/{dashboard.slug}", f"/api/dashboards/{dashboard.slug}"):
            said = look.page.request.get(f"{look.root}{address}").text()
            for word in ("marts.", "ops.", "select ", "coalesce"):
                assert word not in said.replace("<select ", ""), address


def test_new_events_show_at_a_click_and_by_themselves_unless_paused(look: Look, site: Site) -> None:
    card = next(card for card in DASHBOARDS["live"].cards if card.key == "events")
    before = shown(look.at("live"), card)
    look.page.click("#pause")
    site.simulate("--rate", "300", "--events", "600")
    assert shown(look, card) == before, "it is paused"
    look.page.click("#again")
    until("a click shows them", lambda: shown(look.settled(), card) > before)
    asked = len(look.requests)
    look.page.wait_for_timeout(1_000 * DASHBOARDS["live"].refresh_seconds + 1_500)
    assert [one.url for one in look.requests[asked:] if "/api/dashboards/" in one.url] == [], "it is paused still"
    before = shown(look, card)
    look.page.click("#pause")
    site.simulate("--rate", "300", "--events", "600")
    until("they show by themselves", lambda: shown(look.settled(), card) > before, 30)


def test_a_database_that_is_gone_is_told_and_one_that_is_back_is_used(look: Look, site: Site) -> None:
    card = DASHBOARDS["sessions"].cards[0]
    numbers = shown(look.at("sessions"), card)
    site.cli.kill("postgres")
    try:
        time.sleep(3.5)  # the server gives an answer again for 3 s
        look.page.click("#again")
        problem = look.page.locator("#problem")
        expect(problem).to_contain_text("The database does not answer", timeout=20_000)
        expect(problem).to_contain_text("pulse status")
        assert shown(look, card) == numbers, "the last numbers stay"
        look.picture("database-gone")
        assert serious(look) == []
    finally:
        up = site.cli.run("up")
    assert up.returncode == 0, up.stderr
    expect(look.page.locator("#problem")).to_be_hidden(timeout=30_000)
    assert shown(look.settled(), card) == numbers
    # A browser notes an answer of 503 by itself; nothing else may stand there.
    assert [said for said in look.complaints if "503" not in said] == []


def test_a_range_without_events_says_so_and_offers_a_way_out(look: Look) -> None:
    look.at("sessions", "?date_from=2001-01-01&date_to=2001-01-31")
    place = look.page.locator("#card-landing_pages .body")
    expect(place).to_contain_text("Nothing in this range.")
    expect(place).to_contain_text("There are events from")
    look.picture("nothing-in-range")
    place.get_by_role("button", name="Show all days").click()
    expect(look.page.locator("#card-landing_pages tbody tr").first).to_be_visible()
    assert look.complaints == []


def test_the_health_of_the_pipeline_stands_above_every_dashboard(look: Look) -> None:
    look.at("funnel")
    expect(look.page.locator("#health-lag")).to_contain_text("Lag", timeout=20_000)
    expect(look.page.locator("#health-dbt dd")).to_contain_text("ago")
    expect(look.page.locator("#health-lag")).to_have_class("good")
    assert look.page.locator("#health > div").count() == 5


def test_only_who_knows_the_token_gets_in(chromium: Browser, site: Site) -> None:
    look = opened(chromium, site)
    assert look.page.request.get(f"{site.root}/api/dashboards/sessions").status == 401
    for probe in ("/livez", "/readyz"):
        assert look.page.request.get(f"{site.root}{probe}").text() == "ok\n"
    look.page.goto(site.root)
    assert look.page.url == f"{site.root}/login"
    look.page.fill("#token", "something else")
    look.page.keyboard.press("Enter")
    expect(look.page.get_by_role("alert")).to_have_text("That is not the token.")
    assert serious(look) == []
    look.picture("sign-in")
    look.page.fill("#token", site.cli.state().dashboard_token)
    look.page.keyboard.press("Enter")
    expect(look.page.get_by_role("heading", level=1)).to_have_text("Sessions")
    look.page.context.close()


def test_the_token_leaves_the_address(chromium: Browser, site: Site) -> None:
    look = opened(chromium, site)
    look.page.goto(site.entrance)
    assert look.page.url == f"{site.root}/dashboards/sessions"
    cookie = look.page.context.cookies()[0]
    assert cookie["httpOnly"]
    assert site.cli.state().dashboard_token not in cookie["value"]
    look.page.context.close()


def serious(look: Look) -> list[str]:
    """What axe calls a serious or critical fault of the page as it is."""
    found = Axe().run(look.page).response["violations"]
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("slug", DASHBOARDS)
def test_axe_finds_no_serious_fault(chromium: Browser, site: Site, slug: str, scheme: str) -> None:
    look = opened(chromium, site, color_scheme=scheme)
    look.page.goto(site.entrance)
    look.at(slug)
    look.page.locator("details summary").evaluate_all("(all) => all.forEach((one) => one.click())")
    expect(look.page.locator("#health > div").first).to_be_visible(timeout=20_000)
    assert serious(look) == []
    if scheme == "dark":
        look.picture(f"{slug}-dark")
    look.page.context.close()


@pytest.mark.parametrize("slug", DASHBOARDS)
def test_it_fits_a_phone(chromium: Browser, site: Site, slug: str) -> None:
    look = opened(chromium, site, viewport={"width": 360, "height": 740}, has_touch=True)
    look.page.goto(site.entrance)
    look.at(slug)
    assert look.page.evaluate("document.documentElement.scrollWidth") <= 360
    look.picture(f"{slug}-phone")
    look.page.context.close()


def test_everything_is_reached_and_worked_by_the_keyboard(look: Look) -> None:
    look.at("sessions")
    look.page.keyboard.press("Tab")
    assert look.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    look.page.keyboard.press("Enter")
    assert look.page.evaluate("document.activeElement.id") == "main"
    reached = set()
    for _ in range(60):
        look.page.keyboard.press("Tab")
        reached.add(
            look.page.evaluate(
                "document.activeElement.id || document.activeElement.name || document.activeElement.tagName"
            )
        )
    assert reached >= {"again", "pause", "days", "date_from", "date_to", "category", "landing_page", "SUMMARY"}
    summary = look.page.locator("#card-sessions_by_day summary")
    summary.focus()
    look.page.keyboard.press("Enter")
    expect(look.page.locator("#card-sessions_by_day table")).to_be_visible()


def test_a_screen_reader_gets_the_numbers_of_every_chart(look: Look, site: Site) -> None:
    for dashboard in CATALOGUE.dashboards:
        look.at(dashboard)
        for card in dashboard.cards:
            if card.chart in ("line", "bar", "funnel"):
                body = look.page.locator(f"#card-{card.key} .body")
                label = body.locator("canvas").get_attribute("aria-label") or ""
                assert label.startswith(f"{card.title}: a chart of")
                points = len(body.locator("canvas").evaluate(CHART)["series"][0])
                assert body.locator("details tbody tr").count() == points
