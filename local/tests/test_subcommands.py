"""Every subcommand is listed without being imported, and a broken one breaks nothing but itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pulse.cli import ENTRY_POINT_GROUP, Command
from pulse.errors import Stop
from pulse_local import subcommands
from pulse_local.__main__ import main


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An importable package of this test's own."""
    home = tmp_path / "pulse_broken"
    home.mkdir()
    (home / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield home
    for name in ("pulse_broken", "pulse_broken.commands"):
        sys.modules.pop(name, None)


def point(value: str) -> EntryPoint:
    return EntryPoint("broken", value, ENTRY_POINT_GROUP)


def test_help_lists_every_subcommand_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    assert set(listed) >= {
        "up",
        "status",
        "logs",
        "psql",
        "down",
        "demo",
        "import",
        "consume",
        "maintain",
        "migrate",
        "offsets",
        "dlq",
    }
    assert set(listed) >= {"dlq", "simulate", "transform"}
    assert set(listed) >= {"diff", "render", "resume", "suspend"}
    assert all(len(line.split()) > 2 for line in listed.values())


def test_status_with_a_name_is_about_a_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "shop", "--kubeconfig", "/nowhere"]) == 3
    assert "No way to the Kubernetes API" in capsys.readouterr().err


def test_help_imports_no_component() -> None:
    code = "import sys; from pulse_local.__main__ import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pulse_local.subcommands" in done.stderr
    assert not any(
        name in done.stderr for name in ("confluent_kafka", "pulse_consumer.commands", "psycopg", "rich", "kubernetes")
    )


def test_the_line_is_read_without_running_the_module(package: Path) -> None:
    (package / "commands.py").write_text("raise SystemExit\nCMD: object = Command(help='does it', run=1)\n")
    assert subcommands.summary(point("pulse_broken.commands:CMD")) == "does it"


def test_a_subcommand_that_cannot_be_loaded_is_an_error_that_names_it(package: Path) -> None:
    (package / "commands.py").write_text("raise RuntimeError('half installed')\n")
    with pytest.raises(Stop, match=r"`pulse broken` cannot be loaded from pulse_broken.commands:CMD .*half installed"):
        subcommands.loaded("broken", [point("pulse_broken.commands:CMD")])


def test_what_is_no_command_is_an_error(package: Path) -> None:
    (package / "commands.py").write_text("CMD = 5\n")
    with pytest.raises(Stop, match=r"is a int and no pulse\.cli\.Command"):
        subcommands.loaded("broken", [point("pulse_broken.commands:CMD")])


def test_a_name_that_two_packages_offer_is_an_error() -> None:
    with pytest.raises(Stop, match=r"offered twice, by a:A and b:B"):
        subcommands.loaded("broken", [point("a:A"), point("b:B")])


@pytest.mark.parametrize("name", sorted(subcommands.OWN))
def test_every_own_subcommand_loads(name: str) -> None:
    assert isinstance(subcommands.loaded(name, subcommands.known()[name]), Command)


def test_a_slip_of_the_finger_gets_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statsu"]) == 2
    assert "there is no subcommand 'statsu', did you mean 'status'?" in capsys.readouterr().err


def test_a_misspelt_variable_stops_with_its_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_HOEM", "/somewhere")
    assert main(["up"]) == 3
    assert "pulse up: PULSE_HOEM is not a setting of Pulse: did you mean PULSE_HOME?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["status", "logs", "psql", "down"])
def test_a_misspelt_variable_is_told_and_stands_in_nobodys_way_to_look_and_to_stop(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("PULSE_HOEM", "/somewhere")
    main([name])
    note, answer = capsys.readouterr().err.splitlines()
    assert note.startswith("Note: PULSE_HOEM is not a setting of Pulse: did you mean PULSE_HOME?")
    assert "`pulse up` starts" in answer


def test_another_word_gets_no_guess(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bogus"]) == 2
    assert capsys.readouterr().err == "pulse: there is no subcommand 'bogus'. `pulse --help` lists them.\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["up", "--kafka-port", "99999"], "argument --kafka-port: 99999 is out of range, it takes 1 to 65535"),
        (["up", "--postgres-port", "0"], "argument --postgres-port: 0 is out of range, it takes 1 to 65535"),
        (["demo", "--kafka-port", "65536"], "argument --kafka-port: 65536 is out of range, it takes 1 to 65535"),
        (["demo", "--postgres-port", "many"], "argument --postgres-port: 'many' is no whole number"),
        (["logs", "-n", "-5"], "argument -n/--lines: -5 is out of range, it takes 0 or more"),
    ],
)
def test_a_number_out_of_its_range_is_refused_as_a_wrong_word(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err
