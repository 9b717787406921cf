"""Serves the shop: `python -m pulse_local.shop --port 8090 --collector http://127.0.0.1:8000`."""

from __future__ import annotations

import argparse
import sys
import threading

from pulse.adapters.lifecycle import stop_requested
from pulse_local.output import say
from pulse_local.shop.serve import Shop


def main() -> int:
    """Serves until SIGTERM or Ctrl-C."""
    words = argparse.ArgumentParser(prog="pulse-shop", description="a shop of five pages with the tracker in them")
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--collector", required=True, help="where the pages send events")
    words.add_argument("--key", default="", help="the write key that they send along")
    asked = words.parse_args()
    stop = stop_requested()
    shop = Shop(asked.port, asked.collector, asked.key)
    threading.Thread(target=shop.serve_forever, name="shop", daemon=True).start()
    say(f"The shop is at http://127.0.0.1:{asked.port}/")
    stop.wait()
    shop.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
