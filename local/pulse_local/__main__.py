"""The `pulse` command: the local stack's own subcommands, and those that other packages bring along."""

from __future__ import annotations

import difflib
import os
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import EntryPoint

from pulse import VERSION
from pulse.adapters.entry import quietly
from pulse.cli import FAILED, OK, STOPPED, USAGE, parser_for
from pulse.errors import PulseError, SettingsError, Verdict
from pulse_local import subcommands
from pulse_local.output import say

NEAR_ENOUGH = 0.75  # a slip of the finger, not another word


def main(words: Sequence[str] | None = None) -> int:
    """Runs one subcommand and returns its exit code."""
    name, *rest = list(sys.argv[1:] if words is None else words) or [""]
    if name in ("", "-h", "--help", "help"):
        (sys.stdout if name else sys.stderr).write(_help())
        return OK if name else USAGE
    if name in ("-V", "--version"):
        sys.stdout.write(f"pulse {VERSION}\n")
        return OK
    try:
        return quietly(lambda: _run(name, rest))
    except PulseError as failed:
        say(f"pulse {name}: {_with_hint(failed)}")
        return STOPPED if failed.verdict is Verdict.STOP else FAILED


def _run(name: str, rest: list[str]) -> int:
    known = subcommands.known()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, NEAR_ENOUGH)
        hint = f", did you mean {near[0]!r}?" if near else "."
        say(f"pulse: there is no subcommand {name!r}{hint} `pulse --help` lists them.")
        return USAGE
    in_cluster = subcommands.of_pipelines().get(name)
    # `pulse status` is about this machine, `pulse status shop` about the pipeline of that name.
    if in_cluster and (name not in subcommands.OWN or any(not word.startswith("-") for word in rest)):
        command = subcommands.loaded(name, in_cluster)
        return command.run(parser_for(f"pulse {name}", command).parse_args(rest), os.environ)
    command = subcommands.loaded(name, known[name])
    parsed = parser_for(f"pulse {name}", command).parse_args(rest)
    if name in subcommands.OWN:
        return command.run(parsed, os.environ)
    local = _prepared_stack(name, parsed)
    try:
        return command.run(parsed, {**local, **os.environ})
    except SettingsError as missing:
        if local or "is not set" not in str(missing):
            raise
        hint = "No local stack runs here that could set it: `pulse up` starts one."
        raise SettingsError(f"{missing} {hint}") from missing


def _prepared_stack(name: str, words: Namespace) -> Mapping[str, str]:
    """Has the local stack ready for the subcommand, if it runs, and tells its variables.

    Stop if it runs without what the subcommand needs. History that is about to be simulated gets its weeks here, as
    the simulator knows of no database.
    """
    from pulse_local import environment, history, needs, stack

    local = stack.opened(os.environ, say)
    needs.check(local, needs.OF_COMMAND.get(name, ()), os.environ)
    if not local.running():
        return {}
    if name == "simulate":
        history.before_simulation(local, vars(words), os.environ, datetime.now(UTC))
    return environment.variables(local.state, name)


def _with_hint(failed: PulseError) -> str:
    """What failed; after an outage also which service of the local stack is dead, if one is."""
    if failed.verdict is not Verdict.RETRY:
        return str(failed)
    from pulse_local import needs, stack

    with suppress(PulseError):  # the outage is what counts
        dead = needs.hint(stack.opened(os.environ, lambda _: None))
        return f"{str(failed).rstrip('.')}. {dead}" if dead else str(failed)
    return str(failed)


def _help() -> str:
    known = subcommands.known()
    in_cluster = subcommands.of_pipelines()
    others = [name for name in known if name not in subcommands.OWN and name not in in_cluster]
    return "\n".join(
        [
            "usage: pulse SUBCOMMAND [WORDS]",
            "",
            "The local stack: the whole pipeline as plain processes on this machine",
            *(_line(name, known) for name in subcommands.OWN),
            "",
            "Parts of the pipeline, against the local stack while it runs, else as the environment says",
            *(_line(name, known) for name in others),
            "",
            "A PulsePipeline in a Kubernetes cluster; also as `kubectl pulse SUBCOMMAND`",
            *(_line(name, in_cluster) for name in in_cluster),
            "",
            "`pulse SUBCOMMAND --help` says more. Exit codes: 0 done, 1 failed, 2 wrong words, 3 stopped: the message "
            "says what to mend.",
            "",
        ]
    )


def _line(name: str, known: Mapping[str, list[EntryPoint]]) -> str:
    return f"  {name:<10} {subcommands.summary(known[name][0])}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
