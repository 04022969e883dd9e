"""Columns of the issue from fields that each site has under ids of its own; the field policy names them.

A column may have several fields, since each team-managed project brings its own: the first that holds a value counts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.catalog.columns import reading
from app.catalog.json_value import Json, absent, find, ids_of
from app.catalog.language import Column, Item, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.catalog.field_policy import FieldPolicy

_EPIC_LEVEL = 1
"""Jira's `hierarchyLevel` of an epic; a story is 0, a sub-task -1."""
_SPRINT_ID = re.compile(r"[\[,]id=(\d+)[,\]]")
"""In Data Center's `com.atlassian.greenhopper.service.sprint.Sprint@1f[id=12,rapidViewId=3,state=ACTIVE,…]`."""
_SPRINT_MEMBER = re.compile(r"[\[,](\w+)=(.*?)(?=,\w+=|\]$)")
_LEVELS = 100
"""Nesting of a custom field's value that is searched for texts; deeper parts become null where texts are excluded."""
_OF_ISSUES = ("summary", "description", "comment")
"""Texts of issues that a value of a custom field may embed, such as an epic's in a parent link."""


def _values(item: Item, fields: tuple[str, ...]) -> Iterator[Json]:
    """The values of these fields in order, nulls left out."""
    own_fields = item.body.get("fields")
    if isinstance(own_fields, dict):
        yield from (value for field in fields if (value := own_fields.get(field)) is not None)


def _story_points(item: Item) -> Json:
    """The first number; a choice field has its number in `value`.

    Without one, the first other value, which is no number and is left out as such.
    """
    odd_value: Json = None
    for value in _values(item, item.policy.story_points):
        points = value.get("value") if isinstance(value, dict) else value
        if isinstance(points, str | int | float) and _is_number(points):
            return points
        odd_value = points if odd_value is None else odd_value
    return odd_value


def _is_number(value: str | float) -> bool:
    try:
        float(value)
    except (ValueError, OverflowError):
        return False
    return True


def _sprint_ids(item: Item) -> Json:
    """Ids of all sprints of the issue, past ones included: objects on Cloud, strings on Data Center.

    Raises ShapeError for anything else.
    """
    odd_value: Json = None
    for sprints in _values(item, item.policy.sprint):
        if isinstance(sprints, list) and sprints:
            return ids_of([_with_id(sprint) for sprint in sprints if sprint is not None])
        odd_value = sprints if odd_value is None and sprints != [] else odd_value
    absent(odd_value)
    return []


def _carried_sprints(item: Item) -> list[Json]:
    """The issue's sprints in the form of the sprint's own object, which names its board otherwise."""
    sprints = next((value for value in _values(item, item.policy.sprint) if isinstance(value, list) and value), [])
    objects = (_from_text(sprint) if isinstance(sprint, str) else sprint for sprint in sprints)
    return [{**sprint, "originBoardId": sprint.get("boardId")} for sprint in objects if isinstance(sprint, dict)]


def _from_text(sprint: str) -> dict[str, Json]:
    """Data Center's text as an object. Names of sprints may hold commas, even members: the first of a name counts."""
    members = {name: value for name, value in reversed(_SPRINT_MEMBER.findall(sprint)) if value not in {"", "<null>"}}
    state = members.get("state")
    return {**members, "boardId": members.get("rapidViewId"), "state": state and state.lower()}


def _with_id(sprint: Json) -> Json:
    """An object with the sprint's id, of Data Center's text as well."""
    match = _SPRINT_ID.search(sprint) if isinstance(sprint, str) else None
    return {"id": match.group(1)} if match else sprint


def _epic_key(item: Item) -> Json:
    """The epic link, or the parent if it is an epic: Jira is moving from the first to the second."""
    for value in _values(item, item.policy.epic):
        epic_key = value.get("key") if isinstance(value, dict) else value
        if isinstance(epic_key, str) and epic_key:
            return epic_key
    above = find(item.body, "fields.parent")
    return find(above, "key") if find(above, "fields.issuetype.hierarchyLevel") == _EPIC_LEVEL else None


def _start(item: Item) -> Json:
    return next((value for value in _values(item, item.policy.start_date) if value != ""), None)


_JIRAS_DUE_DATE = reading("fields.duedate")


def _due(item: Item) -> Json:
    mapped_value = next((value for value in _values(item, item.policy.due_date) if value != ""), None)
    return _JIRAS_DUE_DATE(item) if mapped_value is None else mapped_value


def _team(item: Item) -> Json:
    """The team's object: Atlassian's teams have `name`, those of plans `title`; older answers hold its bare id."""
    return next((value for value in _values(item, item.policy.team) if value not in ("", [])), None)


def _team_id(item: Item) -> Json:
    """Raises NotAnObjectError for a team that is neither an object nor an id."""
    team = _team(item)
    if isinstance(team, dict):
        return team.get("id")
    return team if isinstance(team, str | int) else absent(team)


def _team_name(item: Item) -> Json:
    team = _team(item)
    if not isinstance(team, dict):
        return None
    return next((name for key in ("name", "title") if isinstance(name := team.get(key), str)), None)


def _flagged(item: Item) -> Json:
    """Whether any choice of the field is ticked; None where the site has no such field."""
    return any(map(bool, _values(item, item.policy.flagged))) if item.policy.flagged else None


def _custom(item: Item) -> Json:
    """The custom fields with a value, by id: all of them, or the SEI admin's choice."""
    fields = find(item.body, "fields")
    pairs = fields.items() if isinstance(fields, dict) else ()
    values = {name: value for name, value in pairs if name.startswith("customfield_") and value is not None}
    names = item.policy.custom or values
    chosen_values: Json = {name: value for name, value in values.items() if name in names}
    return _without_excluded(chosen_values, item.policy) if item.policy.excluded else chosen_values


def _without_excluded(custom: Json, policy: FieldPolicy) -> Json:
    """The custom fields less the excluded ones; objects of issues in their values lose excluded texts."""
    if not isinstance(custom, dict):
        return custom
    texts = {name for name in _OF_ISSUES if not policy.may_keep(name)}
    return {name: _without(value, texts) if texts else value for name, value in custom.items() if policy.may_keep(name)}


def _without(value: Json, names: set[str], levels: int = _LEVELS) -> Json:
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        return None
    if isinstance(value, dict):
        return {name: _without(inner, names, levels - 1) for name, inner in value.items() if name not in names}
    return [_without(inner, names, levels - 1) for inner in value]


STORY_POINTS = Column("story_points", Kind.NUMBER, _story_points, site_kind="story_points")
SPRINT_IDS = Column(
    "sprint_ids", Kind.TEXTS, _sprint_ids, site_kind="sprint", target="sprint", carried=_carried_sprints
)
EPIC_KEY = Column("epic_key", Kind.TEXT, _epic_key, site_kind="epic")
START = Column("start", Kind.DATE, _start, site_kind="start_date")
DUE = Column("due", Kind.DATE, _due, site_kind="due_date")
TEAM = (
    Column("team_id", Kind.TEXT, _team_id, site_kind="team"),
    Column("team_name", Kind.TEXT, _team_name, site_kind="team"),
)
FLAGGED = Column("flagged", Kind.BOOLEAN, _flagged, site_kind="flagged")
CUSTOM = Column("custom", Kind.JSON, _custom, without_excluded=_without_excluded)
