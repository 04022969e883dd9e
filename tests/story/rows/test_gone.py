"""The six meanings of “not returned”, each with its own proven result and cause.

The tests derive from the contract (§1.9) only. They make time pass by moving stored timestamps into the past; the
sweeps run in the product's own processes.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Options, Site, serve
from tests.soak import time_travel
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import SiteKey
    from tests.story.processes import RunningApp


@dataclass
class Tale:
    """A paired site, the feed so far, and control over time."""

    app: RunningApp
    site: Site
    integration: str
    database_url: str
    feed: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    deletions: set[str] = field(default_factory=set)
    """Issues that the feed has ever reported as deleted."""
    cursor: str | None = None

    def listen(self) -> None:
        """Read the feed to its end."""
        has_more = True
        while has_more:
            parameters = {"limit": 5000, **({"cursor": self.cursor} if self.cursor else {})}
            text = self.app.api("GET", f"/integrations/{self.integration}/changes", params=parameters).text
            *lines, last = (json.loads(line) for line in text.splitlines())
            for line in lines:
                self.feed[line["entity"], line["id"]] = line
                if line["entity"] == "issue" and line["op"] == "delete":
                    self.deletions.add(line["id"])
            self.cursor, has_more = last["next_cursor"], last["has_more"]

    def lives(self, issue: str) -> bool:
        self.listen()
        return self.feed["issue", issue]["op"] == "upsert"

    def data(self, issue: str) -> dict[str, Any]:
        self.listen()
        body: dict[str, Any] = self.feed["issue", issue]["data"]
        return body

    def absence(self, issue: str) -> dict[str, Any]:
        parameters = {"state": "all", "limit": 1000}
        records = self.app.api("GET", f"/integrations/{self.integration}/absences", params=parameters).json()["records"]
        return next((record for record in records if record["issue_id"] == issue), {})

    def frozen(self) -> dict[str, str]:
        projects: dict[str, str] = self.app.api("GET", f"/integrations/{self.integration}/completeness").json()[
            "frozen_projects"
        ]
        return projects

    def do(self, *names: str) -> None:
        """Run periodic jobs one after the other, and wait for the jobs that they enqueue."""
        for name in names:
            before = self.last_start(name)
            time_travel.make_due(self.database_url, self.site.client_key, name)
            wait_for(partial(self.has_started, name, before), 60)
            wait_for(partial(self.is_done, name), 60, self.app.tail)

    def last_start(self, name: str) -> float:
        return time_travel.last_starts(self.database_url, self.site.client_key)[name]

    def has_started(self, name: str, before: float) -> bool:
        return self.last_start(name) > before

    def is_done(self, name: str) -> bool:
        """Whether the job isn't running."""
        parameters = {"job": name, "limit": 1}
        runs = self.app.api("GET", f"/integrations/{self.integration}/activity", params=parameters).json()["records"]
        return not runs or runs[0]["finished_at"] is not None

    def hours_pass(self, hours: float = 2) -> None:
        time_travel.age(self.database_url, self.site.client_key, hours)

    def week_passes(self) -> None:
        """Sweep all ids again, then check absent issues twice, hours apart."""
        self.hours_pass(8 * 24)
        self.do("issue_ids")
        for _ in range(2):
            self.hours_pass(2)
            self.do("second_look")


@pytest.fixture(scope="module")
def tell(app: RunningApp, install_key: SiteKey, story_database_url: str) -> Iterator[Callable[..., Tale]]:
    """Creates paired, verified sites and serves them until the module ends."""
    servers = []

    def made(name: str, **options: Any) -> Tale:
        site = Site(dataset="seeded", app_url=app.url, key=install_key, **{"issues": 60, "projects": 3, **options})
        servers.append(serve(site))
        servers[-1].__enter__()
        integration = app.pair(site, name)
        app.wait_until_verified(integration)
        tale = Tale(app, site, integration, story_database_url)
        # The clock's next round schedules the site's periodic jobs.
        wait_for(
            lambda: (
                set(time_travel.FRESHNESS_JOBS) <= time_travel.last_starts(story_database_url, site.client_key).keys()
            ),
            60,
        )
        tale.listen()
        return tale

    yield made
    for server in reversed(servers):
        server.__exit__(None, None, None)


