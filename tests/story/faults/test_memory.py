"""A worker's memory is bounded for issues with long histories, many comments, or both."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from bench import usage
from sandbox import Site, SiteKey, serve
from tests import databases
from tests.story.processes import RunningApp, running_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.world import Issue

HISTORIES, COMMENTS = 5_000, 2_500
HISTORIES_AT_SCALE, COMMENTS_AT_SCALE = 10_000, 5_000
COMMENT_BYTES = 30_000
MOST_MB, MOST_MB_IN_TOTAL = 250.0, 300.0
_OF_SITE = "JOIN installations USING (tenant_id) WHERE deleted_at IS NULL AND client_key = %s"
PROJECTS, PROJECTS_AT_SCALE, INLINE = 2, 8, 20
WORDS = "Somebody pastes the whole log of the second worker again, line by line, and asks what it means.\n"


@pytest.fixture(scope="module")
def own_database_url(server_url: str) -> Iterator[str]:
    """A database of this module."""
    url = databases.create(server_url, "memory")
    yield url
    databases.drop(server_url, url)


@pytest.fixture(scope="module")
def idle_app(
    own_database_url: str, redis_url: str, key_host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApp]:
    """The app without workers."""
    with running_app(
        is_forked=False,  # a fork has the memory of all that its parent imported
        database_url=own_database_url,
        redis_url=redis_url.replace("?db=0", "?db=4"),
        install_keys_url=key_host,
        log=tmp_path_factory.mktemp("memory") / "app.log",
        roles=("web", "clock"),
    ) as product:
        yield product


@pytest.fixture
def own_app(idle_app: RunningApp) -> Iterator[RunningApp]:
    """The app with fresh workers."""
    idle_app.start("worker")
    yield idle_app
    idle_app.kill("worker")


def with_a_long_history(issue: Issue, new_id: int, count: int) -> Issue:
    first = issue.histories[0]
    histories = ({**first, "id": str(new_id + number)} for number in range(count - len(issue.histories)))
    return dataclasses.replace(issue, histories=(*issue.histories, *histories))


def with_many_words(issue: Issue, template: dict[str, Any], new_id: int, comments: int) -> Issue:
    body = WORDS * (COMMENT_BYTES // len(WORDS))
    comment_bodies = ({**template, "id": str(new_id + number), "body": body} for number in range(comments))
    return dataclasses.replace(issue, comments=tuple(comment_bodies))


def test_an_issue_of_any_size_fits_into_a_worker(
    own_app: RunningApp, own_database_url: str, install_key: SiteKey, is_at_scale: bool
) -> None:
    histories, comments = (HISTORIES_AT_SCALE, COMMENTS_AT_SCALE) if is_at_scale else (HISTORIES, COMMENTS)
    site = Site(dataset="seeded", seed=23, issues=40, projects=1, app_url=own_app.url, key=install_key)
    issues = list(site.world.searchable())
    talkative = next(issue for issue in issues if issue.comments)
    eventful = next(issue for issue in issues if issue is not talkative)
    site.world.put(with_a_long_history(eventful, 70_000_000, histories))
    site.world.put(with_many_words(talkative, dict(talkative.comments[0]), 80_000_000, comments))
    with serve(site):
        own_app.wait_until_verified(own_app.pair(site), patience=300)
    peaks = [usage.peak_mb(pid) for pid in usage.descendants(own_app.processes["worker"].pid)]
    with psycopg.connect(own_database_url) as connection:
        for entity, issue_id, count in (("changelog", eventful.id, histories), ("comment", talkative.id, comments)):
            query = f"SELECT count(*) FROM jira_{entity} {_OF_SITE} AND issue_id = %s"
            assert connection.execute(query.encode(), [site.client_key, issue_id]).fetchone() == (count,)
    assert max(peaks) < MOST_MB, peaks


def test_a_project_of_nothing_but_large_issues_fits_into_a_worker(
    own_app: RunningApp, own_database_url: str, install_key: SiteKey, is_at_scale: bool
) -> None:
    """A full page of 50 such issues would have 30 MB; at scale, as many projects as a process has backfill threads."""
    projects = PROJECTS_AT_SCALE if is_at_scale else PROJECTS
    site = Site(
        dataset="seeded", seed=23, issues=50 * projects, projects=projects, app_url=own_app.url, key=install_key
    )
    issues = list(site.world.searchable())
    template = next(dict(issue.comments[0]) for issue in issues if issue.comments)
    for number, issue in enumerate(issues):
        site.world.put(with_many_words(issue, template, 80_000_000 + INLINE * number, INLINE))
    with serve(site):
        own_app.wait_until_verified(own_app.pair(site), patience=300)
    peaks = [usage.peak_mb(pid) for pid in usage.descendants(own_app.processes["worker"].pid)]
    with psycopg.connect(own_database_url) as connection:
        query = f"SELECT count(*), min(length(body_text)) FROM jira_comment {_OF_SITE}"
        assert connection.execute(query.encode(), [site.client_key]).fetchone() == (
            INLINE * len(issues),
            len(WORDS) * (COMMENT_BYTES // len(WORDS)) - 1,
        )
    assert max(peaks) < MOST_MB_IN_TOTAL, peaks
