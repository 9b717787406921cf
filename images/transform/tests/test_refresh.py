"""When every mart is built anew, and what is said about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pulse_transform.refresh import FIRST, UNFINISHED, Terms, need, with_all_above

NOW = Terms({"gap": 1800, "zone": "UTC"}, "vars", "project")
OTHER_SETTINGS = Terms({"gap": 1200, "zone": "UTC"}, "other vars", "project")
OTHER_MODELS = replace(NOW, project_hash="other project")
REFRESH = replace(NOW, full_refresh=True)


def test_a_run_adds_to_what_a_run_on_the_same_terms_left() -> None:
    assert need([NOW], NOW) is None
    assert need([REFRESH], NOW) is None
    assert need([NOW, NOW, NOW], NOW) is None, "runs that failed leave no more than is read again"


def test_without_a_whole_run_everything_is_built() -> None:
    assert need([], NOW) == FIRST


def test_other_settings_and_other_models_are_told_by_name() -> None:
    assert need([OTHER_SETTINGS], NOW) == "settings have changed: gap"
    assert need([OTHER_MODELS], NOW) == "the models have changed"
    assert need([replace(NOW, project_hash=None)], NOW) == "the models have changed", "a run of an older version"


@pytest.mark.parametrize(
    ("between", "told"), [(OTHER_SETTINGS, "settings have changed: gap"), (OTHER_MODELS, "the models have changed")]
)
def test_a_run_on_other_terms_that_failed_is_not_added_to_although_the_terms_are_back(
    between: Terms, told: str
) -> None:
    assert need([NOW, between], NOW) == told
    assert need([NOW, between, NOW], NOW) == told


def test_a_full_refresh_that_is_not_known_to_be_whole_is_made_again() -> None:
    assert need([NOW, REFRESH], NOW) == UNFINISHED
    assert need([NOW, REFRESH, NOW], NOW) == UNFINISHED


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("fct_sessions", "+fct_sessions"),
        ("+fct_sessions", "+fct_sessions"),
        ("2+fct_sessions+1", "+fct_sessions+1"),
        ("@int_user_days", "@int_user_days"),
        ("tag:daily,path:models/marts", "+tag:daily,+path:models/marts"),
    ],
)
def test_what_is_built_anew_is_built_from_all_that_lies_above_it(said: str, meant: str) -> None:
    assert with_all_above([said, "dim_visitors"]) == (meant, "+dim_visitors")
