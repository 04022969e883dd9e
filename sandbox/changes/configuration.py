"""Site configuration: statuses and their categories, fields, types, priorities, resolutions, link types.

Issues show the new name at once without a new `updated`. Jira raises an event for issue types only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.changes import copies
from sandbox.changes.editor import Change, Editor, Event
from sandbox.shapes import JiraError, JsonObject

if TYPE_CHECKING:
    from sandbox.world import Issue

_CATEGORIES: dict[str, tuple[int, str, str]] = {
    "new": (2, "blue-gray", "To Do"),
    "indeterminate": (4, "yellow", "In Progress"),
    "done": (3, "green", "Done"),
}


def rename_status(editor: Editor, parameters: JsonObject) -> Change:
    """Rename status `status`, or a random one, to `name`."""
    return _rename(editor, parameters, "status", editor.world.catalogue.statuses, "status")


def recategorize_status(editor: Editor, parameters: JsonObject) -> Change:
    """Put status `status`, or a random one, into category `category` (`new`, `indeterminate`, `done`)."""
    before = editor.choose(parameters, "status", editor.world.catalogue.statuses)
    now = before["statusCategory"]["key"]
    key = str(
        parameters.get("category")
        or editor.chance.choice([category_key for category_key in _CATEGORIES if category_key != now])
    )
    if key not in _CATEGORIES:
        raise JiraError(400, f"no category {key!r}")
    number, color, name = _CATEGORIES[key]
    category = {**before["statusCategory"], "id": number, "key": key, "colorName": color, "name": name}
    return _save(editor, "status", editor.world.catalogue.statuses, {**before, "statusCategory": category}, "status")


def create_status(editor: Editor, parameters: JsonObject) -> Change:
    """Create a status without issues, modelled on an existing one."""
    statuses = editor.world.catalogue.statuses
    pattern = next(candidate for candidate in statuses.values() if not candidate.get("scope"))
    status = {**pattern, "id": editor.world.new_id(), "name": parameters.get("name", f"Status {len(statuses) + 1}")}
    status["self"] = pattern["self"].rsplit("/", 1)[0] + "/" + status["id"]
    return _save(editor, "status", statuses, status, "status")


def rename_field(editor: Editor, parameters: JsonObject) -> Change:
    """Rename custom field `field`, or a random one; id and schema stay."""
    fields = editor.world.catalogue.fields
    custom = {key: field for key, field in fields.items() if key.startswith("customfield")}
    before = editor.choose(parameters, "field", fields if "field" in parameters else custom)
    name = editor.new_name(parameters, before["name"])
    fields[before["id"]] = {**before, "name": name, "untranslatedName": name}
    editor.world.touch()
    return Change("field", before["id"], None, {"name": fields[before["id"]]["name"]})


def create_field(editor: Editor, parameters: JsonObject) -> Change:
    """Create a custom text field."""
    fields = editor.world.catalogue.fields
    number = 1 + max((int(key.split("_")[1]) for key in fields if key.startswith("customfield_")), default=10_000)
    pattern = next(candidate for key, candidate in fields.items() if key.startswith("customfield"))
    field = {**pattern, "id": f"customfield_{number}", "name": parameters.get("name", f"Field {number}")}
    field |= {"key": field["id"], "untranslatedName": field["name"]}
    field["schema"] = {"type": "string", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:textfield"}
    field["schema"]["customId"] = number
    fields[field["id"]] = field
    editor.world.touch()
    return Change("field", field["id"], None, {"name": field["name"]})


def rename_issue_type(editor: Editor, parameters: JsonObject) -> Change:
    """Rename issue type `issue_type`, or a random one. The event's body is a guess: no capture is public."""
    change = _rename(editor, parameters, "issue_type", editor.world.catalogue.issue_types, "issuetype")
    body = {"issuetype": editor.world.catalogue.issue_types[change.id]}
    change.events.append(Event("issuetype_updated", body))
    return change


def rename_priority(editor: Editor, parameters: JsonObject) -> Change:
    """Rename priority `priority`, or a random one."""
    return _rename(editor, parameters, "priority", editor.world.catalogue.priorities, "priority")


def rename_resolution(editor: Editor, parameters: JsonObject) -> Change:
    """Rename resolution `resolution`, or a random one."""
    return _rename(editor, parameters, "resolution", editor.world.catalogue.resolutions, "resolution")


def rename_link_type(editor: Editor, parameters: JsonObject) -> Change:
    """Rename link type `link_type`, or a random one; every link of this type shows the new name."""
    link_types = editor.world.catalogue.link_types
    before = editor.choose(parameters, "link_type", link_types)
    after = {**before, "name": editor.new_name(parameters, before["name"])}
    link_types[after["id"]] = after

    def with_new_name(issue: Issue) -> Issue:
        links = issue.fields.get("issuelinks") or []
        if not any(link["type"]["id"] == after["id"] for link in links):
            return issue
        new_links = [{**link, "type": after} if link["type"]["id"] == after["id"] else link for link in links]
        return copies.with_fields(issue, issuelinks=new_links)

    copies.renew(editor, with_new_name)
    editor.world.touch()
    return Change("issue_link", after["id"], None, {"name": after["name"]})


def _rename(editor: Editor, parameters: JsonObject, entity: str, objects: dict[str, JsonObject], field: str) -> Change:
    before = editor.choose(parameters, entity, objects)
    return _save(editor, entity, objects, {**before, "name": editor.new_name(parameters, before["name"])}, field)


def _save(editor: Editor, entity: str, objects: dict[str, JsonObject], after: JsonObject, field: str) -> Change:
    objects[str(after["id"])] = after
    copies.renew(editor, lambda issue: copies.replace_object(issue, (field,), after))
    editor.world.touch()
    return Change(entity, str(after["id"]), None, {"name": after["name"]})
