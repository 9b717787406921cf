"""The subcommand that this component hands to the `pulse` command; `python -m pulse_transform run` is the same one."""

from __future__ import annotations

import signal
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pulse import cli
from pulse.adapters import logs
from pulse.settings import TransformSettings
from pulse_transform.run import transform


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("--full-refresh", action="store_true", help="build every mart anew from all events")
    parser.add_argument(
        "--select", nargs="+", default=[], metavar="MODEL", help="build and test these alone, in dbt's words"
    )


def _run(words: Namespace, env: Mapping[str, str]) -> int:
    settings = TransformSettings.from_env(env)
    log = logs.configure(settings.log, "transform")
    try:
        with _terminated_like_ctrl_c():
            return transform(settings, env, log, full_refresh=words.full_refresh, select=words.select)
    except KeyboardInterrupt:
        log.warning("transform_interrupted")
        return cli.FAILED


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
