"""`pulse verify`."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping

from pulse.cli import FAILED, OK, STOPPED, USAGE, Command
from pulse.errors import PulseError
from pulse.settings import OffsetsSettings, VerifySettings


def _verify_words(parser: ArgumentParser) -> None:
    parser.description = (
        "Follows the ledger raw.batches from the first offset read to the stored one, and counts raw.events, "
        "raw.dead_letters and raw.event_conflicts beside it. A consumer may run meanwhile. Exit codes: 0 it adds up, "
        "1 it does not (what, where and what to do is said), 3 it cannot be told."
    )
    parser.add_argument("--json", action="store_true", help="as JSON: totals and findings of each partition")
    parser.add_argument(
        "--log",
        action="store_true",
        help="also read Kafka's log, as far as the consumer did: whether it was given every record that is in it, and "
        "which offsets hold none",
    )
    parser.add_argument(
        "--last",
        type=_count,
        metavar="OFFSETS",
        help="with --log: only so many offsets of each partition, the last ones",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number of offsets: give one such as 1000000")
    return int(text)


def _verify(args: Namespace, env: Mapping[str, str]) -> int:
    from pulse_consumer.findings import as_json, faults, told
    from pulse_consumer.verify import verified
    from pulse_consumer.verify_log import add_log

    if args.last and not args.log:
        print("--last is about --log: say both.", file=sys.stderr)  # noqa: T201
        return USAGE
    settings = VerifySettings.from_env(env)
    of_the_log = OffsetsSettings.from_env(env) if args.log else None
    unknown: PulseError | None = None
    try:
        checked = verified(settings.database.dsn, _tell)
    except PulseError as failed:
        return _untold(failed)
    if of_the_log:
        try:
            add_log(checked, of_the_log, args.last, _tell)
        except PulseError as failed:
            unknown = failed
    print(json.dumps(as_json(checked), indent=2) if args.json else told(checked))  # noqa: T201 - the command's answer
    code = _untold(unknown) if unknown else OK
    return FAILED if faults(checked) else code


def _tell(place: str) -> None:
    print(f"Checking {place}", file=sys.stderr)  # noqa: T201


def _untold(failed: PulseError) -> int:
    print(f"It cannot be told whether it adds up. {failed}", file=sys.stderr)  # noqa: T201
    return STOPPED


VERIFY = Command("whether every record read is accounted for, and stored", _verify_words, _verify)
