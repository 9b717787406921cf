"""Who is let in: whoever knows the token, once a week, or has it in a header.

Pure but for the clock: from what a request brings to yes or no. The cookie is a date and its signature, so nothing has
to be remembered, and another token ends every session.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping

COOKIE = "pulse_dashboard"
SESSION_SECONDS = 7 * 86_400


class Guard:
    """Knows the token. Without one everybody is let in: something before the page decides."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    @property
    def asks(self) -> bool:
        """Whether a token is asked for at all."""
        return self._token is not None

    def knows(self, token: str) -> bool:
        """Whether this is the token."""
        return self._token is None or hmac.compare_digest(token.encode(), self._token.encode())

    def lets_in(self, cookies: Mapping[str, str], authorization: str = "") -> bool:
        """Whether a request with these may see the page: a cookie of ours that has not run out, or `Bearer TOKEN`."""
        if self._token is None:
            return True
        kind, _, token = authorization.partition(" ")
        if kind.lower() == "bearer" and self.knows(token.strip()):
            return True
        until, _, signature = cookies.get(COOKIE, "").partition(".")
        return (
            until.isascii()
            and until.isdigit()
            and hmac.compare_digest(signature.encode(), self._signature(until).encode())
            and int(until) > time.time()
        )

    def cookie(self) -> str:
        """The value of a cookie that lets its holder in from now on, for SESSION_SECONDS."""
        until = str(int(time.time()) + SESSION_SECONDS)
        return f"{until}.{self._signature(until)}"

    def _signature(self, until: str) -> str:
        return hmac.new((self._token or "").encode(), until.encode(), hashlib.sha256).hexdigest()
