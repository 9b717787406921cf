"""The rows of a CSV or JSON-lines file, compressed or not, each with its place in the file.

A row that cannot be read is handed on as bad, in its place; only a file that cannot be what it was said to be stops.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from pulse.errors import SettingsError
from pulse_local.importing.converting import NOT_UTF8, BadRow, Row
from pulse_local.importing.mapping import EventMapping

_GZIP_MAGIC = b"\x1f\x8b"
_FIELD_LIMIT = 64 * 1024 * 1024


class OpenFile:
    """An open file of rows; `position` of `size` bytes have been read."""

    def __init__(self, path: Path, raw: BinaryIO, mapping: EventMapping) -> None:
        self._path = path
        self._raw = raw
        self._mapping = mapping
        self.size = path.stat().st_size

    @property
    def position(self) -> int:
        return self._raw.tell()

    def rows(self) -> Iterator[Row | BadRow]:
        """Every row from here on; a damaged end is one last bad row."""
        magic = self._raw.read(2)
        self._raw.seek(0)
        content: Any = gzip.GzipFile(fileobj=self._raw) if magic == _GZIP_MAGIC else self._raw
        read = self._csv_rows if file_format(self._path, self._mapping) == "csv" else self._json_rows
        last = "the beginning"
        try:
            for row in read(content):
                last = row.place
                yield row
        except (EOFError, gzip.BadGzipFile, zlib.error) as broken:
            yield BadRow(f"after {last}", f"the compressed file is damaged or cut off ({broken}): the rest is not read")

    def _csv_rows(self, content: BinaryIO) -> Iterator[Row | BadRow]:
        csv.field_size_limit(_FIELD_LIMIT)
        text = io.TextIOWrapper(content, encoding="utf-8-sig", errors="surrogateescape", newline="")
        try:
            yield from self._parsed_csv(csv.reader(text, delimiter=self._mapping.delimiter))
        finally:
            text.detach()  # the file is not the wrapper's to close

    def _parsed_csv(self, reader: Any) -> Iterator[Row | BadRow]:
        header = next(_without_errors(reader), None)
        if isinstance(header, csv.Error) or (header and not _is_utf8(header)):
            raise SettingsError(
                f"{self._path} is {'no CSV' if isinstance(header, csv.Error) else 'not UTF-8'}, its first line shows: "
                "is it the right file? Save it as text in UTF-8."
            )
        if not header:
            raise SettingsError(f"{self._path} has no header line: the first line has to name the columns.")
        self._check_header(header)
        for cells in _without_errors(reader):
            place = f"line {reader.line_num}"
            if isinstance(cells, csv.Error):
                yield BadRow(place, f"is not CSV: {cells}")
            elif not _is_utf8(cells):
                yield BadRow(place, NOT_UTF8)
            elif len(cells) == len(header):
                yield Row(place, dict(zip(header, cells, strict=True)))
            elif cells:
                yield BadRow(place, f"has {len(cells)} values where the header names {len(header)} columns")

    def _check_header(self, header: list[str]) -> None:
        twice = {column for column in header if header.count(column) > 1}
        if twice:
            raise SettingsError(f"{self._path} names the column {twice.pop()!r} twice: rename one of them.")
        for column, key in self._mapping.columns().items():
            if column not in header:
                raise SettingsError(f"{key}: {self._path} has no column {column!r}; it has {', '.join(header)}.")

    def _json_rows(self, content: BinaryIO) -> Iterator[Row | BadRow]:
        for number, line in enumerate(content, 1):
            if line.strip():
                yield from self._json_row(f"line {number}", line)

    def _json_row(self, place: str, line: bytes) -> Iterator[Row | BadRow]:
        try:
            value = msgspec.json.decode(line)
        except UnicodeDecodeError:
            yield BadRow(place, NOT_UTF8)
            return
        except (msgspec.DecodeError, RecursionError) as wrong:
            yield BadRow(place, f"is not JSON: {wrong}")
            return
        if not isinstance(value, dict):
            yield BadRow(place, "is JSON, but no object")
            return
        if self._mapping.each is None:
            yield Row(place, value)
            return
        below = value.pop(self._mapping.each, None)
        if not isinstance(below, list):
            yield BadRow(place, f"has no list {self._mapping.each!r}")
            return
        for index, item in enumerate(below, 1):
            inner = f"{place}, item {index} of {self._mapping.each}"
            yield Row(inner, {**value, **item}) if isinstance(item, dict) else BadRow(inner, "is no object")


def _without_errors(reader: Iterator[list[str]]) -> Iterator[list[str] | csv.Error]:
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as wrong:
            yield wrong


def _is_utf8(cells: list[str]) -> bool:
    """Whether the cells hold text alone, and no byte that could not be decoded."""
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True


def file_format(path: Path, mapping: EventMapping) -> str:
    """csv or jsonl, as the mapping says or else the file's name; SettingsError if neither does."""
    if mapping.file_format:
        return mapping.file_format
    names = [suffix for suffix in path.suffixes if suffix != ".gz"]
    known = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    if not names or names[-1] not in known:
        raise SettingsError(
            f"{path.name} does not say by its name what it is: set `format` to csv or jsonl in the mapping."
        )
    return known[names[-1]]


@contextmanager
def opened(path: Path, mapping: EventMapping) -> Iterator[OpenFile]:
    """The file, open; SettingsError if it cannot be."""
    try:
        raw = path.open("rb")
    except OSError as failed:
        raise SettingsError(f"{path} cannot be read: {failed.strerror}.") from failed
    with raw:
        yield OpenFile(path, raw, mapping)
