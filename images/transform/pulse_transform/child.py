"""The process that dbt runs in: dbt, and nothing else, for as long as its parent lives.

The parent holds the lock that keeps two transformations apart. When the parent goes away, however it went, the pipe on
standard input closes; dbt is then interrupted, which makes it cancel its queries. Without this an orphan would go on
writing marts beside the next run.
"""

from __future__ import annotations

import os
import signal
from threading import Thread


def _follow_parent() -> None:
    os.read(0, 1)  # not by way of sys.stdin, whose buffer this thread would hold locked while Python shuts down
    os.kill(os.getpid(), signal.SIGINT)


def main() -> None:
    """Runs the dbt command line with this process's arguments, and ends with dbt's exit code."""
    from dbt.cli.main import cli

    Thread(target=_follow_parent, daemon=True).start()
    cli()


if __name__ == "__main__":
    main()
