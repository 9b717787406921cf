"""`pulse consume`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from pulse.cli import OK, Command
from pulse.settings import ConsumerSettings
from pulse_consumer.commands.words import no_words


def _consume(_args: Namespace, env: Mapping[str, str]) -> int:
    from pulse_consumer.run import run

    run(ConsumerSettings.from_env(env))
    return OK


CONSUME = Command("read events from Kafka into Postgres until stopped", no_words, _consume)
