"""Data of others, imported as a person would: sessions and funnel are those that a plain count of the file finds."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest
from kit.stack import Cli

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "tests" / "data" / "shop-ecom-2024h1a.csv.gz"
OTTO = ROOT / "tests" / "data" / "otto-sample.jsonl.gz"
PAGES = {
    "home", "catalog", "search", "filter_results", "promo_page", "account_page", "review_page", "compare",
}  # fmt: skip
STEPS = dict.fromkeys(PAGES, 0) | {"product_view": 1, "add_to_cart": 2, "shipping_details": 3, "purchase": 4}
GAP = dt.timedelta(minutes=30)

# A time, and a funnel step or None.
Click = tuple[dt.datetime, int | None]


@pytest.mark.integration
def test_sessions_and_funnel_of_two_shops_are_those_that_a_plain_count_finds(stack: Cli) -> None:
    """The second file is older than the first, and comes in a run that only adds to what is there."""
    _imported(stack, SHOP, "import-shop-ecom")
    _imported(stack, OTTO, "import-otto")
    shop, declared = _shop()
    sessions = _sessions(shop)
    assert len(sessions) == declared == 840
    assert stack.ask("select count(*) from marts.fct_sessions where user_id like 'user%'") == [(840,)]
    assert _funnel(stack, "activity_date >= '2024-01-01'") == _counted(sessions)

    otto = _sessions(_otto())
    assert len(otto) == 144
    assert stack.ask("select count(*) from marts.fct_sessions where user_id not like 'user%'") == [(144,)]
    assert _funnel(stack, "activity_date < '2023-01-01'") == _counted(otto)
    events = stack.ask("select sum(event_count)::int from marts.fct_sessions")
    assert events == [(7_035 - 7 + 862,)]
    assert stack.ask("select full_refresh from ops.dbt_runs order by started_at") == [(True,), (False,)]


def test_in_the_shop_visitors_take_the_funnel_in_its_order_and_some_skip_steps() -> None:
    """So the comparison above would see it if steps were counted whatever came before them."""
    shop, _ = _shop()
    sessions = _sessions(shop)
    reached = Counter(_ordered(session) for session in sessions)
    assert min(reached[step] for step in range(-1, 5)) > 0
    assert any(
        max((step for _, step in session if step is not None), default=-1) > _ordered(session) for session in sessions
    )


def _imported(stack: Cli, data: Path, mapping: str) -> None:
    for words in (("import", str(data), "--map", str(ROOT / "examples" / f"{mapping}.yaml")), ("transform",)):
        done = stack.run(*words)
        assert done.returncode == 0, done.stderr


def _shop() -> tuple[dict[str, list[Click]], int]:
    """The clicks of each visitor, repeated rows left out, and the number of sessions that the file declares."""
    with gzip.open(SHOP, "rt", encoding="utf-8") as lines:
        rows = {tuple(row.items()): row for row in csv.DictReader(lines)}.values()
    clicks: dict[str, list[Click]] = defaultdict(list)
    for row in rows:
        moment = dt.datetime.fromisoformat(row["timestamp"]).replace(tzinfo=dt.UTC)
        clicks[row["user_id"]].append((moment, STEPS.get(row["event"])))
    return clicks, len({row["session_id"] for row in rows})


def _otto() -> dict[str, list[Click]]:
    steps = {"clicks": 1, "carts": 2, "orders": 4}
    with gzip.open(OTTO, "rt", encoding="utf-8") as lines:
        visitors = [json.loads(line) for line in lines]
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return {
        str(visitor["session"]): [
            (epoch + dt.timedelta(milliseconds=event["ts"]), steps[event["type"]]) for event in visitor["events"]
        ]
        for visitor in visitors
    }


def _sessions(clicks: dict[str, list[Click]]) -> list[list[Click]]:
    found: list[list[Click]] = []
    for theirs in clicks.values():
        last = None
        for click in sorted(theirs, key=_by_time):
            if last is None or click[0] - last > GAP:
                found.append([])
            found[-1].append(click)
            last = click[0]
    return found


def _by_time(click: Click) -> tuple[dt.datetime, int]:
    return click[0], -1 if click[1] is None else click[1]


def _ordered(session: Iterable[Click]) -> int:
    """The last step that was reached after all before it. Which of two clicks of one second came first is unknown."""
    one, other = (_reached(sorted(session, key=lambda c: (c[0], sign * _by_time(c)[1]))) for sign in (1, -1))
    assert one == other, "the order of clicks of the same time decides"
    return one


def _reached(session: Iterable[Click]) -> int:
    reached = -1
    for _, step in session:
        reached += step == reached + 1
    return reached


def _counted(sessions: list[list[Click]]) -> dict[dt.date, tuple[int, ...]]:
    """By day, how many sessions reached each step in order; days without a session are left out."""
    by_day: dict[dt.date, list[int]] = defaultdict(list)
    for session in sessions:
        by_day[session[0][0].date()].append(_ordered(session))
    return {day: tuple(sum(last >= step for last in reached) for step in range(5)) for day, reached in by_day.items()}


def _funnel(stack: Cli, where: str) -> dict[dt.date, tuple[int, ...]]:
    """The same as the mart has it."""
    columns = ", ".join(f"ordered_sessions_step_{step}" for step in range(5))
    began = "select from marts.fct_sessions where session_date = activity_date"
    rows = stack.ask(f"select activity_date, {columns} from marts.fct_funnel_daily where {where} and exists ({began})")
    return {row[0]: tuple(map(int, row[1:])) for row in rows}
