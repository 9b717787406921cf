"""The dashboards of a local stack, what the database behind them says, and a browser that looks at them."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from kit.stack import Cli
from playwright.sync_api import Browser, Page, Request
from psycopg.rows import dict_row

from pulse_dashboards import load, template
from pulse_dashboards.model import Card, Dashboard
from pulse_dashboards.template import Value
from pulse_local import environment
from pulse_local.state import ROLES

CATALOGUE = load.shipped()
WAIT_SECONDS = 60.0
PICTURES = Path(os.environ.get("SCREENSHOTS") or Path(__file__).parents[2] / ".screenshots")


def until(what: str, holds: Any, seconds: float = WAIT_SECONDS) -> None:
    """Waits until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.2)


@dataclass
class Site:
    """The dashboards of a stack that runs, and what the database behind them says."""

    cli: Cli

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.cli.state().ports.dashboard}"

    @property
    def entrance(self) -> str:
        return environment.dashboard_address(self.cli.state())

    def rows(self, card: Card, values: dict[str, Value]) -> list[dict[str, Any]]:
        """What the card's statement gives the reader now."""
        text, used = template.bound(card.sql, values)
        with psycopg.connect(self.cli.state().dsn(ROLES.reader), row_factory=dict_row) as connection:
            return connection.execute(text.encode(), used).fetchall()

    def newest_days(self, days: int) -> dict[str, Value]:
        """The range of so many days that ends with the newest day of the marts."""
        (last,) = self.cli.ask("select max(activity_date) from marts.fct_funnel_daily")[0]
        (first,) = self.cli.ask(f"select max(activity_date) - {days - 1} from marts.fct_funnel_daily")[0]
        return {"date_from": first, "date_to": last}

    def simulate(self, *words: str) -> None:
        done = self.cli.run("simulate", "--users", "300", *words)
        assert done.returncode == 0, done.stderr
        until("everything sent is stored", self._is_stored)

    def _is_stored(self) -> bool:
        return re.search(r"^\s*lag\s+0\s*$", self.cli.run("status").stdout, re.MULTILINE) is not None


@dataclass
class Look:
    """A page in the browser, with what it complained about and what it asked for."""

    page: Page
    root: str
    complaints: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def at(self, dashboard: Dashboard | str, query: str = "") -> Look:
        """Opens a dashboard and waits until its numbers are there."""
        slug = dashboard if isinstance(dashboard, str) else dashboard.slug
        self.page.goto(f"{self.root}/dashboards/{slug}{query}")
        return self.settled()

    def settled(self) -> Look:
        """Waits until nothing is being asked."""
        self.page.wait_for_selector("#cards[aria-busy=false]", timeout=30_000)
        return self

    def picture(self, name: str) -> None:
        """A screenshot of the whole page, for a person to look at."""
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def opened(chromium: Browser, site: Site, **options: Any) -> Look:
    """A browser of its own that has not signed in."""
    context = chromium.new_context(**{"viewport": {"width": 1400, "height": 900}, "timezone_id": "UTC", **options})
    look = Look(context.new_page(), site.root)
    look.page.on("console", lambda said: said.type in ("error", "warning") and look.complaints.append(said.text))
    look.page.on("pageerror", lambda failed: look.complaints.append(str(failed)))
    look.page.on("request", lambda request: look.requests.append(request))
    return look
