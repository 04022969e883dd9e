"""Copies of named things that issues carry. Renaming the thing renews every copy, and no issue's `updated` moves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.changes.editor import Desk
    from sandbox.shapes import JsonObject
    from sandbox.world import Entries, Issue

_REFERENCES = ("inwardIssue", "outwardIssue")


def renew(desk: Desk, fresh: Callable[[Issue], Issue]) -> None:
    """Put every issue for which `fresh` returns another record."""
    for issue in [*desk.world.issues.values()]:
        made = fresh(issue)
        if made is not issue:
            desk.world.put(made)


def with_fields(issue: Issue, **fields: object) -> Issue:
    """Return the issue with other values, its `updated` as it was."""
    return replace(issue, fields={**issue.fields, **fields})


def in_fields(issue: Issue, names: tuple[str, ...], after: JsonObject, by: str = "id") -> Issue:
    """Return the issue with `after` in place of the object of the same id in these fields, lists included."""
    changed = {name: made for name in names if (made := _swapped(issue.fields.get(name), after, by)) is not None}
    return with_fields(issue, **changed) if changed else issue


def _swapped(value: object, after: JsonObject, by: str) -> object:
    """Return the value with `after` in it; None where it does not hold that object."""
    if isinstance(value, dict):
        return after if str(value.get(by)) == str(after[by]) else None
    if isinstance(value, list) and any(
        isinstance(each, dict) and str(each.get(by)) == str(after[by]) for each in value
    ):
        return [after if str(each.get(by)) == str(after[by]) else each for each in value]
    return None


def without(issue: Issue, names: tuple[str, ...], gone: str) -> JsonObject:
    """Return these fields' lists without the object of that id; only those that held it."""
    lists = {name: issue.fields.get(name) or [] for name in names}
    return {
        name: [each for each in held if str(each["id"]) != gone]
        for name, held in lists.items()
        if any(str(each["id"]) == gone for each in held)
    }


def of_person(issue: Issue, after: JsonObject) -> Issue:
    """Return the issue with a person's new profile everywhere on it."""
    made = in_fields(issue, ("assignee", "reporter", "creator"), after, by="accountId")
    attachments = made.fields.get("attachment") or []
    parts: dict[str, Entries] = {
        name: _by_person(getattr(made, name), after) for name in ("histories", "comments", "worklogs")
    }
    shown = _by_person(tuple(attachments), after)
    if shown != tuple(attachments):
        made = with_fields(made, attachment=list(shown))
    is_same = all(parts[name] == getattr(made, name) for name in parts)
    return made if is_same else replace(made, **parts)  # type: ignore[arg-type]  # three tuples of entries


def _by_person(entries: Entries, after: JsonObject) -> Entries:
    def fresh(entry: JsonObject) -> JsonObject:
        roles = [r for r in ("author", "updateAuthor") if (entry.get(r) or {}).get("accountId") == after["accountId"]]
        return {**entry, **dict.fromkeys(roles, after)} if roles else entry

    return tuple(fresh(each) for each in entries)


def of_keys(issue: Issue, keys: Mapping[str, tuple[str, str]]) -> Issue:
    """Return the issue with new keys on what it refers to; `keys` gives (old, new) by issue id."""
    fields = issue.fields
    changed: JsonObject = {}
    parent = fields.get("parent") or {}
    if parent.get("id") in keys:
        changed["parent"] = {**parent, "key": keys[parent["id"]][1]}
    epic = next((new for old, new in keys.values() if old == fields.get("customfield_10014")), None)
    if epic is not None:
        changed["customfield_10014"] = epic
    subtasks = fields.get("subtasks") or []
    if any(each["id"] in keys for each in subtasks):
        changed["subtasks"] = [
            {**each, "key": keys[each["id"]][1]} if each["id"] in keys else each for each in subtasks
        ]
    links = [_linked(each, keys) for each in fields.get("issuelinks") or []]
    if links != (fields.get("issuelinks") or []):
        changed["issuelinks"] = links
    return with_fields(issue, **changed) if changed else issue


def _linked(link: JsonObject, keys: Mapping[str, tuple[str, str]]) -> JsonObject:
    side = next(name for name in _REFERENCES if name in link)
    other = link[side]
    return {**link, side: {**other, "key": keys[other["id"]][1]}} if other["id"] in keys else link
