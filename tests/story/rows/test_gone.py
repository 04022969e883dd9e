"""“Not returned” has six meanings, and each ends differently: in the right state, with its cause, and never by a guess.

Written from the issue and the contract (§1.9), by somebody else than who wrote the engine. Time is made to
pass by moving what is stored of it back; the sweeps themselves are the running product's.
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
    """A paired site, what SEI has heard of it so far, and its clock."""

    app: RunningApp
    site: Site
    integration: str
    database_url: str
    heard: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    ever_deleted: set[str] = field(default_factory=set)
    """Issues that the feed has ever called deleted."""
    cursor: str | None = None

    def listen(self) -> None:
        """Read the feed to its end."""
        has_more = True
        while has_more:
            asked = {"limit": 5000, **({"cursor": self.cursor} if self.cursor else {})}
            text = self.app.api("GET", f"/integrations/{self.integration}/changes", params=asked).text
            *lines, last = (json.loads(line) for line in text.splitlines())
            for line in lines:
                self.heard[line["entity"], line["id"]] = line
                if line["entity"] == "issue" and line["op"] == "delete":
                    self.ever_deleted.add(line["id"])
            self.cursor, has_more = last["next_cursor"], last["has_more"]

    def lives(self, issue: str) -> bool:
        self.listen()
        return self.heard["issue", issue]["op"] == "upsert"

    def data(self, issue: str) -> dict[str, Any]:
        self.listen()
        found: dict[str, Any] = self.heard["issue", issue]["data"]
        return found

    def absence(self, issue: str) -> dict[str, Any]:
        asked = {"state": "all", "limit": 1000}
        found = self.app.api("GET", f"/integrations/{self.integration}/absences", params=asked).json()["records"]
        return next((each for each in found if each["issue_id"] == issue), {})

    def frozen(self) -> dict[str, str]:
        found: dict[str, str] = self.app.api("GET", f"/integrations/{self.integration}/completeness").json()[
            "frozen_projects"
        ]
        return found

    def do(self, *names: str) -> None:
        """Have duties done, one after the other, and wait for what they ask for."""
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
        """Whether no run of the job is under way."""
        asked = {"job": name, "limit": 1}
        runs = self.app.api("GET", f"/integrations/{self.integration}/activity", params=asked).json()["records"]
        return not runs or runs[0]["finished_at"] is not None

    def hours_pass(self, hours: float = 2) -> None:
        time_travel.age(self.database_url, self.site.client_key, hours)

    def week_passes(self) -> None:
        """All ids are swept once more, and what was not seen is looked for twice, hours apart."""
        self.hours_pass(8 * 24)
        self.do("issue_ids")
        for _ in range(2):
            self.hours_pass(2)
            self.do("second_look")


@pytest.fixture(scope="module")
def tell(app: RunningApp, install_key: SiteKey, story_database_url: str) -> Iterator[Callable[..., Tale]]:
    """Makes paired, verified sites that are served until the module ends."""
    served = []

    def made(name: str, **given: Any) -> Tale:
        site = Site(dataset="seeded", app_url=app.url, key=install_key, **{"issues": 60, "projects": 3, **given})
        served.append(serve(site))
        served[-1].__enter__()
        integration = app.pair(site, name)
        app.wait_until_verified(integration)
        tale = Tale(app, site, integration, story_database_url)
        # The clock's next round gives the site its duties.
        wait_for(
            lambda: (
                set(time_travel.FRESHNESS_JOBS) <= time_travel.last_starts(story_database_url, site.client_key).keys()
            ),
            60,
        )
        tale.listen()
        return tale

    yield made
    for each in reversed(served):
        each.__exit__(None, None, None)


@dataclass
class Fates:
    """A site on which everything has happened that can happen to an issue, most of it without a word."""

    tale: Tale
    told: str
    """Deleted; Jira told of it."""
    untold: str
    """Deleted; the webhook was lost."""
    moved: str
    archived: str
    hidden: str
    comments: dict[str, list[str]]


def some(site: Site, count: int, project: str = "APOL") -> Iterator[str]:
    """Ids of issues with comments, that nothing else refers to by a parent or a sub-task."""
    fitting = [
        each
        for each in site.world.searchable([str(site.world.project(project)["id"])])  # type: ignore[index]  # it is there
        if each.comments and not each.fields["subtasks"] and not each.fields.get("parent")
    ]
    assert len(fitting) >= count
    return iter([each.id for each in fitting[:count]])


@pytest.fixture(scope="module")
def fates(tell: Callable[..., Tale]) -> Fates:
    tale = tell("fates", issues=150, seed=41, options=Options(audit_allowed=True))
    site = tale.site
    chosen = some(site, 5)
    made = Fates(tale, *(next(chosen) for _ in range(5)), comments={})
    for each in (made.told, made.untold, made.archived, made.hidden):
        made.comments[each] = [str(entry["id"]) for entry in site.world.issues[each].comments]
    site.mutate("delete_issue", issue=made.told)
    wait_for(lambda: not tale.lives(made.told), 30, tale.app.tail)
    site.options.webhooks = False
    site.mutate("delete_issue", issue=made.untold)
    site.mutate("move_issue", issue=made.moved, to="BORE")
    site.mutate("archive_issue", issue=made.archived)
    site.mutate("hide_issue", issue=made.hidden)
    tale.do("poll")
    tale.week_passes()
    tale.listen()
    return made


def test_a_deletion_that_jira_tells_of_is_one_at_once(fates: Fates) -> None:
    assert not fates.tale.lives(fates.told)
    assert fates.tale.absence(fates.told)["cause"] == "deleted"


def test_a_deletion_whose_webhook_was_lost_is_found_by_the_sweeps(fates: Fates) -> None:
    assert not fates.tale.lives(fates.untold)
    absence = fates.tale.absence(fates.untold)
    assert (absence["cause"], bool(absence["evidence"])) == ("deleted", True), "the audit log says so"


def test_a_moved_issue_stays_and_has_its_new_key(fates: Fates) -> None:
    issue = fates.tale.site.world.issues[fates.moved]
    wait_for(lambda: fates.tale.data(fates.moved)["key"] == issue.key, 30, fates.tale.app.tail)
    assert fates.tale.data(fates.moved)["project_id"] == issue.project_id
    assert fates.moved not in fates.tale.ever_deleted
    assert fates.tale.absence(fates.moved).get("cause") in {None, "moved"}


def test_an_archived_issue_is_told_from_a_deleted_one(fates: Fates) -> None:
    assert fates.tale.absence(fates.archived)["cause"] == "archived"
    assert not fates.tale.lives(fates.archived) or fates.tale.data(fates.archived)["archived"] is True


def test_an_issue_behind_a_security_level_is_called_hidden_where_nothing_says_that_it_was_deleted(fates: Fates) -> None:
    assert not fates.tale.lives(fates.hidden)
    assert fates.tale.absence(fates.hidden)["cause"] == "hidden"


def test_what_belongs_to_an_issue_goes_with_it(fates: Fates) -> None:
    for issue in (fates.told, fates.untold, fates.hidden):
        assert {fates.tale.heard["comment", each]["op"] for each in fates.comments[issue]} == {"delete"}


def test_nothing_else_went(fates: Fates) -> None:
    assert fates.tale.ever_deleted <= {fates.told, fates.untold, fates.archived, fates.hidden}
    living = {
        known for (entity, known), line in fates.tale.heard.items() if entity == "issue" and line["op"] != "delete"
    }
    assert living - {fates.archived} == {each.id for each in fates.tale.site.world.searchable()}


def test_what_comes_back_is_back(fates: Fates) -> None:
    tale = fates.tale
    tale.site.mutate("restore_issue", issue=fates.archived)
    tale.site.mutate("reveal_issue", issue=fates.hidden)
    tale.hours_pass(8 * 24)
    tale.do("issue_ids")
    for issue in (fates.archived, fates.hidden):
        wait_for(lambda issue=issue: tale.lives(issue), 30, tale.app.tail)  # type: ignore[misc]  # mypy sees a parameter
        assert tale.data(issue)["archived"] is False
        assert {tale.heard["comment", each]["op"] for each in fates.comments[issue]} == {"upsert"}


def test_a_project_that_may_no_longer_be_browsed_freezes_and_thaws(tell: Callable[..., Tale]) -> None:
    tale = tell("frozen", issues=80, seed=42)
    site = tale.site
    lost = str(site.world.project("BORE")["id"])  # type: ignore[index]  # it is there
    members = {each.id for each in site.world.searchable([lost])}
    assert members
    site.options.webhooks = False
    site.mutate("lose_project", project="BORE")
    tale.do("poll", "recent")
    tale.week_passes()
    wait_for(lambda: lost in tale.frozen(), 30, tale.app.tail)
    tale.do("poll")
    wait_for(lambda: tale.app.progress(tale.integration)["state"] == "needs attention", 60, tale.app.tail)
    tale.listen()
    assert tale.ever_deleted == set(), "a lost permission erased something"
    assert all(tale.lives(each) for each in members)

    changed = next(iter(members))
    site.world.lost_projects = frozenset()
    site.mutate("update_issue", issue=changed, fields={"summary": "Changed while out of sight"})
    site.world.lost_projects = frozenset({lost})
    site.mutate("regain_project")
    tale.hours_pass(8 * 24)
    tale.do("refresh", "poll", "issue_ids", "second_look")
    wait_for(lambda: tale.frozen() == {}, 60, tale.app.tail)
    wait_for(lambda: tale.data(changed)["summary"] == "Changed while out of sight", 60, tale.app.tail)
    wait_for(lambda: tale.app.progress(tale.integration)["state"] == "healthy", 60, tale.app.tail)
    tale.listen()
    assert tale.ever_deleted == set()


def test_a_lagging_index_erases_nothing_and_loses_nothing(tell: Callable[..., Tale]) -> None:
    tale = tell("lagging", issues=60, seed=43)
    site = tale.site
    site.options.webhooks = False
    site.options.index_lag_s = 25.0
    made = [site.mutate("create_issue")["id"] for _ in range(10)]
    edited = [site.mutate("update_issue")["issue_id"] for _ in range(10)]
    until = time.monotonic() + 30
    while time.monotonic() < until:
        tale.week_passes()
        tale.do("poll")
    site.options.index_lag_s = 0.0
    wait_for(lambda: site.search_view() is site.world, 60)
    tale.do("poll")
    tale.listen()
    wait_for(lambda: all(("issue", each) in tale.heard or tale.listen() for each in made), 30, tale.app.tail)
    for each in edited:
        issue = site.world.issues[each]
        wait_for(lambda i=issue: tale.data(i.id)["labels"] == i.fields["labels"], 30, tale.app.tail)  # type: ignore[misc]  # mypy sees a parameter
    assert tale.ever_deleted == set(), "an index that lagged erased something"
