"""What stands before a command in the images of `tilt up`: changed code runs after SIGHUP, and nothing else changes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "images" / "live" / "restart.py"
SECONDS = 30
COMMAND = f"""#!{sys.executable}
import part, signal, sys, time
def leave(*_):
    print("left", flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, leave)
print("runs", part.WORD, *sys.argv[1:], flush=True)
if "once" in sys.argv:
    sys.exit(3)
time.sleep({SECONDS})
"""


class Image:
    """A folder laid out as the image is: the script before the command, the code beside it, the copy elsewhere."""

    def __init__(self, home: Path) -> None:
        self.live = home / "tmp" / "live"
        self.out = home / "out"
        own, real, code = home / "live" / "bin", home / "pulse" / "bin", home / "live" / "code"
        for folder in (own, real, code / "part"):
            folder.mkdir(parents=True)
        self.command = own / "pulse-thing"
        shutil.copy(SCRIPT, self.command)
        (real / "pulse-thing").write_text(COMMAND)
        (real / "pulse-thing").chmod(0o755)
        (code / "part" / "__init__.py").write_text("WORD = 'first'\n")
        path = os.pathsep.join(map(str, (own, real, Path(sys.executable).parent, "/usr/bin", "/bin")))
        self.environment = {"PATH": path, "PYTHONPATH": str(self.live), "PYTHONDONTWRITEBYTECODE": "1"}

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with self.out.open("ab") as out:
            return subprocess.Popen([self.command, *words], env=self.environment, stdout=out, stderr=out)

    def sync(self, text: str) -> None:
        """As Tilt does: the changed file over the copy, and nothing else."""
        (self.live / "part" / "__init__.py").write_text(text)

    def said(self) -> list[str]:
        return self.out.read_text().splitlines()


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path)


@pytest.fixture
def running(image: Image) -> Iterator[subprocess.Popen[bytes]]:
    process = image.start("run", "--all")
    until(lambda: image.said() == ["runs first run --all"], image)
    yield process
    if process.poll() is None:
        process.terminate()
        process.wait(SECONDS)


def until(holds: Callable[[], bool], image: Image) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, image.said()
        time.sleep(0.02)


def test_changed_code_runs_after_a_hangup_and_the_old_process_left_as_it_wanted(
    image: Image, running: subprocess.Popen[bytes]
) -> None:
    image.sync("WORD = 'second'\n")
    running.send_signal(signal.SIGHUP)
    until(lambda: image.said()[1:] == ["left", "runs second run --all"], image)
    assert running.poll() is None


def test_an_end_is_passed_on_and_its_exit_code_comes_back(image: Image, running: subprocess.Popen[bytes]) -> None:
    running.terminate()
    assert running.wait(SECONDS) == 7
    assert image.said()[1:] == ["left"]


def test_a_command_that_ends_by_itself_is_not_started_again(image: Image) -> None:
    assert image.start("once").wait(SECONDS) == 3
    assert image.said() == ["runs first once"]


def test_a_container_that_starts_again_keeps_what_was_put_into_it(image: Image) -> None:
    image.start("once").wait(SECONDS)
    image.sync("WORD = 'second'\n")
    image.start("once").wait(SECONDS)
    assert image.said() == ["runs first once", "runs second once"]


def test_a_command_that_is_nowhere_is_named(image: Image) -> None:
    (image.command.parents[2] / "pulse" / "bin" / "pulse-thing").unlink()
    assert image.start("once").wait(SECONDS) == 1
    assert "none is on the PATH" in image.said()[-1]
