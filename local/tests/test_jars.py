"""No jar reaches a JVM that is not byte for byte the one in the lock, and a good cache needs no network."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from pathlib import Path

import pytest

from pulse.errors import Stop
from pulse_local.services import jars
from pulse_local.services.jars import Fetch, Jar

CONTENTS = {"kafka_2.13": b"the broker", "kafka-clients": b"the clients", "zstd-jni": b"a codec"}
LOCK = [
    Jar(
        "org.apache.kafka" if "kafka" in name else "com.github.luben",
        name,
        "4.3.1",
        hashlib.sha256(content).hexdigest(),
    )
    for name, content in CONTENTS.items()
]


class Repository:
    """Serves the contents above, and counts."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents
        self.served: list[str] = []

    def __call__(self, jar: Jar, scratch: Path) -> Path:
        self.served.append(jar.artifact)
        path = scratch / f"served-{jar.name}"
        path.write_bytes(self.contents[jar.artifact])
        return path


def ensure(cache: Path, fetch: Fetch) -> list[Path]:
    return jars.ensure_jars(cache, LOCK, lambda _: None, fetch)


def test_a_cold_cache_is_filled_and_a_warm_one_asks_nobody(tmp_path: Path) -> None:
    repository = Repository(CONTENTS)
    first = ensure(tmp_path, repository)
    assert [path.read_bytes() for path in first] == list(CONTENTS.values())
    assert sorted(repository.served) == sorted(CONTENTS)
    silent = Repository({})
    assert ensure(tmp_path, silent) == first
    assert silent.served == []


@pytest.mark.parametrize("damage", ["truncated", "missing", "changed"])
def test_a_broken_jar_is_the_only_one_that_is_fetched_again(tmp_path: Path, damage: str) -> None:
    broken = ensure(tmp_path, Repository(CONTENTS))[1]
    if damage == "missing":
        broken.unlink()
    else:
        broken.write_bytes(CONTENTS["kafka-clients"][:3] if damage == "truncated" else b"the clientS")
    said: list[str] = []
    repository = Repository(CONTENTS)
    jars.ensure_jars(tmp_path, LOCK, said.append, repository)
    assert broken.read_bytes() == CONTENTS["kafka-clients"]
    assert repository.served == ["kafka-clients"]
    assert said == ["Repairing 1 of 3 cached jars"]


def test_a_jar_that_differs_from_the_lock_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=re.escape("zstd-jni-4.3.1.jar as downloaded is not the file that the lock names")):
        ensure(tmp_path, Repository({**CONTENTS, "zstd-jni": b"something else"}))
    assert not list(tmp_path.glob("**/zstd-jni*"))


def test_the_committed_lock_pins_every_jar_and_names_no_host() -> None:
    text = files("pulse_local.services").joinpath("kafka.lock.toml").read_text()
    locked = jars.locked_jars(text)
    assert {jar.artifact for jar in locked} >= {"kafka_2.13", "kafka-clients", "log4j-slf4j-impl"}
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in locked)
    assert {jar.version for jar in locked if jar.group == "org.apache.kafka"} == {jars.broker_version(locked)}
    assert "://" not in text
