"""What has to be known of a connection string without opening it: where it leads, and whether it names a CA. Pure.

Both forms that libpq takes are understood, and whatever is odd is left as it is: the server that is asked will say so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

_PAIR = re.compile(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S*)")
_PLACE = ("host", "hostaddr", "port", "dbname", "service")


_NEEDED = ("host", "dbname", "user", "password")
_FOR_JDBC = ("sslmode", "sslrootcert")


@dataclass(frozen=True, slots=True)
class Jdbc:
    """A connection string in the form of Java's driver for Postgres, with user and password apart."""

    url: str
    user: str
    password: str = field(repr=False)


def parts(dsn: str) -> dict[str, str]:
    """What it says, by the names of libpq's parameters."""
    if not _is_url(dsn):
        return {name: _unquoted(value) for name, value in _pairs(dsn)}
    authority, _, path = dsn.partition("://")[2].partition("?")[0].partition("/")
    user, _, place_of = authority.rpartition("@")
    name, _, password = user.partition(":")
    host, colon, port = place_of.rpartition(":")
    if not colon or port.endswith("]"):  # an IPv6 address without a port
        host, port = place_of, ""
    told = {"host": host, "port": port, "dbname": path, "user": name, "password": password}
    return {name: unquote(value) for name, value in [*told.items(), *_pairs(dsn)] if value}


def lacking(told: Mapping[str, str]) -> str:
    """What a connection string has to say for Java's driver and does not; "" if it says all of it."""
    return next((name for name in _NEEDED if not told.get(name)), "")


def jdbc(dsn: str) -> Jdbc:
    """The same place, asked by the same user; how the connection is secured stays as it is said."""
    told = parts(dsn)
    words = [f"{name}={quote(told[name], safe='/')}" for name in _FOR_JDBC if name in told]
    where = f"{told['host']}:{told.get('port') or 5432}/{quote(told['dbname'], safe='')}"
    return Jdbc(f"jdbc:postgresql://{where}{'?' if words else ''}{'&'.join(words)}", told["user"], told["password"])


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


def _unquoted(value: str) -> str:
    """A value as libpq reads it: in quotes or not, with backslashes before what would end it."""
    bare = value[1:-1] if value.startswith("'") else value
    return re.sub(r"\\(.)", r"\1", bare)
