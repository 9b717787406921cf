"""What the command says before it has anything to do with a database."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pulse_transform.__main__ import main


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Runs the command with some settings: tmp_path for the project, and a database that is not there."""

    def run(*words: str, **env: str) -> int:
        monkeypatch.setattr(sys, "argv", ["pulse-transform", "run", *words])
        usual = {
            "PULSE_DATABASE_DSN": "host=127.0.0.1 port=1 dbname=nowhere user=nobody",
            "PULSE_DBT_PROJECT": str(tmp_path),
        }
        for name, value in {**usual, **env}.items():
            monkeypatch.setenv(name, value)
        return main()

    return run


def test_a_directory_without_the_project_is_refused_by_the_setting_that_names_it(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 3
    assert "PULSE_DBT_PROJECT: " in capsys.readouterr().err


def test_a_missing_setting_is_named(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(PULSE_DBT_PROJECT="") == 3
    assert "PULSE_DBT_PROJECT is not set" in capsys.readouterr().err


def test_a_database_that_does_not_answer_is_a_failure_that_may_be_tried_again(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dbt_project.yml").touch()
    assert run() == 1
    assert "Connecting to Postgres" in capsys.readouterr().err


def test_unknown_words_end_with_the_code_for_wrong_words(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--frobnicate")
    assert ended.value.code == 2
    assert "--frobnicate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "2026-11-01"), "--from and --to go together"),
        (("--to", "2026-11-01"), "--from and --to go together"),
        (("--from", "2026-11-01", "--to", "2026-11-02", "--select", "fct_sessions"), "leave --select out"),
    ],
)
def test_a_span_has_two_ends_and_is_for_all_models(
    run: Callable[..., int], words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert told in capsys.readouterr().err


def test_a_time_that_is_none_is_told_with_one_that_is(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--from", "monday", "--to", "2026-11-02")
    assert ended.value.code == 2
    assert "'monday' is no day such as 2026-11-01" in capsys.readouterr().err
