"""What has to be known of a connection string without opening it: where it leads, and whether it names a CA. Pure.

Both forms that libpq takes are understood, and whatever is odd is left as it is: the server that is asked will say so.
"""

from __future__ import annotations

import re

_PAIR = re.compile(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S*)")
_PLACE = ("host", "hostaddr", "port", "dbname", "service")


def secured(dsn: str, ca_file: str) -> str:
    """The connection string with the server's certificate checked against this CA, unless it says how by itself."""
    given = dict(_pairs(dsn))
    wanted = {"sslmode": "verify-full", "sslrootcert": ca_file}
    missing = [f"{name}={value}" for name, value in wanted.items() if name not in given]
    if not missing:
        return dsn
    if not _is_url(dsn):
        return " ".join([dsn, *missing])
    return f"{dsn}{'&' if '?' in dsn else '?'}{'&'.join(missing)}"


def place(dsn: str) -> str:
    """Which database it leads to, without who asks: the same after a change of user or password."""
    pairs = [f"{name}={value}" for name, value in sorted(_pairs(dsn)) if name in _PLACE]
    if not _is_url(dsn):
        return " ".join(pairs)
    authority, _, path = dsn.partition("://")[2].partition("?")[0].partition("/")
    return " ".join([f"{authority.rpartition('@')[2]}/{path}", *pairs])


def _is_url(dsn: str) -> bool:
    return dsn.startswith(("postgresql://", "postgres://"))


def _pairs(dsn: str) -> list[tuple[str, str]]:
    if not _is_url(dsn):
        return _PAIR.findall(dsn)
    parts = (part.partition("=") for part in dsn.partition("?")[2].split("&"))
    return [(name, value) for name, _, value in parts if name]
