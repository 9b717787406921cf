"""The environment that a running local stack gives to each component, as the same settings that Kubernetes would give.

Pure: from the state to variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pulse.settings import (
    CollectorSettings,
    ConsumerSettings,
    DashboardSettings,
    DatabaseSettings,
    KafkaSettings,
    TopicSettings,
)
from pulse_local import ports
from pulse_local.services import postgres
from pulse_local.state import PIPELINE, ROLE_PREFIX, ROLES, State

# Who connects to the database for a subcommand; the ones not named here work on the raw tables, as the consumer does.
_ROLES = {
    "dashboard": ROLES.reader,
    "maintain": postgres.ADMIN,
    "metabase": ROLES.reader,
    "migrate": postgres.ADMIN,
    "transform": ROLES.transform,
}

# The dbt project of a checkout; an installed Pulse names its own.
_DBT_PROJECT = Path(__file__).parents[2] / "dbt"


def role_of(command: str) -> str:
    """The database role that a subcommand works as."""
    return _ROLES.get(command, ROLES.ingest)


def variables(state: State, command: str) -> dict[str, str]:
    """Every variable that the stack knows, with the database connection of the subcommand's role."""
    plan = state.plan
    known = {
        **KafkaSettings(f"{ports.HOST}:{state.ports.kafka}").to_env(),
        **DatabaseSettings(state.dsn(role_of(command))).to_env(),
        **TopicSettings(plan.events.name, plan.dlq.name, plan.group).to_env(),
        "PULSE_PIPELINE": PIPELINE,
        "PULSE_ROLE_PREFIX": ROLE_PREFIX,
    }
    if (_DBT_PROJECT / "dbt_project.yml").is_file():
        known["PULSE_DBT_PROJECT"] = str(_DBT_PROJECT)
    return known


def for_child(state: State, command: str, env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that belongs to the stack: the user's own, but never another broker or database."""
    return {**env, **variables(state, command)}


def consumer_settings(state: State, env: Mapping[str, str]) -> ConsumerSettings:
    """The consumer's settings: what the stack knows, and whatever else the user set. SettingsError if that is wrong."""
    return ConsumerSettings.from_env({**for_child(state, "consume", env), "PULSE_HEALTH_PORT": str(state.ports.health)})


def collector_settings(state: State, env: Mapping[str, str]) -> CollectorSettings:
    """The collector's settings: for this machine alone, and for the shop's pages beside those that the user named."""
    origins = filter(None, [shop_address(state), env.get("PULSE_COLLECTOR_ORIGINS", "")])
    own = {
        "PULSE_COLLECTOR_HOST": ports.HOST,
        "PULSE_COLLECTOR_PORT": str(state.ports.collector),
        "PULSE_COLLECTOR_ORIGINS": ",".join(origins),
        "PULSE_HEALTH_PORT": str(state.ports.collector_health),
    }
    return CollectorSettings.from_env({**for_child(state, "collect", env), **own})


def collector_address(state: State) -> str:
    """Where events are sent to by HTTP."""
    return f"http://{ports.HOST}:{state.ports.collector}"


def shop_address(state: State) -> str:
    """What to open in a browser; it is the origin of the shop's pages too."""
    return f"http://{ports.HOST}:{state.ports.shop}"


def dashboard_settings(state: State, env: Mapping[str, str]) -> DashboardSettings:
    """The live page's settings: for this machine alone, with the stack's token. SettingsError if one is wrong."""
    own = {
        "PULSE_DASHBOARD_HOST": ports.HOST,
        "PULSE_DASHBOARD_PORT": str(state.ports.dashboard),
        "PULSE_DASHBOARD_AUTH": "token",
        "PULSE_DASHBOARD_TOKEN": state.dashboard_token,
        "PULSE_HEALTH_PORT": "0",
    }
    return DashboardSettings.from_env({**for_child(state, "dashboard", env), **own})


def dashboard_address(state: State) -> str:
    """What to open in a browser; the token in it lets in whoever has it."""
    return f"http://{ports.HOST}:{state.ports.dashboard}/?token={state.dashboard_token}"
