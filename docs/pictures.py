"""Takes the pictures of the dashboards that the pages show, from the local stack that runs: after `make demo`, say.

PYTHONPATH=tests .venv/bin/python docs/pictures.py
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kit import browser

from pulse_local import environment, stack
from pulse_local.output import say

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1400, 800
TAKEN = {"funnel": "light", "engagement": "dark", "live": "light"}


def main() -> int:
    """Writes one picture for each dashboard in TAKEN."""
    address = environment.dashboard_address(stack.opened(os.environ, say).state)
    IMAGES.mkdir(exist_ok=True)
    with browser.running() as running:
        for dashboard, scheme in TAKEN.items():
            context = running.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
            page = context.new_page()
            page.goto(address)
            page.goto(f"{address.split('/?')[0]}/dashboards/{dashboard}")
            page.wait_for_selector("#cards[aria-busy=false]")
            page.wait_for_selector("#health > div")
            page.screenshot(path=IMAGES / f"{dashboard}.png")
            context.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
