"""How fast the simulator makes events, and makes and delivers them to a real broker on the same machine.

    python -m bench.simulator [--users N] [--days N]

Prints a table with the machine and the date. The broker is a process of this run's own and gone at its end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import machine
from bench.servers import a_broker, a_home

from pulse.adapters import kafka as kafka_adapter
from pulse.plan import plan
from pulse.settings import SimulatorSettings

END = "2026-05-31T12:00:00Z"

# Each runs in a process of its own, so that its memory is its own too.
GENERATE = """
import json, os, time
from pulse.settings import SimulatorSettings
from pulse_simulator.ledger import Ledger
from pulse_simulator.run import Simulation
simulation = Simulation(SimulatorSettings.from_env(os.environ), time.time_ns() // 1_000_000)
ledger, start = Ledger(), time.monotonic()
for records in simulation.history:
    ledger.add(records)
print(json.dumps({"event": "generated", "records": ledger.records, "seconds": time.monotonic() - start}))
"""
DELIVER = """
import os
from pulse_simulator.run import run
from pulse.settings import SimulatorSettings
run(SimulatorSettings.from_env(os.environ))
"""
# What getrusage says of a child includes the memory of the parent that it was forked from.
PEAK = """
from pathlib import Path
print("peak KiB", Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One measured run."""

    what: str
    records: int
    seconds: float
    peak_mib: float


def _measured(what: str, code: str, settings: SimulatorSettings, last_event: str) -> Row:
    """Runs `code` in a child, which says at its end how many records took how long."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PULSE_")} | settings.to_env()
    child = subprocess.run([sys.executable, "-c", code + PEAK], env=env, capture_output=True, text=True, check=False)
    if child.returncode:
        sys.exit(child.stderr)
    lines = (child.stdout + child.stderr).splitlines()
    said = next(json.loads(line) for line in lines if f'"{last_event}"' in line)
    peak_kib = next(int(line.split()[-1]) for line in lines if line.startswith("peak KiB"))
    return Row(what, said["records"], said["seconds"], peak_kib / 1024)


def generation(settings: SimulatorSettings) -> Row:
    """Events made, encoded and counted, and thrown away."""
    return _measured("generation", GENERATE, settings, "generated")


def delivery(settings: SimulatorSettings, what: str) -> Row:
    """The simulator as it is, from its first event to the last acknowledgement by the broker."""
    return _measured(what, DELIVER, settings, "simulation_finished")


def _print_table(rows: list[Row]) -> None:
    print(machine.described())
    print(f"{'':<34}{'records':>12}{'seconds':>10}{'records/s':>12}{'peak MiB':>10}")
    for row in rows:
        rate = row.records / row.seconds
        print(f"{row.what:<34}{row.records:>12,}{row.seconds:>10.1f}{rate:>12,.0f}{row.peak_mib:>10.0f}")


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--users", type=int, default=10_000, help="size of the population")
    words.add_argument("--days", type=int, default=30, help="days of history")
    asked = words.parse_args()
    with a_home() as home, a_broker(home) as broker, tempfile.TemporaryDirectory() as scratch:
        pipeline = plan("bench")
        kafka_adapter.create_topics(kafka_adapter.admin(broker.settings), pipeline.topics)
        env = {
            "PULSE_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "PULSE_EVENTS_TOPIC": pipeline.events.name,
            "PULSE_LOG_FORMAT": "json",
            "PULSE_SIM_USERS": str(asked.users),
            "PULSE_SIM_DAYS": str(asked.days),
            "PULSE_SIM_END": END,
        }
        history = SimulatorSettings.from_env(env)
        rows = [generation(history), delivery(history, "generation + delivery")]
        truth = str(Path(scratch) / "truth.json")
        rows.append(
            delivery(SimulatorSettings.from_env({**env, "PULSE_SIM_TRUTH": truth}), "the same, and the truth file")
        )
        live = {**env, "PULSE_SIM_DAYS": "0", "PULSE_SIM_RATE": "1000000", "PULSE_SIM_EVENTS": str(rows[0].records)}
        rows.append(delivery(SimulatorSettings.from_env(live), "live, as fast as possible"))
    _print_table(rows)


if __name__ == "__main__":
    main()
