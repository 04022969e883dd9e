"""A link from an issue to a commit, a page or a ticket elsewhere. Never inline: histories mention new ones."""

from __future__ import annotations

from app.catalog.columns import boolean, parent, text, unless_excluded
from app.catalog.language import Each, Entity, Example, Inline, Item, Paging, Upkeep, Walk

_APPLICATION = text("application_type", "application.type")
"""A link to an issue of this or another Jira repeats the issue's summary."""


def _history_tells(item: Item) -> bool:
    changes = item.body.get("items")
    if isinstance(changes, list):
        for change in changes:
            if isinstance(change, dict) and change.get("field") == "RemoteIssueLink":
                return True
    return False


ENTITY = Entity(
    name="remote_link",
    label="Remote links",
    position=60,
    refresh=Upkeep.PARENT,
    belongs_to="issue",
    walk=Walk("issue/{issue_id}/remotelink", Paging.WHOLE, "", Each.ISSUE),
    inline=(Inline("changelog", at="", hint=_history_tells),),
    columns=(
        parent("issue_id"),
        text("global_id", "globalId"),
        text("relationship", "relationship"),
        text("url", "object.url"),
        *unless_excluded(
            "summary",
            text("title", "object.title"),
            text("summary", "object.summary"),
            condition=(_APPLICATION, "com.atlassian.jira"),
        ),
        text("icon_title", "object.icon.title"),
        text("application_name", "application.name"),
        _APPLICATION,
        boolean("is_resolved", "object.status.resolved"),
    ),
    example=Example(
        parent_id="10063",
        body={
            "id": 10042,
            "globalId": "system=https://example.com&id=8748a066",
            "application": {"type": "com.example.git", "name": "GitLab"},
            "relationship": "mentioned on",
            "object": {
                "url": "https://example.com/-/commit/8748a066",
                "title": "Commit - feat(EE-1): add the chart",
                "summary": "Adds the chart",
                "icon": {"title": "GitLab", "url16x16": "https://example.com/favicon.png"},
                "status": {"resolved": False, "icon": {}},
            },
        },
        row={
            "issue_id": "10063",
            "global_id": "system=https://example.com&id=8748a066",
            "relationship": "mentioned on",
            "url": "https://example.com/-/commit/8748a066",
            "title": "Commit - feat(EE-1): add the chart",
            "summary": "Adds the chart",
            "icon_title": "GitLab",
            "application_name": "GitLab",
            "application_type": "com.example.git",
            "is_resolved": False,
        },
    ),
)
