"""People: they come, are renamed, deactivated, deleted. No issue's `updated` moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.changes import copies
from sandbox.changes.configuration import another_name
from sandbox.changes.editor import Change, Desk, Event, public

if TYPE_CHECKING:
    from sandbox.shapes import JsonObject


def create_user(desk: Desk, asked: JsonObject) -> Change:
    """Invite a person, who is on no issue yet."""
    users = desk.world.catalogue.users
    pattern = next(each for each in users.values() if each["accountType"] == "atlassian")
    account_id = f"{desk.chance.getrandbits(96):024x}"
    made = {**pattern, "accountId": account_id, "displayName": asked.get("name", f"Newcomer {len(users)}")}
    made |= {"self": pattern["self"].replace(pattern["accountId"], account_id), "active": True}
    made.pop("emailAddress", None)
    users[account_id] = made
    desk.world.touch()
    return _told(made, "user_created")


def rename_user(desk: Desk, asked: JsonObject) -> Change:
    """Rename user `user`, or any active person, to `name`."""
    before = desk.person(asked)
    after = {**before, "displayName": asked.get("name") or another_name(desk, before["displayName"])}
    return _put(desk, after, "user_updated")


def deactivate_user(desk: Desk, asked: JsonObject) -> Change:
    """Deactivate user `user`, or any active person."""
    return _put(desk, {**desk.person(asked), "active": False}, "user_updated")


def delete_user(desk: Desk, asked: JsonObject) -> Change:
    """Delete the account of user `user`, or any active person: issues go on showing a former user."""
    before = desk.person(asked)
    after = {**before, "displayName": "Former user", "active": False}
    after.pop("emailAddress", None)
    return _put(desk, after, "user_deleted")


def _put(desk: Desk, after: JsonObject, event: str) -> Change:
    catalogue = desk.world.catalogue
    catalogue.users[after["accountId"]] = after
    copies.renew(desk, lambda issue: copies.of_person(issue, after))
    for known in (catalogue.projects, catalogue.components):
        for key, each in known.items():
            if (each.get("lead") or {}).get("accountId") == after["accountId"]:
                known[key] = {**each, "lead": after}
    desk.world.touch()
    return _told(after, event)


def _told(user: JsonObject, event: str) -> Change:
    return Change(
        "user", user["accountId"], None, {"name": user["displayName"]}, [Event(event, {"user": public(user)})]
    )
