"""Changes keep the world consistent, and datasets have the promised contents."""

from __future__ import annotations

import csv
import itertools
import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sandbox import Site
from sandbox.changes import KINDS
from sandbox.datasets import DEFAULT_RECORDINGS
from sandbox.moments import parse_ms

if TYPE_CHECKING:
    from tests.sandbox.app_client import AppClient


def expected(name: str) -> list[dict[str, str]]:
    with (DEFAULT_RECORDINGS / "expected" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line.replace("\0", "") for line in file))


INVERSE_KINDS = {
    "restore_issue": "archive_issue",
    "reveal_issue": "hide_issue",
    "restore_project": "archive_project",
    "untrash_project": "trash_project",
}
"""Kinds with a precondition, each with the kind that establishes it."""


@pytest.fixture
def small() -> Site:
    return Site(dataset="seeded", seed=5, issues=120, projects=4)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_works_unasked(small: Site, kind: str) -> None:
    if kind in INVERSE_KINDS:
        small.mutate(INVERSE_KINDS[kind])
    before = small.world.revision
    assert small.mutate(kind)["kind"] == kind
    assert small.world.revision > before


def test_histories_end_in_the_present_status(small: Site) -> None:
    for _ in range(60):
        small.mutate("random")
    for issue in small.world.issues.values():
        moves = [item for history in issue.histories for item in history["items"] if item["field"] == "status"]
        for before, after in itertools.pairwise(moves):
            assert before["to"] == after["from"]
        if moves:
            assert moves[-1]["to"] == issue.fields["status"]["id"]
        moments = [parse_ms(history["created"]) for history in issue.histories]
        assert moments == sorted(moments)
        assert not moments or issue.updated_ms >= moments[-1]


def test_ids_never_collide(small: Site) -> None:
    for _ in range(60):
        small.mutate("random")
    for name in ("histories", "comments", "worklogs", "remote_links"):
        id_counts = Counter(entry["id"] for issue in small.world.issues.values() for entry in getattr(issue, name))
        assert max(id_counts.values(), default=1) == 1


def test_same_seed_same_site() -> None:
    first, second = (Site(dataset="seeded", seed=9, issues=60) for _ in range(2))
    assert json.dumps(first.truth(), sort_keys=True) == json.dumps(second.truth(), sort_keys=True)
    assert first.truth() != Site(dataset="seeded", seed=8, issues=60).truth()


def test_every_user_is_on_some_issue(small: Site) -> None:
    assert small.counts()["user"] == len(small.world.catalogue.users)


def test_gone_has_many_meanings(client: AppClient, site: Site) -> None:
    jql = "/rest/api/3/search/jql"

    def is_found(key: str) -> bool:
        return bool(client.get(jql, jql=f"key = {key}").json().get("issues"))

    def get(key: str) -> int:
        return client.get(f"/rest/api/3/issue/{key}").status_code

    site.mutate("archive_issue", issue="APOL-1")
    assert (is_found("APOL-1"), get("APOL-1")) == (False, 200)
    assert "archiveddate" in client.get("/rest/api/3/issue/APOL-1").json()["fields"]
    site.mutate("hide_issue", issue="APOL-2")
    assert (is_found("APOL-2"), get("APOL-2")) == (False, 404)
    site.mutate("delete_issue", issue="APOL-3")
    assert (is_found("APOL-3"), get("APOL-3")) == (False, 404)
    move = site.mutate("move_issue", issue="APOL-4", to="CITA")
    assert client.get("/rest/api/3/issue/APOL-4").json()["key"] == move["key"]
    site.mutate("lose_project", project="BORE")
    assert client.get(jql, jql="project = BORE").json() == {"issues": [], "isLast": True}
    assert client.get("/rest/api/3/project/BORE").status_code == 404
    assert {"archived", "hidden", "lost_projects"} <= set(site.truth())


def test_deleting_removes_links_from_the_other_side(small: Site) -> None:
    link = small.mutate("link_issues", issue="APOL-1", target="APOL-2")
    small.mutate("delete_issue", issue="APOL-1")
    assert link["id"] not in small.truth()["entities"]["issue_link"]["ids"]


def test_closing_a_sprint_does_not_touch_updated(small: Site) -> None:
    before = {issue.id: issue.updated_ms for issue in small.world.issues.values()}
    small.mutate("close_sprint")
    assert before == {issue.id: issue.updated_ms for issue in small.world.issues.values()}


@pytest.mark.usefixtures("recordings")
def test_acme_holds_what_is_expected() -> None:
    site = Site(dataset="recordings")
    truth, world = site.truth(), site.world
    for row in expected("issues.csv"):
        facts = truth["issues"][row["issue_id"]]
        assert facts["key"] == row["issue_key"]
        assert parse_ms(facts["updated"]) == parse_ms(row["updated"])
        assert str(facts["changelogs"]) == row["changelog_total"]
        assert str(facts["comments"]) == row["comment_total"]
    assert truth["entities"]["issue"]["count"] == 102
    worklogs = {
        entry["id"]: (issue.id, entry["timeSpentSeconds"])
        for issue in world.issues.values()
        for entry in issue.worklogs
    }
    assert worklogs == {
        row["worklog_id"]: (row["issue_id"], int(row["time_spent_seconds"])) for row in expected("worklogs.csv")
    }
    links = {(str(entry["id"]), issue.id) for issue in world.issues.values() for entry in issue.remote_links}
    assert links == {(row["remote_link_id"], row["issue_id"]) for row in expected("remote_links.csv")}
    items = {
        (h["id"], issue.id, item["field"])
        for issue in world.issues.values()
        for h in issue.histories
        for item in h["items"]
    }
    for name in ("changelog_items.issues.csv", "changelog_items.changelog_endpoint.csv"):
        assert {(row["changelog_id"], row["issue_id"], row["field"]) for row in expected(name)} <= items
    assert {row["sprint_id"] for row in expected("sprints.csv")} <= set(truth["entities"]["sprint"]["ids"])
    assert {row["account_id"] for row in expected("users.csv")} <= set(truth["entities"]["user"]["ids"])
    assert {row["project_id"] for row in expected("projects.csv")} <= set(truth["entities"]["project"]["ids"])
    assert {row["status_id"] for row in expected("statuses.csv")} <= set(truth["entities"]["status"]["ids"])
    assert "\0" in world.find("EE-4").fields["summary"]


def test_acme_boards(acme: AppClient) -> None:
    issues = acme.get("/rest/agile/1.0/board/8/issue", maxResults=100, fields="summary").json()["issues"]
    assert {issue["id"] for issue in issues} == {row["issue_id"] for row in expected("board_issues.csv")}
    assert len(acme.get("/rest/agile/1.0/board/8/sprint").json()["values"]) == 30
    inline = acme.get("/rest/api/3/search/jql", jql="id = 13383", expand="changelog", fields="summary").json()[
        "issues"
    ][0]["changelog"]
    assert (len(inline["histories"]), inline["total"]) == (40, 100)


@pytest.mark.usefixtures("recordings")
def test_data_center_links() -> None:
    site = Site(dataset="recordings-dc")
    links = {
        (issue.id, link["type"]["name"]) for issue in site.world.issues.values() for link in issue.fields["issuelinks"]
    }
    assert links == {(row["issue_id"], row["type_name"]) for row in expected("issue_links.dc.csv")}
    assert site.counts()["issue"] == 22
