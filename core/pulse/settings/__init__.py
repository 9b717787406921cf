"""The settings of every component: one frozen class each, read from the environment once.

This is the contract between whoever starts a process (the operator, the local stack) and the process itself.
docs/reference/settings.md is generated from it.
"""

from __future__ import annotations

from pulse.env import Settings
from pulse.settings.collector import CollectorSettings
from pulse.settings.command import CommandSettings
from pulse.settings.consumer import (
    ConsumerSettings,
    DeadLetterSettings,
    MaintainSettings,
    MigrateSettings,
    OffsetsSettings,
    VerifySettings,
)
from pulse.settings.dashboards import DashboardSettings, MetabaseSettings
from pulse.settings.operator import OperatorSettings
from pulse.settings.shared import DatabaseSettings, KafkaSettings, LogSettings, TopicSettings
from pulse.settings.simulator import SimulatorSettings
from pulse.settings.transform import TransformSettings

__all__ = [
    "COMPONENTS",
    "CollectorSettings",
    "CommandSettings",
    "ConsumerSettings",
    "DashboardSettings",
    "DatabaseSettings",
    "DeadLetterSettings",
    "KafkaSettings",
    "LogSettings",
    "MaintainSettings",
    "MetabaseSettings",
    "MigrateSettings",
    "OffsetsSettings",
    "OperatorSettings",
    "SimulatorSettings",
    "TopicSettings",
    "TransformSettings",
    "VerifySettings",
]

# Every process, as docs/reference/settings.md lists them.
COMPONENTS: tuple[type[Settings], ...] = (
    CollectorSettings,
    CommandSettings,
    ConsumerSettings,
    DashboardSettings,
    DeadLetterSettings,
    MaintainSettings,
    MetabaseSettings,
    MigrateSettings,
    OffsetsSettings,
    OperatorSettings,
    SimulatorSettings,
    TransformSettings,
    VerifySettings,
)
