"""Which code makes rows of plain records: the compiled packer, or none. The only place that knows of `pulse_native`.

The compiled packer makes the very bytes of `rows.packed`, or leaves a record to the Python code, which is complete by
itself and the reference. Decision 10 says what it brings.
"""

from __future__ import annotations

from collections.abc import Callable

from pulse.errors import SettingsError
from pulse.events import KNOWN_TYPES
from pulse.fingerprint import COLLECTOR_CONTEXT
from pulse_consumer.record import Record

try:
    import pulse_native
except ImportError:
    _installed = False
else:
    _installed = True

# For each record the row, or None if the Python code has to look at it.
PlainRows = Callable[[list[Record]], list[bytes | None]]


def chosen(wanted: str) -> str:
    """`native` or `python` for the setting PULSE_PACKER; SettingsError if the wanted one is not installed."""
    if wanted == "native" and not _installed:
        raise SettingsError(
            "PULSE_PACKER=native: the compiled packer is not installed. `make native` builds it (needs Rust); "
            "auto takes Python where it is missing."
        )
    return "native" if _installed and wanted != "python" else "python"


def plain_rows(name: str, topic_id: bytes, *, custom_events: bool) -> PlainRows:
    """The packer that `chosen` names, for the records of one topic."""
    if name == "python":
        return _none
    types = None if custom_events else sorted(KNOWN_TYPES)
    return pulse_native.Packer(topic_id, sorted(COLLECTOR_CONTEXT), types).rows


def _none(records: list[Record]) -> list[bytes | None]:
    return [None] * len(records)
