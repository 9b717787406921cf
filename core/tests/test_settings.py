"""Settings: what is read is what was written, and whatever is wrong is named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse import env
from pulse.errors import SettingsError
from pulse.settings import COMPONENTS, ConsumerSettings, LogSettings

REQUIRED = {
    "PULSE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "PULSE_DATABASE_DSN": "postgresql://someone:hunter2@127.0.0.1/pulse",
    "PULSE_EVENTS_TOPIC": "shop-events",
    "PULSE_DLQ_TOPIC": "shop-dlq",
    "PULSE_CONSUMER_GROUP": "shop-consumer",
    "PULSE_PIPELINE": "shop",
    "PULSE_DBT_PROJECT": "dbt",
    "PULSE_METABASE_URL": "http://metabase:3000",
    "PULSE_METABASE_EMAIL": "someone@example.com",
    "PULSE_METABASE_PASSWORD": "hunter2",
    "PULSE_OPERATOR_NAMESPACE": "pulse-system",
    "PULSE_CONSUMER_IMAGE": "pulse-consumer:1",
    "PULSE_SIMULATOR_IMAGE": "pulse-simulator:1",
    "PULSE_DASHBOARDS_IMAGE": "pulse-dashboards:1",
    "PULSE_TRANSFORM_IMAGE": "pulse-transform:1",
    "PULSE_COLLECTOR_IMAGE": "pulse-collector:1",
}


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda item: item.__name__)
def test_what_one_side_writes_the_other_side_reads(component: type[env.Settings]) -> None:
    settings = component.from_env(REQUIRED)
    assert component.from_env(settings.to_env()) == settings


def test_settings_that_differ_from_the_defaults_survive_the_round_trip() -> None:
    given_env = {
        **REQUIRED,
        "PULSE_BATCH_LINGER": "1s250ms",
        "PULSE_CUSTOM_EVENTS": "false",
        "PULSE_BREAKER_RATIO": "0.25",
    }
    settings = ConsumerSettings.from_env(given_env)
    assert settings.batch_linger == timedelta(milliseconds=1250)
    assert settings.custom_events is False
    assert ConsumerSettings.from_env(settings.to_env()) == settings


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"PULSE_EVENTS_TOPIC": ""}, "PULSE_EVENTS_TOPIC is not set"),
        ({"PULSE_BATCH_ROWS": "0"}, "PULSE_BATCH_ROWS: '0' is not accepted, it takes at least 1"),
        ({"PULSE_BATCH_ROWS": "many"}, "PULSE_BATCH_ROWS: 'many' is not accepted, it takes a whole number"),
        ({"PULSE_BREAKER_RATIO": "1.5"}, "PULSE_BREAKER_RATIO: '1.5' is not accepted, it takes at most 1"),
        ({"PULSE_BATCH_LINGER": "soon"}, "a duration such as"),
        ({"PULSE_CUSTOM_EVENTS": "maybe"}, "true or false"),
        ({"PULSE_GROUP_PROTOCOL": "eager"}, "consumer or classic"),
        ({"PULSE_BATCHROWS": "5"}, "PULSE_BATCHROWS is not a setting of Pulse: did you mean PULSE_BATCH_ROWS?"),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        ConsumerSettings.from_env({**REQUIRED, **change})


def test_a_setting_of_another_component_is_no_mistake() -> None:
    assert LogSettings.from_env({"PULSE_SESSION_GAP": "45m"}).level == "info"


def test_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(ConsumerSettings.from_env(REQUIRED))


@given(st.integers(min_value=0, max_value=10**10))
def test_durations_are_read_as_they_are_written(millis: int) -> None:
    value = timedelta(milliseconds=millis)
    assert env.duration(env.duration_text(value)) == value


@pytest.mark.parametrize("text", ["", "5", "m5", "5 m", "-5m", "5m5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        env.duration(text)


def test_every_variable_is_declared_once_with_one_meaning() -> None:
    meanings: dict[str, Any] = {}
    for component in COMPONENTS:
        for item in component.fields():
            known = meanings.setdefault(item.metadata["env"], item.metadata["help"])
            assert known == item.metadata["help"], item.metadata["env"]
