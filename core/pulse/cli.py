"""What a component hands to the `pulse` command: subcommands, found by the entry point group `pulse.commands`.

The component that owns the data owns the subcommand, and the `pulse` command imports none of them by name.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ENTRY_POINT_GROUP = "pulse.commands"

# Commands about pipelines in a cluster: the local stack has nothing to do with them.
PIPELINE_ENTRY_POINT_GROUP = "pulse.pipeline_commands"

# Exit codes that mean the same in every command.
OK, FAILED, USAGE, STOPPED, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand. `run` gets the parsed words and the environment, and returns an exit code.

    Exit codes: 0 done, 1 the work failed or the check found a fault, 2 the words were wrong, 3 stopped until a
    person mends something (the message says what), 130 a person stopped it.
    """

    help: str
    configure: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, Mapping[str, str]], int]


def parser_for(prog: str, command: Command) -> ArgumentParser:
    """A stand-alone parser of one command, for the component's own entry point."""
    parser = ArgumentParser(prog=prog, description=command.help)
    command.configure(parser)
    return parser
