"""Evaluation of queries: tests on issues and sort keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import total_ordering
from typing import Any as AnyValue

from sandbox.jql.fields import DATES, RANGE, SEARCHABLE, key_order, searchable
from sandbox.jql.parser import is_relative
from sandbox.jql.tree import All, Any, Clause, Node, Not, Operand, Query, Text
from sandbox.moments import DAY, HOUR, MINUTE, SECOND
from sandbox.shapes import JiraError
from sandbox.world import Issue

Test = Callable[[Issue], bool]
SortKey = tuple[AnyValue, ...]
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "M": 30 * DAY, "y": 365 * DAY}
_DATE = re.compile(r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[ T](\d{1,2}):(\d{2}))?(?:\s+UTC)?$")
_COMPARE: dict[str, Callable[[AnyValue, AnyValue], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


@dataclass(frozen=True, slots=True)
class Clock:
    """The reference of dates in a query: current time, and time zone of the calling user."""

    now_ms: int
    zone: tzinfo


def test_of(node: Node, clock: Clock) -> Test:
    """Return the test of a node."""
    if isinstance(node, All):
        parts = [test_of(part, clock) for part in node.parts]
        return lambda issue: all(part(issue) for part in parts)
    if isinstance(node, Any):
        parts = [test_of(part, clock) for part in node.parts]
        return lambda issue: any(part(issue) for part in parts)
    if isinstance(node, Not):
        part = test_of(node.part, clock)
        return lambda issue: not part(issue)
    if isinstance(node, Text):
        word = node.word.lower()
        return lambda issue: word in str(issue.fields.get("summary", "")).lower()
    return _date_test(node, clock) if node.field in DATES else _clause_test(node)


def _clause_test(clause: Clause) -> Test:
    field = searchable(clause.field)
    if field is None:
        raise LookupError(clause.field)
    names = field.names
    if clause.operator in {"is", "is not"}:
        wants_empty = clause.operator == "is"
        return lambda issue: (not names(issue)) == wants_empty
    if clause.operator in RANGE:
        return _key_range(clause)
    texts = frozenset(operand.text.lower() for operand in clause.operands if not operand.is_empty)
    takes_empty = any(operand.is_empty for operand in clause.operands)
    if clause.operator in {"=", "in"}:
        return lambda issue: not texts.isdisjoint(names(issue)) or (takes_empty and not names(issue))
    # in Jira a negative comparison never returns issues without a value
    return lambda issue: bool(values := names(issue)) and texts.isdisjoint(values)


def _key_range(clause: Clause) -> Test:
    compare, text = _COMPARE[clause.operator], clause.operands[0].text
    if text.isdigit():
        number = int(text)
        return lambda issue: compare(int(issue.id), number)
    project, key_number = key_order(text.upper())
    if not key_number:
        raise JiraError(400, f"The issue key '{text}' for field '{clause.field}' is invalid.")

    def in_range(issue: Issue) -> bool:
        issue_project, number = key_order(issue.key)
        return issue_project == project and compare(number, key_number)

    return in_range


def _date_test(clause: Clause, clock: Clock) -> Test:
    if clause.operator in {"is", "is not"}:
        return lambda _: clause.operator == "is not"  # every issue has both dates
    attribute = "created_ms" if clause.field == "created" else "updated_ms"
    moments = [moment_of(operand, clause.field, clock) for operand in clause.operands]
    if clause.operator in {"in", "not in"}:
        return lambda issue: (getattr(issue, attribute) in moments) == (clause.operator == "in")
    compare, moment = _COMPARE[clause.operator], moments[0]
    return lambda issue: compare(getattr(issue, attribute), moment)


def moment_of(operand: Operand, field: str, clock: Clock) -> int:
    """Return epoch milliseconds of a number, a relative time, or a date in the caller's zone."""
    text = operand.text.strip()
    if re.fullmatch(r"-?\d{9,}", text):
        return int(text)
    if is_relative(text):
        return clock.now_ms + int(text[:-1]) * _UNITS[text[-1]]
    match = _DATE.match(text)
    if match is not None:
        year, month, day, hour, minute = (int(part or 0) for part in match.groups())
        try:
            timezone = UTC if text.endswith("UTC") else clock.zone
            return int(datetime(year, month, day, hour, minute, tzinfo=timezone).timestamp() * 1000)
        except ValueError:
            pass
    raise JiraError(
        400,
        f"Date value '{operand.text}' for field '{field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
        "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.",
    )


@total_ordering
class Backwards:
    """Reverses the order of a value, for DESC."""

    __slots__ = ("value",)

    def __init__(self, value: AnyValue) -> None:  # noqa: ANN401 - any ordered value
        """Wrap the value."""
        self.value = value

    def __eq__(self, other: object) -> bool:
        """Compare for equality."""
        return isinstance(other, Backwards) and bool(self.value == other.value)

    def __lt__(self, other: Backwards) -> bool:
        """Compare in reverse."""
        return bool(other.value < self.value)

    __hash__ = None  # type: ignore[assignment]  # mutable operand, never a dict key


def sort_key(query: Query) -> Callable[[Issue], SortKey]:
    """Return the sort key of ORDER BY; the default is newest first, as in Jira."""
    if not query.order:
        return lambda issue: (-issue.created_ms, -int(issue.id))
    readers = [(_reader(order.field), order.is_descending) for order in query.order]

    def key(issue: Issue) -> SortKey:
        values = tuple(Backwards(reader(issue)) if backwards else reader(issue) for reader, backwards in readers)
        return (*values, int(issue.id))

    return key


def _reader(field: str) -> Callable[[Issue], AnyValue]:
    if field == "created":
        return lambda issue: issue.created_ms
    if field == "updated":
        return lambda issue: issue.updated_ms
    if field == "issuekey":
        return lambda issue: key_order(issue.key)
    if field == "rank":
        return lambda issue: str(issue.fields.get("customfield_10019") or "")
    names = SEARCHABLE[field].names
    return lambda issue: names(issue)[:1]
