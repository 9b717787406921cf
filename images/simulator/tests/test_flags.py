"""Flags and variables: one declaration, the flag wins, and a wrong one is named as it was given."""

from __future__ import annotations

import pytest

from pulse.cli import parser_for
from pulse.errors import SettingsError
from pulse.settings import SimulatorSettings
from pulse_simulator import flags
from pulse_simulator.__main__ import main
from pulse_simulator.commands import SIMULATE
from pulse_simulator.run import Simulation

ENV = {"PULSE_KAFKA_BOOTSTRAP_SERVERS": "nowhere.invalid:9092", "PULSE_EVENTS_TOPIC": "shop-events"}
NOW_MS = 1_780_000_000_000


def _settings(*words: str, **env: str) -> SimulatorSettings:
    return flags.settings_from(parser_for("simulate", SIMULATE).parse_args(words), {**ENV, **env})


def test_every_variable_of_the_simulator_has_a_flag_with_its_help() -> None:
    text = " ".join(parser_for("simulate", SIMULATE).format_help().split())
    own = [item for item in SimulatorSettings.fields() if item.metadata["env"].startswith("PULSE_SIM_")]
    assert len(own) >= 11
    for item in own:
        assert f"--{item.name.replace('_', '-')} VALUE {item.metadata['help']}" in text
        assert item.metadata["env"] in text


def test_a_flag_wins_over_its_variable_and_the_variable_over_the_default() -> None:
    settings = _settings("--rate", "12.5", PULSE_SIM_RATE="3", PULSE_SIM_USERS="7")
    assert (settings.rate, settings.users, settings.seed) == (12.5, 7, 1)


def test_a_wrong_flag_is_a_wrong_word_and_a_wrong_variable_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for words, complaint in (
        (("--late-share", "2"), "argument --late-share: '2' is not accepted, it takes at most 0.9"),
        (("--days", "many"), "argument --days: 'many' is not accepted, it takes a whole number."),
    ):
        with pytest.raises(SystemExit) as ended:
            _settings(*words)
        assert ended.value.code == 2
        assert complaint in capsys.readouterr().err
    with pytest.raises(SettingsError, match=r"^PULSE_SIM_USERS: '0' is not accepted"):
        _settings(PULSE_SIM_USERS="0")
    with pytest.raises(SettingsError, match=r"^PULSE_SIM_USER is not a setting"):
        _settings(PULSE_SIM_USER="3")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "nothing to simulate"),
        (("--days", "1", "--events", "5"), "--events 5 counts live events and needs --rate"),
        (("--days", "1", "--end", "noon"), "--end 'noon' is not a time"),
        (("--days", "1", "--end", "2026-12-01T00:00:00Z"), "lies in the future"),
        (("--days", "3", "--end", "2000-01-02"), "starts before 2000-01-01"),
        (("--days", "1", "--truth", "no/such/directory/truth.json"), "its directory does not exist"),
        (("--days", "1", "--truth", "."), "is a directory"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        Simulation(_settings(*words), NOW_MS)


def test_settings_that_have_to_be_mended_end_with_one_line_and_their_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["pulse-simulator"])
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    assert main() == 3
    said = capsys.readouterr().err
    assert said.startswith("pulse-simulator: There is nothing to simulate")
    assert said.count("\n") == 1
