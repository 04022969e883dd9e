"""A file on an issue: its name, size and author. Its content is never read."""

from __future__ import annotations

from app.catalog.columns import account, integer, moment, parent, text
from app.catalog.language import Entity, Example, Inline, Upkeep

ENTITY = Entity(
    name="attachment",
    label="Attachments (names only)",
    position=70,
    refresh=Upkeep.PARENT,
    orphan_at="attachment.id",
    belongs_to="issue",
    total_column="attachment_total",
    inline=(Inline("issue", at="fields.attachment"),),
    webhooks=("attachment_created", "attachment_deleted"),
    columns=(
        parent("issue_id"),
        text("filename", "filename"),
        text("mime_type", "mimeType"),
        integer("size", "size"),
        moment("created", "created"),
        account("author_id", "author"),
    ),
    example=Example(
        parent_id="10063",
        body={
            "id": "10210",
            "filename": "image-20210125-030921.png",
            "author": {"accountId": "5734cd9bc8953ece292f1b36", "displayName": "Dale", "active": False},
            "created": "2021-01-25T11:09:24.512+0800",
            "size": 48213,
            "mimeType": "image/png",
        },
        row={
            "issue_id": "10063",
            "filename": "image-20210125-030921.png",
            "mime_type": "image/png",
            "size": 48213,
            "created": "2021-01-25T03:09:24.512Z",
            "author_id": "5734cd9bc8953ece292f1b36",
        },
    ),
)
