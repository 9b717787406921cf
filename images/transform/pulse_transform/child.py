"""The process that dbt runs in: dbt, and nothing else, for as long as its parent lives.

The parent holds the lock that keeps two transformations apart. When the parent goes away, however it went, the pipe on
standard input closes; dbt is then interrupted, which makes it cancel its queries. Without this an orphan would go on
writing marts beside the next run.

dbt takes seconds to start and to read the project, so one process does all the parent's commands on one manifest.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

# What the parent finds in dbt's directory afterwards, beside dbt's own run_results.json: `sources`, how fresh each is,
# and `seconds`, how long each command took. dbt's sources.json leaves out those that it could not read.
REPORT = "report.json"

_left = Event()


def _follow_parent() -> None:
    os.read(0, 1)  # not by way of sys.stdin, whose buffer this thread would hold locked while Python shuts down
    _left.set()
    os.kill(os.getpid(), signal.SIGINT)


def main() -> None:
    """Does the commands that the one argument holds, a JSON array of arrays of dbt's words, until one fails.

    `parse` comes first where others follow; they work on what it read. The exit code is dbt's: 1 if what it did failed,
    2 if it could not do it.
    """
    # Whoever started the parent in the background of a shell had this signal ignored, and we with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    Thread(target=_follow_parent, daemon=True).start()
    gc.disable()  # code and project are read to be kept: looking for garbage among them costs a fifth of dbt's start
    sys.exit(_done(json.loads(sys.argv[1])))


def _done(commands: list[list[str]]) -> int:
    from dbt.cli.main import dbtRunner

    _take_the_project_as_valid()
    runner = dbtRunner()
    report: dict[str, Any] = {"seconds": {}, "sources": []}
    for words in commands:
        began = time.monotonic()
        answer = runner.invoke(words)
        name = _name(words)
        report["seconds"][name] = time.monotonic() - began
        if name == "freshness" and answer.result is not None:
            report["sources"] = [_source(found) for found in answer.result.results]
        Path(REPORT).write_text(json.dumps(report), encoding="utf-8")
        if _left.is_set() or answer.exception is not None:
            return 2
        if not answer.success and not (name == "freshness" and _is_readable(report["sources"])):
            return 1
        if name == "parse":
            gc.freeze()
            gc.enable()
            runner = dbtRunner(manifest=answer.result)
    return 0


def _take_the_project_as_valid() -> None:
    """Spares dbt to hold every part of the project against JSON schemas that it first derives from its own classes.

    That is a third of its start, and finds nothing: this project was tested as it is, and the test has dbt look. What
    does not depend on the form of a file (an unknown model or macro, a contract that is not kept) is found as ever.
    """
    from dbt_common.dataclass_schema import dbtClassMixin

    def taken_as_valid(_: type, __: Any) -> None:
        return None

    setattr(dbtClassMixin, "validate", classmethod(taken_as_valid))  # noqa: B010 (an assignment mypy refuses)


def _name(words: list[str]) -> str:
    """The command among the words; dbt's general flags stand before it."""
    return next(word for word in words if word in ("parse", "freshness", "build", "retry"))


def _is_readable(sources: list[dict[str, Any]]) -> bool:
    """Whether dbt could tell how old each is: dbt calls the command failed when one is old, too."""
    return bool(sources) and all("age" in source for source in sources)


def _source(found: Any) -> dict[str, Any]:
    age = {"age": found.age} if hasattr(found, "age") else {}
    return {
        "unique_id": found.node.unique_id,
        "status": str(found.status),
        "execution_time": found.execution_time,
        "message": found.message,
        **age,
    }


if __name__ == "__main__":
    main()
