"""The Docker daemon: found if one answers, else installed if need be and started. Ends only one that it started."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from kind.commands import CommandError, run, succeeds
from offline import debian

HERE = Path(__file__).parent
START_SECONDS = 60.0
CAP_SYS_RESOURCE = 24


def ensure(home: Path) -> None:
    """Returns once a Docker daemon answers. `home` keeps its log, and who it is if this started it."""
    if answers():
        return
    if shutil.which("dockerd") is None or shutil.which("docker") is None:
        # The command is a package of its own since Debian 13.
        debian.install("Docker", "docker.io", "docker-cli", "iptables")
    if os.geteuid() != 0:
        raise CommandError(
            f"No Docker daemon answers ({problem()}), and only root can start one: start Docker, or join its group, "
            "and say this again."
        )
    home.mkdir(parents=True, exist_ok=True)
    log = home / "dockerd.log"
    words = ["--host", "unix:///var/run/docker.sock", "--pidfile", str(_pid_file(home)), *_runtime_words(home)]
    with log.open("wb") as out:
        # Not a child of this process: it has to outlive the command that makes a cluster.
        subprocess.run(["setsid", "--fork", "dockerd", *words], stdout=out, stderr=out, stdin=out, check=True)
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if time.monotonic() > deadline:
            end(home)
            raise CommandError(f"The Docker daemon did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.2)


def answers() -> bool:
    """Whether a Docker daemon answers."""
    return succeeds("docker", "info")


def problem() -> str:
    """Why none answers, in the last words of `docker info`."""
    try:
        run("docker", "info")
    except FileNotFoundError:
        return "there is no command docker"
    except CommandError as refused:
        return refused.last_line
    return "it answers now"


def end(home: Path) -> None:
    """Ends the daemon that `ensure` started, and no other."""
    file = _pid_file(home)
    if not file.exists():
        return
    pid = int(file.read_text())
    if _is_ours(pid, file):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + START_SECONDS
    while _is_ours(pid, file):
        if time.monotonic() > deadline:
            raise CommandError(f"The Docker daemon {pid} does not end. Look at {home / 'dockerd.log'}.")
        time.sleep(0.2)
    file.unlink(missing_ok=True)


def _pid_file(home: Path) -> Path:
    return home / "dockerd.pid"


def _is_ours(pid: int, file: Path) -> bool:
    """Whether the process is the daemon that was told to write this file; its number may be another's by now."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return False
    return str(file).encode() in words


def _runtime_words(home: Path) -> list[str]:
    """A runtime that asks for less, on machines that cannot grant what privileged containers are given."""
    status = Path("/proc/self/status").read_text()
    bounding = next(line for line in status.splitlines() if line.startswith("CapBnd:"))
    if int(bounding.split()[1], 16) >> CAP_SYS_RESOURCE & 1:
        return []
    # Docker wants an executable file, and a checkout need not be one.
    shim = home / "runc-capfit"
    shutil.copyfile(HERE / "runc-capfit", shim)
    shim.chmod(0o755)
    return ["--add-runtime", f"capfit={shim}", "--default-runtime", "capfit"]
