"""`pulse up`: starts the local stack."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pulse.cli import OK, Command
from pulse.errors import Stop
from pulse_local import environment, stack
from pulse_local.output import say
from pulse_local.words import port


def _configure(parser: ArgumentParser) -> None:
    add_port_options(parser)


def add_port_options(parser: ArgumentParser) -> None:
    """The options that force a port."""
    for service in ("Kafka", "Postgres"):
        parser.add_argument(
            f"--{service.lower()}-port",
            type=port,
            default=0,
            metavar="PORT",
            help=f"port of {service}; default: a free one",
        )


def _run(words: Namespace, env: Mapping[str, str]) -> int:
    local = stack.opened(env, say)
    if all(local.is_running(name) for name in stack.SERVICES):
        raise Stop("The local stack already runs: `pulse status` shows how it is, `pulse down` stops it.")
    began = time.monotonic()
    local.up(stack.Forced(words.kafka_port, words.postgres_port))
    say(f"Up after {time.monotonic() - began:.1f} s. `pulse status` shows how it is, `pulse down` stops it.")
    if local.is_running(stack.SHOP):
        say(f"A shop to click in: {environment.shop_address(local.state)}/")
    say(f"Dashboards: {environment.dashboard_address(local.state)}")
    return OK


UP = Command("start Kafka, Postgres, the consumer, the collector and the dashboards on this machine", _configure, _run)
