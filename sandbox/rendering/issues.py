"""Issues as the REST API shows them: chosen fields, inline children cut short, text as ADF in version 3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.rendering.adf import document
from sandbox.shapes import ORIGIN, JsonObject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.world import Entries, Issue

EXPANDABLE = "operations,versionedRepresentations,editmeta,changelog,renderedFields"
RICH_TEXT = ("description", "environment")
NOT_NAVIGABLE = frozenset({"comment", "worklog", "attachment", "timetracking", "issuerestriction"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How many children an issue shows inline."""

    changelog: int
    comments: int
    worklogs: int


SEARCH = Limits(changelog=40, comments=20, worklogs=20)
SINGLE = Limits(changelog=100, comments=100, worklogs=20)
"""GET of one issue and the agile lists still show the old, larger pages."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which fields to show: `*all` or `*navigable` or names, less what is named with a minus."""

    everything: bool
    navigable: bool
    named: frozenset[str]
    without: frozenset[str]

    @classmethod
    def of(cls, asked: Iterable[str], default: str) -> Selection:
        """Read the `fields` parameter; an absent one means `default`."""
        names = [name.strip() for part in asked for name in part.split(",") if name.strip()] or [default]
        without = frozenset(name[1:] for name in names if name.startswith("-"))
        named = frozenset(name for name in names if not name.startswith(("-", "*")))
        only_minus = not named and not any(name.startswith("*") for name in names)
        return cls(
            "*all" in names or (only_minus and default == "*all"),
            "*navigable" in names or (only_minus and default == "*navigable"),
            named,
            without,
        )

    def shows(self, name: str) -> bool:
        """Whether a field of that id is wanted."""
        if name in self.without:
            return False
        return name in self.named or self.everything or (self.navigable and name not in NOT_NAVIGABLE)

    @property
    def is_ids_only(self) -> bool:
        """Whether nothing but id and key is wanted, which allows pages of 5000."""
        return not self.everything and not self.navigable and self.named <= {"id", "key", "issuekey"}


def issue(
    record: Issue, wanted: Selection, expand: frozenset[str], limits: Limits, version: str, *, agile: bool = False
) -> JsonObject:
    """Return one issue object."""
    if wanted.is_ids_only and "changelog" not in expand:
        if wanted.named <= {"id"}:
            return {"id": record.id}
        return {"expand": EXPANDABLE, "id": record.id, "self": _self(record, version), "key": record.key}
    shown = {
        "expand": EXPANDABLE,
        "id": record.id,
        "self": _self(record, "agile" if agile else version),
        "key": record.key,
        "fields": _fields(record, wanted, limits, version, agile=agile),
    }
    if "changelog" in expand:
        shown["changelog"] = changelog(record, limits.changelog)
    return shown


def _self(record: Issue, version: str) -> str:
    where = "agile/1.0" if version == "agile" else f"api/{version}"
    return f"{ORIGIN}/rest/{where}/issue/{record.id}"


def _fields(record: Issue, wanted: Selection, limits: Limits, version: str, *, agile: bool) -> JsonObject:
    source = {**record.fields, **record.agile} if agile else record.fields
    if record.archived is not None:
        source = {**source, **record.archived}
    shown = {name: value for name, value in source.items() if wanted.shows(name)}
    if version == "3":
        shown |= {name: document(shown[name]) for name in RICH_TEXT if isinstance(shown.get(name), str)}
    if wanted.shows("comment"):
        shown["comment"] = comments(record, limits.comments, version)
    if wanted.shows("worklog"):
        shown["worklog"] = worklogs(record, limits.worklogs, version)
    return shown


def changelog(record: Issue, limit: int) -> JsonObject:
    """Return the inline changelog: the newest histories, newest first, with the true total."""
    newest = list(reversed(record.histories))[:limit]
    return {"startAt": 0, "maxResults": len(newest), "total": len(record.histories), "histories": newest}


def comments(record: Issue, limit: int, version: str) -> JsonObject:
    """Return the inline comments."""
    shown = bodies(record.comments[:limit], "body", version)
    where = f"{ORIGIN}/rest/api/{version}/issue/{record.id}/comment"
    return {"comments": shown, "self": where, "maxResults": limit, "total": len(record.comments), "startAt": 0}


def worklogs(record: Issue, limit: int, version: str) -> JsonObject:
    """Return the inline worklogs."""
    shown = bodies(record.worklogs[:limit], "comment", version)
    return {"startAt": 0, "maxResults": limit, "total": len(record.worklogs), "worklogs": shown}


def bodies(entries: Entries | list[JsonObject], name: str, version: str) -> list[JsonObject]:
    """Return comments or worklogs with their text as the API version has it."""
    if version != "3":
        return list(entries)
    return [{**each, name: document(each[name])} if isinstance(each.get(name), str) else each for each in entries]
