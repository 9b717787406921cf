"""Measures sinks from Kafka to Postgres side by side: `make bench-consumer`.

Each round runs every contender once, in another order, for a window of --seconds on a fresh table; the table shows
medians. Then each reads a smaller topic whole, and, where that is safe, once more into the same table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import machine
from bench.consumer import behaviour, contenders, debezium, limit, load, measure, report
from bench.consumer.behaviour import Bench, Line
from bench.consumer.contenders import Contender, Source
from bench.consumer.measure import Parity, Rate
from bench.consumer.peers import environment
from bench.servers import Home, a_broker, a_database, a_home

from pulse.errors import PulseError
from pulse.settings import KafkaSettings
from pulse_consumer import packer
from pulse_local.services import postgres


def _words() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(prog="make bench-consumer", description=(__doc__ or "").splitlines()[0])
    words.add_argument("--events", type=int, default=15_000_000, help="events that there are to read (default 15 M)")
    words.add_argument("--flat", type=int, default=12_000_000, help="of these, how many the other sinks can read")
    words.add_argument(
        "--whole", type=int, default=1_000_000, help="events of the topic that is read to its end, twice"
    )
    words.add_argument("--seconds", type=float, default=60.0, help="length of the window")
    words.add_argument("--rounds", type=int, default=3, help="runs of each")
    words.add_argument("--only", nargs="*", default=[], help="contenders whose name holds one of these")
    words.add_argument(
        "--soak", type=float, default=10.0, help="minutes of steady load for the memory; 0 leaves it out"
    )
    words.add_argument(
        "--soak-rate", type=int, default=40_000, help="its events a second (a rate out of reach: as fast as can be)"
    )
    words.add_argument("--json", type=Path, help="file for the results")
    words.add_argument("--plot", type=Path, help="SVG file for the plot")
    return words


def main() -> int:
    """Runs all, prints the table. 1 if somebody who should store every event once did not."""
    asked = _words().parse_args()
    with a_home() as home, a_broker(home) as broker, a_database(home) as server:
        python = environment.python(home.paths.cache, _say)
        rows = home.scratch / "rows"
        field = _field(home, python, rows, asked.only)
        flat = any(one.flat for one in field)
        source = _source(broker.settings, "bench", asked.events, asked.flat if flat else 0)
        whole = _source(broker.settings, "whole", asked.whole, asked.whole if flat else 0)
        if any(one.name == report.LIMIT for one in field):
            _say("Packing the rows for the limit")
            limit.pack(source, rows)
        rates = _rates(field, source, server, asked.rounds, asked.seconds)
        parities = {one: _parity(one, whole, server) for one in field if one.name != report.LIMIT}
        alone = _behaviour(Bench(home, broker.settings, server, packer.chosen("auto")), asked)
    words = {name: value for name, value in vars(asked).items() if name not in ("json", "plot")}
    data = report.as_data(machine.described(), words, rates, parities, alone)
    print(f"{data['machine']}\n\n{report.table(data)}\n\n{report.behaviour_table(data)}")
    if asked.json:
        asked.json.write_text(json.dumps(data, indent=1) + "\n")
        if asked.plot:
            drawing = Path(__file__).with_name("plot.py")
            subprocess.run([str(python), str(drawing), str(asked.json), str(asked.plot)], check=True)
    return _judged(parities, asked.whole)


def _behaviour(bench: Bench, asked: argparse.Namespace) -> list[Line]:
    """What is measured of Pulse alone; it takes as long as the other words say."""
    _say("Pulse alone: delay, idle, kills, memory")
    lines = behaviour.mixture(bench, asked.whole, 0.01)
    lines += behaviour.delay(bench, 5_000, asked.seconds) + behaviour.idle(bench, asked.seconds)
    for protocol in ("classic", "consumer"):
        lines += behaviour.kill(bench, protocol, 5_000)
    if asked.soak:
        lines += behaviour.soak(bench, asked.soak, asked.soak_rate, _say)
    return lines


def _source(settings: KafkaSettings, name: str, events: int, flat: int) -> Source:
    """Loads the events, and so many of them as flat documents too."""
    _say(f"{name}: {events:,} events, and {flat:,} of them flat")
    plan = load.simulated(settings, name, events)
    return Source(settings, plan, load.flattened(settings, plan, flat, _say) if flat else "", events)


def _field(home: Home, python: Path, rows: Path, only: Sequence[str]) -> list[Contender]:
    packers = ["python", "native"] if packer.chosen("auto") == "native" else ["python"]
    everyone = [limit.contender(home, rows)]
    everyone += [contenders.pulse(home, count, name) for name in packers for count in (1, 2)]
    everyone += [contenders.mq_bridge(home, python, mode) for mode in ("copy", "upsert")]
    everyone += [debezium.contender(home, _say), contenders.quix(home, python)]
    chosen = [one for one in everyone if not only or any(word in one.name for word in only)]
    if not chosen:
        names = "\n  ".join(one.name for one in everyone)
        raise SystemExit(f"No contender has any of {list(only)} in its name. There are:\n  {names}")
    return chosen


def _rates(
    field: Sequence[Contender], source: Source, server: postgres.Server, rounds: int, seconds: float
) -> dict[Contender, list[Rate]]:
    rates: dict[Contender, list[Rate]] = {one: [] for one in field}
    for number in range(rounds):
        turn = number % len(field)
        for one in [*field[turn:], *field[:turn]]:  # a machine that drifts does not always hit the same one
            found = measure.rate(one, source, server, seconds)
            rates[one].append(found)
            _say(f"round {number + 1}: {one.name}: {found.rows_per_second:,.0f} rows/s over {found.seconds:.0f} s")
    return rates


def _parity(one: Contender, whole: Source, server: postgres.Server) -> Parity:
    found = measure.parity(one, whole, server)
    _say(
        f"whole: {one.name}: {found.fresh.rows:,} rows in {found.fresh_seconds:.1f} s, again {found.again_seconds:.1f}"
    )
    return found


def _judged(parities: dict[Contender, Parity], events: int) -> int:
    """Whether all who say so stored each event once; what they stored is the same, by its digest."""
    wrong = [
        one.name
        for one, found in parities.items()
        if found.fresh.rows != events or (found.again is not None and found.again != found.fresh)
    ]
    digests = {found.fresh.digest for found in parities.values()}
    if wrong:
        print(f"Not every event was stored once by: {', '.join(wrong)}")
    if len(digests) > 1:
        print(
            "The contents differ:",
            *(f"{one.name}: {found.fresh.digest}" for one, found in parities.items()),
            sep="\n  ",
        )
    return 1 if any(name.startswith("Pulse") for name in wrong) or len(digests) > 1 else 0


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PulseError as failed:
        sys.exit(str(failed))
