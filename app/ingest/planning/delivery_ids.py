"""What a webhook's body names: ids and a time, nothing else of it is kept. Bodies are not signed."""

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
    """The ids of what an event is about, by entity: `issues` always, others where there are any."""
    found: dict[str, Any] = {"issues": _issues(body)}
    if not found["issues"]:
        found |= {name: [known] for name, path in ORPHAN_AT.items() if (known := _id(find(body, path)))}
    for entity in touched_by(event):
        if entity.name in ONE_AT:
            named = [each for path in ONE_AT[entity.name] if (each := _named(find(body, path)))]
            found |= {entity.name: named[:1]} if named else {}
        elif entity.name in LIST_AT:
            scopes = {scope for path in LIST_AT[entity.name] if (scope := _id(find(body, path)))}
            found |= {entity.name: sorted(scopes)} if scopes or not LIST_AT[entity.name] else {}
    if event in ACCESS_BLOCKED:
        found["access"] = True
    changed = _changes(body)
    if "security" in changed:
        # An issue that is gone after that is hidden, not deleted.
        found["security"] = True
    if target := _id(find(changed.get("project"), "to")):
        found["moved_to"] = target
    return found


def happened_at(body: Json) -> datetime | None:
    """When it happened, as the envelope says in epoch milliseconds; None where that cannot be."""
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
    found = {_id(find(body, path)) for path in _ISSUE_PATHS}
    address = find(body, "comment.self")
    if isinstance(address, str) and "/issue/" in address:
        found.add(_id(address.split("/issue/", 1)[1].split("/", 1)[0]))
    return sorted(each for each in found if each)


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
    return {str(find(each, "field")): each for each in items} if isinstance(items, list) else {}
