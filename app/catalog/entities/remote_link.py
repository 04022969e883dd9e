"""A link from an issue to a commit, a page or a ticket elsewhere. Never inline: histories tell of them."""

from __future__ import annotations

from app.catalog.language import (
    Each,
    Entity,
    Example,
    Inline,
    Item,
    Json,
    Paging,
    Walk,
    boolean,
    find,
    parent,
    text,
)


def _history_tells(history: Json) -> bool:
    changes = find(history, "items")
    return isinstance(changes, list) and any(find(change, "field") == "RemoteIssueLink" for change in changes)


def _issue_tells(item: Item) -> bool:
    histories = find(item.body, "changelog.histories")
    return isinstance(histories, list) and any(_history_tells(history) for history in histories)


ENTITY = Entity(
    name="remote_link",
    belongs_to="issue",
    walk=Walk("/rest/api/3/issue/{issue_id}/remotelink", Paging.WHOLE, "", Each.ISSUE),
    inline=(
        Inline("issue", at="", hint=_issue_tells),
        Inline("changelog", at="", hint=lambda item: _history_tells(item.body)),
    ),
    columns=(
        parent("issue_id"),
        text("global_id", "globalId"),
        text("relationship", "relationship"),
        text("url", "object.url"),
        text("title", "object.title"),
        text("summary", "object.summary"),
        text("icon_title", "object.icon.title"),
        text("application_name", "application.name"),
        text("application_type", "application.type"),
        boolean("is_resolved", "object.status.resolved"),
    ),
    example=Example(
        parent_id="10063",
        body={
            "id": 10042,
            "self": "https://acme.atlassian.net/rest/api/3/issue/10063/remotelink/10042",
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
