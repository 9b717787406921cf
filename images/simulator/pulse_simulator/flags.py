"""Command-line flags made from the declared settings, so that the two cannot drift apart.

Every PULSE_SIM_ variable has a flag of its field's name; a flag wins over the variable.
"""

from __future__ import annotations

import dataclasses
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from typing import Any

from pulse.errors import SettingsError
from pulse.settings import SimulatorSettings

_PREFIX = "PULSE_SIM_"


def _own_fields() -> Iterator[dataclasses.Field[Any]]:
    return (item for item in SimulatorSettings.fields() if item.metadata["env"].startswith(_PREFIX))


def _flag(item: dataclasses.Field[Any]) -> str:
    return "--" + item.name.replace("_", "-")


def add_flags(parser: ArgumentParser) -> None:
    """Declares a flag for every setting of the simulator itself."""
    for item in _own_fields():
        default = "empty" if item.default == "" else item.default
        text = f"{item.metadata['help']} Default: {default}, or {item.metadata['env']}."
        parser.add_argument(_flag(item), metavar="VALUE", help=text.replace("%", "%%"))
    parser.epilog = (
        "Where events go is said by PULSE_KAFKA_BOOTSTRAP_SERVERS and PULSE_EVENTS_TOPIC "
        "(and the other PULSE_KAFKA_ variables)."
    )


def settings_from(args: Namespace, env: Mapping[str, str]) -> SimulatorSettings:
    """The settings of `env` with the flags over them; SettingsError names the flag that was wrong."""
    given = {item.metadata["env"]: (_flag(item), getattr(args, item.name)) for item in _own_fields()}
    flags = {variable: (flag, value) for variable, (flag, value) in given.items() if value is not None}
    try:
        return SimulatorSettings.from_env({**env, **{variable: value for variable, (_, value) in flags.items()}})
    except SettingsError as wrong:
        variable = str(wrong).split(":", 1)[0]
        if variable in flags:
            raise SettingsError(str(wrong).replace(variable, flags[variable][0], 1)) from None
        raise
