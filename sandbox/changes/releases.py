"""Versions and components of a project. Jira has no events for components."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.changes import copies
from sandbox.changes.configuration import another_name, chosen
from sandbox.changes.editor import Change, Desk, Event, edited, item, pair
from sandbox.moments import day
from sandbox.shapes import ORIGIN, JsonObject, NotNowError

if TYPE_CHECKING:
    from sandbox.world import Issue

_ON_ISSUES = ("fixVersions", "versions")


def create_version(desk: Desk, asked: JsonObject) -> Change:
    """Make a version of `project`, or of any."""
    project, key = desk.project(asked), desk.world.new_id()
    made: JsonObject = {"self": f"{ORIGIN}/rest/api/2/version/{key}", "id": key, "name": asked.get("name", f"v{key}")}
    made |= {"description": "", "archived": False, "released": False, "projectId": int(project["id"])}
    return _put_version(desk, made, "jira:version_created")


def rename_version(desk: Desk, asked: JsonObject) -> Change:
    """Rename version `version`, or any."""
    before = _version(desk, asked)
    after = {**before, "name": asked.get("name") or another_name(desk, before["name"])}
    return _put_version(desk, after, "jira:version_updated")


def release_version(desk: Desk, asked: JsonObject) -> Change:
    """Release version `version`, or any; a released one is taken back."""
    before = _version(desk, asked)
    after = {**before, "released": not before["released"]}
    if after["released"]:
        after["releaseDate"] = day(desk.now())
    return _put_version(desk, after, f"jira:version_{'released' if after['released'] else 'unreleased'}")


def archive_version(desk: Desk, asked: JsonObject) -> Change:
    """Archive version `version`, or any; an archived one is brought back."""
    before = _version(desk, asked)
    return _put_version(desk, {**before, "archived": not before["archived"]}, "jira:version_updated")


def move_version(desk: Desk, asked: JsonObject) -> Change:
    """Move version `version`, or any, in its project's order."""
    return _put_version(desk, _version(desk, asked), "jira:version_moved")


def delete_version(desk: Desk, asked: JsonObject) -> Change:
    """Delete version `version`, or any: off its issues, each with a history, without an event for each."""
    gone = _version(desk, asked)
    return _version_gone(desk, asked, gone, None)


def merge_version(desk: Desk, asked: JsonObject) -> Change:
    """Merge version `version` into `to`, or into any of its project; arrives as a deletion that says `mergedTo`."""
    gone = _version(desk, asked)
    others = {
        key: each
        for key, each in desk.world.catalogue.versions.items()
        if each["projectId"] == gone["projectId"] and key != gone["id"]
    }
    return _version_gone(desk, asked, gone, chosen(desk, asked, "to", others))


def create_component(desk: Desk, asked: JsonObject) -> Change:
    """Make a component of `project`, or of any."""
    project, key = desk.project(asked), desk.world.new_id()
    made: JsonObject = {"self": f"{ORIGIN}/rest/api/2/component/{key}", "id": key, "name": asked.get("name", f"c{key}")}
    made |= {"project": project["key"], "projectId": int(project["id"])}
    desk.world.catalogue.components[key] = made
    desk.world.touch()
    return Change("component", key, None, {"name": made["name"]})


def rename_component(desk: Desk, asked: JsonObject) -> Change:
    """Rename component `component`, or any."""
    known = desk.world.catalogue.components
    before = chosen(desk, asked, "component", known)
    after = {**before, "name": asked.get("name") or another_name(desk, before["name"])}
    known[after["id"]] = after
    shown = _component_on_issue(after)
    copies.renew(desk, lambda issue: copies.in_fields(issue, ("components",), shown))
    desk.world.touch()
    return Change("component", after["id"], None, {"name": after["name"]})


def _component_on_issue(component: JsonObject) -> JsonObject:
    return {name: component[name] for name in ("self", "id", "name")}


