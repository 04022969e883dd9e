"""Issues as the REST API shows them: selected fields, truncated inline children, ADF text in version 3."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sandbox.rendering.adf import document
from sandbox.shapes import ORIGIN, JsonObject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.world import Entries, Issue

EXPANDABLE = "operations,versionedRepresentations,editmeta,changelog,renderedFields"
RICH_TEXT = ("description", "environment")
NOT_NAVIGABLE = frozenset({"comment", "worklog", "attachment", "timetracking", "issuerestriction"})

TIME_TRACKING = frozenset(
    {
        *("worklog", "timetracking", "timespent", "timeestimate", "timeoriginalestimate"),
        *("aggregatetimespent", "aggregatetimeestimate", "aggregatetimeoriginalestimate"),
    }
)
"""Fields that issues don't have while time tracking is off."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The number of inline children of an issue."""

    changelog: int
    comments: int
    worklogs: int


SEARCH = Limits(changelog=40, comments=20, worklogs=20)
SINGLE = Limits(changelog=100, comments=100, worklogs=20)
"""GET of one issue and the agile lists still have the old, larger limits."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The fields of an answer: `*all`, `*navigable` or names, minus the names with a minus sign."""

    has_all: bool
    has_navigable: bool
    names: frozenset[str]
    excluded_names: frozenset[str]

    @classmethod
    def of(cls, parameter: Iterable[str], default: str) -> Selection:
        """Parse the `fields` parameter; an absent one means `default`."""
        names = [name.strip() for part in parameter for name in part.split(",") if name.strip()] or [default]
        excluded_names = frozenset(name[1:] for name in names if name.startswith("-"))
        explicit_names = frozenset(name for name in names if not name.startswith(("-", "*")))
        only_minus = not explicit_names and not any(name.startswith("*") for name in names)
        return cls(
            "*all" in names or (only_minus and default == "*all"),
            "*navigable" in names or (only_minus and default == "*navigable"),
            explicit_names,
            excluded_names,
        )

    def shows(self, name: str) -> bool:
        """Whether the selection contains the field."""
        if name in self.excluded_names:
            return False
        return name in self.names or self.has_all or (self.has_navigable and name not in NOT_NAVIGABLE)

    def without(self, names: frozenset[str]) -> Selection:
        """Return the selection without these fields."""
        return replace(self, excluded_names=self.excluded_names | names)

    @property
    def is_ids_only(self) -> bool:
        """Whether the selection contains only id and key; such pages may have 5000 issues."""
        return not self.has_all and not self.has_navigable and self.names <= {"id", "key", "issuekey"}


def issue(
    record: Issue, selection: Selection, expand: frozenset[str], limits: Limits, version: str, *, agile: bool = False
) -> JsonObject:
    """Return one issue object."""
    if selection.is_ids_only and "changelog" not in expand:
        if selection.names <= {"id"}:
            return {"id": record.id}
        return {"expand": EXPANDABLE, "id": record.id, "self": _self(record, version), "key": record.key}
    body = {
        "expand": EXPANDABLE,
        "id": record.id,
        "self": _self(record, "agile" if agile else version),
        "key": record.key,
        "fields": _fields(record, selection, limits, version, agile=agile),
    }
    if "changelog" in expand:
        body["changelog"] = changelog(record, limits.changelog)
    return body


def _self(record: Issue, version: str) -> str:
    path = "agile/1.0" if version == "agile" else f"api/{version}"
    return f"{ORIGIN}/rest/{path}/issue/{record.id}"


def _fields(record: Issue, selection: Selection, limits: Limits, version: str, *, agile: bool) -> JsonObject:
    source = {**record.fields, **record.agile} if agile else record.fields
    if record.archive_fields is not None:
        source = {**source, **record.archive_fields}
    values = {name: value for name, value in source.items() if selection.shows(name)}
    if version == "3":
        values |= {name: document(values[name]) for name in RICH_TEXT if isinstance(values.get(name), str)}
    if selection.shows("comment"):
        values["comment"] = comments(record, limits.comments, version)
    if selection.shows("worklog"):
        values["worklog"] = worklogs(record, limits.worklogs, version)
    return values


def changelog(record: Issue, limit: int) -> JsonObject:
    """Return the inline changelog: the newest histories first, and the total of all."""
    newest = list(reversed(record.histories))[:limit]
    return {"startAt": 0, "maxResults": len(newest), "total": len(record.histories), "histories": newest}


def comments(record: Issue, limit: int, version: str) -> JsonObject:
    """Return the inline comments."""
    entries = bodies(record.comments[:limit], "body", version)
    url = f"{ORIGIN}/rest/api/{version}/issue/{record.id}/comment"
    return {"comments": entries, "self": url, "maxResults": limit, "total": len(record.comments), "startAt": 0}


def worklogs(record: Issue, limit: int, version: str) -> JsonObject:
    """Return the inline worklogs."""
    entries = bodies(record.worklogs[:limit], "comment", version)
    return {"startAt": 0, "maxResults": limit, "total": len(record.worklogs), "worklogs": entries}


def bodies(entries: Entries | list[JsonObject], name: str, version: str) -> list[JsonObject]:
    """Return comments or worklogs with their text in the format of the API version."""
    if version != "3":
        return list(entries)
    return [{**entry, name: document(entry[name])} if isinstance(entry.get(name), str) else entry for entry in entries]
