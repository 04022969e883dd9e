"""Feeds of Jira Cloud: changed and deleted worklogs, failed webhooks, deletions in the audit log."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock
from app.catalog.json_value import Json, find
from app.conditions import Code
from app.errors import JiraNonsense
from app.jira.client import whole
from app.sources.answers import FailedPage, FeedPage, Objects
from app.sources.cloud.pages import list_in
from app.sources.cloud.rest import path_of
from app.sources.outcomes import attempt
from app.sources.paging import Page, Place, follow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.sources.cloud.rest import CloudSession
    from app.sources.outcomes import Finding
    from app.sources.source import WorklogFeed

_FEED_DELAY = timedelta(minutes=1)
"""The newest part of a worklog feed, which Jira leaves out."""
_LATEST = 253_402_300_799_999
"""Epoch milliseconds of the end of the year 9999."""
_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_FAILED_PAGE = 100
_AUDIT_PAGE = 1000


def worklog_changes(site: CloudSession, feed: WorklogFeed, since: int) -> Iterator[FeedPage | Finding]:
    """Pages of a feed, from a moment on; an error where time tracking is off. Raises a JiraFailure."""
    path = path_of(f"worklog/{feed}")

    def fetch(place: Place) -> Page | Finding:
        return attempt(lambda: _feed_page(site, path, int(place.token or since)), names_object=False)

    for outcome in follow(fetch, Place(token=str(since))):
        yield _feed_of(outcome) if isinstance(outcome, Page) else outcome


def _feed_page(site: CloudSession, path: str, since: int) -> Page:
    answer = site.get(path, {"since": since})
    values = find(answer.body, "values")
    if not isinstance(values, list):
        raise JiraNonsense(Code.FEED_WITHOUT_VALUES, path=path)
    if find(answer.body, "lastPage") is not False:
        return Page([*values], None, None, answer.sent_at, site_time=answer.site_time)
    until = _epoch_ms(find(answer.body, "until"))
    if until <= since:
        raise JiraNonsense(Code.FEED_STUCK, path=path)
    return Page([*values], Place(token=str(until)), None, answer.sent_at, site_time=answer.site_time)


def _feed_of(page: Page) -> FeedPage:
    worklogs = {
        worklog_id: _epoch_ms(find(value, "updatedTime"))
        for value in map(whole, page.items)
        if _ID.fullmatch(worklog_id := str(find(value, "worklogId")))
    }
    if page.next is not None and page.next.token is not None:
        return FeedPage(worklogs, int(page.next.token))
    return FeedPage(worklogs, int(((page.site_time or page.sent_at) - _FEED_DELAY).timestamp() * 1000))


def _epoch_ms(value: Json) -> int:
    """A moment in epoch milliseconds; 0 where it is none."""
    return value if isinstance(value, int) and 0 < value <= _LATEST else 0


def worklogs(site: CloudSession, worklog_ids: Sequence[str]) -> Objects:
    """Worklogs by id; deleted ones are left out. Raises a JiraFailure."""
    if not worklog_ids:
        return Objects([], clock.now())
    path = path_of("worklog/list")
    answer = site.post(path, {"ids": [int(worklog_id) for worklog_id in worklog_ids]})
    return Objects(list_in(answer.body, "", path), answer.sent_at)


def failed_webhooks(site: CloudSession, after: int) -> Iterator[FailedPage | Finding]:
    """Pages of the list of failed webhooks, which Jira keeps for 72 hours. Raises a JiraFailure.

    Failures of one moment are never split between pages, so the newest moment is a safe place to resume from.
    """

    def fetch(place: Place) -> Page | Finding:
        return attempt(lambda: _failed_page(site, int(place.token or after)), names_object=False)

    newest_moment = after
    for outcome in follow(fetch, Place(token=str(after))):
        if not isinstance(outcome, Page):
            yield outcome
            return
        newest_moment = max([newest_moment, *_failure_times(outcome)])
        yield FailedPage([*map(whole, outcome.items)], newest_moment)


def _failed_page(site: CloudSession, after: int) -> Page:
    path = path_of("webhook/failed")
    answer = site.get(path, {"after": after, "maxResults": _FAILED_PAGE})
    page = Page([*list_in(answer.body, "values", path)], None, None, answer.sent_at)
    newest_moment = max(_failure_times(page), default=after)
    has_more = bool(find(answer.body, "next")) and newest_moment > after
    return Page(page.items, Place(token=str(newest_moment)) if has_more else None, None, answer.sent_at)


def _failure_times(page: Page) -> list[int]:
    moments = (_epoch_ms(find(whole(value), "failureTime")) for value in page.items)
    return [moment for moment in moments if moment]


def deleted_keys(site: CloudSession) -> set[str] | Finding:
    """Keys of issues that the audit log calls deleted, where the app may read it."""

    def ask() -> set[str]:
        path = path_of("auditing/record")
        body = site.get(path, {"filter": "ISSUE_DELETE", "limit": _AUDIT_PAGE}).body
        return {
            str(find(record, "objectItem.name"))
            for record in list_in(body, "records", path)
            if find(record, "objectItem.typeName") == "ISSUE_DELETE"
        }

    return attempt(ask, names_object=False)
