"""The words of the operator's own image: run, drain, crd."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

import yaml

from pulse.cli import OK, Command
from pulse.env import duration
from pulse.settings import OperatorSettings
from pulse_operator.crd import definition


def _no_words(_: ArgumentParser) -> None:
    """Everything is said by the environment."""


def _run(_: Namespace, env: Mapping[str, str]) -> int:
    from pulse_operator.run import run

    asyncio.run(run(OperatorSettings.from_env(env)))
    return OK


def _drain_words(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=duration, default=duration("5m"), help="longest wait for the last commits (default 5m)"
    )


def _drain(words: Namespace, env: Mapping[str, str]) -> int:
    from pulse_operator.drain import drain

    return asyncio.run(drain(OperatorSettings.from_env(env), words.timeout.total_seconds()))


def _crd(_: Namespace, __: Mapping[str, str]) -> int:
    yaml.safe_dump(definition(), sys.stdout, sort_keys=True, width=120)
    return OK


RUN = Command("keep the pipelines until stopped", _no_words, _run)
DRAIN = Command(
    "stop every consumer after its last commit and let all pipelines go, before an uninstall", _drain_words, _drain
)
CRD = Command("print the definition of PulsePipeline", _no_words, _crd)
