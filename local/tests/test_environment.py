"""What the stack tells its processes: its own broker, database and roles, whatever the user's environment says."""

from __future__ import annotations

from pulse.settings import MigrateSettings
from pulse_local import environment, state


def test_the_migrations_of_the_stack_are_for_its_own_pipeline_and_roles() -> None:
    elsewhere = {"PULSE_PIPELINE": "shop", "PULSE_ROLE_PREFIX": "shop", "PULSE_LOG_LEVEL": "debug"}
    settings = MigrateSettings.from_env(environment.for_child(state.fresh(), "migrate", elsewhere))
    assert (settings.pipeline, settings.role_prefix) == (state.PIPELINE, state.ROLE_PREFIX)
    assert settings.log.level == "debug"
