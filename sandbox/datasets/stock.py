"""Objects common to all datasets: default priorities and link types, and objects collected from issues."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from sandbox.shapes import ORIGIN, JsonObject

if TYPE_CHECKING:
    from sandbox.world import Issue


def by_id(objects: list[JsonObject]) -> dict[str, JsonObject]:
    """Key Jira objects by their id as a string."""
    return {str(item["id"]): item for item in objects}


def project_of(project: JsonObject) -> JsonObject:
    """Return a project as project/search shows it, from the shorter form on issues."""
    return {
        "expand": "description,lead,issueTypes,url,projectKeys,permissions,insight",
        **copy.deepcopy(project),
        "simplified": project.get("simplified", False),
        "style": "classic",
        "isPrivate": False,
        "properties": {},
        "projectTypeKey": project.get("projectTypeKey", "software"),
    }


def used_objects(issues: list[Issue], name: str) -> dict[str, JsonObject]:
    """Collect the objects in one field of all issues, by id."""
    objects: dict[str, JsonObject] = {}
    for issue in issues:
        value = issue.fields.get(name)
        for item in value if isinstance(value, list) else [value]:
            if item:
                objects.setdefault(str(item["id"]), item)
    return objects


def standard_priorities() -> dict[str, JsonObject]:
    """Return Jira's five default priorities."""
    names = ("Highest", "High", "Medium", "Low", "Lowest")
    return by_id([stock("priority", str(number), name) for number, name in enumerate(names, 1)])


def standard_link_types() -> dict[str, JsonObject]:
    """Return the link types of a fresh site."""
    rows = (
        ("10000", "Blocks", "is blocked by", "blocks"),
        ("10001", "Cloners", "is cloned by", "clones"),
        ("10002", "Duplicate", "is duplicated by", "duplicates"),
        ("10003", "Relates", "relates to", "relates to"),
    )
    return by_id([{**stock("issueLinkType", key, name), "inward": i, "outward": o} for key, name, i, o in rows])


def stock(resource: str, key: str, name: str) -> JsonObject:
    """Return the smallest form of a named Jira object."""
    return {"self": f"{ORIGIN}/rest/api/2/{resource}/{key}", "id": key, "name": name}
