"""Versions and components of a project. Jira has no events for components."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.changes import copies
from sandbox.changes.editor import Change, Editor, Event, edit, id_and_name, item
from sandbox.moments import day
from sandbox.shapes import ORIGIN, JsonObject, NotNowError

if TYPE_CHECKING:
    from sandbox.world import Issue

_ON_ISSUES = ("fixVersions", "versions")


def create_version(editor: Editor, parameters: JsonObject) -> Change:
    """Create a version of `project`, or of a random one."""
    project, key = editor.project(parameters), editor.world.new_id()
    version: JsonObject = {
        "self": f"{ORIGIN}/rest/api/2/version/{key}",
        "id": key,
        "name": parameters.get("name", f"v{key}"),
    }
    version |= {"description": "", "archived": False, "released": False, "projectId": int(project["id"])}
    return _put_version(editor, version, "jira:version_created")


def rename_version(editor: Editor, parameters: JsonObject) -> Change:
    """Rename version `version`, or a random one."""
    before = _version(editor, parameters)
    after = {**before, "name": editor.new_name(parameters, before["name"])}
    return _put_version(editor, after, "jira:version_updated")


def release_version(editor: Editor, parameters: JsonObject) -> Change:
    """Release version `version`, or a random one, or unrelease it."""
    before = _version(editor, parameters)
    after = {**before, "released": not before["released"]}
    if after["released"]:
        after["releaseDate"] = day(editor.now())
    return _put_version(editor, after, f"jira:version_{'released' if after['released'] else 'unreleased'}")


def archive_version(editor: Editor, parameters: JsonObject) -> Change:
    """Archive version `version`, or a random one, or unarchive it."""
    before = _version(editor, parameters)
    return _put_version(editor, {**before, "archived": not before["archived"]}, "jira:version_updated")


def move_version(editor: Editor, parameters: JsonObject) -> Change:
    """Move version `version`, or a random one, in its project's order."""
    return _put_version(editor, _version(editor, parameters), "jira:version_moved")


def delete_version(editor: Editor, parameters: JsonObject) -> Change:
    """Delete version `version`, or a random one. Issues lose it with a history, without an event each."""
    version = _version(editor, parameters)
    return _remove_version(editor, parameters, version, None)


def merge_version(editor: Editor, parameters: JsonObject) -> Change:
    """Merge version `version` into `to`, or into a random one of its project. Its event is a deletion."""
    version = _version(editor, parameters)
    candidates = {
        key: candidate
        for key, candidate in editor.world.catalogue.versions.items()
        if candidate["projectId"] == version["projectId"] and key != version["id"]
    }
    return _remove_version(editor, parameters, version, editor.choose(parameters, "to", candidates))


def create_component(editor: Editor, parameters: JsonObject) -> Change:
    """Create a component of `project`, or of a random one."""
    project, key = editor.project(parameters), editor.world.new_id()
    component: JsonObject = {
        "self": f"{ORIGIN}/rest/api/2/component/{key}",
        "id": key,
        "name": parameters.get("name", f"c{key}"),
    }
    component |= {"project": project["key"], "projectId": int(project["id"])}
    editor.world.catalogue.components[key] = component
    editor.world.touch()
    return Change("component", key, None, {"name": component["name"]})


def rename_component(editor: Editor, parameters: JsonObject) -> Change:
    """Rename component `component`, or a random one."""
    components = editor.world.catalogue.components
    before = editor.choose(parameters, "component", components)
    after = {**before, "name": editor.new_name(parameters, before["name"])}
    components[after["id"]] = after
    component_copy = _component_on_issue(after)
    copies.renew(editor, lambda issue: copies.replace_object(issue, ("components",), component_copy))
    editor.world.touch()
    return Change("component", after["id"], None, {"name": after["name"]})


def _component_on_issue(component: JsonObject) -> JsonObject:
    return {name: component[name] for name in ("self", "id", "name")}


