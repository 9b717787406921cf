"""The models broken on purpose: mistakes in what an incremental run takes, deletes or makes anew. Pure data.

`broken.py` makes them. Where a model changes, its mistake changes with it: `test_mutations.py` fails when one no longer
fits.
"""

from __future__ import annotations

from collections.abc import Sequence

from kit.breaking import Edit, Mutation

_SESSIONIZED = "models/intermediate/int_events_sessionized.sql"
_POSITIONS = "models/staging/stg_offset_positions.sql"
_WINDOW = "models/staging/stg_offset_window.sql"
_NOTICED = (
    "tests/dbt/test_histories.py::test_the_tables_are_those_of_a_full_refresh_and_the_marts_those_of_the_rules",
)


def _mistake(name: str, means: str, *edits: Edit) -> Mutation:
    return Mutation(name, means, edits, _NOTICED)


_WIDENED = """new_events.event_timestamp - '
        ~ seconds(var('session_gap_seconds')) ~ ' and new_events.event_timestamp + '
        ~ seconds(var('session_gap_seconds'))
"""
_WHOLE_CHAIN = "'between touched_chains.chain_started_at and touched_chains.chain_ended_at'"
_LAST_DAY = """"between greatest(touched_chains.chain_started_at, touched_chains.chain_ended_at - interval '24 hours')"
        ~ ' and touched_chains.chain_ended_at'"""
_DELETED = "stale.user_id = touched.user_id and stale.started_at between touched.started_at and touched.ended_at"
_GONE = "as days where days.activity_date = stale.activity_date)"
_KNOWN_PAIR = "known.anonymous_id = pairs.anonymous_id and known.user_id = pairs.user_id"
_QUARANTINED = "known.user_id = newly_quarantined.user_id"
# A group that has stored nothing since stands at the end.
_AHEAD = "coalesce(max(lower_offset) filter (where lower_offset < upper_offset), max(upper_offset))"

MUTATIONS: Sequence[Mutation] = (
    _mistake(
        "no-widening-by-the-gap",
        "chains count as touched only if a new event lies within them, and not if it comes within the gap of them",
        Edit(_SESSIONIZED, _WIDENED, _WIDENED.replace("var('session_gap_seconds')", "1")),
    ),
    _mistake(
        "a-day-of-the-chain",
        "of a touched chain only the last 24 hours are taken, as if the pieces before them could not change",
        Edit(_SESSIONIZED, _WHOLE_CHAIN, _LAST_DAY),
    ),
    _mistake(
        "sessions-not-deleted",
        "sessions that were joined or moved are added to, and those that they were before stay",
        Edit("models/marts/fct_sessions.sql", _DELETED, f"{_DELETED} and false"),
    ),
    _mistake(
        "moves-ignored",
        "a run begins where the last one ended, also if an offset was moved back and read again since",
        Edit(_POSITIONS, "            and known.epoch < moves.epoch\n", "            and false\n"),
    ),
    _mistake(
        "topic-made-anew-forgotten",
        "where groups stand is read from the stored offsets alone, in which a new topic takes the place of the old one",
        Edit(_POSITIONS, "    left join offsets\n", "    inner join offsets\n"),
    ),
    _mistake(
        "no-upper-bound",
        "events that arrive during a run are read by it",
        Edit(
            "models/staging/stg_events.sql",
            "            and offset_window.upper_offset > events.kafka_offset\n",
            "",
        ),
    ),
    _mistake(
        "actives-of-the-touched-days-alone",
        "the windows of a touched day begin on that day, and not 29 days before it",
        Edit(
            "models/marts/fct_engagement_daily.sql",
            "    where user_days.activity_date > (select first_missing.activity_date - 30 from first_missing)\n",
            "    where user_days.activity_date >= (select first_missing.activity_date from first_missing)\n",
        ),
    ),
    _mistake(
        "blocks-counted-in-part",
        "of a block of offsets only what the run finds new is counted, as if nothing of it had been counted before",
        Edit(
            _WINDOW,
            "    min(lower_offset) / {{ var('offset_block') }} * {{ var('offset_block') }} as read_from\n",
            "    min(lower_offset) as read_from\n",
        ),
    ),
    _mistake(
        "days-that-went-stay",
        "a first or last day whose only events turn out to be those of a user in quarantine stays in the funnel",
        Edit("models/marts/fct_funnel_daily.sql", _GONE, f"{_GONE} and false"),
    ),
    _mistake(
        "first-touch-as-it-was",
        "a conversion is credited anew on the touched days alone, also where the user's first session is another now",
        Edit(
            "models/intermediate/int_touched_conversion_days.sql",
            "where sessions.is_converted\n",
            "where sessions.is_converted and false\n",
        ),
    ),
    _mistake(
        "cohort-as-it-was",
        "a user who turns out to have come in an earlier week leaves the old cohort in the touched weeks alone",
        Edit("models/intermediate/int_touched_weeks.sql", "= users.cohort_week\n", "= users.cohort_week and false\n"),
    ),
    _mistake(
        "seen-with-the-newest",
        "the last event of a user with an anonymous id is the run's last, also where an earlier run had a later one",
        Edit("models/intermediate/int_identities.sql", _KNOWN_PAIR, f"{_KNOWN_PAIR} and false"),
    ),
    _mistake(
        "quarantine-from-now-on",
        "of a user who comes over the limit, what was counted before stays as it is, unless the run touches it",
        Edit(_SESSIONIZED, _QUARANTINED, f"{_QUARANTINED} and false"),
    ),
    _mistake(
        "group-behind-forgotten",
        "where two groups read a partition, new is what lies behind the one that was ahead",
        Edit(_WINDOW, "    min(lower_offset) as lower_offset,\n", f"    {_AHEAD} as lower_offset,\n"),
        Edit(_WINDOW, "    min(lower_offset) / {{ var", f"    {_AHEAD} / {{{{ var"),
    ),
)