@dataclass
class Fates:
    """A site on which issues vanished in every possible way, mostly without a webhook."""

    tale: Tale
    reported_deletion: str
    """Deleted, with a webhook."""
    silent_deletion: str
    """Deleted, with a lost webhook."""
    moved_issue: str
    archived_issue: str
    hidden_issue: str
    comments: dict[str, list[str]]


def some(site: Site, count: int, project: str = "APOL") -> Iterator[str]:
    """Ids of issues with comments and without a parent or sub-tasks."""
    candidates = [
        issue
        for issue in site.world.searchable([str(site.world.project(project)["id"])])  # type: ignore[index]  # it is there
        if issue.comments and not issue.fields["subtasks"] and not issue.fields.get("parent")
    ]
    assert len(candidates) >= count
    return iter([issue.id for issue in candidates[:count]])


@pytest.fixture(scope="module")
def fates(tell: Callable[..., Tale]) -> Fates:
    tale = tell("fates", issues=150, seed=41, options=Options(audit_allowed=True))
    site = tale.site
    issue_ids = some(site, 5)
    result = Fates(tale, *(next(issue_ids) for _ in range(5)), comments={})
    for issue_id in (result.reported_deletion, result.silent_deletion, result.archived_issue, result.hidden_issue):
        result.comments[issue_id] = [str(entry["id"]) for entry in site.world.issues[issue_id].comments]
    site.mutate("delete_issue", issue=result.reported_deletion)
    wait_for(lambda: not tale.lives(result.reported_deletion), 30, tale.app.tail)
    site.options.webhooks = False
    site.mutate("delete_issue", issue=result.silent_deletion)
    site.mutate("move_issue", issue=result.moved_issue, to="BORE")
    site.mutate("archive_issue", issue=result.archived_issue)
    site.mutate("hide_issue", issue=result.hidden_issue)
    tale.do("poll")
    tale.week_passes()
    tale.listen()
    return result


def test_a_deletion_that_jira_tells_of_is_one_at_once(fates: Fates) -> None:
    assert not fates.tale.lives(fates.reported_deletion)
    assert fates.tale.absence(fates.reported_deletion)["cause"] == "deleted"


def test_a_deletion_whose_webhook_was_lost_is_found_by_the_sweeps(fates: Fates) -> None:
    assert not fates.tale.lives(fates.silent_deletion)
    absence = fates.tale.absence(fates.silent_deletion)
    assert (absence["cause"], bool(absence["evidence"])) == ("deleted", True), "the audit log says so"


def test_a_moved_issue_stays_and_has_its_new_key(fates: Fates) -> None:
    issue = fates.tale.site.world.issues[fates.moved_issue]
    wait_for(lambda: fates.tale.data(fates.moved_issue)["key"] == issue.key, 30, fates.tale.app.tail)
    assert fates.tale.data(fates.moved_issue)["project_id"] == issue.project_id
    assert fates.moved_issue not in fates.tale.deletions
    assert fates.tale.absence(fates.moved_issue).get("cause") in {None, "moved"}


def test_an_archived_issue_is_told_from_a_deleted_one(fates: Fates) -> None:
    assert fates.tale.absence(fates.archived_issue)["cause"] == "archived"
    assert not fates.tale.lives(fates.archived_issue) or fates.tale.data(fates.archived_issue)["archived"] is True


def test_an_issue_behind_a_security_level_is_called_hidden_where_nothing_says_that_it_was_deleted(fates: Fates) -> None:
    assert not fates.tale.lives(fates.hidden_issue)
    assert fates.tale.absence(fates.hidden_issue)["cause"] == "hidden"


def test_what_belongs_to_an_issue_goes_with_it(fates: Fates) -> None:
    for issue in (fates.reported_deletion, fates.silent_deletion, fates.hidden_issue):
        assert {fates.tale.feed["comment", comment_id]["op"] for comment_id in fates.comments[issue]} == {"delete"}


