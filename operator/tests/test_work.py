"""The queue of pipelines to look at. Time is virtual: nothing here waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit import virtual

from pulse_operator.work import FIRST_SECONDS, MOST_SECONDS, Work

Handler = Callable[[str], Awaitable[float | None]]


class Looks:
    """A queue with its workers, and the looks that they took: when each began and ended, and at which key."""

    def __init__(self, seconds: float = 0.0, again: float | None = None) -> None:
        self.work: Work[str] = Work(virtual.clock)
        self.seconds, self.again = seconds, again
        self.taken: list[tuple[float, str]] = []
        self.ended: list[tuple[float, str]] = []
        self.running: list[str] = []
        self.most = 0
        self.twice = False  # whether a key was ever looked at twice at once
        self.failures: list[tuple[str, str, float]] = []

    async def look(self, key: str) -> float | None:
        self.twice = self.twice or key in self.running
        self.taken.append((virtual.clock(), key))
        self.running.append(key)
        self.most = max(self.most, len(self.running))
        await asyncio.sleep(self.seconds)
        self.running.remove(key)
        self.ended.append((virtual.clock(), key))
        return self.again

    def failed(self, key: str, error: Exception, again: float) -> None:
        self.failures.append((key, str(error), again))

    async def go(self, seconds: float, workers: int = 1, handler: Handler | None = None) -> None:
        await virtual.during(seconds, *(self.work.run(handler or self.look, self.failed) for _ in range(workers)))
        assert not self.twice


def test_a_key_that_is_added_often_is_looked_at_once() -> None:
    async def main() -> None:
        looks = Looks()
        for _ in range(5):
            looks.work.add("a")
        await looks.go(100)
        assert looks.taken == [(0, "a")]

    virtual.run(main())


def test_the_sooner_of_two_times_counts() -> None:
    async def main() -> None:
        looks = Looks()
        looks.work.add("late then early", 50)
        looks.work.add("late then early", 5)
        looks.work.add("early then late", 7)
        looks.work.add("early then late", 50)
        await looks.go(100)
        assert looks.taken == [(5, "late then early"), (7, "early then late")]

    virtual.run(main())


def test_keys_are_looked_at_side_by_side_and_none_of_them_twice_at_once() -> None:
    async def main() -> None:
        looks = Looks(seconds=1, again=0)
        for key in "abc":
            looks.work.add(key)
        await looks.go(20.5, workers=8)
        assert looks.most == 3
        assert len(looks.taken) == 3 * 21

    virtual.run(main())


def test_what_happens_during_a_look_is_looked_at_after_it_and_holds_nobody_up() -> None:
    async def main() -> None:
        looks = Looks(seconds=10)
        looks.work.add("a")

        async def happen() -> None:
            await asyncio.sleep(2)
            looks.work.add("a")
            looks.work.add("a")
            looks.work.add("b")
            await asyncio.Event().wait()

        await virtual.during(100, looks.go(99, workers=2), happen())
        assert looks.taken == [(0, "a"), (2, "b"), (10, "a")]

    virtual.run(main())


def test_a_look_says_when_the_next_is_due_at_the_latest() -> None:
    async def main() -> None:
        looks = Looks(again=30)
        looks.work.add("a")
        await looks.go(100)
        assert [at for at, _ in looks.taken] == [0, 30, 60, 90]

    virtual.run(main())


def test_a_key_that_fails_is_tried_again_ever_later() -> None:
    async def main() -> None:
        looks = Looks()

        async def fail(key: str) -> None:
            looks.taken.append((virtual.clock(), key))
            raise ValueError("no")

        looks.work.add("a")
        await looks.go(1_000, handler=fail)
        waits = [later - sooner for (sooner, _), (later, _) in pairwise(looks.taken)]
        ceilings = [min(MOST_SECONDS, FIRST_SECONDS * 2**number) for number in range(len(waits))]
        assert len(waits) > 10
        assert all(most / 2 <= wait <= most for wait, most in zip(waits, ceilings, strict=True))
        assert [(key, said) for key, said, _ in looks.failures] == [("a", "no")] * len(looks.taken)
        assert [again for _, _, again in looks.failures][: len(waits)] == pytest.approx(waits)

    virtual.run(main())


def test_the_trouble_of_one_is_not_that_of_others() -> None:
    async def main() -> None:
        looks = Looks(again=1)

        async def poisoned(key: str) -> float | None:
            if key == "bad":
                raise ValueError(key)
            return await looks.look(key)

        looks.work.add("bad")
        looks.work.add("good")
        await looks.go(99.5, handler=poisoned)
        assert [at for at, _ in looks.taken] == list(range(100))
        assert len(looks.failures) >= 5

    virtual.run(main())


@pytest.mark.parametrize("forget", [False, True])
def test_after_a_success_or_when_forgotten_it_begins_anew(forget: bool) -> None:
    async def main() -> None:
        looks = Looks()
        tries = 0

        async def flaky(_: str) -> float:
            nonlocal tries
            tries += 1
            if tries == 6 and forget:
                looks.work.drop("a")
            if tries == 6 and not forget:
                return 1.0
            raise ValueError("no")

        looks.work.add("a")
        await looks.go(200, handler=flaky)
        waits = [again for _, _, again in looks.failures]
        assert waits[4] >= 8
        assert waits[5] <= FIRST_SECONDS

    virtual.run(main())


def test_news_of_a_failing_key_are_not_held_back() -> None:
    async def main() -> None:
        looks = Looks()

        async def fail(key: str) -> None:
            looks.taken.append((virtual.clock(), key))
            raise ValueError("no")

        async def happen() -> None:
            await asyncio.sleep(100.125)
            looks.work.add("a")
            await asyncio.Event().wait()

        looks.work.add("a")
        await virtual.during(101, looks.go(101, handler=fail), happen())
        assert (100.125, "a") in looks.taken

    virtual.run(main())


def test_what_was_dropped_is_not_looked_at() -> None:
    async def main() -> None:
        looks = Looks()
        looks.work.add("a", 5)
        looks.work.add("b", 6)
        looks.work.drop("a")
        looks.work.drop("never there")
        await looks.go(100)
        assert looks.taken == [(6, "b")]

    virtual.run(main())


def test_overdue_is_what_is_due_and_nobody_works_on() -> None:
    now = 100.0
    work: Work[str] = Work(lambda: now)
    assert work.overdue() == 0
    work.add("later", 60)
    assert work.overdue() == 0
    work.add("now")
    work.add("soon", 10)
    now += 25
    assert work.overdue() == 25
    work.drop("now")
    assert work.overdue() == 15


def test_a_key_that_is_worked_on_is_not_overdue_however_long_that_takes() -> None:
    async def main() -> None:
        looks = Looks(seconds=1_000)
        looks.work.add("a")

        async def happen() -> None:
            await asyncio.sleep(1)
            looks.work.add("a")
            await asyncio.sleep(500)
            assert looks.work.overdue() == 0
            looks.work.add("b")
            await asyncio.sleep(7)
            assert looks.work.overdue() == 7  # the only worker is taken

        await virtual.during(600, looks.go(600), happen())

    virtual.run(main())


EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.integers(0, 10)), max_size=12)


@given(EVENTS, st.integers(1, 3), st.integers(0, 4))
def test_whatever_happens_is_followed_by_a_look_that_begins_after_it(
    events: list[tuple[str, int, int]], workers: int, seconds: int
) -> None:
    async def main() -> None:
        looks = Looks(seconds)

        async def happen() -> None:
            now = 0
            for key, pause, after in events:
                await asyncio.sleep(pause)
                now += pause
                looks.work.add(key, after)
            await asyncio.Event().wait()

        await virtual.during(1_000, looks.go(1_000, workers), happen())
        at = 0
        for key, pause, after in events:
            at += pause
            assert any(key == seen and at <= began <= at + after + 60 for began, seen in looks.taken), looks.taken
        assert len(looks.taken) <= len(events)
        assert looks.work.overdue() == 0

    virtual.run(main())
