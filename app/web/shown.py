"""An integration as our pages show it, as one dictionary: templates draw it first, scripts keep it up to date.

    is      elements to show           text   words by name        time   moments, RFC 3339
    value   of progress bars, or None  look   colours by name      rows   tables: words, or {"at": moment}
    again   seconds until the page may ask again; 0: it need not

`static/live.js` puts each into the elements that name it.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask_babel import format_decimal

from app import clock
from app.catalog.registry import in_order
from app.conditions import Code
from app.integrations.model import State
from app.web.words.language import gettext
from app.web.words.sentences import explain
from app.web.words.states import LOOKS, STATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

    from app.ingest.status import Progress
    from app.integrations.model import Integration

_FAST, _SLOW, _IDLE = 2, 15, 30
"""Seconds between two questions of a page: while the figures grow, afterwards, and without an integration."""
_MINUTE = 60
View = dict[str, Any]


def register(app: Flask) -> None:
    """Let templates write moments and figures."""
    app.jinja_env.globals.update(iso=clock.rfc3339, plain_time=plain_time, number=number)


def plain_time(moment: str | None) -> str:
    """An RFC 3339 moment in UTC, until the script shows it in the reader's own zone."""
    if not moment:
        return ""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def number(value: float) -> str:
    """A figure as the reader writes figures."""
    return str(format_decimal(value))


def integration(
    integration: Integration | None, entities: Sequence[Progress] = (), remaining_seconds: int | None = None
) -> View:
    """One integration with the time left of its backfill; None stands for a site that is paired with none."""
    is_paired = integration is not None and integration.tenant_id is not None and not _is_apart(integration)
    reason = explain(integration.state_reason) if integration is not None and integration.state_reason else None
    percent = _percent(entities) if is_paired else None
    progress = {entity.entity: entity for entity in entities}
    return {
        "is": {"paired": is_paired, "unpaired": not is_paired, "reason": reason is not None},
        "text": {
            **_state(integration, percent),
            "name": integration.name if integration else "",
            "reason": reason.notice if reason else "",
            "remedy": reason.remedy if reason else "",
            "count": _count(entities, remaining_seconds),
        },
        "look": {"state": LOOKS[integration.state] if integration else "quiet"},
        "time": {
            "since": _moment(integration.paired_at if integration else None),
            "ingested": _moment(integration.last_ingested_at if integration else None),
            "verified": _moment(integration.verified_at if integration else None),
        },
        "value": {"progress": percent},
        "rows": {"entities": [_row(kind.label, progress[kind.name]) for kind in in_order() if kind.name in progress]},
        "again": _again(integration),
    }


def line(entry: Integration, issues: Progress | None, remaining_seconds: int | None = None) -> View:
    """One of many in a list, with its issues while it is filled. Names begin with its id."""
    page = integration(entry, [issues] if issues else [], remaining_seconds)
    names: dict[str, dict[str, Any]] = {
        "is": {"busy": issues is not None},
        "text": {"state": page["text"]["state"], "count": page["text"]["count"]},
        "look": page["look"],
        "time": {"ingested": page["time"]["ingested"]},
        "value": page["value"],
    }
    return {part: {f"{entry.id} {name}": value for name, value in values.items()} for part, values in names.items()}


def lines(parts: Sequence[View]) -> View:
    """Many lines as one dictionary."""
    whole: View = {part: {} for part in ("is", "text", "look", "time", "value")}
    for shown_line in parts:
        for part, names in shown_line.items():
            whole[part] |= names
    return {**whole, "again": _SLOW // 3}


def _is_apart(integration: Integration) -> bool:
    """Whether the pairing has ended; a site with a disabled app stays paired and resumes with it."""
    reason = integration.state_reason
    return integration.state is State.DISCONNECTED and not (reason and reason.code is Code.APP_DISABLED)


def _state(integration: Integration | None, percent: int | None) -> dict[str, str]:
    if integration is None:
        return dict.fromkeys(("state", "meaning", "advice", "announce"), "")
    words = STATES[integration.state]
    announcement = gettext(words.name)
    if integration.state is State.BACKFILLING and percent is not None:
        # Every ten percent: a screen reader that hears each step hears nothing else.
        announcement = gettext("%(state)s, %(percent)s percent", state=announcement, percent=percent // 10 * 10)
    return {
        "state": gettext(words.name),
        "meaning": gettext(words.meaning),
        "advice": gettext(words.advice),
        "announce": announcement,
    }


def _moment(moment: datetime | None) -> str | None:
    return clock.rfc3339(moment) if moment else None


def _again(integration: Integration | None) -> int:
    if integration is None:
        return _IDLE
    if integration.state is State.DELETING:
        return _SLOW
    return _FAST if integration.state in {State.BACKFILLING, State.PENDING} else _SLOW


def _issues(entities: Sequence[Progress]) -> Progress | None:
    return next((entity for entity in entities if entity.entity == "issue"), None)


def _percent(entities: Sequence[Progress]) -> int | None:
    """The share of the issues that is read; None while their number is unknown."""
    issues = _issues(entities)
    if issues is None or not issues.expected:
        return None
    return min(100, issues.done * 100 // issues.expected)


def _count(entities: Sequence[Progress], remaining_seconds: int | None) -> str:
    issues = _issues(entities)
    if issues is None or (issues.expected is None and not issues.done):
        return gettext("The issues are being counted.")
    if issues.expected is None:
        return gettext("%(done)s issues read", done=number(issues.done))
    counts = {"done": number(issues.done), "expected": number(issues.expected)}
    if remaining_seconds is None:
        return gettext("%(done)s of %(expected)s issues read", **counts)
    if remaining_seconds < _MINUTE:
        return gettext("%(done)s of %(expected)s issues read, less than a minute left", **counts)
    minutes = number(math.ceil(remaining_seconds / _MINUTE))
    return gettext("%(done)s of %(expected)s issues read, about %(minutes)s minutes left", **counts, minutes=minutes)


def _row(label: str, entity: Progress) -> list[object]:
    return [
        gettext(label),
        number(entity.done),
        "–" if entity.expected is None else number(entity.expected),
        {"at": entity.verified_at} if entity.verified_at else "–",
    ]