def delete_component(editor: Editor, parameters: JsonObject) -> Change:
    """Delete component `component`, or a random one. Issues lose it with a history."""
    component = editor.choose(parameters, "component", editor.world.catalogue.components)
    del editor.world.catalogue.components[component["id"]]
    for issue in [*editor.world.issues.values()]:
        fields = copies.lists_without(issue, ("components",), component["id"])
        if fields:
            entry = item("Component", id_and_name(component), (None, None), "components")
            editor.save(issue, editor.person(parameters), [entry], **fields)
    editor.world.touch()
    return Change("component", component["id"], None, {"name": component["name"]})


def _version(editor: Editor, parameters: JsonObject) -> JsonObject:
    return editor.choose(parameters, "version", editor.world.catalogue.versions)


def _put_version(editor: Editor, after: JsonObject, event: str) -> Change:
    editor.world.catalogue.versions[after["id"]] = after
    copies.renew(editor, lambda issue: copies.replace_object(issue, _ON_ISSUES, on_issue(after)))
    editor.world.touch()
    detail = {"name": after["name"], "project_id": str(after["projectId"])}
    return Change("version", after["id"], None, detail, [Event(event, {"version": after})])


def on_issue(version: JsonObject) -> JsonObject:
    """Return a version as issues carry it."""
    return {name: value for name, value in version.items() if name != "projectId"}


def _remove_version(editor: Editor, parameters: JsonObject, version: JsonObject, heir: JsonObject | None) -> Change:
    del editor.world.catalogue.versions[version["id"]]
    for issue in [*editor.world.issues.values()]:
        fields = copies.lists_without(issue, _ON_ISSUES, version["id"])
        if fields:
            _replace_version(editor, parameters, issue, fields, version, heir)
    editor.world.touch()
    body: JsonObject = {"version": version, **({"mergedTo": heir} if heir else {})}
    detail = {"name": version["name"], "project_id": str(version["projectId"]), "merged_to": heir and heir["id"]}
    return Change("version", version["id"], None, detail, [Event("jira:version_deleted", body)])


def _replace_version(
    editor: Editor,
    parameters: JsonObject,
    issue: Issue,
    fields: JsonObject,
    version: JsonObject,
    heir: JsonObject | None,
) -> None:
    items = []
    for name, versions in fields.items():
        label = "Fix Version" if name == "fixVersions" else "Version"
        items.append(item(label, id_and_name(version), (None, None), name))
        if heir is not None and all(version["id"] != heir["id"] for version in versions):
            items.append(item(label, (None, None), id_and_name(heir), name))
            versions.append(on_issue(heir))
    editor.save(issue, editor.person(parameters), items, **fields)


def set_versions(editor: Editor, parameters: JsonObject) -> Change:
    """Set `fixVersions` of an issue to one version of its project, or clear it."""
    issue = editor.issue(parameters)
    project_versions = [
        version for version in editor.world.catalogue.versions.values() if str(version["projectId"]) == issue.project_id
    ]
    if not project_versions and not issue.fields.get("fixVersions"):
        raise NotNowError("the issue's project has no version")
    before = issue.fields.get("fixVersions") or []
    after = [] if before else [on_issue(editor.chance.choice(project_versions))]
    entry = item("Fix Version", _first(before), _first(after), "fixVersions")
    return edit(editor, issue, editor.person(parameters), [entry], fixVersions=after)


def set_components(editor: Editor, parameters: JsonObject) -> Change:
    """Set the component of an issue to one of its project, or clear it."""
    issue = editor.issue(parameters)
    project_components = [
        component
        for component in editor.world.catalogue.components.values()
        if str(component["projectId"]) == issue.project_id
    ]
    if not project_components and not issue.fields.get("components"):
        raise NotNowError("the issue's project has no component")
    before = issue.fields.get("components") or []
    after = [] if before else [_component_on_issue(editor.chance.choice(project_components))]
    entry = item("Component", _first(before), _first(after), "components")
    return edit(editor, issue, editor.person(parameters), [entry], components=after)


def _first(things: list[JsonObject]) -> tuple[str | None, str | None]:
    return id_and_name(things[0] if things else None)
