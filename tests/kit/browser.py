"""A real Chromium: Debian's package, installed by this very code where root on Debian or its like runs the tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL_SECONDS = 600


class NoBrowserError(Exception):
    """There is no Chromium, and none could be installed; the message says what to do."""


def program() -> str:
    """Where Chromium is. NoBrowserError if it is missing and cannot be installed."""
    if found := _found():
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NoBrowserError(
            "Chromium is missing, and only root on Debian and its like gets it installed by itself: install it so that "
            f"one of {', '.join(NAMES)} is on the PATH, then say this again."
        )
    with (Path(tempfile.gettempdir()) / "pulse-chromium.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # of several suites that start at once, one installs it
        if not _found():
            _install()
    if found := _found():
        return found
    raise NoBrowserError(f"Debian's package chromium is installed and brought none of {', '.join(NAMES)}.")


def _install() -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Letters of some font are needed too, else text has no width.
    install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core")
    for words in (("apt-get", "update", "-qq"), install):
        done = subprocess.run(
            words, env=environment, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
        if done.returncode:
            raise NoBrowserError(f"`{' '.join(words)}` failed: {done.stderr.strip()[-2000:]}")


def _found() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def running() -> Iterator[Browser]:
    """A browser without a window. It runs an event loop in this thread: close it before anything else needs one."""
    # Chromium's own sandbox refuses root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()
