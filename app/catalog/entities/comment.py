"""A comment on an issue. Inline lists hold 20; the endpoint pages by 100 under the name `comments`."""

from __future__ import annotations

from app.catalog.columns import account, boolean, moment, parent, rich_text, unless_excluded
from app.catalog.language import Each, Entity, Example, Inline, Paging, Upkeep, Walk

ENTITY = Entity(
    name="comment",
    label="Comments",
    position=30,
    refresh=Upkeep.PARENT,
    orphan_at="comment.id",
    belongs_to="issue",
    total_column="comment_total",
    walk=Walk("issue/{issue_id}/comment", Paging.OFFSET, "comments", Each.ISSUE, params={"orderBy": "created"}),
    inline=(Inline("issue", at="fields.comment.comments", total="fields.comment.total"),),
    webhooks=("comment_created", "comment_updated", "comment_deleted"),
    updated="updated",
    columns=(
        parent("issue_id"),
        account("author_id", "author"),
        account("update_author_id", "updateAuthor"),
        moment("created", "created"),
        moment("updated", "updated"),
        boolean("is_public", "jsdPublic"),
        *unless_excluded("comment", *rich_text("body", "body")),
    ),
    example=Example(
        parent_id="10063",
        body={
            "id": "10036",
            "author": {"accountId": "54c965db8acd172e3af3fe36"},
            "updateAuthor": {"accountId": "54c965db8acd172e3af3fe36"},
            "created": "2020-06-17T13:04:03.848+0800",
            "updated": "2020-06-17T13:04:03.848+0800",
            "jsdPublic": True,
            "body": {
                "type": "doc",
                "version": 1,
                "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Looks good"}]}],
            },
        },
        row={
            "issue_id": "10063",
            "author_id": "54c965db8acd172e3af3fe36",
            "update_author_id": "54c965db8acd172e3af3fe36",
            "created": "2020-06-17T05:04:03.848Z",
            "updated": "2020-06-17T05:04:03.848Z",
            "is_public": True,
            "body": {
                "type": "doc",
                "version": 1,
                "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Looks good"}]}],
            },
            "body_text": "Looks good",
            "body_length": 10,
        },
    ),
)
