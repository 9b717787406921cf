"""`pulse verify`."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pulse.cli import FAILED, OK, STOPPED, Command
from pulse.errors import PulseError
from pulse.settings import VerifySettings


def _verify_words(parser: ArgumentParser) -> None:
    parser.description = (
        "Follows the ledger raw.batches from the first offset read to the stored one, and counts raw.events, "
        "raw.dead_letters and raw.event_conflicts beside it. A consumer may run meanwhile. Exit codes: 0 it adds up, "
        "1 it does not (what, where and what to do is said), 3 it cannot be told."
    )
    parser.add_argument("--json", action="store_true", help="as JSON: totals and findings of each partition")


def _verify(args: Namespace, env: Mapping[str, str]) -> int:
    from pulse_consumer.findings import as_json, faults, told
    from pulse_consumer.verify import verified

    settings = VerifySettings.from_env(env)
    try:
        checked = verified(settings.database.dsn, lambda place: print(f"Checking {place}", file=sys.stderr))  # noqa: T201
    except PulseError as failed:
        print(f"It cannot be told whether it adds up. {failed}", file=sys.stderr)  # noqa: T201
        return STOPPED
    print(json.dumps(as_json(checked), indent=2) if args.json else told(checked))  # noqa: T201 - the command's answer
    return FAILED if faults(checked) else OK


VERIFY = Command("whether every record read is accounted for, and stored", _verify_words, _verify)
