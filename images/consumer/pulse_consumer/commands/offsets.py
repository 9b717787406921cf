"""`pulse offsets`."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pulse.cli import FAILED, OK, USAGE, Command
from pulse.settings import OffsetsSettings
from pulse_consumer.commands.words import confirmed

if TYPE_CHECKING:
    from pulse_consumer.moving import Planned

_PLACE = "PARTITION=OFFSET"


def _offsets_words(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    _show_words(actions.add_parser("show", help="where the group stands beside the log; exit code 1 if they disagree"))
    _reset_words(actions.add_parser("reset", help="read everything that the log holds again"))
    _rewind_words(actions.add_parser("rewind-to", help="read again from a time or an offset; leaves nothing out"))
    _adopt_words(actions.add_parser("adopt", help="go on where another consumer stopped"))


def _show_words(parser: ArgumentParser) -> None:
    parser.description = (
        "The stored offset of every partition, its epoch, what the log holds, how many offsets wait, and when the "
        "offset last moved. Exit code 1 if a stored offset and the log do not belong together."
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def _reset_words(parser: ArgumentParser) -> None:
    parser.description = "Also the answer to a topic that was deleted and created again. A running consumer follows."
    parser.add_argument(
        "--to-beginning",
        action="store_true",
        required=True,
        help="to the first offset that the log still holds, in every partition; what is stored counts as duplicates",
    )
    _force_word(parser)
    _moving_words(parser)


def _rewind_words(parser: ArgumentParser) -> None:
    parser.description = "Offsets only go back: what is stored counts as duplicates. A running consumer follows."
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--to-time",
        type=_moment,
        metavar="TIME",
        help="to the first record of this time or later, as Kafka stamped it; RFC 3339, no zone = UTC",
    )
    where.add_argument(
        "--to-offset", type=_place, action="append", metavar=_PLACE, help="to this offset of a partition; repeatable"
    )
    parser.add_argument(
        "--partition",
        type=int,
        action="append",
        default=[],
        metavar="N",
        help="with --to-time: only this; repeatable",
    )
    _force_word(parser)
    _moving_words(parser)


def _adopt_words(parser: ArgumentParser) -> None:
    parser.description = (
        "Before the first start: takes the offsets that a Kafka group has committed, or those given, as the stored "
        "ones. What lies before them is never read."
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--from-group", default="", metavar="GROUP", help="the Kafka group; default: PULSE_CONSUMER_GROUP itself"
    )
    where.add_argument(
        "--offset", type=_place, action="append", metavar=_PLACE, help="this offset of a partition instead; repeatable"
    )
    parser.add_argument(
        "--force", action="store_true", help="also where an offset is stored already, or events were removed"
    )
    _moving_words(parser)


def _force_word(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--force", action="store_true", help="also to where retention has removed events: they are stored again"
    )


def _moving_words(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", help="kept in raw.offset_moves beside who moved which offset when")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _place(text: str) -> tuple[int, int]:
    partition, equals, offset = text.partition("=")
    if not (equals and partition.isdecimal() and offset.isdecimal()):
        raise ArgumentTypeError(f"{text!r} is not {_PLACE}, such as 0=1200")
    return int(partition), int(offset)


def _moment(text: str) -> datetime:
    import msgspec

    try:
        found = msgspec.convert(text, datetime)
    except msgspec.ValidationError as wrong:
        raise ArgumentTypeError(f"{text!r} is not a time such as 2026-01-02T03:04:05Z") from wrong
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _offsets(args: Namespace, env: Mapping[str, str]) -> int:
    settings = OffsetsSettings.from_env(env)
    if args.action == "show":
        return _show(args, settings)
    if args.action == "rewind-to" and args.to_offset and args.partition:
        sys.stderr.write("--partition goes with --to-time; --to-offset names its partition itself.\n")
        return USAGE
    return _move(args, _PLANS[args.action](args, settings))


def _show(args: Namespace, settings: OffsetsSettings) -> int:
    from pulse_consumer import subscription
    from pulse_consumer.moving import seen
    from pulse_consumer.standing import standings, table

    found = seen(settings)
    readable = subscription.ends(settings.kafka, found.source.topic, found.log)
    rows = standings(found.source, found.stored, found.log, readable)
    print(json.dumps([row.as_json() for row in rows], indent=2) if args.json else table(found.source, rows))  # noqa: T201
    return FAILED if any(row.problem for row in rows) else OK


def _reset(args: Namespace, settings: OffsetsSettings) -> Planned:
    from pulse_consumer.moving import plan_reset

    return plan_reset(settings, args.reason, args.force)


def _rewind(args: Namespace, settings: OffsetsSettings) -> Planned:
    from pulse_consumer.moving import plan_rewind_to_offsets, plan_rewind_to_time

    if args.to_offset:
        return plan_rewind_to_offsets(settings, dict(args.to_offset), args.reason, args.force)
    return plan_rewind_to_time(settings, args.to_time, args.partition, args.reason, args.force)


def _adopt(args: Namespace, settings: OffsetsSettings) -> Planned:
    from pulse_consumer.moving import plan_adopt

    return plan_adopt(settings, args.from_group, dict(args.offset or ()), args.force, args.reason)


_PLANS: Mapping[str, Callable[[Namespace, OffsetsSettings], Planned]] = {
    "reset": _reset,
    "rewind-to": _rewind,
    "adopt": _adopt,
}


def _move(args: Namespace, planned: Planned) -> int:
    print(planned.description)  # noqa: T201 - the command's answer
    if not planned.chosen.targets:
        print("Nothing to change.")  # noqa: T201
        return OK
    if not args.yes and not confirmed():
        print("Nothing was changed.", file=sys.stderr)  # noqa: T201
        return FAILED
    planned.apply()
    print("Done. A running consumer starts again at these offsets within seconds.")  # noqa: T201
    return OK


OFFSETS = Command("where the consumer stands; read again, or go on where another stopped", _offsets_words, _offsets)
