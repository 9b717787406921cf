"""The files of the buffer: what `write` returns from is on the disk, also for a process that is killed right after.

A directory of one process. Its files are numbered; records are read in the order in which they were written. Nothing in
here waits for Kafka or knows of an event loop; one thread at a time calls it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pulse.errors import Stop
from pulse_collector.frames import MAGIC, found, framed
from pulse_collector.stores import Record

# A file is closed once it is as long. It is drained as a whole, and after a kill sent again as a whole.
SEGMENT_BYTES = 1024 * 1024

_WAITING, _REFUSED = ".events", ".refused"


class Segment(NamedTuple):
    """A file that is to be drained, and what was found in it."""

    path: Path
    size: int
    records: list[Record]
    cut_bytes: int


class Spool:
    """Made of a directory; Stop if that cannot be used, or another process uses it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as failed:
            raise Stop(
                f"{directory} cannot hold the buffer ({failed}): mend its rights, or PULSE_COLLECTOR_BUFFER_DIRECTORY."
            ) from failed
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Stop(
                f"Another collector has its buffer in {directory}: give each its own PULSE_COLLECTOR_BUFFER_DIRECTORY."
            ) from None
        # What Kafka refused is tried once more at every start: the topic may have been mended.
        left = [path for path in directory.iterdir() if path.suffix in (_WAITING, _REFUSED) and path.stem.isdigit()]
        self._closed = {path: path.stat().st_size for path in sorted(left)}
        self._next = 1 + max((int(path.stem) for path in left), default=0)
        self._file: int | None = None
        self._path, self._length = directory, 0
        self.bytes = sum(self._closed.values())

    def write(self, data: bytes) -> None:
        """Appends frames. OSError: nothing is claimed of them."""
        file = self._opened() if self._file is None else self._file
        try:
            _write_all(file, data)
            os.fdatasync(file)
        except OSError:
            self._cut_back(file)
            raise
        self._length += len(data)
        self.bytes += len(data)
        if self._length >= SEGMENT_BYTES:
            self._close_file()

    def oldest(self) -> Segment | None:
        """The file that was begun first, which gets no more records; None if there is none."""
        if not self._closed:
            self._close_file()
        for path, size in self._closed.items():
            records, cut_bytes = found(path.read_bytes())
            return Segment(path, size, records, cut_bytes)
        return None

    def drop(self, segment: Segment, refused: Iterable[Record] = ()) -> None:
        """Kafka has its records, but for the refused ones: these are kept beside until the next start."""
        kept = framed(refused)
        if kept:
            written = segment.path.with_suffix(".part")
            with written.open("wb") as file:
                file.write(MAGIC + kept)
                file.flush()
                os.fsync(file.fileno())
            written.replace(segment.path.with_suffix(_REFUSED))
        if not kept or segment.path.suffix != _REFUSED:
            segment.path.unlink()
        self.bytes -= self._closed.pop(segment.path)

    def close(self) -> None:
        """Everything is on the disk already; another process may use the directory now."""
        self._close_file()
        os.close(self._folder)
        os.close(self._lock)

    def _opened(self) -> int:
        self._path, self._length = self._directory / f"{self._next:016d}{_WAITING}", 0
        self._next += 1
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_all(file, MAGIC)
            os.fsync(self._folder)
        except OSError:
            self._cut_back(file)
            raise
        self._file, self._length = file, len(MAGIC)
        self.bytes += self._length
        return file

    def _cut_back(self, file: int) -> None:
        """After a failure: what of it is in the file goes. Where that fails too, it is found broken, or sent twice."""
        with suppress(OSError):
            os.ftruncate(file, self._length)
        if self._length > len(MAGIC):
            self._close_file()
            return
        os.close(file)
        self._file = None
        self.bytes -= self._length
        with suppress(OSError):
            self._path.unlink()

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._closed[self._path] = self._length
            self._file = None


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
