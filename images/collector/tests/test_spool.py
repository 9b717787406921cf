"""The files of the buffer, on a real disk: what was written is there for the next process, in order and once."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pulse.errors import Stop
from pulse_collector import spool as module
from pulse_collector.frames import framed
from pulse_collector.spool import Spool
from pulse_collector.stores import Record


def record(number: int) -> Record:
    return Record(b"key", b"value %d" % number)


def drained(spool: Spool) -> list[Record]:
    """Everything that waits, which Kafka is said to have taken."""
    found: list[Record] = []
    while (segment := spool.oldest()) is not None:
        found += segment.records
        spool.drop(segment)
    return found


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "not" / "there"


def test_what_one_process_wrote_the_next_one_drains_in_order(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 200)  # so that there are many files
    for start in (0, 50):
        with closing(Spool(directory)) as spool:
            for number in range(start, start + 50):
                spool.write(framed([record(number)]))
    with closing(Spool(directory)) as spool:
        assert len(list(directory.glob("*.events"))) > 10
        assert spool.bytes == sum(path.stat().st_size for path in directory.glob("*.events"))
        assert drained(spool) == [record(number) for number in range(100)]
        assert (spool.bytes, spool.oldest()) == (0, None)
    assert [path.name for path in directory.iterdir()] == ["lock"]


def test_a_write_returns_once_the_disk_has_all_of_it(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    def noted(file: int) -> None:
        fdatasync(file)
        synced.append(os.fstat(file).st_size)

    fdatasync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", noted)
    with closing(Spool(directory)) as spool:
        for number in range(5):
            spool.write(framed([record(number)]))
            assert synced[-1] == spool.bytes


def test_writing_and_draining_take_turns(directory: Path) -> None:
    with closing(Spool(directory)) as spool:
        found: list[Record] = []
        for number in range(20):
            spool.write(framed([record(number)]))
            if number % 3 == 0:
                found += drained(spool)
        assert found + drained(spool) == [record(number) for number in range(20)]


def test_a_torn_end_is_cut_and_counted_and_what_comes_after_it_is_read(directory: Path) -> None:
    with closing(Spool(directory)) as spool:
        spool.write(framed([record(1), record(2)]))
    (file,) = directory.glob("*.events")
    os.truncate(file, file.stat().st_size - 3)
    with closing(Spool(directory)) as spool:
        spool.write(framed([record(3)]))
        first = spool.oldest()
        assert first is not None
        assert (first.records, first.cut_bytes) == ([record(1)], len(framed([record(2)])) - 3)
        spool.drop(first)
        assert drained(spool) == [record(3)]


def test_what_the_topic_does_not_take_waits_beside_for_the_next_start(directory: Path) -> None:
    with closing(Spool(directory)) as spool:
        spool.write(framed([record(1), record(2)]))
        segment = spool.oldest()
        assert segment is not None
        spool.drop(segment, [record(2)])
        assert (spool.bytes, spool.oldest()) == (0, None), "it is in nobody's way"
    for _ in range(2):
        with closing(Spool(directory)) as spool:
            segment = spool.oldest()
            assert segment is not None
            assert segment.records == [record(2)]
            spool.drop(segment, [record(2)])
    with closing(Spool(directory)) as spool:
        assert drained(spool) == [record(2)]
    assert [path.name for path in directory.iterdir()] == ["lock"]


def test_a_directory_has_one_process(directory: Path) -> None:
    with closing(Spool(directory)), pytest.raises(Stop, match="PULSE_COLLECTOR_BUFFER_DIRECTORY"):
        Spool(directory)
    Spool(directory).close()


def test_what_is_no_directory_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Stop, match=r"file cannot hold the buffer .* PULSE_COLLECTOR_BUFFER_DIRECTORY"):
        Spool(tmp_path / "file")


def test_files_of_others_are_left_alone(directory: Path) -> None:
    directory.mkdir(parents=True)
    for name in ("lost+found", "notes.events", "7.part"):
        (directory / name).write_text("mine")
    with closing(Spool(directory)) as spool:
        assert (spool.bytes, drained(spool)) == (0, [])
    assert len(list(directory.iterdir())) == 4


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """No file of this process can grow beyond it, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_fails_leaves_what_was_written_before_and_nothing_of_its_own(directory: Path) -> None:
    with closing(Spool(directory)) as spool:
        spool.write(framed([record(1)]))
        with files_end_at(spool.bytes + 10):
            for _ in range(3):
                with pytest.raises(OSError, match="too large"):
                    spool.write(framed([record(2)] * 10))
        assert len(list(directory.glob("*.events"))) == 1, "attempts leave no files behind"
        spool.write(framed([record(3)]))
        assert drained(spool) == [record(1), record(3)]
        assert spool.bytes == 0
