"""Users: created, renamed, deactivated, deleted. No issue's `updated` moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.changes import copies
from sandbox.changes.editor import Change, Editor, Event, public_profile

if TYPE_CHECKING:
    from sandbox.shapes import JsonObject


def create_user(editor: Editor, parameters: JsonObject) -> Change:
    """Create a user without any issue yet."""
    users = editor.world.catalogue.users
    pattern = next(candidate for candidate in users.values() if candidate["accountType"] == "atlassian")
    account_id = f"{editor.chance.getrandbits(96):024x}"
    user = {**pattern, "accountId": account_id, "displayName": parameters.get("name", f"Newcomer {len(users)}")}
    user |= {"self": pattern["self"].replace(pattern["accountId"], account_id), "active": True}
    user.pop("emailAddress", None)
    users[account_id] = user
    editor.world.touch()
    return _change_of(user, "user_created")


def rename_user(editor: Editor, parameters: JsonObject) -> Change:
    """Rename user `user`, or a random active one, to `name`."""
    before = editor.person(parameters)
    after = {**before, "displayName": editor.new_name(parameters, before["displayName"])}
    return _save(editor, after, "user_updated")


def deactivate_user(editor: Editor, parameters: JsonObject) -> Change:
    """Deactivate user `user`, or a random active one."""
    return _save(editor, {**editor.person(parameters), "active": False}, "user_updated")


def delete_user(editor: Editor, parameters: JsonObject) -> Change:
    """Delete the account of user `user`, or of a random active one; issues keep showing a former user."""
    before = editor.person(parameters)
    after = {**before, "displayName": "Former user", "active": False}
    after.pop("emailAddress", None)
    return _save(editor, after, "user_deleted")


def _save(editor: Editor, after: JsonObject, event: str) -> Change:
    catalogue = editor.world.catalogue
    catalogue.users[after["accountId"]] = after
    copies.renew(editor, lambda issue: copies.replace_person(issue, after))
    for objects in (catalogue.projects, catalogue.components):
        for key, item in objects.items():
            if (item.get("lead") or {}).get("accountId") == after["accountId"]:
                objects[key] = {**item, "lead": after}
    editor.world.touch()
    return _change_of(after, event)


def _change_of(user: JsonObject, event: str) -> Change:
    return Change(
        "user", user["accountId"], None, {"name": user["displayName"]}, [Event(event, {"user": public_profile(user)})]
    )
