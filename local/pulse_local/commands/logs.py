"""`pulse logs`: the end of the services' logs, and what is added to them."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

from pulse.cli import OK, Command
from pulse.errors import SettingsError
from pulse_local import processes, stack
from pulse_local.output import say
from pulse_local.words import whole

FOLLOW_SECONDS = 0.3


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", default="", help="one service; default: all of them")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is written from now on")
    parser.add_argument("-n", "--lines", type=whole(0), default=40, metavar="N", help="lines of the past, per service")


def _run(words: Namespace, env: Mapping[str, str]) -> int:
    folder = stack.opened(env, say, forgiving=True).paths.logs
    files = {path.stem: path for path in sorted(folder.glob("*.log"))}
    if not files:
        raise SettingsError(f"There are no logs in {folder}: `pulse up` starts the local stack.")
    if words.name and words.name not in files:
        raise SettingsError(f"There is no log of {words.name!r}: the services with one are {', '.join(files)}.")
    chosen = {words.name: files[words.name]} if words.name else files
    read = {path: path.stat().st_size for path in chosen.values()}
    for name, path in chosen.items():
        _print(name, processes.log_tail(path, words.lines), with_name=len(chosen) > 1)
    while words.follow:
        time.sleep(FOLLOW_SECONDS)
        for name, path in chosen.items():
            _print(name, _added(path, read), with_name=len(chosen) > 1)
    return OK


def _added(path: Path, read: dict[Path, int]) -> str:
    """Whole lines that were written since the last look; `read` moves on."""
    with path.open("rb") as file:
        if path.stat().st_size < read[path]:
            read[path] = 0
        file.seek(read[path])
        fresh = file.read()
    whole = fresh[: fresh.rfind(b"\n") + 1]
    read[path] += len(whole)
    return whole.decode(errors="replace")


def _print(name: str, text: str, *, with_name: bool) -> None:
    for line in text.splitlines():
        sys.stdout.write(f"{name} | {line}\n" if with_name else f"{line}\n")
    sys.stdout.flush()


LOGS = Command("the end of the services' logs; -f goes on", _configure, _run)
