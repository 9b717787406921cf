"""`pulse down`: stops the local stack, and removes its data when asked to."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pulse.cli import OK, Command
from pulse_local import stack
from pulse_local.output import say


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("--purge", action="store_true", help="remove all data, logs and passwords of the stack as well")


def _run(words: Namespace, env: Mapping[str, str]) -> int:
    local = stack.opened(env, say, forgiving=True)
    if not local.down() and not words.purge:
        say("Nothing was running: `pulse up` starts the local stack.")
    if words.purge:
        if local.paths.home.exists():
            local.purge()
            say(f"Removed {local.paths.home}; the downloads in {local.paths.cache} stay for the next start.")
        else:
            say(f"{local.paths.home} does not exist: there is nothing to remove.")
    return OK


DOWN = Command("stop every process of the stack; --purge removes its data", _configure, _run)
