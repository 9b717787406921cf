"""Every fault, by the name that schedules and tables use."""

from __future__ import annotations

from chaos.faults import consumers, database, kafka, records
from chaos.faults.base import Fault
from chaos.schedule import Kind

FAULTS: dict[str, type[Fault]] = {
    fault.name: fault for room in (consumers, kafka, database, records) for fault in room.FAULTS
}
KINDS: dict[str, Kind] = {name: Kind(fault.subject, fault.alone) for name, fault in FAULTS.items()}
