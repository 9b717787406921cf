"""`pulse psql`: a prompt on the local database."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pulse.cli import Command
from pulse.errors import Stop
from pulse_local import stack
from pulse_local.output import say
from pulse_local.services import postgres
from pulse_local.state import ROLES

READER_NOTE = "The reader sees the marts; `pulse psql --admin` sees the raw tables too."


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("--admin", action="store_true", help="connect as the administrator instead of the reader")
    parser.add_argument("-c", "--command", action="append", default=[], metavar="SQL", help="run this and end")


def _run(words: Namespace, env: Mapping[str, str]) -> int:
    local = stack.opened(env, say, forgiving=True)
    if not local.is_running(stack.POSTGRES):
        raise Stop("Postgres does not run: `pulse up` starts the local stack.")
    program = str(postgres.installed() / "bin" / "psql")
    dsn = local.state.dsn(postgres.ADMIN if words.admin else ROLES.reader)
    argv = [program, "--set=ON_ERROR_STOP=1", *(f"--command={statement}" for statement in words.command)]
    sys.stdout.flush()
    variables = {**env, **_libpq(dsn)}
    if not words.command:
        if not words.admin and sys.stdin.isatty():
            say(READER_NOTE)
        os.execve(program, argv, variables)  # noqa: S606 - psql takes over the terminal
    done = subprocess.run(argv, env=variables, stderr=subprocess.PIPE, check=False)
    sys.stderr.write(done.stderr.decode(errors="replace"))
    if b"permission denied" in done.stderr and not words.admin:
        say(READER_NOTE)
    return done.returncode


def _libpq(dsn: str) -> dict[str, str]:
    """The connection as libpq's variables: a password among a program's words could be read by everybody."""
    from psycopg.conninfo import conninfo_to_dict

    named = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password", "PGDATABASE": "dbname"}
    parts = conninfo_to_dict(dsn)
    return {variable: str(parts[key]) for variable, key in named.items()}


PSQL = Command("a psql prompt on the local database, as the reader or --admin", _configure, _run)
