"""Complete histories of the issues of a page, by `POST changelog/bulkfetch`.

Jira sends the newest 40 histories of an issue along with it. The older ones of all issues of a page come in a few more
answers, oldest first by time, so the histories of one issue may span several. They are put where the inline ones are. A
list that stays short of Jira's total keeps that total, so it is walked as any list that is cut off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from app.catalog.json_value import Json, find
from app.errors import JiraNonsense
from app.jira.client import whole
from app.sources.cloud.pages import list_in, next_token
from app.sources.cloud.rest import path_of
from app.sources.cloud_bulk.refusals import probe_endpoint
from app.sources.outcomes import attempt, persist, require
from app.sources.paging import Page, Place, follow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.sources.cloud.rest import CloudSession
    from app.sources.outcomes import Finding, NotForUs, NotOffered

    Histories = dict[str, Json | msgspec.Raw]

ENDPOINT = "changelog/bulkfetch"
_PAGE = 1000
"""Histories of one answer."""
_MOST = 10_000
"""Histories beside one page of issues, some megabytes; lists that don't fit are walked one by one."""
_UNCOUNTED = 50
"""Assumed histories of an issue without a count."""


class _Identified(msgspec.Struct):
    id: str | int


class _Inline(msgspec.Struct):
    histories: list[msgspec.Raw] = []
    total: int | None = None


class _Issue(msgspec.Struct):
    id: str | int
    changelog: _Inline | None = None


class _Log(msgspec.Struct, rename="camel"):
    issue_id: str | int
    change_histories: list[msgspec.Raw]


@dataclass(frozen=True)
class InlineList:
    """The histories that came with one issue."""

    issue_id: str
    histories: Sequence[Json | msgspec.Raw]
    total: int | None
    """The number of all its histories; None where Jira doesn't say."""

    @property
    def is_short(self) -> bool:
        """Whether there are more histories, or may be."""
        return self.total is None or self.total > len(self.histories)


@dataclass
class BulkHistories:
    """Histories of several issues, by issue and id, and the octets of their answers."""

    by_issue: dict[str, Histories]
    size: int = 0


def complete(site: CloudSession, page: Page) -> Page | Finding:
    """The page with complete histories; a finding is about the endpoint. Raises a JiraFailure."""
    short_lists = _short_lists(page.items)
    if not short_lists:
        return page
    # Asked for again on a failure while the site is well; what fails for good is left to walks of single issues.
    result = persist(lambda: attempt(lambda: _fetch(site, [*short_lists]), names_object=False), site.diagnose)
    if not isinstance(result, BulkHistories):
        return result
    items = [_completed(item, short_lists, result.by_issue) for item in page.items]
    return replace(page, items=items, size=page.size + result.size)


def probe(site: CloudSession, issue_id: str) -> NotForUs | NotOffered | None:
    """The refusal of the endpoint, if it refuses. Raises a JiraFailure."""
    return probe_endpoint(lambda: _fetch(site, [issue_id]))


def _short_lists(items: Sequence[Json | msgspec.Raw]) -> Mapping[str, InlineList]:
    """The cut-off lists of a page by issue, as many as fit beside it."""
    short_lists, count = dict[str, InlineList](), 0
    for item in items:
        inline_list = _inline_list(item)
        if inline_list is None or not inline_list.is_short:
            continue
        length = inline_list.total or _UNCOUNTED
        if count + length <= _MOST:
            count += length
            short_lists[inline_list.issue_id] = inline_list
    return short_lists


def _inline_list(item: Json | msgspec.Raw) -> InlineList | None:
    """The inline histories of an issue; None for an object that is none."""
    if isinstance(item, msgspec.Raw):
        try:
            issue = msgspec.json.decode(item, type=_Issue)
        except msgspec.MsgspecError:
            item = _parsed(item)
        else:
            changelog = issue.changelog or _Inline()
            return InlineList(str(issue.id), changelog.histories, changelog.total)
    issue_id, histories, total = (find(item, path) for path in ("id", "changelog.histories", "changelog.total"))
    if not issue_id:
        return None
    return InlineList(
        str(issue_id), histories if isinstance(histories, list) else [], total if isinstance(total, int) else None
    )


def _parsed(item: Json | msgspec.Raw) -> Json:
    """An object; None for octets that are none, which extraction reports."""
    try:
        return whole(item)
    except JiraNonsense:
        return None


def _fetch(site: CloudSession, issue_ids: Sequence[str]) -> BulkHistories:
    """All histories of some issues. Raises a JiraFailure."""
    path, result = path_of(ENDPOINT), BulkHistories({})
    query: dict[str, Json] = {"issueIdsOrKeys": [*issue_ids], "maxResults": _PAGE}

    def fetch(place: Place) -> Page:
        answer = site.post(path, {**query, "nextPageToken": place.token} if place.token else query, is_page=True)
        items = list_in(answer.body, "issueChangeLogs", path)
        return Page([*items], next_token(place, answer.body), None, answer.sent_at, size=answer.size)

    for outcome in follow(fetch):
        page = require(outcome)
        result.size += page.size
        for item in page.items:
            issue_id, histories = _log_of(item)
            result.by_issue.setdefault(issue_id, {}).update(_by_id(histories))
    return result


def _log_of(item: Json | msgspec.Raw) -> tuple[str, Sequence[Json | msgspec.Raw]]:
    """The issue of a log and its histories."""
    if isinstance(item, msgspec.Raw):
        try:
            log = msgspec.json.decode(item, type=_Log)
        except msgspec.MsgspecError:
            item = _parsed(item)
        else:
            return str(log.issue_id), log.change_histories
    histories = find(item, "changeHistories")
    return str(find(item, "issueId")), histories if isinstance(histories, list) else []


def _by_id(histories: Sequence[Json | msgspec.Raw]) -> Histories:
    return {_id_of(history): history for history in histories}


def _id_of(history: Json | msgspec.Raw) -> str:
    if isinstance(history, msgspec.Raw):
        try:
            return str(msgspec.json.decode(history, type=_Identified).id)
        except msgspec.MsgspecError:
            history = _parsed(history)
    return str(find(history, "id"))


def _completed(
    item: Json | msgspec.Raw, short_lists: Mapping[str, InlineList], by_issue: Mapping[str, Histories]
) -> Json | msgspec.Raw:
    """An issue with all its histories, in octets where it came in octets."""
    inline_list = _inline_list(item)
    if inline_list is None or inline_list.issue_id not in by_issue or inline_list.issue_id not in short_lists:
        return item
    histories = {**by_issue[inline_list.issue_id], **_by_id(inline_list.histories)}
    total = max(len(histories), inline_list.total or 0)
    if isinstance(item, msgspec.Raw):
        try:
            octets: dict[str, object] = {**msgspec.json.decode(item, type=dict[str, msgspec.Raw])}
            octets["changelog"] = {"total": total, "histories": [*histories.values()]}
            return msgspec.Raw(msgspec.json.encode(octets))
        except msgspec.MsgspecError:
            item = _parsed(item)
    if not isinstance(item, dict):
        return item
    return {**item, "changelog": {"total": total, "histories": [_parsed(history) for history in histories.values()]}}
