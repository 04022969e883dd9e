"""What administrators name: statuses and their categories, fields, types, priorities, resolutions, link types.

Issues show the new name at once, none of their `updated` moves, and Jira raises an event for issue types only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.changes import copies
from sandbox.changes.editor import Change, Desk, Event
from sandbox.shapes import JiraError, JsonObject

if TYPE_CHECKING:
    from sandbox.world import Issue

_CATEGORIES: dict[str, tuple[int, str, str]] = {
    "new": (2, "blue-gray", "To Do"),
    "indeterminate": (4, "yellow", "In Progress"),
    "done": (3, "green", "Done"),
}


def rename_status(desk: Desk, asked: JsonObject) -> Change:
    """Rename status `status`, or any, to `name`."""
    return _renamed(desk, asked, "status", desk.world.catalogue.statuses, "status")


def recategorize_status(desk: Desk, asked: JsonObject) -> Change:
    """Put status `status`, or any, into category `category` (`new`, `indeterminate`, `done`)."""
    before = chosen(desk, asked, "status", desk.world.catalogue.statuses)
    now = before["statusCategory"]["key"]
    key = str(asked.get("category") or desk.chance.choice([each for each in _CATEGORIES if each != now]))
    if key not in _CATEGORIES:
        raise JiraError(400, f"no category {key!r}")
    number, color, name = _CATEGORIES[key]
    category = {**before["statusCategory"], "id": number, "key": key, "colorName": color, "name": name}
    return _put(desk, "status", desk.world.catalogue.statuses, {**before, "statusCategory": category}, "status")


def create_status(desk: Desk, asked: JsonObject) -> Change:
    """Make a status that no issue has yet, like an existing one but for its `name`."""
    known = desk.world.catalogue.statuses
    pattern = next(each for each in known.values() if not each.get("scope"))
    made = {**pattern, "id": desk.world.new_id(), "name": asked.get("name", f"Status {len(known) + 1}")}
    made["self"] = pattern["self"].rsplit("/", 1)[0] + "/" + made["id"]
    return _put(desk, "status", known, made, "status")


def rename_field(desk: Desk, asked: JsonObject) -> Change:
    """Rename custom field `field`, or any; its id and schema stay."""
    fields = desk.world.catalogue.fields
    custom = {key: each for key, each in fields.items() if key.startswith("customfield")}
    before = chosen(desk, asked, "field", fields if "field" in asked else custom)
    fields[before["id"]] = {**before, "name": _new_name(desk, asked, before)}
    desk.world.touch()
    return Change("field", before["id"], None, {"name": fields[before["id"]]["name"]})


def create_field(desk: Desk, asked: JsonObject) -> Change:
    """Make a custom field of text."""
    fields = desk.world.catalogue.fields
    number = 1 + max((int(key.split("_")[1]) for key in fields if key.startswith("customfield_")), default=10_000)
    pattern = next(each for key, each in fields.items() if key.startswith("customfield"))
    made = {**pattern, "id": f"customfield_{number}", "name": asked.get("name", f"Field {number}")}
    made["key"] = made["id"]
    made["schema"] = {"type": "string", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:textfield"}
    made["schema"]["customId"] = number
    fields[made["id"]] = made
    desk.world.touch()
    return Change("field", made["id"], None, {"name": made["name"]})


def rename_issue_type(desk: Desk, asked: JsonObject) -> Change:
    """Rename issue type `issue_type`, or any. The event's body is a guess: no capture is public."""
    change = _renamed(desk, asked, "issue_type", desk.world.catalogue.issue_types, "issuetype")
    body = {"issuetype": desk.world.catalogue.issue_types[change.id]}
    change.events.append(Event("issuetype_updated", body))
    return change


def rename_priority(desk: Desk, asked: JsonObject) -> Change:
    """Rename priority `priority`, or any."""
    return _renamed(desk, asked, "priority", desk.world.catalogue.priorities, "priority")


def rename_resolution(desk: Desk, asked: JsonObject) -> Change:
    """Rename resolution `resolution`, or any."""
    return _renamed(desk, asked, "resolution", desk.world.catalogue.resolutions, "resolution")


def rename_link_type(desk: Desk, asked: JsonObject) -> Change:
    """Rename link type `link_type`, or any; every link of it shows the new name."""
    known = desk.world.catalogue.link_types
    before = chosen(desk, asked, "link_type", known)
    after = {**before, "name": _new_name(desk, asked, before)}
    known[after["id"]] = after

    def fresh(issue: Issue) -> Issue:
        links = issue.fields.get("issuelinks") or []
        if not any(each["type"]["id"] == after["id"] for each in links):
            return issue
        kept = [{**each, "type": after} if each["type"]["id"] == after["id"] else each for each in links]
        return copies.with_fields(issue, issuelinks=kept)

    copies.renew(desk, fresh)
    desk.world.touch()
    return Change("issue_link", after["id"], None, {"name": after["name"]})


def chosen(desk: Desk, asked: JsonObject, word: str, known: dict[str, JsonObject]) -> JsonObject:
    """Return the object asked for by id, key or name, or any."""
    if word not in asked:
        return desk.one_of([*known.values()], word)
    wanted = str(asked[word])
    found = next((each for each in known.values() if wanted in {str(each["id"]), each.get("name")}), None)
    if found is None:
        raise JiraError(404, f"no {word} {wanted!r}")
    return found


def _new_name(desk: Desk, asked: JsonObject, before: JsonObject) -> str:
    return str(asked.get("name") or another_name(desk, before["name"]))


def another_name(desk: Desk, name: str) -> str:
    """Return a name that says where it comes from; renaming twice does not grow it."""
    return f"{name.split(' · ', maxsplit=1)[0]} · {desk.chance.randrange(10**4)}"


def _renamed(desk: Desk, asked: JsonObject, entity: str, known: dict[str, JsonObject], field: str) -> Change:
    before = chosen(desk, asked, entity, known)
    return _put(desk, entity, known, {**before, "name": _new_name(desk, asked, before)}, field)


def _put(desk: Desk, entity: str, known: dict[str, JsonObject], after: JsonObject, field: str) -> Change:
    known[str(after["id"])] = after
    copies.renew(desk, lambda issue: copies.in_fields(issue, (field,), after))
    desk.world.touch()
    return Change(entity, str(after["id"]), None, {"name": after["name"]})
