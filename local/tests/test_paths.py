"""The home and the cache stand where the user expects, and nothing but our own home is ever taken over or removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulse.errors import SettingsError
from pulse.settings import CommandSettings
from pulse_local import paths
from pulse_local.paths import Paths, paths_from


@pytest.fixture
def where(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "home", tmp_path / "cache")


def test_a_user_keeps_data_and_cache_below_his_own_directories() -> None:
    found = paths_from(CommandSettings(), {"HOME": "/home/ada"}, is_root=False)
    assert found == Paths(Path("/home/ada/.local/share/pulse"), Path("/home/ada/.cache/pulse"))


def test_the_desktop_standard_moves_them() -> None:
    env = {"HOME": "/home/ada", "XDG_DATA_HOME": "/data", "XDG_CACHE_HOME": "/cache"}
    assert paths_from(CommandSettings(), env, is_root=False) == Paths(Path("/data/pulse"), Path("/cache/pulse"))


def test_root_gets_directories_that_another_user_may_enter() -> None:
    found = paths_from(CommandSettings(), {"HOME": "/root"}, is_root=True)
    assert found == Paths(Path("/var/lib/pulse"), Path("/var/cache/pulse"))


def test_the_settings_win(tmp_path: Path) -> None:
    settings = CommandSettings(home=str(tmp_path / "h"), cache=str(tmp_path / "c"))
    assert paths_from(settings, {}, is_root=True) == Paths(tmp_path / "h", tmp_path / "c")


def test_a_directory_with_other_files_is_not_taken_over(where: Paths) -> None:
    where.home.mkdir()
    (where.home / "thesis.txt").write_text("years of work")
    with pytest.raises(SettingsError, match=r"PULSE_HOME=.* holds other files: name an empty or a new directory"):
        paths.prepare(where)
    assert [path.name for path in where.home.iterdir()] == ["thesis.txt"]


def test_a_prepared_home_is_ours_and_may_be_prepared_again(where: Paths) -> None:
    paths.prepare(where)
    paths.prepare(where)
    assert paths.is_ours(where.home)


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"cannot be written .*: set PULSE_HOME and PULSE_CACHE"):
        paths.prepare(Paths(tmp_path / "file" / "home", tmp_path / "cache"))


def test_too_little_space_is_said_before_anything_starts(where: Paths) -> None:
    paths.prepare(where)
    with pytest.raises(
        SettingsError, match=r"MiB free and at least .* MiB are needed: free some space, or set PULSE_HOME"
    ):
        paths.check_space(where, needed_bytes=2**60)
