"""A person or an app. Connect apps may not list a site's users; users arrive embedded in other objects.

A user's id is the account id; Data Center has `key` and `name` instead, and a user with neither is no user.
"""

from __future__ import annotations

from app.catalog.columns import boolean, text
from app.catalog.json_value import account_of
from app.catalog.language import Entity, Example, Inline, Paging, Upkeep, Walk

ENTITY = Entity(
    name="user",
    label="People",
    position=200,
    refresh=Upkeep.PARENT,
    named_at=("user.accountId", "user.key", "user.name"),
    id=lambda item: account_of(item.body),
    inline=(
        Inline("issue", at="fields.assignee"),
        Inline("issue", at="fields.reporter"),
        Inline("issue", at="fields.creator"),
        Inline("changelog", at="author"),
        Inline("comment", at="author"),
        Inline("comment", at="updateAuthor"),
        Inline("worklog", at="author"),
        Inline("worklog", at="updateAuthor"),
        Inline("attachment", at="author"),
        Inline("project", at="lead"),
        Inline("component", at="lead"),
        Inline("component", at="assignee"),
    ),
    partial=True,
    one=Walk("user", Paging.WHOLE, "", params={"accountId": "{id}"}),
    webhooks=("user_created", "user_updated", "user_deleted"),
    columns=(
        text("account_type", "accountType"),
        text("key", "key"),
        text("name", "name"),
        text("display_name", "displayName"),
        text("email", "emailAddress"),
        text("time_zone", "timeZone"),
        text("locale", "locale"),
        boolean("is_active", "active"),
        text("avatar_url", "avatarUrls.48x48"),
    ),
    example=Example(
        body={
            "accountId": "54c965db8acd172e3af3fe36",
            "accountType": "atlassian",
            "emailAddress": "casey.meadow@acme.example",
            "avatarUrls": {
                "48x48": "https://secure.gravatar.com/avatar/92f387454e570da08285c530cc35080a",
                "24x24": "https://secure.gravatar.com/avatar/92f387454e570da08285c530cc35080a?s=24",
            },
            "displayName": "Casey Meadow",
            "active": True,
            "timeZone": "Asia/Shanghai",
            "locale": "en_US",
        },
        row={
            "account_type": "atlassian",
            "key": None,
            "name": None,
            "display_name": "Casey Meadow",
            "email": "casey.meadow@acme.example",
            "time_zone": "Asia/Shanghai",
            "locale": "en_US",
            "is_active": True,
            "avatar_url": "https://secure.gravatar.com/avatar/92f387454e570da08285c530cc35080a",
        },
    ),
)
