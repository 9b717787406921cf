"""What was measured as the tables of docs/benchmarks.md, and the goals that were missed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.collector.running import Load

REQUESTS_PER_SECOND, EVENTS_PER_SECOND, P99_MS = 8_000, 60_000, 50
# Memory of the last minute beside that of the first.
GROWTH, GROWTH_MIB = 1.1, 10


@dataclass(slots=True)
class Report:
    """Filled as the benchmark goes on."""

    rows: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def row(self, what: str, found: Load, cores: tuple[float, float] | None = None) -> None:
        """A load, with the cores that collectors and Kafka used."""
        used = [f"{one:.2f}" for one in cores] if cores else ["", ""]
        figures = [f"{found.requests_per_second:,.0f}", f"{found.events_per_second:,.0f}"]
        times = [f"{found.p50_ms:.1f}", f"{found.p99_ms:.1f}"]
        self.rows.append(f"| {' | '.join([what, *figures, *times, *used])} |")

    def goal(self, what: str, measured: str, wanted: str, reached: bool) -> None:
        """A figure that has a goal."""
        self.facts.append(f"| {what} | {measured} | {wanted} |")
        if not reached:
            self.missed.append(f"{what}: {measured}, and the goal is {wanted}")

    def speed(self, batch: int, full: Load, half: Load, ceiling: Load) -> None:
        """The goals of one size of requests."""
        rate, wanted, unit = (
            (full.requests_per_second, REQUESTS_PER_SECOND, "requests/s of single events")
            if batch == 1
            else (full.events_per_second, EVENTS_PER_SECOND, f"events/s in batches of {batch}")
        )
        self.goal(unit, f"{rate:,.0f}", f"≥ {wanted:,}", rate >= wanted)
        p99 = f"{half.p99_ms:.1f} ms"
        self.goal(f"p99 at half of that, {batch} in a request", p99, f"< {P99_MS} ms", half.p99_ms < P99_MS)
        self.facts.append(f"| ratio to the echo, {batch} in a request | {full.requests / ceiling.requests:.2f} | |")

    def memory(self, minutes: float, samples: list[float]) -> None:
        """MiB of all collectors, looked at again and again."""
        tenth = max(1, len(samples) // 10)
        first, last = sum(samples[:tenth]) / tenth, sum(samples[-tenth:]) / tenth
        measured = f"{first:.0f} MiB in the first tenth, {last:.0f} in the last, {max(samples):.0f} at most"
        what = f"memory of all collectors over {minutes:g} min at half of the fastest rate"
        self.goal(what, measured, "flat", last <= first * GROWTH + GROWTH_MIB)

    def junk(self, seconds: float, alone: Load, beside: Load, junk: Load) -> None:
        """Good events at a steady rate, alone and beside another key's junk."""
        answers = ", ".join(f"{count:,} with {status}" for status, count in sorted(junk.statuses.items()))
        what = f"{beside.requests:,} good requests beside {seconds:.0f} s of junk from another key, answered {answers}"
        times = " and ".join(
            f"{name} {was:.1f} → {now:.1f} ms"
            for name, was, now in (("p50", alone.p50_ms, beside.p50_ms), ("p99", alone.p99_ms, beside.p99_ms))
        )
        self.facts.append(f"| {what} | none refused, {times} | none refused |")

    def text(self) -> str:
        """Both tables, and what was missed."""
        head = "| | requests/s | events/s | p50 ms | p99 ms | cores | cores of Kafka |\n| --- |" + " ---: |" * 6
        facts = "| | measured | goal |\n| --- | ---: | --- |"
        missed = "".join(f"MISSED {one}\n" for one in self.missed)
        return "\n".join([head, *self.rows, "", facts, *self.facts, "", missed])
