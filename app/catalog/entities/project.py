"""A project. The walk includes archived and deleted ones, which would otherwise look like lost permissions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.catalog.columns import account, boolean, document, ids, text, texts
from app.catalog.language import Column, Copy, Entity, Example, Item, Kind, Paging, Walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.catalog.json_value import Json


def _flag(name: str, key: str) -> Column:
    """A column of a truth value, sent by Jira only if true."""

    def take(item: Item) -> Json:
        return item.body.get(key) or False

    return Column(name, Kind.BOOLEAN, take)


_SEARCH = "project/search"
_PARAMS: Mapping[str, str | tuple[str, ...]] = {
    "expand": "description,lead,projectKeys,issueTypes,url",
    "status": ("live", "archived", "deleted"),
}

ENTITY = Entity(
    name="project",
    label="Projects",
    position=120,
    refresh=timedelta(hours=1),
    priority=5,
    named_at=("project.id",),
    walk=Walk(_SEARCH, Paging.OFFSET, "values", page_size=50, params=_PARAMS),
    # Searched for, since archived projects and those in the trash answer to no address of their own.
    one=Walk(_SEARCH, Paging.WHOLE, "values", params={"id": "{id}", **_PARAMS}),
    webhooks=(
        "project_created",
        "project_updated",
        "project_deleted",
        "project_soft_deleted",
        "project_restored_deleted",
        "project_archived",
        "project_restored_archived",
    ),
    copies=(Copy("issue", "project_id", {"project_key": "key"}), Copy("board", "project_id", {"project_key": "key"})),
    columns=(
        text("key", "key"),
        text("name", "name"),
        text("description", "description"),
        account("lead_id", "lead"),
        text("project_type", "projectTypeKey"),
        text("style", "style"),
        boolean("is_simplified", "simplified"),
        boolean("is_private", "isPrivate"),
        _flag("is_archived", "archived"),
        _flag("is_deleted", "deleted"),
        texts("keys", "projectKeys"),
        text("category_id", "projectCategory.id"),
        text("category_name", "projectCategory.name"),
        text("url", "url"),
        text("assignee_type", "assigneeType"),
        ids("issue_type_ids", "issue_type", "issueTypes"),
        document("roles", "roles"),
    ),
    example=Example(
        body={
            "expand": "description,lead,issueTypes,url,projectKeys,permissions,insight",
            "id": "10003",
            "key": "EE",
            "name": "Enterprise Edition",
            "description": "What customers run themselves",
            "lead": {"accountId": "54c965db8acd172e3af3fe36", "displayName": "Casey Meadow", "active": True},
            "issueTypes": [
                {"id": "10001", "name": "Story", "subtask": False, "hierarchyLevel": 0},
                {"id": "10003", "name": "Sub-task", "subtask": True, "hierarchyLevel": -1},
            ],
            "projectKeys": ["EE", "OLD"],
            "projectCategory": {"id": "10000", "name": "Products", "description": ""},
            "projectTypeKey": "software",
            "simplified": False,
            "style": "classic",
            "isPrivate": False,
            "properties": {},
            "url": "https://example.com/enterprise",
            "assigneeType": "UNASSIGNED",
            "roles": {"Administrators": "https://acme.atlassian.net/role/10002"},
        },
        row={
            "key": "EE",
            "name": "Enterprise Edition",
            "description": "What customers run themselves",
            "lead_id": "54c965db8acd172e3af3fe36",
            "project_type": "software",
            "style": "classic",
            "is_simplified": False,
            "is_private": False,
            "is_archived": False,
            "is_deleted": False,
            "keys": ["EE", "OLD"],
            "category_id": "10000",
            "category_name": "Products",
            "url": "https://example.com/enterprise",
            "assignee_type": "UNASSIGNED",
            "issue_type_ids": ["10001", "10003"],
            "roles": {"Administrators": "https://acme.atlassian.net/role/10002"},
        },
    ),
)
