"""Serves an application below a path of its host name, whether or not what stands before it cuts that path off."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from pulse.errors import SettingsError

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")


def below(scope: Scope) -> str:
    """The path that is asked for, as it would be at the root of the host name."""
    return _cut(scope["path"], scope.get("root_path", ""))


class Under:
    """The application below `base`, which is "" for the root; SettingsError if that is no such path."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        if not _PATH.fullmatch(base):
            raise SettingsError(
                f"PULSE_DASHBOARD_BASE_PATH: {base!r} is not accepted, it takes a path such as /dashboards, without a "
                "slash at its end, or nothing."
            )
        self._app = app
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._base and scope["type"] == "http":
            path = self._base + (_cut(scope["path"], self._base) or "/")
            scope = {**scope, "root_path": self._base, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)


def _cut(path: str, base: str) -> str:
    return path.removeprefix(base) if path == base or path.startswith(f"{base}/") else path
