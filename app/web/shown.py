"""What our pages say about an integration, as one dictionary: templates draw it first, scripts keep it up to date.

    is      what is to be seen         text   words by name        time   moments, RFC 3339
    value   of progress bars, or None  look   colours by name      rows   tables: words, or {"at": moment}
    again   seconds until the page may ask again; 0: it need not

`static/live.js` puts each into the elements that name it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask_babel import format_decimal

from app import clock
from app.ingest.status.progress import Progress
from app.integrations.model import State
from app.pairing.unpair import DISABLED
from app.web.words.errors import told
from app.web.words.language import gettext
from app.web.words.states import LOOKS, STATES
from app.web.words.terms import ENTITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

    from app.integrations.model import Integration

_SOON, _LATER, _RARELY = 2, 15, 30
Shown = dict[str, Any]


def register(app: Flask) -> None:
    """Let templates write moments."""
    app.jinja_env.globals.update(iso=clock.rfc3339, plain_time=plain_time, number=number)


def plain_time(moment: str | None) -> str:
    """An RFC 3339 moment as it stands until the script tells it in the reader's own zone."""
    if not moment:
        return ""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def number(value: float) -> str:
    """A figure as the reader writes figures."""
    return str(format_decimal(value))


def integration(held: Integration | None, entities: Sequence[Progress] = ()) -> Shown:
    """What is said of an integration; of a site that is paired with none, what little there is to say."""
    # A site whose app is disabled is paired all the same: it goes on when the app is enabled.
    is_apart = held is not None and held.state is State.DISCONNECTED and held.state_reason != DISABLED
    is_paired = held is not None and held.tenant_id is not None and not is_apart
    told_why = told(held.state_reason) if held is not None and held.state_reason else None
    percent = _percent(entities) if is_paired else None
    known = {each.entity: each for each in entities}
    return {
        "is": {"paired": is_paired, "unpaired": not is_paired, "reason": told_why is not None},
        "text": {
            **_state(held, percent),
            "name": held.name if held else "",
            "reason": told_why.says if told_why else "",
            "remedy": told_why.do if told_why else "",
            "count": _count(entities),
        },
        "look": {"state": LOOKS[held.state] if held else "quiet"},
        "time": {
            "since": _moment(held.paired_at if held else None),
            "ingested": _moment(held.last_ingested_at if held else None),
            "verified": _moment(held.verified_at if held else None),
        },
        "value": {"progress": percent},
        "rows": {"entities": [_row(known[name]) for name in ENTITIES if name in known]},
        "again": _again(held),
    }


def line(held: Integration, issues: tuple[int, int | None] | None) -> Shown:
    """What a list says of one of many; `issues` stored and expected, where it is being filled. Names begin with its id."""
    done, expected = issues or (0, None)
    entities = [Progress("issue", done, expected, None)] if issues else []
    said = integration(held, entities)
    names: dict[str, dict[str, Any]] = {
        "is": {"busy": issues is not None},
        "text": {"state": said["text"]["state"], "count": said["text"]["count"]},
        "look": said["look"],
        "time": {"ingested": said["time"]["ingested"]},
        "value": said["value"],
    }
    return {part: {f"{held.id} {name}": value for name, value in found.items()} for part, found in names.items()}


def lines(found: Sequence[Shown]) -> Shown:
    """Many lines as one dictionary."""
    whole: Shown = {part: {} for part in ("is", "text", "look", "time", "value")}
    for each in found:
        for part, names in each.items():
            whole[part] |= names
    return {**whole, "again": _LATER // 3}


def _state(held: Integration | None, percent: int | None) -> dict[str, str]:
    if held is None:
        return dict.fromkeys(("state", "means", "do", "announce"), "")
    words = STATES[held.state]
    announced = gettext(words.name)
    if held.state is State.BACKFILLING and percent is not None:
        # Every ten percent: a screen reader that hears each step hears nothing else.
        announced = gettext("%(state)s, %(percent)s percent", state=announced, percent=percent // 10 * 10)
    return {
        "state": gettext(words.name),
        "means": gettext(words.means),
        "do": gettext(words.do),
        "announce": announced,
    }


def _moment(moment: datetime | None) -> str | None:
    return clock.rfc3339(moment) if moment else None


def _again(held: Integration | None) -> int:
    if held is None:
        return _RARELY
    if held.state is State.DELETING:
        return _LATER
    return _SOON if held.state in {State.BACKFILLING, State.PENDING} else _LATER


def _issues(entities: Sequence[Progress]) -> Progress | None:
    return next((each for each in entities if each.entity == "issue"), None)


def _percent(entities: Sequence[Progress]) -> int | None:
    """How much of the issues is read; None while nobody knows how many there are."""
    issues = _issues(entities)
    if issues is None or not issues.expected:
        return None
    return min(100, issues.done * 100 // issues.expected)


def _count(entities: Sequence[Progress]) -> str:
    issues = _issues(entities)
    if issues is None or (issues.expected is None and not issues.done):
        return gettext("The issues are being counted.")
    if issues.expected is None:
        return gettext("%(done)s issues read", done=number(issues.done))
    return gettext("%(done)s of %(expected)s issues read", done=number(issues.done), expected=number(issues.expected))


def _row(each: Progress) -> list[object]:
    return [
        gettext(ENTITIES[each.entity]),
        number(each.done),
        "–" if each.expected is None else number(each.expected),
        {"at": each.verified_at} if each.verified_at else "–",
    ]
