"""The demo shop before a real collector, and people who look at it with a real Chromium."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from kit.collector import Running
from kit.pipeline import PATIENCE_SECONDS, Pipeline
from pulse_local import ports
from pulse_local.ports import HOST
from pulse_local.shop.serve import Shop

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
    """The shop, and the pipeline behind it. `tracker` are options of the tracker, `words` settings of the collector."""

    def __init__(self, pipeline: Pipeline, tracker: Mapping[str, Any] | None = None, **words: Any) -> None:
        port = ports.free_port()
        self.address = f"http://{HOST}:{port}"
        self.pipeline = pipeline
        self.collector = Running(pipeline, origins=self.address, keys="shop:shop-key-1", **words)
        self.shop = Shop(port, f"http://{HOST}:{self.collector.port}", "shop-key-1", tracker or {})
        self._thread = threading.Thread(target=self.shop.serve_forever, daemon=True)
        self._thread.start()
        pipeline.start_consumer()

    def close(self) -> None:
        """Nothing is served any more."""
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
    """Returns once the tracker of the page is at work."""
    page.wait_for_function("window.pulse && !window.pulse.q")


def emptied(page: Page) -> None:
    """Returns once the collector has answered for everything. What a test does to requests, it does in here."""
    page.wait_for_function("!Object.keys(localStorage).some((name) => name.startsWith('pulse.q.'))")


def track(page: Page, kind: str, **data: Any) -> None:
    """As the page's own script would."""
    page.evaluate("([kind, data]) => pulse.track(kind, data)", [kind, data])
