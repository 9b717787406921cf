"""Command-line flags made from the declared settings, so that the two cannot drift apart.

Every PULSE_SIM_ variable has a flag of its field's name; a flag wins over the variable.
"""

from __future__ import annotations

import dataclasses
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_type_hints

from pulse.env import accepted
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
        parser.add_argument(_flag(item), type=_checked(item), metavar="VALUE", help=text.replace("%", "%%"))
    parser.epilog = (
        "Where events go is said by PULSE_KAFKA_BOOTSTRAP_SERVERS and PULSE_EVENTS_TOPIC "
        "(and the other PULSE_KAFKA_ variables)."
    )


def _checked(item: dataclasses.Field[Any]) -> Callable[[str], str]:
    """The type of a flag: its text as it was given, refused by argparse if the setting does not take it."""

    def checked(text: str) -> str:
        try:
            accepted(item, get_type_hints(SimulatorSettings)[item.name], text)
        except ValueError as wrong:
            raise ArgumentTypeError(f"{text!r} is not accepted, it takes {wrong}.") from None
        return text

    return checked


def settings_from(args: Namespace, env: Mapping[str, str]) -> SimulatorSettings:
    """The settings of `env` with the flags over them."""
    given = {item.metadata["env"]: getattr(args, item.name) for item in _own_fields()}
    return SimulatorSettings.from_env({**env, **{name: value for name, value in given.items() if value is not None}})
