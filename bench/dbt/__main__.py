"""`make bench-dbt`: the transformation on 90 days with 10 million events of 300,000 visitors, on a server of its own.

    PYTHONPATH=. python -m bench.dbt [--events 10000000] [--visitors 300000] [--days 90] [--batch 10000]

Measures at half the time too, with the first 45 days and their 5 million events: history doubles as time goes by, with
as many events a day as before. Half the visitors over all the days would halve each day, and with it what a batch
touches. At both points everything is built anew, and then three batches come, each of a quarter of an hour.

Fails if a full refresh takes 5 minutes, a batch 10 s from end to end, its SQL 1.3 times as long as with half the
history, the actives of all days 2 s, or if a batch reads a big table from end to end.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import psycopg
from bench import machine
from bench.dbt import plans, report
from bench.dbt.report import Stage
from bench.dbt.shop import Shop
from bench.dbt.warehouse import Ran, Warehouse, a_warehouse
from bench.servers import a_database, a_home

from pulse.errors import PulseError

BATCHES = 3
QUARTER = timedelta(minutes=15)
# Below this, a table fits into a few pages, and reading all of it is what Postgres should do.
EVENTS_FOR_PLANS = 1_000_000
_SHOWN_PLANS, _SHOWN_MODELS = 2, 8


def _words() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(prog="make bench-dbt", description=(__doc__ or "").splitlines()[0])
    words.add_argument("--events", type=int, default=10_000_000, help="events of the whole history (default 10 M)")
    words.add_argument("--visitors", type=int, default=300_000, help="visitors that they are of (default 300,000)")
    words.add_argument("--days", type=int, default=90, help="days that they are of (default 90)")
    words.add_argument("--batch", type=int, default=10_000, help="events of a quarter of an hour (default 10,000)")
    words.add_argument("--json", type=Path, help="file for the results")
    return words


def main() -> int:
    """Runs all, prints the tables. 1 if a goal is missed."""
    asked = _words().parse_args()
    with a_home() as home, a_database(home) as server:
        log = home.scratch / "postgres.log"
        with a_warehouse(server, log) as warehouse, psycopg.connect(warehouse.dsn, autocommit=True) as connection:
            shop = Shop(connection, asked.visitors)
            start = datetime.combine(datetime.now(UTC).date() - timedelta(days=asked.days + 1), time(12), UTC)
            middle, end = start + timedelta(days=asked.days / 2), start + timedelta(days=asked.days)
            half = _stage(warehouse, shop, (start, middle), asked.events // 2, asked.batch)
            whole = _stage(warehouse, shop, (middle, end), asked.events - asked.events // 2, asked.batch)
            found = plans.plans(warehouse.dsn, whole.batches[-1].statements)
            sizes = warehouse.sizes()
    judged = found if asked.events >= EVENTS_FOR_PLANS else None
    lines = report.lines(half, whole, asked.batch, judged)
    words = {name: value for name, value in vars(asked).items() if name != "json"}
    where = machine.described()
    print(f"{where}\n\n{report.table(lines)}\n\n{report.model_table(half, whole)}\n\n{report.size_table(sizes)}\n")
    print(report.plan_texts(found, _SHOWN_PLANS))
    if asked.json:
        data = report.as_data(where, words, (half, whole), lines, sizes, found)
        asked.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return int(any(line.is_missed for line in lines))


def _stage(warehouse: Warehouse, shop: Shop, span: tuple[datetime, datetime], events: int, batch: int) -> Stage:
    """More history, all of it built anew, then three batches at its end."""
    start, end = span
    _say(f"{events:,} events of {(end - start).days} days")
    shop.history(start, end, events)
    warehouse.settle()
    stored = warehouse.number("select count(*) from raw.events")
    days = warehouse.number("select max(event_timestamp)::date - min(event_timestamp)::date + 1 from raw.events")
    refresh = warehouse.transform("--full-refresh")
    _tell("full refresh", refresh)
    warehouse.settle()
    batches = [_batch(warehouse, shop, end + number * QUARTER, batch) for number in range(BATCHES)]
    _check(warehouse)
    return Stage(stored, days, refresh, batches)


def _batch(warehouse: Warehouse, shop: Shop, start: datetime, events: int) -> Ran:
    shop.arrive(start, start + QUARTER, round(events * 1.1), events)
    ran = warehouse.transform()
    _tell("batch", ran)
    return ran


def _check(warehouse: Warehouse) -> None:
    """What was measured has to have done its work."""
    counted = warehouse.number("select sum(event_count) from marts.fct_sessions")
    stored = warehouse.number("select count(*) from raw.events")
    if counted != stored:
        raise RuntimeError(f"{stored} events are stored, and the sessions hold {counted} of them")


def _tell(what: str, ran: Ran) -> None:
    slowest = [*list(ran.by_model.items())[:_SHOWN_MODELS], ("all tests", sum(ran.by_test.values()))]
    of_them = ", ".join(f"{name} {seconds:.2f}" for name, seconds in slowest)
    _say(f"{what}: {ran.seconds:.1f} s, dbt's start {ran.starting_seconds:.1f}, SQL {ran.sql_seconds:.1f} ({of_them})")


def _say(words: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PulseError as failed:
        sys.exit(str(failed))
