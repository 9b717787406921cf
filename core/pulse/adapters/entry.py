"""A component's own entry point: the first word chooses a command, an error of Pulse's tree becomes one sentence."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping

from pulse import VERSION
from pulse.cli import FAILED, INTERRUPTED, OK, STOPPED, Command, parser_for
from pulse.errors import PulseError, Verdict


def run_command(prog: str, commands: Mapping[str, Command]) -> int:
    """Runs the command that the process's words name, and returns its exit code (see `pulse.cli.Command`)."""
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("--version", action="version", version=VERSION)
    choices = parser.add_subparsers(dest="command", required=True)
    for name, command in commands.items():
        command.configure(choices.add_parser(name, help=command.help, description=command.help))
    words = parser.parse_args()
    return _run(f"{prog} {words.command}", commands[words.command], words)


def run_only(prog: str, command: Command) -> int:
    """The same for a component that does one thing and needs no word for it."""
    return _run(prog, command, parser_for(prog, command).parse_args())


def quietly(work: Callable[[], int]) -> int:
    """The exit code of what a person typed. That they stop it, or that `| head` has read enough, is no fault."""
    try:
        code = work()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left: nothing more to tell it
        return OK
    return code


def _run(title: str, command: Command, words: argparse.Namespace) -> int:
    try:
        return command.run(words, os.environ)
    except PulseError as failed:
        sys.stderr.write(f"{title}: {failed}\n")
        return STOPPED if failed.verdict is Verdict.STOP else FAILED
