"""Statements with filters in them, in Metabase's own notation, so that one text serves both.

`{{name}}` stands for a filter's value, and what stands in `[[ ]]` is left out unless every filter in it has one.
Values never become part of the text: psycopg sends them beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

Value = date | str

_TAG = re.compile(r"\{\{(\w+)\}\}")
_OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_CASTS = {date: "date", str: "text"}


def tags(sql: str) -> frozenset[str]:
    """The filters that a statement takes."""
    return frozenset(_TAG.findall(sql))


def required(sql: str) -> frozenset[str]:
    """Those that stand outside of `[[ ]]`: without a value for them the statement cannot run."""
    return tags(_OPTIONAL.sub("", sql))


def bound(sql: str, values: Mapping[str, Value]) -> tuple[str, dict[str, Value]]:
    """The statement as psycopg takes it, and the values that it names. KeyError if a required filter has none."""
    kept = _OPTIONAL.sub(lambda part: part[1] if tags(part[1]) <= values.keys() else "", sql)
    used = {name: values[name] for name in tags(kept)}
    text = kept.replace("%", "%%")
    return _TAG.sub(lambda tag: f"%({tag[1]})s::{_CASTS[type(used[tag[1]])]}", text), used
