"""The subcommand `pulse collect`; `python -m pulse_collector` is the same."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pulse.cli import OK, Command
from pulse.settings import CollectorSettings


def _configure(_parser: ArgumentParser) -> None:
    """It takes no words: everything is a setting."""


def _run(_args: Namespace, env: Mapping[str, str]) -> int:
    from pulse_collector.run import run

    run(CollectorSettings.from_env(env))
    return OK


COLLECT = Command("take events by HTTP and write them to Kafka until stopped", _configure, _run)
