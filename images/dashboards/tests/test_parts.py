"""The pure parts of the live page: who is let in, what is asked, what is kept, and how the pipeline is judged."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from pulse.errors import DatabaseUnavailable, DatabaseWrong
from pulse_dashboards import load
from pulse_dashboards.web import guard as guards
from pulse_dashboards.web.guard import COOKIE, Guard
from pulse_dashboards.web.health import Facts, judged
from pulse_dashboards.web.lag import Log, lag
from pulse_dashboards.web.memo import MOST_KEPT, Memo
from pulse_dashboards.web.question import WrongQuestion, asked
from pulse_dashboards.web.warehouse import Busy, Choices, away, told

TOKEN = "a token of some length"
CATALOGUE = load.shipped()
SESSIONS = CATALOGUE.dashboards[0]
CHOICES = Choices(date(2026, 1, 1), date(2026, 3, 31), {"category": ("hats",)})
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WELL = Facts(NOW, 3, NOW - timedelta(seconds=1), 12.34, 5, 0, ("succeeded", NOW), NOW - timedelta(minutes=10))


# --- who is let in ---


def test_the_token_and_its_cookie_let_in_and_nothing_else_does() -> None:
    guard = Guard(TOKEN)
    assert guard.knows(TOKEN)
    assert not guard.knows("another")
    assert guard.lets_in({COOKIE: guard.cookie()})
    assert guard.lets_in({}, f"Bearer {TOKEN}")
    for cookie in ("", ".", "9999999999.", "9999999999.00", "x.y", "²." + "0" * 64):
        assert not guard.lets_in({COOKIE: cookie}), cookie
    assert not guard.lets_in({}, "Bearer ")
    assert not guard.lets_in({}, f"Basic {TOKEN}")
    assert not Guard("a new token of some length").lets_in({COOKIE: guard.cookie()})


def test_a_cookie_runs_out_and_cannot_be_prolonged(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = Guard(TOKEN)
    cookie = guard.cookie()
    later = time.time() + guards.SESSION_SECONDS + 1
    monkeypatch.setattr(guards.time, "time", lambda: later)
    assert not guard.lets_in({COOKIE: cookie})
    _, signature = cookie.split(".")
    assert not guard.lets_in({COOKIE: f"{int(later) + 1000}.{signature}"})


def test_without_a_token_whatever_stands_before_the_page_decides() -> None:
    assert Guard(None).lets_in({})


# --- what is asked ---


def test_without_words_the_question_is_about_the_newest_thirty_days() -> None:
    question = asked({}, SESSIONS, CATALOGUE, CHOICES)
    assert question.values == {"date_from": date(2026, 3, 2), "date_to": date(2026, 3, 31)}
    assert question.days == "30"


def test_days_of_a_persons_own_go_before_the_range() -> None:
    question = asked({"date_from": "2026-02-01", "category": "hats", "days": "7"}, SESSIONS, CATALOGUE, CHOICES)
    assert question.values == {"date_from": date(2026, 2, 1), "category": "hats"}
    assert asked({"days": "all"}, SESSIONS, CATALOGUE, CHOICES).values == {}
    assert asked({}, SESSIONS, CATALOGUE, Choices(None, None, {})).values == {}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"sql": "select 1"}, "sql is no filter of this dashboard"),
        ({"date_from": "yesterday"}, "date_from is 'yesterday', it takes a day such as"),
        ({"date_from": "2026-03-02", "date_to": "2026-03-01"}, "which is before it"),
        ({"days": "0"}, "days is '0'"),
        ({"days": "many"}, "days is 'many'"),
        ({"category": "x" * 3_000}, "category takes up to 2,000 characters"),
        ({"category": "a\0b"}, "no null"),
    ],
)
def test_a_word_that_is_not_understood_is_refused(words: dict[str, str], says: str) -> None:
    with pytest.raises(WrongQuestion, match=says):
        asked(words, SESSIONS, CATALOGUE, CHOICES)


# --- what is kept ---


def test_many_who_ask_at_once_are_one_question() -> None:
    memo: Memo[int] = Memo(60)
    made: list[int] = []
    begin = threading.Barrier(8)

    def make() -> int:
        made.append(1)
        time.sleep(0.05)
        return len(made)

    def ask(_: int) -> int:
        begin.wait()
        return memo.get("key", make)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {1}


def test_an_answer_is_kept_for_its_time_and_a_failure_not_at_all() -> None:
    now = 0.0
    memo: Memo[int] = Memo(3, lambda: now)
    assert [memo.get("key", lambda: 1), memo.get("key", lambda: 2)] == [1, 1]
    now = 3.5
    with pytest.raises(ZeroDivisionError):
        memo.get("key", lambda: 1 // 0)
    assert memo.get("key", lambda: 3) == 3


def test_an_answer_that_took_long_is_kept_for_as_long() -> None:
    now = 0.0
    memo: Memo[int] = Memo(3, lambda: now)

    def slow() -> int:
        nonlocal now
        now += 8
        return 1

    assert memo.get("key", slow) == 1
    now += 7
    assert memo.get("key", lambda: 2) == 1
    now += 2
    assert memo.get("key", lambda: 3) == 3


def test_what_people_type_does_not_fill_the_memory() -> None:
    memo: Memo[int] = Memo(60)
    for number in range(3 * MOST_KEPT):
        memo.get(number, lambda: 1)
    assert len(memo._kept) <= MOST_KEPT
    assert len(memo._making) <= MOST_KEPT + 1


# --- how the pipeline is ---


def states(facts: Facts) -> dict[str, str]:
    return {line.key: line.state for line in judged(facts, 3600)}


def test_a_pipeline_at_work_is_good_in_every_line() -> None:
    assert set(states(WELL).values()) == {"good"}


@pytest.mark.parametrize(
    ("change", "line", "state"),
    [
        ({"lag": None}, "lag", "unknown"),
        ({"last_commit": NOW - timedelta(minutes=2)}, "lag", "bad"),
        ({"last_commit": NOW - timedelta(minutes=2)}, "last_commit", "bad"),
        ({"last_commit": NOW - timedelta(minutes=2), "lag": 0}, "last_commit", "good"),
        ({"last_commit": None, "lag": 7}, "lag", "bad"),
        ({"last_commit": None, "lag": 0}, "last_commit", "unknown"),
        ({"letters_of_the_day": 1}, "dead_letters", "bad"),
        ({"last_good_run": None}, "dbt", "bad"),
        ({"last_run": ("failed", NOW)}, "dbt", "bad"),
        ({"last_good_run": NOW - timedelta(hours=2)}, "dbt", "bad"),
    ],
)
def test_what_is_wrong_shows_in_its_line_and_says_what_to_do(change: dict[str, object], line: str, state: str) -> None:
    lines = {one.key: one for one in judged(replace(WELL, **change), 3600)}  # type: ignore[arg-type]
    assert lines[line].state == state
    if state != "good" and line != "last_commit":
        assert len(lines[line].hint) > 20


def test_the_lag_counts_a_partition_that_was_never_read_from_its_start() -> None:
    assert lag(Log({0: 5, 1: 10}, {0: 9, 1: 30}), {0: 7}) == 2 + 20
    assert lag(Log({0: 0}, {0: 5}), {0: 6}) == 0


def test_every_failure_says_what_a_person_can_do() -> None:
    for failed in (
        psycopg.errors.QueryCanceled(),
        psycopg.errors.UndefinedTable(),
        psycopg.errors.InsufficientPrivilege(),
        psycopg.errors.DivisionByZero("division by zero"),
    ):
        problem = told(failed, 10)
        assert problem.message
        assert len(problem.hint) > 20
    problems = {away(failed).message for failed in (Busy("b"), DatabaseUnavailable("u"), DatabaseWrong("w"))}
    assert len(problems) == 3
