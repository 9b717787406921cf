"""kill -9 of the operator after each of its writes: what it leaves half done, the next one brings to the same end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from apiserver import ApiServer
from crew import Crew, Hired, assembled
from patience import CALM_SECONDS, until
from pictures import Picture, passwords, picture, settled
from world import Place

pytestmark = pytest.mark.faults

NAME = "shop"
AT_ONCE = 4
# Longer than whatever a working operator waits for: the stand-ins, and the controllers' Job.
OVER_SECONDS = 8.0
FIRST: dict[str, Any] = {"transform": {"fullRefreshSchedule": "0 3 * * 0"}}
# Something new, something changed, and something that is not wanted any more.
SECOND: dict[str, Any] = {"simulator": {"enabled": True}, "consumer": {"scaling": {"min": 2, "max": 4}}}
DELETE = {"deletionPolicy": "Delete"}


@pytest.fixture(scope="module")
def crew(control_plane: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    home: Path = tmp_path_factory.mktemp("crew")
    with assembled(control_plane, home) as crew:
        yield crew


def undisturbed(crew: Crew, place: Place) -> tuple[int, Picture]:
    """How many writes it takes, and what comes of them."""
    hired = crew.hire([place.namespace], PULSE_LAG_INTERVAL="1h")
    _until_settled(place)
    _until_calm(hired)
    assert hired.stop() == 0
    return len(hired.client.writes), picture(place)


def _until_calm(hired: Hired) -> None:
    """Returns once it has written nothing for a while, or is dead."""
    count, since = -1, time.monotonic()
    while hired.process.poll() is None and time.monotonic() - since < CALM_SECONDS:
        if hired.client.begun != count:
            count, since = hired.client.begun, time.monotonic()
        time.sleep(0.05)


def kill_at(crew: Crew, victims: Mapping[int, Place]) -> int:
    """Sends an operator to each place that is killed after so many writes. Returns how many came so far; those that
    have less to do than that are killed when they have done it."""
    waiting, at_work = iter(victims.items()), list[tuple[Hired, Place, float]]()
    came = 0
    while True:
        for limit, place in islice(waiting, AT_ONCE - len(at_work)):
            at_work.append(
                (crew.hire([place.namespace], limit=limit, PULSE_LAG_INTERVAL="1h"), place, time.monotonic())
            )
        if not at_work:
            return came
        for one in list(at_work):
            hired, place, began = one
            if hired.process.poll() is not None:
                assert hired.process.code == -9, hired.process.said()
                assert len(hired.client.writes) == hired.client.limit
                came += 1
            elif settled(place) and time.monotonic() - began > OVER_SECONDS:
                hired.kill()
            else:
                continue
            at_work.remove(one)
        time.sleep(0.05)


def finish(crew: Crew, places: Sequence[Place], expected: Picture) -> None:
    """One operator takes over all of them, and brings each to the expected end."""
    before = {place.namespace: passwords(place) for place in places}
    hired = crew.hire([place.namespace for place in places], PULSE_LAG_INTERVAL="1h")
    for place in places:
        _until_like(place, expected)
        now = passwords(place)
        assert now == {**now, **before[place.namespace]} if now else not expected
    _until_calm(hired)
    assert all(picture(place) == expected for place in places)
    assert hired.stop() == 0
    assert not crew.surprises()


def _until_like(place: Place, expected: Picture) -> None:
    until("ready", "all is as without any kill", lambda: picture(place) == expected, lambda: _unlike(place, expected))


def _until_settled(place: Place) -> None:
    until("ready", "it is settled", lambda: settled(place), place.dump)


def _unlike(place: Place, expected: Picture) -> str:
    now = picture(place)
    names = sorted(name for name in {*now, *expected} if now.get(name) != expected.get(name))
    return (
        "\n".join(f"{name}\n  is     {now.get(name)}\n  wanted {expected.get(name)}" for name in names) + place.dump()
    )


def places(crew: Crew, count: int, **parts: Any) -> list[Place]:
    return [crew.place(NAME).apply(**parts) for _ in range(count)]


def prepared(crew: Crew, count: int, **parts: Any) -> list[Place]:
    """As many pipelines that work."""
    made = places(crew, count, **parts)
    hired = crew.hire([place.namespace for place in made], PULSE_LAG_INTERVAL="1h")
    for place in made:
        _until_settled(place)
    _until_calm(hired)
    assert hired.stop() == 0
    return made


def every_step(
    crew: Crew, made: Callable[[int], list[Place]], change: Callable[[Place], object], stride: int = 1
) -> None:
    """Kills after the first write, and then after each `stride` more, each time on a pipeline of its own."""
    (model,) = made(1)
    change(model)
    writes, expected = undisturbed(crew, model)
    limits = range(1, writes + 1, stride)
    victims = dict(zip(limits, made(len(limits)), strict=True))
    for place in victims.values():
        change(place)
    came = kill_at(crew, victims)
    # Statuses that follow each other at once are told in one write or in two.
    assert came >= len([limit for limit in limits if limit <= writes - 4]), (
        f"Only {came} of {len(limits)} came at a step."
    )
    finish(crew, list(victims.values()), expected)


def test_killed_once_while_it_makes_a_pipeline(crew: Crew) -> None:
    every_step(crew, lambda count: places(crew, count, **FIRST), lambda _: None, stride=6)


def test_killed_once_while_it_changes_a_pipeline(crew: Crew) -> None:
    every_step(crew, lambda count: prepared(crew, count, **FIRST), lambda place: place.apply(**SECOND), stride=2)


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_killed_once_while_it_removes_a_pipeline(crew: Crew, policy: str) -> None:
    parts = {**FIRST, "deletionPolicy": policy}
    every_step(crew, lambda count: prepared(crew, count, **parts), lambda place: place.remove(place.pipeline), stride=6)


def test_killed_after_every_single_write_for_a_whole_life(crew: Crew) -> None:
    """No process gets further than one write, and yet the pipeline is made, changed and removed: one start for each."""
    model, place = places(crew, 2, **FIRST)
    for change in (lambda _: None, lambda one: one.apply(**SECOND, **DELETE), lambda one: one.remove(one.pipeline)):
        change(model)
        writes, expected = undisturbed(crew, model)
        change(place)
        one_by_one(crew, place, 2 * writes)
        finish(crew, [place], expected)


def one_by_one(crew: Crew, place: Place, most: int) -> None:
    """Starts operators that are killed after their first write, until there is nothing left to write."""
    for _ in range(most):
        hired = crew.hire([place.namespace], limit=1, PULSE_LAG_INTERVAL="1h")
        began = time.monotonic()
        while hired.process.poll() is None:
            if settled(place) and time.monotonic() - began > OVER_SECONDS:
                return hired.kill()
            time.sleep(0.02)
    raise AssertionError(f"After {most} starts it has still something to write.\n{place.dump()}")
