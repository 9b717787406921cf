"""`pulse dlq`."""

from __future__ import annotations

import datetime as dt
import shlex
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pulse.cli import OK, Command
from pulse_consumer.commands.words import confirmed

if TYPE_CHECKING:
    from pulse_consumer.letters.letter import Coordinates
    from pulse_consumer.letters.selection import Selection

T = TypeVar("T")

LISTED = 50


def _words(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    listed = actions.add_parser("list", help="dead letters, the oldest first, and how many there are of each class")
    _add_filters(listed, LISTED)
    listed.add_argument("--json", action="store_true", help="a line of JSON for each letter, without its bytes")
    shown = actions.add_parser("show", help="all that is known of one: bytes, headers, reason, what was done about it")
    _add_place(shown, "place")
    shown.add_argument("--json", action="store_true", help="as one line of JSON, bytes as text and as base64")
    _replay_words(
        actions.add_parser("replay", help="send dead letters to the events topic again, changed or as they are")
    )
    _drop_words(actions.add_parser("drop", help="note that dead letters need no more work; bytes stay unless --erase"))


def _replay_words(parser: ArgumentParser) -> None:
    _add_place(parser, "places", nargs="*")
    _add_filters(parser, None)
    parser.add_argument("--all", action="store_true", help="all that are open; without it, name places or conditions")
    parser.add_argument(
        "--dry-run", action="store_true", help="send nothing, say for each letter what would come of it"
    )
    change = parser.add_mutually_exclusive_group()
    change.add_argument(
        "--set",
        dest="fields",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="set a field of each value, as metadata.price=3; null removes it; may be said several times",
    )
    change.add_argument("--patch", metavar="FILE", help="a JSON merge patch (RFC 7396) for each value")
    change.add_argument("--edit", action="store_true", help="change the value of the one letter in $EDITOR")
    parser.add_argument("--rate", type=float, metavar="N", help="at most N a second")
    parser.add_argument(
        "--max-attempts", type=int, default=3, metavar="N", help="leave letters that failed so often already (3)"
    )
    parser.add_argument("--force", action="store_true", help="take those too")
    parser.add_argument("--again", action="store_true", help="take letters too that were replayed or dropped before")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _drop_words(parser: ArgumentParser) -> None:
    _add_place(parser, "places", nargs="*")
    _add_filters(parser, None)
    parser.add_argument("--all", action="store_true", help="all that are open; without it, name places or conditions")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, kept in the history of each letter")
    parser.add_argument(
        "--erase",
        action="store_true",
        help="remove value, key, headers and reason for good; takes the log-in of the database's owner",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _add_place(parser: ArgumentParser, name: str, **more: Any) -> None:
    parser.add_argument(
        name,
        metavar="PLACE",
        type=_checked(_place),
        help="PARTITION:OFFSET as list shows it, with TOPIC_ID: before it where several topics have that place",
        **more,
    )


def _add_filters(parser: ArgumentParser, limit: int | None) -> None:
    shown = "no limit" if limit is None else f"{limit}; 0 is no limit"
    many: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME"}
    parser.add_argument("--class", dest="classes", help="a rejection code; may be said several times", **many)
    parser.add_argument("--field", metavar="PATH", help="the field that is wrong, such as metadata.price")
    time: dict[str, Any] = {"metavar": "TIME", "type": _checked(_moment)}
    parser.add_argument(
        "--since", help="seen since then: 2026-01-31, 2026-01-31T08:00:00Z, or 2h for two hours ago", **time
    )
    parser.add_argument("--until", help="seen before, in the same forms", **time)
    parser.add_argument("--topic", metavar="NAME", help="of the topic of this name")
    parser.add_argument("--partition", type=int, metavar="N", help="of this partition")
    parser.add_argument(
        "--state",
        dest="states",
        action="append",
        default=[],
        choices=("open", "sending", "replayed", "dropped", "erased"),
        help="how they stand; may be said several times",
    )
    parser.add_argument("--limit", type=int, metavar="N", default=limit, help=f"the oldest N alone ({shown})")


def _checked(parse: Callable[[str], T]) -> Callable[[str], T]:
    """`parse`, its ValueError told as argparse tells its own."""

    def parsed(word: str) -> T:
        try:
            return parse(word)
        except ValueError as wrong:
            raise ArgumentTypeError(str(wrong)) from wrong

    return parsed


def _place(word: str) -> Coordinates:
    from pulse_consumer.letters.letter import coordinates

    return coordinates(word)


def _moment(word: str) -> dt.datetime:
    from pulse_consumer.letters.selection import moment

    return moment(word, dt.datetime.now(dt.UTC))


def _selection(args: Namespace) -> Selection:
    from pulse_consumer.letters.selection import Selection

    return Selection(
        classes=tuple(args.classes),
        field=args.field,
        since=args.since,
        until=args.until,
        topic=args.topic,
        partition=args.partition,
        states=tuple(args.states),
        limit=args.limit or None,
    )


def _chosen(args: Namespace) -> Selection:
    """What `replay` and `drop` are about: places, or the open letters that meet the conditions."""
    from dataclasses import replace

    from pulse.errors import Stop

    found = replace(_selection(args), places=tuple(args.places))
    conditions = (*found.classes, found.field, found.since, found.until, found.topic, found.partition, *found.states)
    if not args.all and not found.places and all(one is None for one in conditions) and found.limit is None:
        raise Stop("Say which letters: places, conditions such as --class, or --all.")
    return found if found.places or found.states else replace(found, states=("open", "sending"))


def _run(args: Namespace, env: Mapping[str, str]) -> int:
    from pulse.settings import DeadLetterSettings
    from pulse_consumer.letters import dialogue, looking

    settings = DeadLetterSettings.from_env(env)
    dsn = settings.database.dsn
    if args.action == "list":
        return _told(looking.listing(dsn, _selection(args), as_json=args.json))
    if args.action == "show":
        return _told(looking.showing(dsn, args.place, as_json=args.json))
    talk = dialogue.Dialogue(print, _noted, (lambda: True) if args.yes else confirmed, _command())
    if args.action == "drop":
        return talk.drop(settings, _chosen(args), args.reason, erase=args.erase)
    order = dialogue.Order(
        tuple(args.fields), args.patch, args.edit, args.dry_run, args.rate, args.max_attempts, args.force, args.again
    )
    return talk.replay(settings, _chosen(args), order)


def _told(lines: Iterable[str]) -> int:
    for line in lines:
        print(line)  # noqa: T201 - the command's answer
    return OK


def _noted(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress, and what went wrong


def _command() -> str:
    return shlex.join(["pulse", "dlq", *sys.argv[sys.argv.index("dlq") + 1 :]])


DLQ = Command("dead letters: list them, show one, send them again, drop them", _words, _run)
