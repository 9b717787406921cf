"""The cookie that knows a visitor again: when it is set, and how it is written. Pure.

A cookie that a script made is cut to a week by some browsers; one that a server of the same site set is not. It is set
only for a page that asks for it with `cookie=1`, never against a signal of the browser and never across sites.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pulse.errors import SettingsError

NAME = "pulse_id"
SECONDS = 395 * 86_400
ASKED = b"cookie=1"

NONE, READABLE, HTTP_ONLY = "none", "readable", "http-only"

_VALUE = re.compile(r"[A-Za-z0-9_-]{36}")
_SENT = re.compile(rf"(?:^|;\s*){NAME}=({_VALUE.pattern})(?:;|$)")
_DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")


class Cookies:
    """One kind of cookie; SettingsError for a domain that is none. `new_visitor` makes an id for who has none."""

    def __init__(self, kind: str, domain: str, new_visitor: Callable[[], str]) -> None:
        if domain and not _DOMAIN.fullmatch(domain):
            raise SettingsError(
                f"PULSE_COLLECTOR_COOKIE_DOMAIN: {domain!r} is no domain. Write what the names of your pages and "
                "of the collector have in common, such as shop.example."
            )
        self.kind, self.new_visitor = kind, new_visitor
        self._attributes = f"Path=/; SameSite=Lax; Secure{'; HttpOnly' if kind == HTTP_ONLY else ''}"
        if domain:
            self._attributes += f"; Domain={domain}"

    def asked(self, query: bytes) -> bool:
        """Whether the page asks for the cookie, and there is one."""
        return self.kind != NONE and ASKED in query.split(b"&")

    def set(self, visitor: str | None) -> list[tuple[bytes, bytes]]:
        """The header that sets it for this visitor; none for an id of another form than the tracker's."""
        if visitor is None or not _VALUE.fullmatch(visitor):
            return []
        return [self._header(visitor, SECONDS)]

    def forget(self) -> list[tuple[bytes, bytes]]:
        """The header that removes it."""
        return [self._header("", 0)]

    def _header(self, value: str, seconds: int) -> tuple[bytes, bytes]:
        return b"set-cookie", f"{NAME}={value}; Max-Age={seconds}; {self._attributes}".encode()


def allowed(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the browser lets it: no Global Privacy Control, no Do Not Track, and a page of the same site."""
    return (
        headers.get(b"sec-gpc") != b"1"
        and headers.get(b"dnt") != b"1"
        and headers.get(b"sec-fetch-site", b"none") != b"cross-site"
    )


def visitor(headers: Mapping[bytes, bytes]) -> str | None:
    """Who the browser says it is, if it has the cookie."""
    found = _SENT.search(headers.get(b"cookie", b"").decode("latin-1"))
    return found[1] if found else None
