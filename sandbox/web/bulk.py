"""Bulk reads of issues and histories. A Connect app with scope READ may use neither; most people may.

Limits and shapes: Atlassian's OpenAPI document. Its live edition of October 2026 lets `issue/bulkfetch` take 1,000 issues
where a few fields are named, none of them a long list, and nothing heavy is expanded. The texts of refusals are ours.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from sandbox import rendering
from sandbox.moments import SECOND, parse_ms
from sandbox.shapes import JiraError, JsonObject
from sandbox.web.callers import accessible_to_connect, world
from sandbox.web.exchange import API, bad_payload, json_body, reply, shown_fields, site

if TYPE_CHECKING:
    from sandbox.search.page_token import Place
    from sandbox.world import Issue

routes = Blueprint("bulk", __name__)
_MAX_HEAVY_ISSUES, _MAX_FIELDS, _MAX_PROPERTIES = 100, 100, 5
_LONG_LISTS = frozenset({"comment", "worklog", "attachment", "*all", "*navigable"})
_HEAVY = frozenset({"changelog", "editmeta", "operations", "renderedFields", "transitions", "versionedRepresentations"})
_EXPANSIONS = _HEAVY | {"names", "schema"}
_FETCH = frozenset({"issueIdsOrKeys", "fields", "expand", "properties", "fieldsByKeys"})
_CHANGELOGS = frozenset({"issueIdsOrKeys", "fieldIds", "maxResults", "nextPageToken"})
_MAX_CHANGELOG_ISSUES, _MAX_FIELD_IDS, _CHANGELOG_PAGE, _MAX_CHANGELOG_PAGE = 1000, 10, 1000, 10_000


@routes.post(f"{API}/issue/bulkfetch")
def bulk_fetch(version: str) -> Response:
    """Return issues in order of id, by id, key or former key; missing and invisible ones are silently absent."""
    accessible_to_connect("WRITE")
    body = _body(_FETCH)
    ids_or_keys, fields, expand = (_strings(body, name) for name in ("issueIdsOrKeys", "fields", "expand"))
    if not isinstance(body.get("fieldsByKeys", False), bool):
        raise bad_payload()
    fields = [name.strip() for text in fields for name in text.split(",") if name.strip()]
    _require_count(ids_or_keys, _most_issues(fields, expand))
    if len(_strings(body, "properties")) > _MAX_PROPERTIES:
        raise JiraError(400, f"At most {_MAX_PROPERTIES} properties can be requested.")
    if unknown_names := set(expand) - _EXPANSIONS:
        raise JiraError(400, f"The expand value '{min(unknown_names)}' is invalid.")
    selection = shown_fields(fields, "*navigable")
    unfetchable_ids = set(site().options.unfetchable)
    issues = _visible_issues(ids_or_keys)
    bodies = [
        rendering.issue(issue, selection, frozenset(expand), rendering.SEARCH, version)
        for issue in issues
        if issue.id not in unfetchable_ids
    ]
    errors = [
        {"id": issue.id, "errorMessage": "The issue could not be fetched. Try again later."}
        for issue in issues
        if issue.id in unfetchable_ids
    ]
    answer = {"expand": "schema,names", "issueErrors": errors, "issues": bodies}
    return reply(answer | _descriptions(selection, expand), objects=len(bodies))


def _most_issues(fields: list[str], expand: list[str]) -> int:
    names = [name for name in fields if not name.startswith("-")]
    is_light = 0 < len(names) == len(fields) <= _MAX_FIELDS and not _LONG_LISTS & {*names} and not _HEAVY & {*expand}
    return site().options.most_fetched if is_light else _MAX_HEAVY_ISSUES


def _descriptions(selection: rendering.Selection, expand: list[str]) -> JsonObject:
    """The names and schemas of the shown fields, where they are expanded."""
    fields = {key: field for key, field in site().world.catalogue.fields.items() if selection.shows(key)}
    names = {key: field["name"] for key, field in fields.items()}
    schemas = {key: field["schema"] for key, field in fields.items() if "schema" in field}
    return {name: value for name, value in (("names", names), ("schema", schemas)) if name in expand}


@routes.post(f"{API}/changelog/bulkfetch")
def bulk_changelogs(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return histories of many issues by date and issue id, oldest first: those of one issue may span pages."""
    accessible_to_connect("INACCESSIBLE")
    body = _body(_CHANGELOGS)
    ids_or_keys, field_ids = _strings(body, "issueIdsOrKeys"), set(_strings(body, "fieldIds"))
    _require_count(ids_or_keys, _MAX_CHANGELOG_ISSUES)
    if len(field_ids) > _MAX_FIELD_IDS or len(field_ids) < len(_strings(body, "fieldIds")):
        raise JiraError(400, f"At most {_MAX_FIELD_IDS} different field IDs can be requested.")
    size = _changelog_page(body)
    histories = sorted(
        (
            (_place(issue, history), history)
            for issue in _visible_issues(ids_or_keys)
            for history in issue.histories
            if not field_ids or any(item.get("fieldId") in field_ids for item in history["items"])
        ),
        key=itemgetter(0),
    )
    binding = {"issues": sorted(ids_or_keys), "fields": sorted(field_ids)}
    start = bisect_right(histories, _start(body.get("nextPageToken"), binding), key=itemgetter(0))
    groups: dict[str, list[JsonObject]] = {}
    for (_, issue_id, _), history in histories[start : start + size]:
        groups.setdefault(str(issue_id), []).append(_dated(history))
    answer: JsonObject = {
        "issueChangeLogs": [{"issueId": key, "changeHistories": entries} for key, entries in groups.items()]
    }
    if start + size < len(histories):
        answer["nextPageToken"] = site().search.tokens.seal(histories[start + size - 1][0], binding)
    return reply(answer)


