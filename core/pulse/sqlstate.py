"""SQLSTATE -> verdict, as data.

Codes and classes: PostgreSQL, appendix A "PostgreSQL Error Codes". The most specific row wins: a whole code
before its two-character class. What no row names is STOP: an unknown failure must never throw data away.
"""

from __future__ import annotations

from pulse.errors import Verdict

RETRY, REJECT, STOP = Verdict.RETRY, Verdict.REJECT, Verdict.STOP

VERDICTS: dict[str, Verdict] = {
    "08": RETRY,  # connection exception
    "57P01": RETRY,  # admin_shutdown
    "57P02": RETRY,  # crash_shutdown
    "57P03": RETRY,  # cannot_connect_now
    "57P05": RETRY,  # idle_session_timeout
    "57014": RETRY,  # query_canceled: a statement timeout or an operator's hand
    "25P03": RETRY,  # idle_in_transaction_session_timeout
    "40": RETRY,  # transaction rollback: serialization failure, deadlock
    "55P03": RETRY,  # lock_not_available
    "55006": RETRY,  # object_in_use
    "53": RETRY,  # insufficient resources: memory, connections
    "53100": STOP,  # disk_full
    "25006": STOP,  # read_only_sql_transaction: a standby, or a database set read-only
    "22": REJECT,  # data exception
    "23502": REJECT,  # not_null_violation
    "23503": REJECT,  # foreign_key_violation
    "23514": REJECT,  # check_violation of a constraint that has a name; see NAMELESS
    "54": REJECT,  # program limit exceeded: nesting too deep for the server, a row or index entry too large
    "28": STOP,  # invalid authorization
    "3D": STOP,  # invalid catalog name: no such database
    "3F": STOP,  # invalid schema name
    "42": STOP,  # syntax error or access rule violation: table, column or right missing; the statements are fixed,
    # so a datatype mismatch (42804) too is the schema's fault and never a record's
    "58": STOP,  # system error
    "XX": STOP,  # internal error: corrupted data
}

# What a code means instead if the error names no constraint. Postgres reports a row that no partition takes as a check
# violation too: then a partition is missing, and the row is as good as any.
NAMELESS: dict[str, Verdict] = {"23514": STOP}

# Not the fault of anything that Pulse was given: once the server takes writes again, all is well.
TAKES_NO_WRITES = frozenset({"25006", "53100"})


def verdict_of(sqlstate: str | None, constraint: str | None = None) -> Verdict:
    """What to do about a failed statement, by its SQLSTATE and the constraint that the error names, if any.

    A SQLSTATE of None means that the connection broke before the server could answer.
    """
    if sqlstate is None:
        return RETRY
    if not constraint and sqlstate in NAMELESS:
        return NAMELESS[sqlstate]
    return VERDICTS.get(sqlstate) or VERDICTS.get(sqlstate[:2], STOP)
