"""The addresses of the live page, at the root of its host name and below a path; no database answers here."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
import structlog

from pulse.adapters import metrics
from pulse.errors import SettingsError
from pulse.settings import DashboardSettings, DatabaseSettings, KafkaSettings, LogSettings, TopicSettings
from pulse_dashboards import load
from pulse_dashboards.web.app import application
from pulse_dashboards.web.guard import COOKIE, Guard
from pulse_dashboards.web.lag import LagWatch
from pulse_dashboards.web.warehouse import Warehouse

TOKEN = "a token of some length"
SETTINGS = DashboardSettings(
    KafkaSettings("127.0.0.1:1"),
    DatabaseSettings("postgresql://reader@127.0.0.1:1/shop?connect_timeout=2"),
    TopicSettings("shop-events", "shop-dlq", "shop-consumer"),
    LogSettings(level="error"),
    token=TOKEN,
)
LOG = structlog.get_logger()


def page(**changes: Any) -> Any:
    settings = replace(SETTINGS, **changes)
    watch = LagWatch(settings.kafka, settings.topics, LOG)
    return application(load.shipped(), Warehouse(settings, LOG), watch, Guard(TOKEN), settings)


def asked(app: Any, path: str, method: str = "GET", **words: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example") as client:
            return await client.request(method, path, **words)

    return asyncio.run(ask())


KNOWN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("cut", [False, True], ids=["the path is passed on", "the path is cut off"])
def test_below_a_path_every_address_is_below_it(cut: bool) -> None:
    app, before = page(base_path="/shop/numbers"), "" if cut else "/shop/numbers"
    shown = asked(app, f"{before}/dashboards/funnel", headers=KNOWN)
    assert shown.status_code == 200
    assert 'href="/shop/numbers/dashboards/sessions"' in shown.text
    assert 'src="/shop/numbers/static/page.js?' in shown.text
    assert '"base":"/shop/numbers"' in shown.text
    assert '"/dashboards/' not in shown.text
    assert '"/static/' not in shown.text
    file = asked(app, f"{before}/static/page.css?1")
    assert (file.status_code, "immutable" in file.headers["cache-control"]) == (200, True)
    assert 'action="/shop/numbers/login"' in (asked(app, f"{before}/login")).text
    lost = asked(app, f"{before}/nowhere", headers=KNOWN)
    assert (lost.status_code, 'href="/shop/numbers/dashboards/funnel"' in lost.text) == (404, True)
    assert (asked(app, f"{before}/api/filters")).status_code == 401
    assert (asked(app, f"{before}/livez")).status_code == 200


def test_below_a_path_people_are_let_in_there_and_their_cookie_goes_nowhere_else() -> None:
    app = page(base_path="/shop")
    for path in ("/shop", "/shop/", "/shop/dashboards/funnel"):
        turned = asked(app, path)
        assert (turned.status_code, turned.headers["location"]) == (303, "/shop/login"), path
    entered = asked(app, f"/shop/dashboards/funnel?token={TOKEN}&days=7")
    assert entered.headers["location"] == "/shop/dashboards/funnel?days=7"
    signed = asked(app, "/shop/login", "POST", data={"token": TOKEN})
    for answer in (entered, signed):
        assert f"{COOKIE}=" in answer.headers["set-cookie"]
        assert "Path=/shop/;" in answer.headers["set-cookie"]
    assert signed.headers["location"] == "/shop/"
    first = asked(app, "/shop/", headers={"Cookie": signed.headers["set-cookie"].split(";")[0]})
    assert first.headers["location"] == "/shop/dashboards/sessions"


def test_a_path_that_only_begins_like_it_is_another() -> None:
    assert (asked(page(base_path="/shop"), "/shopping", headers=KNOWN)).status_code == 404


def test_at_the_root_nothing_stands_before_the_addresses() -> None:
    shown = asked(page(), "/dashboards/funnel", headers=KNOWN)
    assert 'href="/dashboards/sessions"' in shown.text
    turned = asked(page(), "/")
    assert turned.headers["location"] == "/login"
    assert "Path=/;" in (asked(page(), f"/?token={TOKEN}")).headers["set-cookie"]


@pytest.mark.parametrize("path", ["shop", "/shop/", "/", "/a b", "//x", '/"x'])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(SettingsError, match="PULSE_DASHBOARD_BASE_PATH"):
        page(base_path=path)


def counted(name: str, **labels: str) -> float:
    return metrics.DASHBOARD_REGISTRY.get_sample_value(name, labels) or 0.0


def test_what_people_typed_and_what_postgres_did_not_answer_is_counted() -> None:
    names = ("pulse_dashboard_sign_ins_total", "pulse_dashboard_database_failures_total")
    before = [counted(names[0], outcome="right"), counted(names[0], outcome="wrong"), counted(names[1])]
    app = page()
    for token in (TOKEN, "no", "never"):
        asked(app, "/login", "POST", data={"token": token})
    assert asked(app, "/api/dashboards/live", headers=KNOWN).status_code == 503
    after = [counted(names[0], outcome="right"), counted(names[0], outcome="wrong"), counted(names[1])]
    assert [now - was for now, was in zip(after, before, strict=True)] == [1, 2, 1]
