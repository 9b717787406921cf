"""Records as bytes in a file: each in a frame with its length and its checksum, so that a broken end is known. Pure."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from pulse_collector.stores import Record

# What a file begins with. The number changes when the frames do.
MAGIC = b"PULSEBF1"

_HEAD = struct.Struct(">II")  # the length of the record, and its CRC-32
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


class Found(NamedTuple):
    """The records of a file up to the first frame that is not whole, and how many bytes lie behind them."""

    records: list[Record]
    cut_bytes: int


def framed(records: Iterable[Record]) -> bytes:
    """The frames of these records, one behind the other."""
    parts: list[bytes] = []
    for record in records:
        body = _encode(record)
        parts += (_HEAD.pack(len(body), zlib.crc32(body)), body)
    return b"".join(parts)


def found(data: bytes) -> Found:
    """What can be read of a file. Frames are written one behind the other, so behind a broken one nothing is known."""
    if not data.startswith(MAGIC):
        return Found([], len(data))
    records: list[Record] = []
    place, view = len(MAGIC), memoryview(data)
    while place + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, place)
        body = view[place + _HEAD.size : place + _HEAD.size + length]
        if len(body) < length or zlib.crc32(body) != checksum:
            break
        try:
            records.append(_decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError):  # frames of another version
            break
        place += _HEAD.size + length
    return Found(records, len(data) - place)
