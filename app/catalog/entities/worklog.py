"""Time booked on an issue. Inline lists hold 20; the endpoint pages under the name `worklogs`, at most 5,000 a page."""

from __future__ import annotations

from app.catalog.columns import account, document, integer, moment, parent, rich_text, text, unless_excluded
from app.catalog.field_policy import WORKLOG_COMMENT
from app.catalog.language import Each, Entity, Example, Inline, Paging, Upkeep, Walk

ENTITY = Entity(
    name="worklog",
    label="Worklogs",
    position=40,
    refresh=Upkeep.FEED,
    orphan_at="worklog.id",
    is_whole_by_count=True,
    belongs_to="issue",
    total_column="worklog_total",
    walk=Walk("issue/{issue_id}/worklog", Paging.OFFSET, "worklogs", Each.ISSUE, page_size=1000),
    inline=(Inline("issue", at="fields.worklog.worklogs", total="fields.worklog.total"),),
    webhooks=("worklog_created", "worklog_updated", "worklog_deleted"),
    updated="updated",
    columns=(
        parent("issue_id", otherwise="issueId"),
        account("author_id", "author"),
        account("update_author_id", "updateAuthor"),
        moment("created", "created"),
        moment("updated", "updated"),
        moment("started", "started"),
        integer("seconds", "timeSpentSeconds"),
        text("time_spent", "timeSpent"),
        *unless_excluded(WORKLOG_COMMENT, *rich_text("comment", "comment")),
        document("visibility", "visibility"),
    ),
    example=Example(
        parent_id="10076",
        body={
            "id": "10006",
            "issueId": "10076",
            "author": {"accountId": "576fa7905356c0d5600e220a", "active": False, "displayName": "finley"},
            "updateAuthor": {"accountId": "576fa7905356c0d5600e220a", "active": False, "displayName": "finley"},
            "created": "2020-06-15T16:59:51.302+0800",
            "updated": "2020-06-15T16:59:51.302+0800",
            "started": "2020-06-06T04:59:00.000+0800",
            "timeSpent": "1d 2h",
            "timeSpentSeconds": 36000,
            "comment": {
                "type": "doc",
                "version": 1,
                "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Drew the chart"}]}],
            },
            "visibility": {"type": "group", "value": "jira-developers", "identifier": "276f955c-63d7-42c8-9520"},
        },
        row={
            "issue_id": "10076",
            "author_id": "576fa7905356c0d5600e220a",
            "update_author_id": "576fa7905356c0d5600e220a",
            "created": "2020-06-15T08:59:51.302Z",
            "updated": "2020-06-15T08:59:51.302Z",
            "started": "2020-06-05T20:59:00.000Z",
            "seconds": 36000,
            "time_spent": "1d 2h",
            "comment": {
                "type": "doc",
                "version": 1,
                "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Drew the chart"}]}],
            },
            "comment_text": "Drew the chart",
            "comment_length": 14,
            "visibility": {"type": "group", "value": "jira-developers", "identifier": "276f955c-63d7-42c8-9520"},
        },
    ),
)
