"""Metabase over HTTP: what is asked, who asks, and which failures may be tried again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from pulse.errors import Retry, Stop
from pulse_dashboards.metabase.content import Json

ANSWER_SECONDS = 30.0
_WAIT = (429, 500, 502, 503, 504)


class MetabaseUnavailable(Retry):
    """Metabase does not answer, is starting, or has ended our session: look again and go on from there."""


class MetabaseRefuses(Stop):
    """Metabase answers, and will not do it whatever is tried: a wrong password, a request of another version."""


class Client:
    """One Metabase. It remembers the session that `sign_in` begins."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url.rstrip("/"), timeout=ANSWER_SECONDS)
        self._session: str | None = None

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def sign_in(self, email: str, password: str, site: str, setup_token: str = "") -> bool:
        """Begins a session as the administrator; True if this made the administrator, in a Metabase that had none.

        MetabaseUnavailable while it starts, MetabaseRefuses if there is another administrator or the password is wrong.
        """
        self._session = None
        if self.get("/api/health").get("status") != "ok":
            raise MetabaseUnavailable("Metabase is starting.")
        told = self.get("/api/session/properties")
        if not told.get("has-user-setup"):
            token = setup_token or told.get("setup-token")
            user = {"email": email, "password": password, "first_name": "Pulse", "last_name": "Administrator"}
            made = self._setup({"token": token, "user": user, "prefs": {"site_name": site}})
            if made:
                self._session = made
                return True
        self._session = self._sign_in(email, password)
        return False

    def get(self, path: str, **words: str) -> Any:
        """What Metabase answers."""
        return self._said(self._asked("GET", path, words, None))

    def write(self, method: str, path: str, body: Json | None) -> Any:
        """Changes something. After MetabaseUnavailable it may or may not have been done."""
        return self._said(self._asked(method, path, {}, body))

    def _setup(self, body: Json) -> str | None:
        """The session of the administrator that was made; None if somebody was quicker."""
        answer = self._asked("POST", "/api/setup", {}, body)
        if answer.status_code == httpx.codes.FORBIDDEN:
            return None
        return str(self._said(answer)["id"])

    def _sign_in(self, email: str, password: str) -> str:
        answer = self._asked("POST", "/api/session", {}, {"username": email, "password": password})
        if answer.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED):
            raise MetabaseRefuses(
                f"Metabase has an administrator and does not let {email} in ({_told(answer)}): set "
                "PULSE_METABASE_EMAIL and PULSE_METABASE_PASSWORD to an administrator that it has."
            )
        return str(self._said(answer)["id"])

    def _asked(self, method: str, path: str, words: Mapping[str, str], body: Json | None) -> httpx.Response:
        headers = {"X-Metabase-Session": self._session} if self._session else {}
        try:
            return self._http.request(method, path, params=words, json=body, headers=headers)
        except httpx.HTTPError as failed:
            raise MetabaseUnavailable(f"{method} {path}: {type(failed).__name__} {failed}") from failed

    def _said(self, answer: httpx.Response) -> Any:
        asked = f"{answer.request.method} {answer.request.url.path}"
        if answer.status_code in _WAIT:
            raise MetabaseUnavailable(f"{asked}: Metabase answers {answer.status_code}")
        if answer.status_code == httpx.codes.UNAUTHORIZED and self._session:
            raise MetabaseUnavailable(f"{asked}: the session has ended")
        if answer.is_error:
            raise MetabaseRefuses(
                f"{asked}: Metabase answers {answer.status_code} ({_told(answer)}). Does its version fit Pulse's, and "
                "is PULSE_METABASE_EMAIL an administrator?"
            )
        if not answer.content:
            return {}
        try:
            return answer.json()
        except ValueError as wrong:
            raise MetabaseUnavailable(f"{asked}: no JSON, so something stands before Metabase") from wrong


def _told(answer: httpx.Response) -> str:
    return " ".join(answer.text.split())[:300] or "without a word"
