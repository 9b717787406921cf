"""Which services of the local stack a subcommand cannot do without, and the sentence when one of them is dead.

Asked before the work begins, so that nobody waits for a broker that will not answer; and again after an outage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pulse.errors import Stop
from pulse_local import stack
from pulse_local.stack import KAFKA, POSTGRES, Stack

OF_COMMAND = {
    "collect": (KAFKA,),
    "consume": (POSTGRES, KAFKA),
    "dlq": (POSTGRES,),
    "maintain": (POSTGRES,),
    "metabase": (POSTGRES,),
    "migrate": (POSTGRES,),
    "offsets": (POSTGRES, KAFKA),
    "simulate": (KAFKA,),
    "transform": (POSTGRES,),
    "verify": (POSTGRES,),
}

# Whoever sets these works somewhere else, and the local service does not matter.
_ELSEWHERE = {KAFKA: "PULSE_KAFKA_BOOTSTRAP_SERVERS", POSTGRES: "PULSE_DATABASE_DSN"}


def check(local: Stack, needed: Iterable[str], env: Mapping[str, str]) -> None:
    """Stop if the stack runs, but without a service that is needed and that `env` does not name elsewhere."""
    missing = [name for name in needed if _ELSEWHERE[name] not in env and not local.is_running(name)]
    if local.running() and missing:
        raise Stop(_sentence(missing))


def hint(local: Stack) -> str:
    """What to say after an outage: which service of the stack is dead; empty if none is."""
    missing = [name for name in stack.PIPELINE if not local.is_running(name)]
    return _sentence(missing) if local.known and local.state.processes and missing else ""


def _sentence(missing: list[str]) -> str:
    does = "does" if len(missing) == 1 else "do"
    return (
        f"Of the local stack {' and '.join(missing)} {does} not run: `pulse up` starts what is missing, "
        f"`pulse logs {missing[0]}` shows why it ended."
    )
