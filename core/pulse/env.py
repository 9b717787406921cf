"""How a settings class turns environment variables into typed values and back.

The classes themselves stand in `pulse.settings`. The same class parses (`from_env`) and writes (`to_env`), so the side
that starts a process and the process cannot drift apart. A PULSE_ variable that no class declares stops the start.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, TypeVar, get_type_hints

from pulse.errors import SettingsError

S = TypeVar("S", bound="Settings")

# The default of a setting that has none.
REQUIRED = dataclasses.MISSING

_NEAR_ENOUGH = 0.8  # all names share PULSE_, so a name must be nearer than that alone makes it

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")


def setting(
    env: str,
    help: str,
    default: Any = REQUIRED,
    *,
    secret: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declares a field: its variable, a sentence for the reference page, and the range that is accepted."""
    meta = {"env": env, "help": help, "secret": secret, "minimum": minimum, "maximum": maximum, "choices": choices}
    return field(default=default, metadata=meta, repr=not secret)


def duration(text: str) -> timedelta:
    """`90s`, `1h30m`, `250ms` … as a timedelta; ValueError for anything else."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError("a duration such as 30m, 90s, 1h30m or 250ms")
    hours, minutes, seconds, millis = match.groups()
    return timedelta(
        hours=int(hours or 0), minutes=int(minutes or 0), seconds=float(seconds or 0), milliseconds=int(millis or 0)
    )


def duration_text(value: timedelta) -> str:
    """The inverse of `duration`."""
    millis = round(value / timedelta(milliseconds=1))
    parts = [
        (millis // 3_600_000, "h"),
        (millis // 60_000 % 60, "m"),
        (millis // 1000 % 60, "s"),
        (millis % 1000, "ms"),
    ]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _boolean(text: str) -> bool:
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError:
        raise ValueError("true or false") from None


def _number(kind: type[int] | type[float], text: str) -> int | float:
    try:
        return kind(text)
    except ValueError:
        raise ValueError("a whole number" if kind is int else "a number") from None


def _parsed(kind: Any, text: str) -> Any:
    if kind is bool:
        return _boolean(text)
    if kind is int or kind is float:
        return _number(kind, text)
    if kind is timedelta:
        return duration(text)
    return text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return duration_text(value)
    return str(value)


def _check_range(value: Any, meta: Mapping[str, Any]) -> None:
    number = value.total_seconds() if isinstance(value, timedelta) else value
    unit = " seconds" if isinstance(value, timedelta) else ""
    if meta["minimum"] is not None and number < meta["minimum"]:
        raise ValueError(f"at least {meta['minimum']}{unit}")
    if meta["maximum"] is not None and number > meta["maximum"]:
        raise ValueError(f"at most {meta['maximum']}{unit}")
    if meta["choices"] and value not in meta["choices"]:
        raise ValueError(" or ".join(meta["choices"]))


@dataclass(frozen=True, slots=True)
class Settings:
    """What every component's settings can do. Each subclass's variables become known by its declaration."""

    known: ClassVar[set[str]] = set()

    def __init_subclass__(cls) -> None:
        Settings.known.update(
            value.metadata["env"]
            for value in vars(cls).values()
            if isinstance(value, dataclasses.Field) and value.metadata
        )

    @classmethod
    def fields(cls) -> Iterator[dataclasses.Field[Any]]:
        """The declared settings, nested groups flattened, in order."""
        kinds = get_type_hints(cls)
        for item in dataclasses.fields(cls):
            if isinstance(kinds[item.name], type) and issubclass(kinds[item.name], Settings):
                yield from kinds[item.name].fields()
            else:
                yield item

    @classmethod
    def from_env(cls: type[S], env: Mapping[str, str]) -> S:
        """The settings that `env` describes; SettingsError names the variable, its value (no secret) and the mend."""
        _refuse_unknown(env)
        return cls._read(env)

    @classmethod
    def _read(cls: type[S], env: Mapping[str, str]) -> S:
        kinds = get_type_hints(cls)
        values = {
            item.name: kinds[item.name]._read(env)
            if isinstance(kinds[item.name], type) and issubclass(kinds[item.name], Settings)
            else _value(item, kinds[item.name], env)
            for item in dataclasses.fields(cls)
        }
        return cls(**values)

    def to_env(self) -> dict[str, str]:
        """The variables that describe these settings; `from_env` of them gives an equal object."""
        out: dict[str, str] = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Settings):
                out.update(value.to_env())
            elif value != "":
                out[item.metadata["env"]] = _text(value)
        return out


def accepted(item: dataclasses.Field[Any], kind: Any, text: str) -> Any:
    """The value that a setting's text stands for; ValueError says what the setting takes."""
    value = _parsed(kind, text)
    _check_range(value, item.metadata)
    return value


def _value(item: dataclasses.Field[Any], kind: Any, env: Mapping[str, str]) -> Any:
    meta = item.metadata
    name = meta["env"]
    text = env.get(name, "")
    if text == "":
        if item.default is REQUIRED:
            raise SettingsError(f"{name} is not set. It says: {meta['help']}")
        return item.default
    try:
        return accepted(item, kind, text)
    except ValueError as wrong:
        shown = "its value" if meta["secret"] else repr(text)
        raise SettingsError(f"{name}: {shown} is not accepted, it takes {wrong}.") from None


def unknown(env: Mapping[str, str]) -> list[str]:
    """The PULSE_ variables that no class declares."""
    return [name for name in env if name.startswith("PULSE_") and name not in Settings.known]


def unknown_sentence(name: str) -> str:
    """What to tell about such a variable, with the known one that it is nearest to."""
    near = difflib.get_close_matches(name, Settings.known, 1, _NEAR_ENOUGH)
    hint = f"did you mean {near[0]}? If not, unset it" if near else "unset it"
    return f"{name} is not a setting of Pulse: {hint}; docs/reference/settings.md lists all."


def _refuse_unknown(env: Mapping[str, str]) -> None:
    for name in unknown(env):
        raise SettingsError(unknown_sentence(name))
