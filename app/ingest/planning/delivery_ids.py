"""Ids, time and two flags of a webhook's body; nothing else of it is kept. Bodies aren't signed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app import clock
from app.catalog.json_value import find
from app.ingest.planning.events import ACCESS_BLOCKED, LIST_AT, ONE_AT, ORPHAN_AT, touched_by

if TYPE_CHECKING:
    from app.catalog.json_value import Json

_ISSUE_PATHS = ("issue.id", "worklog.issueId", "issueLink.sourceIssueId", "issueLink.destinationIssueId")
_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._@-]{0,127}", re.ASCII)
_OLDEST = timedelta(days=7)


def hints_of(event: str, body: Json) -> dict[str, Any]:
    """The ids that an event names, by entity: `issues` always, others where there are any."""
    hints: dict[str, Any] = {"issues": _issues(body)}
    if not hints["issues"]:
        hints |= {name: [child_id] for name, path in ORPHAN_AT.items() if (child_id := _id(find(body, path)))}
    for entity in touched_by(event):
        if entity.name in ONE_AT:
            object_ids = [object_id for path in ONE_AT[entity.name] if (object_id := _named(find(body, path)))]
            hints |= {entity.name: object_ids[:1]} if object_ids else {}
        elif entity.name in LIST_AT:
            scopes = {scope for path in LIST_AT[entity.name] if (scope := _id(find(body, path)))}
            hints |= {entity.name: sorted(scopes)} if scopes or not LIST_AT[entity.name] else {}
    if event in ACCESS_BLOCKED:
        hints["access"] = True
    changes = _changes(body)
    if "security" in changes:
        # An issue that is gone after that is hidden, not deleted.
        hints["security"] = True
    if target := _id(find(changes.get("project"), "to")):
        hints["moved_to"] = target
    return hints


def happened_at(body: Json) -> datetime | None:
    """Time of the event by the envelope's epoch milliseconds; None where it is implausible."""
    stamp = find(body, "timestamp")
    if isinstance(stamp, bool) or not isinstance(stamp, int) or not 0 < stamp < 2**53:
        return None
    try:
        moment = datetime.fromtimestamp(stamp / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    now = clock.now()
    return moment if now - _OLDEST < moment <= now + timedelta(minutes=5) else None


def _issues(body: Json) -> list[str]:
    """Issues that the body names; a comment of Data Center names its issue only in its address."""
    issue_ids = {_id(find(body, path)) for path in _ISSUE_PATHS}
    address = find(body, "comment.self")
    if isinstance(address, str) and "/issue/" in address:
        issue_ids.add(_id(address.split("/issue/", 1)[1].split("/", 1)[0]))
    return sorted(issue_id for issue_id in issue_ids if issue_id)


def _id(value: Json) -> str:
    """A numeric id as text; empty where it is none."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if _ID.fullmatch(text) else ""


def _named(value: Json) -> str:
    """A numeric id or an account's; empty where it is neither."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if _ACCOUNT.fullmatch(text) else ""


def _changes(body: Json) -> dict[str, Json]:
    """The items of the body's changelog by field."""
    items = find(body, "changelog.items")
    if not isinstance(items, list):
        return {}
    return {name: item for item in items if isinstance(name := find(item, "field"), str)}
