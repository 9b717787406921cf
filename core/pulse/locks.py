"""Advisory locks that components take on the database to keep out of each other's way, in one place."""

from __future__ import annotations

# One `pulse maintain` at a time.
MAINTAINING = int.from_bytes(b"pulsekee")

# Shared by a transformation as long as it runs, and held alone by whoever removes rows that it may be reading.
READING = int.from_bytes(b"pulserea")
