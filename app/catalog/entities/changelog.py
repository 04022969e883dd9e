"""One history of an issue: author, time and changes. Inline lists hold the newest 40; the endpoint has all, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.catalog.columns import account, moment, parent
from app.catalog.json_value import Json, NotAnObjectError, absent
from app.catalog.language import Column, Each, Entity, Example, Inline, Item, Kind, Paging, Upkeep, Walk

if TYPE_CHECKING:
    from app.catalog.field_policy import FieldPolicy
    from app.catalog.json_value import Json

_KEYS = {
    "field": "field",
    "field_id": "fieldId",
    "field_type": "fieldtype",
    "from": "from",
    "from_string": "fromString",
    "to": "to",
    "to_string": "toString",
}


_VALUES = frozenset({"from", "from_string", "to", "to_string"})


def _items(item: Item) -> Json:
    """Every item of the history under our names, repeats of one field included; absent values are null.

    Raises NotAnObjectError for anything but a list of objects: a history without some of its items would look whole.
    """
    changes = item.body.get("items")
    if not isinstance(changes, list):
        absent(changes)
        return []
    return [_item(change, item.policy) for change in changes]


def _item(change: Json, policy: FieldPolicy) -> Json:
    """One change of one field; an excluded field keeps its name and loses its values. Raises NotAnObjectError."""
    if not isinstance(change, dict):
        raise NotAnObjectError(change)
    field = change.get("fieldId") or change.get("field")
    may_keep = policy.may_keep(str(field).lower())
    return {name: change.get(key) if may_keep or name not in _VALUES else None for name, key in _KEYS.items()}


ENTITY = Entity(
    name="changelog",
    label="Changes of issues",
    position=20,
    refresh=Upkeep.PARENT,
    is_whole_by_count=True,
    belongs_to="issue",
    total_column="changelog_total",
    walk=Walk("issue/{issue_id}/changelog", Paging.OFFSET, "values", Each.ISSUE),
    inline=(Inline("issue", at="changelog.histories", total="changelog.total"),),
    columns=(
        parent("issue_id"),
        account("author_id", "author"),
        moment("created", "created"),
        Column("items", Kind.JSON, _items),
    ),
    example=Example(
        parent_id="10063",
        body={
            "id": "10660",
            "author": {"accountId": "54c965db8acd172e3af3fe36", "displayName": "Casey Meadow"},
            "created": "2020-06-12T08:21:20.929+0800",
            "items": [
                {
                    "field": "status",
                    "fieldtype": "jira",
                    "fieldId": "status",
                    "from": "10067",
                    "fromString": "To Do",
                    "to": "10068",
                    "toString": "Done",
                }
            ],
        },
        row={
            "issue_id": "10063",
            "author_id": "54c965db8acd172e3af3fe36",
            "created": "2020-06-12T00:21:20.929Z",
            "items": [
                {
                    "field": "status",
                    "field_id": "status",
                    "field_type": "jira",
                    "from": "10067",
                    "from_string": "To Do",
                    "to": "10068",
                    "to_string": "Done",
                }
            ],
        },
    ),
)
