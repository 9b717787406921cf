"""What the dbt project is told."""

from datetime import timedelta

from pulse.settings import TransformSettings
from pulse_transform.variables import canonical, project_vars, vars_hash

_ENV = {"PULSE_DATABASE_DSN": "dbname=p", "PULSE_DBT_PROJECT": "dbt"}


def test_the_settings_reach_the_project_in_its_own_units() -> None:
    env = {
        **_ENV,
        "PULSE_SESSION_GAP": "1h500ms",
        "PULSE_LATE_AFTER": "90s",
        "PULSE_TIME_ZONE": "Europe/Berlin",
        "PULSE_TRANSFORM_CUSTOM_EVENTS": "false",
        "PULSE_EXCLUDE_BOTS": "false",
    }
    assert project_vars(TransformSettings.from_env(env)) == {
        "session_gap_seconds": 3600.5,
        "late_after_seconds": 90,
        "time_zone": "Europe/Berlin",
        "include_custom_events": False,
        "exclude_bots": False,
    }


def test_the_hash_tells_settings_apart_that_give_other_marts() -> None:
    plain = TransformSettings.from_env(_ENV)
    again = TransformSettings.from_env({**_ENV, "PULSE_DBT_THREADS": "4", "PULSE_DBT_PROJECT": "elsewhere"})
    other = TransformSettings.from_env({**_ENV, "PULSE_SESSION_GAP": "31m"})
    assert vars_hash(project_vars(plain)) == vars_hash(project_vars(again))
    assert vars_hash(project_vars(plain)) != vars_hash(project_vars(other))


def test_the_order_of_the_vars_does_not_matter() -> None:
    assert canonical({"a": 1, "b": True}) == canonical({"b": True, "a": 1}) == '{"a":1,"b":true}'
    assert (
        timedelta(minutes=30).total_seconds() == project_vars(TransformSettings.from_env(_ENV))["session_gap_seconds"]
    )
