"""The subcommand that this component hands to the `pulse` command; `python -m pulse_transform run` is the same one."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime

from pulse import cli
from pulse.adapters import logs
from pulse.settings import TransformSettings
from pulse_transform import span
from pulse_transform.run import transform


def _configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Takes what was stored since the last run into the marts, and tests them. Every mart is built anew from all "
        "events if none was built yet, or if the settings or the models have changed since."
    )
    parser.add_argument(
        "--full-refresh", action="store_true", help="build every mart anew from all events, and test all of it"
    )
    parser.add_argument(
        "--select",
        nargs="+",
        default=[],
        metavar="MODEL",
        help="build and test these alone, in dbt's words; with --full-refresh, and all that lies above them",
    )
    parser.add_argument(
        "--from",
        dest="first",
        type=_said,
        metavar="TIME",
        help="also read the events again that happened from here, a reporting day or RFC 3339 (no zone = UTC), ...",
    )
    parser.add_argument(
        "--to", dest="last", type=_said, metavar="TIME", help="... to here: this day included, or before this moment"
    )


def _said(text: str) -> date | datetime:
    try:
        return span.said(text)
    except ValueError as wrong:
        raise ArgumentTypeError(
            f"{text!r} is no day such as 2026-11-01 and no time such as 2026-11-01T06:00Z"
        ) from wrong


def _run(words: Namespace, env: Mapping[str, str]) -> int:
    if (words.first is None) != (words.last is None):
        return _misunderstood("--from and --to go together: the span that is read again has two ends.")
    if words.first is not None and words.select:
        return _misunderstood("--from and --to are about a run of all models: leave --select out.")
    again = None if words.first is None else span.Asked(words.first, words.last)
    settings = TransformSettings.from_env(env)
    log = logs.configure(settings.log, "transform")
    try:
        with _terminated_like_ctrl_c():
            return transform(settings, env, log, full_refresh=words.full_refresh, select=words.select, again=again)
    except KeyboardInterrupt:
        log.warning("transform_interrupted")
        return cli.FAILED


def _misunderstood(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return cli.USAGE


@contextmanager
def _terminated_like_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


TRANSFORM = cli.Command(
    help="turn the raw events into the marts, and check them",
    configure=_configure,
    run=_run,
)
