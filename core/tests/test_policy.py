"""The small pure tables: SQLSTATE verdicts, backoff, names and the plan."""

from __future__ import annotations

import re
from dataclasses import astuple
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.backoff import delays
from pulse.errors import SettingsError, Verdict
from pulse.names import checked_pipeline, database_roles, role_prefix
from pulse.plan import DEAD_LETTER_HEADROOM_BYTES, plan
from pulse.sqlstate import verdict_of


@pytest.mark.parametrize(
    ("sqlstate", "verdict"),
    [
        (None, Verdict.RETRY),  # the connection broke
        ("08006", Verdict.RETRY),
        ("57P01", Verdict.RETRY),
        ("40001", Verdict.RETRY),
        ("40P01", Verdict.RETRY),
        ("55P03", Verdict.RETRY),
        ("53300", Verdict.RETRY),
        ("22P02", Verdict.REJECT),
        ("22021", Verdict.REJECT),
        ("23502", Verdict.REJECT),
        ("54001", Verdict.REJECT),
        ("53100", Verdict.STOP),
        ("25006", Verdict.STOP),
        ("28P01", Verdict.STOP),
        ("3D000", Verdict.STOP),
        ("42P01", Verdict.STOP),
        ("42501", Verdict.STOP),
        ("42804", Verdict.STOP),
        ("XX001", Verdict.STOP),
        ("99999", Verdict.STOP),
    ],
)
def test_every_kind_of_failure_has_its_verdict(sqlstate: str | None, verdict: Verdict) -> None:
    assert verdict_of(sqlstate) is verdict


def test_a_check_is_the_row_s_fault_only_if_it_has_a_name() -> None:
    assert verdict_of("23514", "price_is_positive") is Verdict.REJECT
    assert verdict_of("23514") is Verdict.STOP  # no partition takes the row
    assert verdict_of("23514", "") is Verdict.STOP


@given(st.text(min_size=5, max_size=5))
def test_a_failure_that_nobody_knows_never_rejects_data(sqlstate: str) -> None:
    known = {"22", "54"}
    if sqlstate[:2] not in known and not sqlstate.startswith("23"):
        assert verdict_of(sqlstate) is not Verdict.REJECT


def test_delays_grow_to_their_cap_and_differ_between_two_consumers() -> None:
    assert list(islice(delays(lambda: 1.0, 0.1, 1.0), 6)) == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    assert list(islice(delays(lambda: 0.0, 0.1, 1.0), 6)) == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.5, 0.5])


@pytest.mark.parametrize("name", ["", "Shop", "1shop", "shop-", "a" * 41, "shop_1", "shop.1"])
def test_a_name_that_would_break_a_topic_or_a_label_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="Pipeline name"):
        checked_pipeline(name)


def test_roles_are_named_after_their_prefix() -> None:
    assert astuple(database_roles()) == ("pulse_owner", "pulse_ingest", "pulse_transform", "pulse_reader")
    assert database_roles(role_prefix("web-shop")).owner == "web_shop_owner"


@given(st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True))
def test_every_pipeline_has_roles_whose_names_postgres_keeps_whole(pipeline: str) -> None:
    if not f"{pipeline}-".startswith(("pg-", "cnpg-")):
        assert max(len(name.encode()) for name in astuple(database_roles(role_prefix(pipeline)))) <= 63


@pytest.mark.parametrize(
    ("prefix", "says"),
    [
        *(
            (prefix, "use 1 to 40 lower-case letters")
            for prefix in ("", "Shop", "1shop", "shop-1", "a" * 41, "a;", "a\n")
        ),
        *((prefix, "are reserved by Postgres") for prefix in ("pg", "pg_shop", "cnpg", "cnpg_shop")),
    ],
)
def test_a_prefix_that_makes_no_role_is_refused(prefix: str, says: str) -> None:
    with pytest.raises(SettingsError, match=f"Role prefix {re.escape(repr(prefix))} is refused: .*{says}"):
        database_roles(prefix)


def test_the_events_topic_is_stamped_by_the_broker_and_the_dlq_has_room_for_every_event() -> None:
    made = plan("shop", partitions=3, max_message_bytes=1000)
    assert (made.events.name, made.dlq.name, made.group) == ("shop-events", "shop-dlq", "shop-consumer")
    assert made.events.partitions == 3
    assert made.events.config["message.timestamp.type"] == "LogAppendTime"
    assert int(made.dlq.config["max.message.bytes"]) == 1000 + DEAD_LETTER_HEADROOM_BYTES
