"""Copies of named objects on issues. A rename updates every copy without moving any issue's `updated`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.changes.editor import Editor
    from sandbox.shapes import JsonObject
    from sandbox.world import Entries, Issue

_REFERENCES = ("inwardIssue", "outwardIssue")


def renew(editor: Editor, transform: Callable[[Issue], Issue]) -> None:
    """Save every issue for which `transform` returns another record."""
    for issue in [*editor.world.issues.values()]:
        renewed_issue = transform(issue)
        if renewed_issue is not issue:
            editor.world.put(renewed_issue)


def with_fields(issue: Issue, **fields: object) -> Issue:
    """Return the issue with new field values and an unchanged `updated`."""
    return replace(issue, fields={**issue.fields, **fields})


def replace_object(issue: Issue, names: tuple[str, ...], after: JsonObject, by: str = "id") -> Issue:
    """Return the issue with `after` in place of the object of equal `by` in these fields, lists included."""
    values = {name: value for name in names if (value := _substitute(issue.fields.get(name), after, by)) is not None}
    return with_fields(issue, **values) if values else issue


def _substitute(value: object, after: JsonObject, by: str) -> object:
    """Return the value with `after` substituted; None where the value lacks that object."""
    if isinstance(value, dict):
        return after if str(value.get(by)) == str(after[by]) else None
    if isinstance(value, list) and any(
        isinstance(item, dict) and str(item.get(by)) == str(after[by]) for item in value
    ):
        return [after if str(item.get(by)) == str(after[by]) else item for item in value]
    return None


def lists_without(issue: Issue, names: tuple[str, ...], object_id: str) -> JsonObject:
    """Return the lists that contained the object, without it, by field name."""
    lists = {name: issue.fields.get(name) or [] for name in names}
    return {
        name: [item for item in objects if str(item["id"]) != object_id]
        for name, objects in lists.items()
        if any(str(item["id"]) == object_id for item in objects)
    }


def replace_person(issue: Issue, after: JsonObject) -> Issue:
    """Return the issue with a person's new profile in every role."""
    result = replace_object(issue, ("assignee", "reporter", "creator"), after, by="accountId")
    attachments = result.fields.get("attachment") or []
    parts: dict[str, Entries] = {
        name: _by_person(getattr(result, name), after) for name in ("histories", "comments", "worklogs")
    }
    new_attachments = _by_person(tuple(attachments), after)
    if new_attachments != tuple(attachments):
        result = with_fields(result, attachment=list(new_attachments))
    is_same = all(parts[name] == getattr(result, name) for name in parts)
    return result if is_same else replace(result, **parts)  # type: ignore[arg-type]  # three tuples of entries


def _by_person(entries: Entries, after: JsonObject) -> Entries:
    def with_profile(entry: JsonObject) -> JsonObject:
        roles = [r for r in ("author", "updateAuthor") if (entry.get(r) or {}).get("accountId") == after["accountId"]]
        return {**entry, **dict.fromkeys(roles, after)} if roles else entry

    return tuple(with_profile(entry) for entry in entries)


def replace_keys(issue: Issue, keys: Mapping[str, tuple[str, str]]) -> Issue:
    """Return the issue with new keys on its references; `keys` maps issue ids to (old key, new key)."""
    fields = issue.fields
    values: JsonObject = {}
    parent = fields.get("parent") or {}
    if parent.get("id") in keys:
        values["parent"] = {**parent, "key": keys[parent["id"]][1]}
    epic = next((new for old, new in keys.values() if old == fields.get("customfield_10014")), None)
    if epic is not None:
        values["customfield_10014"] = epic
    subtasks = fields.get("subtasks") or []
    if any(subtask["id"] in keys for subtask in subtasks):
        values["subtasks"] = [
            {**subtask, "key": keys[subtask["id"]][1]} if subtask["id"] in keys else subtask for subtask in subtasks
        ]
    links = [_with_target_key(link, keys) for link in fields.get("issuelinks") or []]
    if links != (fields.get("issuelinks") or []):
        values["issuelinks"] = links
    return with_fields(issue, **values) if values else issue


def _with_target_key(link: JsonObject, keys: Mapping[str, tuple[str, str]]) -> JsonObject:
    side = next(name for name in _REFERENCES if name in link)
    target = link[side]
    return {**link, side: {**target, "key": keys[target["id"]][1]}} if target["id"] in keys else link