def test_nothing_else_went(fates: Fates) -> None:
    assert fates.tale.deletions <= {
        fates.reported_deletion,
        fates.silent_deletion,
        fates.archived_issue,
        fates.hidden_issue,
    }
    live_ids = {
        issue_id for (entity, issue_id), line in fates.tale.feed.items() if entity == "issue" and line["op"] != "delete"
    }
    assert live_ids - {fates.archived_issue} == {issue.id for issue in fates.tale.site.world.searchable()}


def test_what_comes_back_is_back(fates: Fates) -> None:
    tale = fates.tale
    tale.site.mutate("restore_issue", issue=fates.archived_issue)
    tale.site.mutate("reveal_issue", issue=fates.hidden_issue)
    tale.hours_pass(8 * 24)
    tale.do("issue_ids")
    for issue in (fates.archived_issue, fates.hidden_issue):
        wait_for(lambda issue=issue: tale.lives(issue), 30, tale.app.tail)  # type: ignore[misc]  # mypy sees a parameter
        assert tale.data(issue)["archived"] is False
        assert {tale.feed["comment", comment_id]["op"] for comment_id in fates.comments[issue]} == {"upsert"}


def test_a_project_that_may_no_longer_be_browsed_freezes_and_thaws(tell: Callable[..., Tale]) -> None:
    tale = tell("frozen", issues=80, seed=42)
    site = tale.site
    lost_id = str(site.world.project("BORE")["id"])  # type: ignore[index]  # it is there
    members = {issue.id for issue in site.world.searchable([lost_id])}
    assert members
    site.options.webhooks = False
    site.mutate("lose_project", project="BORE")
    tale.do("poll", "recent")
    tale.week_passes()
    wait_for(lambda: lost_id in tale.frozen(), 30, tale.app.tail)
    tale.do("poll")
    wait_for(lambda: tale.app.progress(tale.integration)["state"] == "needs attention", 60, tale.app.tail)
    tale.listen()
    assert tale.deletions == set(), "a lost permission erased issues"
    assert all(tale.lives(issue_id) for issue_id in members)

    changed_id = next(iter(members))
    site.world.lost_projects = frozenset()
    site.mutate("update_issue", issue=changed_id, fields={"summary": "Changed while out of sight"})
    site.world.lost_projects = frozenset({lost_id})
    site.mutate("regain_project")
    tale.hours_pass(8 * 24)
    tale.do("refresh", "poll", "issue_ids", "second_look")
    wait_for(lambda: tale.frozen() == {}, 60, tale.app.tail)
    wait_for(lambda: tale.data(changed_id)["summary"] == "Changed while out of sight", 60, tale.app.tail)
    wait_for(lambda: tale.app.progress(tale.integration)["state"] == "healthy", 60, tale.app.tail)
    tale.listen()
    assert tale.deletions == set()


def test_a_lagging_index_erases_nothing_and_loses_nothing(tell: Callable[..., Tale]) -> None:
    tale = tell("lagging", issues=60, seed=43)
    site = tale.site
    site.options.webhooks = False
    site.options.index_lag_s = 25.0
    new_ids = [site.mutate("create_issue")["id"] for _ in range(10)]
    edited_ids = [site.mutate("update_issue")["issue_id"] for _ in range(10)]
    until = time.monotonic() + 30
    while time.monotonic() < until:
        tale.week_passes()
        tale.do("poll")
    site.options.index_lag_s = 0.0
    wait_for(lambda: site.search_view() is site.world, 60)
    tale.do("poll")
    tale.listen()
    wait_for(lambda: all(("issue", issue_id) in tale.feed or tale.listen() for issue_id in new_ids), 30, tale.app.tail)
    for issue_id in edited_ids:
        issue = site.world.issues[issue_id]
        wait_for(lambda i=issue: tale.data(i.id)["labels"] == i.fields["labels"], 30, tale.app.tail)  # type: ignore[misc]  # mypy sees a parameter
    assert tale.deletions == set(), "a lagging index erased issues"