def delete_component(desk: Desk, asked: JsonObject) -> Change:
    """Delete component `component`, or any: off its issues, each with a history."""
    gone = chosen(desk, asked, "component", desk.world.catalogue.components)
    del desk.world.catalogue.components[gone["id"]]
    for issue in [*desk.world.issues.values()]:
        fields = copies.without(issue, ("components",), gone["id"])
        if fields:
            entry = item("Component", pair(gone), (None, None), "components")
            desk.changed(issue, desk.person(asked), [entry], **fields)
    desk.world.touch()
    return Change("component", gone["id"], None, {"name": gone["name"]})


def _version(desk: Desk, asked: JsonObject) -> JsonObject:
    return chosen(desk, asked, "version", desk.world.catalogue.versions)


def _put_version(desk: Desk, after: JsonObject, event: str) -> Change:
    desk.world.catalogue.versions[after["id"]] = after
    copies.renew(desk, lambda issue: copies.in_fields(issue, _ON_ISSUES, on_issue(after)))
    desk.world.touch()
    detail = {"name": after["name"], "project_id": str(after["projectId"])}
    return Change("version", after["id"], None, detail, [Event(event, {"version": after})])


def on_issue(version: JsonObject) -> JsonObject:
    """Return a version as issues carry it."""
    return {name: value for name, value in version.items() if name != "projectId"}


def _version_gone(desk: Desk, asked: JsonObject, gone: JsonObject, heir: JsonObject | None) -> Change:
    del desk.world.catalogue.versions[gone["id"]]
    for issue in [*desk.world.issues.values()]:
        fields = copies.without(issue, _ON_ISSUES, gone["id"])
        if fields:
            _replaced(desk, asked, issue, fields, gone, heir)
    desk.world.touch()
    body: JsonObject = {"version": gone, **({"mergedTo": heir} if heir else {})}
    detail = {"name": gone["name"], "project_id": str(gone["projectId"]), "merged_to": heir and heir["id"]}
    return Change("version", gone["id"], None, detail, [Event("jira:version_deleted", body)])


def _replaced(
    desk: Desk, asked: JsonObject, issue: Issue, fields: JsonObject, gone: JsonObject, heir: JsonObject | None
) -> None:
    items = []
    for name, kept in fields.items():
        label = "Fix Version" if name == "fixVersions" else "Version"
        items.append(item(label, pair(gone), (None, None), name))
        if heir is not None and all(each["id"] != heir["id"] for each in kept):
            items.append(item(label, (None, None), pair(heir), name))
            kept.append(on_issue(heir))
    desk.changed(issue, desk.person(asked), items, **fields)


def set_versions(desk: Desk, asked: JsonObject) -> Change:
    """Put an issue into a version of its project, or out of those it is in: `fixVersions`."""
    issue = desk.issue(asked)
    own = [each for each in desk.world.catalogue.versions.values() if str(each["projectId"]) == issue.project_id]
    if not own and not issue.fields.get("fixVersions"):
        raise NotNowError("the issue's project has no version")
    before = issue.fields.get("fixVersions") or []
    after = [] if before else [on_issue(desk.chance.choice(own))]
    entry = item("Fix Version", _first(before), _first(after), "fixVersions")
    return edited(desk, issue, desk.person(asked), [entry], fixVersions=after)


def set_components(desk: Desk, asked: JsonObject) -> Change:
    """Give an issue a component of its project, or take its components away."""
    issue = desk.issue(asked)
    own = [each for each in desk.world.catalogue.components.values() if str(each["projectId"]) == issue.project_id]
    if not own and not issue.fields.get("components"):
        raise NotNowError("the issue's project has no component")
    before = issue.fields.get("components") or []
    after = [] if before else [_component_on_issue(desk.chance.choice(own))]
    entry = item("Component", _first(before), _first(after), "components")
    return edited(desk, issue, desk.person(asked), [entry], components=after)


def _first(things: list[JsonObject]) -> tuple[str | None, str | None]:
    return pair(things[0] if things else None)
