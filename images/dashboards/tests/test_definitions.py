"""The shipped definitions are sound, and every mistake that could be made in one is refused by its name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import pulse_dashboards
from pulse.errors import Stop
from pulse_dashboards import load, template

SHIPPED = Path(pulse_dashboards.__file__).parent / "definitions"


def test_the_shipped_dashboards_are_the_ones_that_were_promised_in_their_order() -> None:
    catalogue = load.shipped()
    assert [one.slug for one in catalogue.dashboards] == [
        "sessions",
        "funnel",
        "engagement",
        "retention",
        "data-quality",
        "live",
    ]
    assert set(catalogue.filters) == {"date_from", "date_to", "category", "landing_page"}


def test_the_marks_that_people_know_are_drawn() -> None:
    marks = {
        (one.slug, card.key): [mark.value for mark in card.marks]
        for one in load.shipped().dashboards
        for card in one.cards
        if card.marks
    }
    assert marks[("engagement", "stickiness_by_day")] == [10, 20, 25]
    assert marks[("data-quality", "late_by_day")] == [5]


def line_card(**changes: Any) -> dict[str, Any]:
    card = {
        "key": "one",
        "title": "One",
        "chart": "line",
        "x": "activity_date",
        "width": 24,
        "series": [{"column": "dau", "title": "Daily"}],
        "sql": "select activity_date, dau from marts.fct_engagement_daily [[where activity_date >= {{date_from}}]]",
    }
    return {name: value for name, value in {**card, **changes}.items() if value is not None}


def refusal(folder: Path, cards: list[dict[str, Any]], **changes: Any) -> str:
    """What the loading says of a dashboard with these cards."""
    shutil.copy(SHIPPED / load.FILTERS, folder)
    made = {"title": "T", "description": "D", "order": 1, "filters": ["date_from"], "cards": cards, **changes}
    (folder / "made_up.yaml").write_text(yaml.safe_dump(made), encoding="utf-8")
    with pytest.raises(Stop) as refused:
        load.load(folder)
    return str(refused.value)


def test_a_sound_dashboard_is_accepted(tmp_path: Path) -> None:
    shutil.copy(SHIPPED / load.FILTERS, tmp_path)
    made = {"title": "T", "description": "D", "order": 1, "filters": ["date_from"], "cards": [line_card()]}
    (tmp_path / "made_up.yaml").write_text(yaml.safe_dump(made), encoding="utf-8")
    assert [one.slug for one in load.load(tmp_path).dashboards] == ["made-up"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"charts": "line"}, "made_up.yaml: Object contains unknown field `charts` - at `$.cards[0]`"),
        ({"title": None}, "made_up.yaml: Object missing required field `title`"),
        ({"chart": "pie"}, "made_up.yaml: Invalid enum value 'pie'"),
        ({"width": 13}, "made_up.yaml: Invalid enum value 13"),
        ({"width": 12}, "made-up: one: the last row is not full, it takes 24"),
        ({"x": None}, "made-up: one: a line needs x"),
        ({"row": "week"}, "a line takes no row"),
        ({"stacked": True}, "a line takes no stacked"),
        ({"chart": "number", "x": None, "series": [{"column": "a", "title": "A"}] * 2}, "draws one series, not 2"),
        ({"series": [{"column": "dau", "title": "Daily", "unit": "text"}]}, "draws numbers, no text"),
        (
            {"series": [{"column": "a", "title": "A"}, {"column": "b", "title": "B", "unit": "percent"}]},
            "would share one axis",
        ),
        ({"sql": "select 1 where {{date_to}} [[{{date_from}}]]"}, "takes {{date_to}}, which the dashboard does not"),
        ({"sql": "select 1 where {{date_from}}"}, "{{date_from}} stands outside of [[ ]]"),
        ({"sql": "select 1; drop table x [[{{date_from}}]]"}, "has a semicolon"),
        (
            {"sql": "select user_id from raw.events [[where {{date_from}}]]"},
            "it reads raw.events; dashboards read marts",
        ),
        ({"sql": "select 1 from events [[where {{date_from}}]]"}, "it reads events"),
        ({"sql": "select 1 from marts.fct_sessions"}, "filter date_from is offered and no card takes it"),
    ],
)
def test_a_mistake_in_a_card_is_refused(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    assert says in refusal(tmp_path, [line_card(**changes)])


def test_cards_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    assert "There are two cards with the key one" in refusal(tmp_path, [line_card(), line_card()])
    said = refusal(tmp_path, [line_card(width=12, height=5), line_card(key="two", width=12, height=6)])
    assert "two: it is 6 high and the first of its row 5" in said
    said = refusal(tmp_path, [line_card(width=16), line_card(key="two", width=12)])
    assert "two: the row that it ends is 28 wide" in said


def test_a_filter_that_nobody_defined_and_a_place_taken_twice_are_refused(tmp_path: Path) -> None:
    assert "filter country is not in _filters.yaml" in refusal(
        tmp_path, [line_card()], filters=["date_from", "country"]
    )
    shutil.copy(SHIPPED / "sessions.yaml", tmp_path)
    assert "two dashboards at place 1" in refusal(tmp_path, [line_card()])


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    shutil.copy(SHIPPED / load.FILTERS, tmp_path)
    (tmp_path / "broken.yaml").write_text("cards: [", encoding="utf-8")
    with pytest.raises(Stop, match=r"broken\.yaml cannot be read"):
        load.load(tmp_path)


def test_what_is_optional_is_left_out_unless_every_filter_in_it_has_a_value() -> None:
    sql = "select 7 % 2 where true [[and day >= {{a}}]] [[and x between {{a}} and {{b}}]]"
    assert template.tags(sql) == {"a", "b"}
    assert template.required(sql) == set()
    assert template.bound(sql, {}) == ("select 7 %% 2 where true  ", {})
    text, used = template.bound(sql, {"a": "it's", "c": "unused"})
    assert text == "select 7 %% 2 where true and day >= %(a)s::text "
    assert used == {"a": "it's"}
