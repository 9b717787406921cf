"""Kafka's jars in the cache, each one checked against the committed lock before a JVM may load it.

jgo knows the repository; which files belong to the broker, and what is in them, is said by the lock alone. A start that
finds every jar as locked opens no connection.
"""

from __future__ import annotations

import hashlib
import tempfile
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pulse.errors import Retry, Stop

_DOWNLOADS_AT_ONCE = 6
_BROKER = ("org.apache.kafka", "kafka_2.13")


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


Fetch = Callable[[Jar, Path], Path]


def locked_jars(text: str | None = None) -> list[Jar]:
    """The jars that the lock names."""
    lock = tomllib.loads(text or files(__package__).joinpath("kafka.lock.toml").read_text())
    return [Jar(row["groupId"], row["artifactId"], row["version"], row["sha256"]) for row in lock["dependencies"]]


def broker_version(jars: list[Jar]) -> str:
    """The version of Kafka that the lock holds."""
    return next(jar.version for jar in jars if (jar.group, jar.artifact) == _BROKER)


def ensure_jars(
    cache: Path, jars: list[Jar], report: Callable[[str], None], fetch: Fetch | None = None, *, what: str = ""
) -> list[Path]:
    """The paths of all jars; those that are missing or not as locked are fetched first.

    `what` they are is their directory's name in the cache; without it they are the broker's.
    Stop names the jar when what was fetched differs from the lock too. Retry when the repository does not answer.
    """
    what = what or f"kafka-{broker_version(jars)}"
    directory = cache / what
    directory.mkdir(parents=True, exist_ok=True)
    wanted = [jar for jar in jars if not _is_as_locked(directory / jar.name, jar)]
    if wanted:
        whole = len(wanted) == len(jars)
        report(
            f"Downloading {what} ({len(jars)} jars, once)"
            if whole
            else f"Repairing {len(wanted)} of {len(jars)} cached jars"
        )
        _fetch_all(directory, wanted, fetch or fetch_with_jgo)
    return [directory / jar.name for jar in jars]


def _fetch_all(directory: Path, wanted: list[Jar], fetch: Fetch) -> None:
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=directory) as scratch:

        def one(jar: Jar) -> None:
            got = fetch(jar, Path(scratch))
            if not _is_as_locked(got, jar):
                raise Stop(
                    f"{jar.name} as downloaded is not the file that the lock names (sha256 {_sha256(got)}): it was "
                    "refused. Try again; if it stays so, the repository or a proxy on the way serves another file."
                )
            got.replace(directory / jar.name)

        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            for done in [pool.submit(one, jar) for jar in wanted]:
                done.result()


def fetch_with_jgo(jar: Jar, scratch: Path) -> Path:
    """Downloads one jar below `scratch`, from the repositories that jgo is set up with."""
    import jgo.config  # half a second that only a cold start has to spend
    import jgo.constants
    import jgo.maven

    remotes = {"central": jgo.constants.MAVEN_CENTRAL_URL, **jgo.config.GlobalSettings.load().repositories}
    context = jgo.maven.MavenContext(repo_cache=scratch, remote_repos=remotes, timeout=60)
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    try:
        return Path(component.artifact().resolve())
    except (OSError, RuntimeError) as failed:  # requests' errors are OSErrors
        raise Retry(
            f"{jar.name} could not be downloaded ({type(failed).__name__}): check that this machine reaches the "
            "internet (the set-up needs it once), or copy a filled cache to PULSE_CACHE, and try again."
        ) from failed


def _is_as_locked(path: Path, jar: Jar) -> bool:
    return path.is_file() and _sha256(path) == jar.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
