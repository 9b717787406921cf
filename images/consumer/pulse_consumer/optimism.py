"""Whether a batch is likely to hold new events only, and so may be copied straight into the table. Pure.

Such a copy spares Postgres the stage, but one event that is there already undoes it, and the rows until then were
written for nothing. So it is tried while all goes well, and after a failure only once as many batches in a row as
failures ask for were found to be new.
"""

from __future__ import annotations

# After so many batches that were all new, another try is due whatever failed before.
MOST_BATCHES = 64


class Optimism:
    """Remembers how the batches went; one consumer's, hopeful at its start."""

    def __init__(self) -> None:
        self._new_in_a_row = 0
        self._needed = 0

    def hopeful(self) -> bool:
        """Whether the next batch should be copied straight into the table."""
        return self._new_in_a_row >= self._needed

    def disappointed(self) -> None:
        """A batch that was copied held an event that is there already, or one that the table refuses."""
        self._needed = min(max(1, 2 * self._needed), MOST_BATCHES)

    def copied(self) -> None:
        """A batch was copied straight into the table: half as many have to be new after the next failure."""
        self._needed //= 2

    def stored(self, *, all_new: bool) -> None:
        """Every batch, however it was stored: whether each of its rows was inserted."""
        self._new_in_a_row = self._new_in_a_row + 1 if all_new else 0
