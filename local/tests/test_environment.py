"""What the stack tells its processes: its own broker, database and roles, whatever the user's environment says."""

from __future__ import annotations

from pulse.settings import MigrateSettings
from pulse_local import environment, state


def test_the_migrations_of_the_stack_are_for_its_own_pipeline_and_roles() -> None:
    elsewhere = {"PULSE_PIPELINE": "shop", "PULSE_ROLE_PREFIX": "shop", "PULSE_LOG_LEVEL": "debug"}
    settings = MigrateSettings.from_env(environment.for_child(state.fresh(), "migrate", elsewhere))
    assert (settings.pipeline, settings.role_prefix) == (state.PIPELINE, state.ROLE_PREFIX)
    assert settings.log.level == "debug"


def test_the_collector_of_the_stack_knows_the_shop_and_the_pages_that_the_user_named() -> None:
    known = state.State(state.Ports(kafka=1, collector=2, collector_health=3, shop=4), state.fresh().passwords)
    own = environment.collector_settings(known, {"PULSE_COLLECTOR_ORIGINS": "https://shop.example"})
    assert own.origins == "http://127.0.0.1:4,https://shop.example"
    assert (own.host, own.port, own.health_port) == ("127.0.0.1", 2, 3)
    assert own.kafka.bootstrap_servers == "127.0.0.1:1"