def _changelog_page(body: JsonObject) -> int:
    size = body.get("maxResults", _CHANGELOG_PAGE)
    if not isinstance(size, int) or isinstance(size, bool):
        raise bad_payload()
    if not 1 <= size <= _MAX_CHANGELOG_PAGE:
        raise JiraError(400, f"The value of maxResults must be between 1 and {_MAX_CHANGELOG_PAGE}.")
    return size


def _start(token: object, binding: JsonObject) -> Place:
    """The place of the history before the page."""
    if token is None:
        return ()
    if not isinstance(token, str):
        raise bad_payload()
    return site().search.tokens.open(token, binding)


def _place(issue: Issue, history: JsonObject) -> Place:
    return (parse_ms(history["created"]), int(issue.id), int(history["id"]))


def _dated(history: JsonObject) -> JsonObject:
    """The history with its time as the site writes it here: the document's schema and example contradict each other."""
    moment = parse_ms(history["created"])
    times = {"iso": history["created"], "seconds": moment // SECOND, "milliseconds": moment}
    return {**history, "created": times[site().options.changelog_dates]}


def _body(names: frozenset[str]) -> JsonObject:
    """The JSON object of the request. Raises JiraError 400 for an unknown property."""
    body = json_body()
    if set(body) - names:
        raise bad_payload()
    return body


def _strings(body: JsonObject, name: str) -> list[str]:
    """A list of strings; empty where it is absent. Raises JiraError 400 for anything else."""
    values = body.get(name)
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise bad_payload()
    return values


def _require_count(ids_or_keys: list[str], limit: int) -> None:
    if not ids_or_keys:
        raise JiraError(400, "No issue IDs or keys were provided.")
    if len(ids_or_keys) > limit:
        raise JiraError(400, f"The number of issue IDs or keys must not exceed {limit}.")


def _visible_issues(ids_or_keys: list[str]) -> list[Issue]:
    visible_world = world()
    candidates = (visible_world.find(id_or_key) for id_or_key in ids_or_keys)
    issues = {issue.id: issue for issue in candidates if issue is not None and visible_world.may_see(issue)}
    return sorted(issues.values(), key=lambda issue: int(issue.id))
