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


_VALUES = ("from", "from_string", "to", "to_string")


def _items(item: Item) -> Json:
    """Every item of the history under our names, repeats of one field included; absent values are null.

    Raises NotAnObjectError for anything but a list of objects: a history without some of its items would look whole.
    """
    changes = item.body.get("items")
    if not isinstance(changes, list):
        absent(changes)
        return []
    own_items: Json = [_item(change) for change in changes]
    return _without_excluded(own_items, item.policy) if item.policy.excluded else own_items


def _item(change: Json) -> Json:
    """One change of one field. Raises NotAnObjectError."""
    if not isinstance(change, dict):
        raise NotAnObjectError(change)
    return {name: change.get(key) for name, key in _KEYS.items()}


def _without_excluded(items: Json, policy: FieldPolicy) -> Json:
    """The items; changes of an excluded field keep its name and lose its values."""
    if not isinstance(items, list):
        return items
    return [_emptied(item) if isinstance(item, dict) and not _may_keep(item, policy) else item for item in items]


def _may_keep(item: dict[str, Json], policy: FieldPolicy) -> bool:
    name, field_id, field_type = (str(item.get(key) or "") for key in ("field", "field_id", "field_type"))
    return policy.may_keep_change(name, field_id, field_type)


def _emptied(item: dict[str, Json]) -> Json:
    return {**item, **dict.fromkeys(_VALUES)}


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
        Column("items", Kind.JSON, _items, without_excluded=_without_excluded),
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
