"""What the autoscaler is asked about, what it makes of the answers, and when it tells that there is something new."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from pulse.facts import KafkaAccess
from pulse_operator.lag import Unknown, Wanted
from pulse_operator.scaler import TOPICS_SECONDS, Scaler, Target
from pulse_operator.scaling import Limit, PartitionOffsets, Policy, Reason

SHOP, BLOG = ("web", "shop"), ("web", "blog")
ACCESS = KafkaAccess("b:9092")
POLICY = Policy(4, target_lag_per_replica=1_000)
AWAY = Unknown("TimedOut", "no answer")


class StandInReader:
    """Stands in for the lag reader, and thus for Kafka: it answers what a test put there, and keeps what was asked."""

    def __init__(self) -> None:
        self.answers: dict[Hashable, Any] = {}
        self.topics: dict[Hashable, Any] = {}
        self.asked: list[Mapping[Hashable, tuple[KafkaAccess, Wanted]]] = []
        self.looked: list[Mapping[Hashable, Any]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def read(self, wanted: Mapping[Hashable, tuple[KafkaAccess, Wanted]]) -> Mapping[Hashable, Any]:
        self.asked.append(wanted)
        self.meanwhile()
        return {key: self.answers[key] for key in wanted}

    def settings(self, wanted: Mapping[Hashable, Any]) -> Mapping[Hashable, Any]:
        self.looked.append(wanted)
        return {key: self.topics[key] for key in wanted if key in self.topics}


class Watched:
    """A scaler, its clock, and the news that it told."""

    def __init__(self) -> None:
        self.reader = StandInReader()
        self.now = 1_000_000.0
        self.news: list[tuple[str, str]] = []
        self.scaler = Scaler(self.reader, 10.0, lambda: self.now, self.news.append)  # type: ignore[arg-type]

    def turn(self, lag: int | Unknown | None = None, seconds: float = 10.0) -> list[tuple[str, str]]:
        """A look some seconds later, at this lag of the shop. Returns the news that it brought."""
        self.now += seconds
        self.news.clear()
        if lag is not None:
            self.reader.answers[SHOP] = lag if isinstance(lag, Unknown) else offsets(lag, int(self.now) * 1_000)
        asyncio.run(self.scaler.turn())
        return list(self.news)


def offsets(lag: int, end: int = 1_000_000) -> dict[int, PartitionOffsets]:
    """Of four partitions with this lag in all. All move with the time: a partition that does not is stalled."""
    return {number: PartitionOffsets(0, end, end - lag // 4) for number in range(4)}


def target(replicas: int = 1, *, policy: Policy | None = POLICY, topic: str = "shop-events", **words: Any) -> Target:
    return Target(ACCESS, Wanted(topic, "shop-consumer"), replicas, replicas, policy, **words)


def enrolled(lag: int = 40, **words: Any) -> Watched:
    """A pipeline that was looked at once, with nothing to say about it since."""
    watched = Watched()
    watched.scaler.enrol(SHOP, target(**words), None)
    assert watched.turn(lag) == [SHOP]
    return watched


def test_nobody_is_asked_about_nothing() -> None:
    watched = Watched()
    assert watched.turn() == []
    assert watched.reader.asked == []


def test_all_pipelines_are_asked_about_at_once() -> None:
    watched = enrolled()
    watched.scaler.enrol(BLOG, target(topic="blog-events"), None)
    watched.reader.answers[BLOG] = offsets(0)
    watched.turn()
    assert watched.reader.asked[-1] == {
        SHOP: (ACCESS, Wanted("shop-events", "shop-consumer")),
        BLOG: (ACCESS, Wanted("blog-events", "shop-consumer")),
    }


def test_other_replicas_than_run_are_news_each_time_until_they_do() -> None:
    watched = enrolled()
    assert watched.turn(3_600) == [SHOP]
    decision = watched.scaler.decision(SHOP)
    assert decision
    assert decision.replicas == 4
    assert watched.turn(3_600) == [SHOP]
    watched.scaler.enrol(SHOP, target(4), None)
    assert watched.turn(3_600) == []


def test_a_lag_that_moved_is_news_every_half_minute() -> None:
    watched = enrolled(lag=400)
    told = [watched.turn(400 + 40 * number) for number in range(1, 10)]
    assert told == [[], [], [SHOP]] * 3


def test_a_lag_that_stands_is_none() -> None:
    watched = enrolled(lag=400)
    assert [watched.turn(404) for _ in range(10)] == [[]] * 10


def test_a_lag_that_came_back_to_what_was_told_is_none() -> None:
    watched = enrolled(lag=400)
    assert [watched.turn(lag) for lag in (480, 520, 400, 400)] == [[]] * 4


def test_an_unknown_lag_is_news_once_and_the_replicas_hold() -> None:
    watched = enrolled(lag=40, replicas=2)
    assert watched.turn(AWAY) == [SHOP]
    assert [watched.turn(AWAY) for _ in range(12)] == [[]] * 12
    decision, reading = watched.scaler.decision(SHOP), watched.scaler.reading(SHOP)
    assert decision
    assert reading
    assert (decision.replicas, decision.reason) == (2, Reason.LAG_UNKNOWN_HOLD)
    assert (reading.problem, reading.problem_kind, reading.at) == ("no answer", "TimedOut", watched.now)


def test_another_problem_is_news_and_so_is_its_end() -> None:
    watched = enrolled()
    assert watched.turn(AWAY) == [SHOP]
    assert watched.turn(Unknown("Denied", "no right")) == [SHOP]
    assert watched.turn(40) == [SHOP]


def test_a_limit_is_news_when_it_comes_and_when_it_goes() -> None:
    watched = enrolled(lag=40, replicas=4)
    assert watched.turn(400_000) == [SHOP]
    decision = watched.scaler.decision(SHOP)
    assert decision
    assert decision.limited_by is Limit.PARTITION_COUNT
    assert watched.turn(400_000) == []
    assert watched.turn(40) == [SHOP]


def test_without_a_policy_the_lag_is_read_and_nothing_decided() -> None:
    watched = enrolled(policy=None)
    reading = watched.scaler.reading(SHOP)
    assert reading
    assert reading.lag == 40
    assert watched.scaler.decision(SHOP) is None


def test_a_decision_does_not_outlive_the_policy() -> None:
    watched = enrolled()
    assert watched.scaler.decision(SHOP)
    watched.scaler.enrol(SHOP, target(policy=None), None)
    assert watched.scaler.decision(SHOP) is None
    assert watched.scaler.reading(SHOP)


def test_enrolling_again_keeps_what_is_remembered() -> None:
    watched = enrolled()
    before = watched.scaler.decision(SHOP)
    watched.scaler.enrol(SHOP, target(2), '{"version": 1, "capacity": 5.0}')
    assert watched.scaler.decision(SHOP) is before
    watched.turn(40)
    decision = watched.scaler.decision(SHOP)
    assert decision
    assert decision.memory.capacity is None
    assert len(decision.memory.samples) == 1


def test_a_restarted_operator_goes_on_from_what_was_stored() -> None:
    watched = Watched()
    watched.scaler.enrol(SHOP, target(), json.dumps({"version": 1, "capacity": 5_000.0, "capacity_at": watched.now}))
    watched.turn(40)
    decision = watched.scaler.decision(SHOP)
    assert decision
    assert decision.memory.capacity == 5_000


def test_what_a_person_cut_is_forgotten() -> None:
    for remembered in ('{"version": 1, "capa', "", "[]", '{"version": 7}'):
        watched = Watched()
        watched.scaler.enrol(SHOP, target(), remembered)
        assert watched.turn(40) == [SHOP]


def test_a_dropped_pipeline_is_not_asked_about_and_nothing_is_known_of_it() -> None:
    watched = enrolled()
    watched.scaler.drop(SHOP)
    watched.scaler.drop(BLOG)
    assert watched.turn(40) == []
    assert len(watched.reader.asked) == 1
    known = (watched.scaler.reading(SHOP), watched.scaler.topics(SHOP), watched.scaler.decision(SHOP))
    assert known == (None, None, None)


def test_an_answer_about_a_pipeline_that_went_meanwhile_is_nobodys() -> None:
    watched = enrolled()
    watched.reader.meanwhile = lambda: watched.scaler.drop(SHOP)
    assert watched.turn(900_000) == []
    assert watched.scaler.reading(SHOP) is None


def test_an_answer_about_an_earlier_pipeline_or_topic_is_not_about_this_one() -> None:
    def recreated() -> None:
        watched.scaler.drop(SHOP)
        watched.scaler.enrol(SHOP, target(), None)

    def elsewhere() -> None:
        watched.scaler.enrol(SHOP, target(topic="other"), None)

    for meanwhile in (recreated, elsewhere):
        watched = enrolled()
        watched.reader.meanwhile = meanwhile
        assert watched.turn(900_000) == []
        decision = watched.scaler.decision(SHOP)
        assert decision is None or decision.lag == 40


def test_supplied_topics_are_looked_at_now_and_then() -> None:
    watched = Watched()
    watched.scaler.enrol(SHOP, target(supplied_topics=("clicks", "dead", "gone")), None)
    settings = {"max.message.bytes": "5"}
    refused = Unknown("Denied", "no right")
    watched.reader.topics[SHOP] = {"clicks": settings, "dead": refused, "gone": Unknown("NoTopic", "not there")}
    assert watched.turn(40) == [SHOP, SHOP]
    found = watched.scaler.topics(SHOP)
    assert found
    assert (found.configs, found.missing, found.problem) == ({"clicks": settings}, ("gone",), "no right")
    assert watched.turn(40, TOPICS_SECONDS - 1) == []
    assert len(watched.reader.looked) == 1
    assert watched.turn(40, 1) == []  # looked at, and as they were
    assert len(watched.reader.looked) == 2
    watched.reader.topics[SHOP]["clicks"] = {"max.message.bytes": "6"}
    assert watched.turn(40, TOPICS_SECONDS) == [SHOP]


def test_topics_that_nobody_answered_about_stay_unknown() -> None:
    watched = enrolled(supplied_topics=("clicks",))
    assert watched.scaler.topics(SHOP) is None
    watched.turn(40)
    assert len(watched.reader.looked) == 2


def test_topics_that_pulse_makes_are_not_looked_at() -> None:
    assert enrolled().reader.looked == []


def test_it_stands_still_since_its_last_look() -> None:
    watched = Watched()
    watched.now += 7
    assert watched.scaler.still() == 7


def test_it_looks_again_and_again() -> None:
    async def main() -> None:
        watched = Watched()
        watched.scaler = Scaler(watched.reader, 0.0, lambda: watched.now, watched.news.append)  # type: ignore[arg-type]
        watched.scaler.enrol(SHOP, target(), None)
        watched.reader.answers[SHOP] = offsets(40)
        running = asyncio.create_task(watched.scaler.run())
        while len(watched.reader.asked) < 3:
            watched.now += 1
            await asyncio.sleep(0)
        running.cancel()
        assert watched.scaler.still() < watched.now - 1_000_000

    asyncio.run(main())
