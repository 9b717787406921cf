"""What processes used: core-seconds and memory, as Linux counts them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def _fields(pid: int) -> list[str]:
    """/proc/PID/stat from its third field on; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def children(pid: int) -> list[int]:
    """The process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (found := _fields(int(entry.name))):
            parents.setdefault(int(found[1]), []).append(int(entry.name))
    family, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        family.append(one)
        waiting += parents.get(one, [])
    return family


def core_seconds(pid: int) -> float:
    """Of the process, its living descendants, and those of its children that have ended."""
    own = 0
    for number, one in enumerate(children(pid)):
        found = _fields(one)
        # utime and stime; of the root also those of children that it has waited for.
        own += sum(int(value) for value in found[11 : 15 if number == 0 else 13])
    return own / _TICKS


def resident_mib(pid: int) -> float:
    """Memory of the process and its descendants now; pages that they share are counted in each."""
    pages = 0
    for one in children(pid):
        try:
            pages += int(Path(f"/proc/{one}/statm").read_text().split()[1])
        except (OSError, IndexError):
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(slots=True)
class Usage:
    """Looked at again and again while processes run."""

    pids: list[int]
    peak_mib: float = 0.0
    memory: list[float] = field(default_factory=list)

    def look(self) -> None:
        """Notes how much memory is used now."""
        now = sum(resident_mib(pid) for pid in self.pids)
        self.memory.append(now)
        self.peak_mib = max(self.peak_mib, now)

    def core_seconds(self) -> float:
        """Used so far."""
        return sum(core_seconds(pid) for pid in self.pids)
