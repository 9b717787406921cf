"""A whole local stack with a month of visitors in it, and a browser that has signed in to its dashboards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kit import browser
from kit.stack import Cli
from playwright.sync_api import Browser

from .site import Look, Site, opened


@pytest.fixture(scope="module")
def site(shared_stack: Cli) -> Site:
    """A stack with 40 days of history, marts, and live traffic of this minute."""
    made = Site(shared_stack)
    done = shared_stack.run("up")
    assert done.returncode == 0, done.stderr
    made.simulate("--days", "40")
    done = shared_stack.run("transform")
    assert done.returncode == 0, done.stderr
    made.simulate("--rate", "300", "--events", "3000")
    return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.running() as running:
        yield running


@pytest.fixture
def look(chromium: Browser, site: Site) -> Iterator[Look]:
    """Signed in."""
    made = opened(chromium, site)
    made.page.goto(site.entrance)
    yield made
    made.page.context.close()
