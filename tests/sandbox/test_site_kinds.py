"""What each kind of change leaves behind: names that issues copy, `updated` that stays, events in Jira's shapes."""

from __future__ import annotations

import contextlib

import pytest

from sandbox import Site
from sandbox.changes import KINDS
from sandbox.shapes import NotNowError


@pytest.fixture
def small() -> Site:
    return Site(dataset="seeded", seed=5, issues=160, projects=4)


def everyday_and_not(site: Site) -> None:
    """Every kind, three times over, in an order that the seed decides; what cannot be done now is left."""
    kinds = sorted(KINDS) * 3
    site.chance.shuffle(kinds)
    for kind in kinds:
        with contextlib.suppress(NotNowError):
            site.mutate(kind)


def test_copies_on_issues_are_what_the_catalogue_says(small: Site) -> None:
    everyday_and_not(small)
    catalogue = small.world.catalogue
    for issue in small.world.issues.values():
        fields = issue.fields
        assert fields["status"] == catalogue.statuses[fields["status"]["id"]]
        assert fields["issuetype"] == catalogue.issue_types[fields["issuetype"]["id"]]
        assert fields["priority"] == catalogue.priorities[fields["priority"]["id"]]
        project = catalogue.projects[issue.project_id]
        assert (fields["project"]["key"], fields["project"]["name"]) == (project["key"], project["name"])
        assert issue.key.startswith(project["key"] + "-")
        for role in ("reporter", "creator", "assignee"):
            assert not fields[role] or fields[role] == catalogue.users[fields[role]["accountId"]]
        for name in ("histories", "comments", "worklogs"):
            for entry in getattr(issue, name):
                assert entry["author"] == catalogue.users[entry["author"]["accountId"]]
        for version in (*fields["fixVersions"], *fields["versions"]):
            assert version["name"] == catalogue.versions[version["id"]]["name"]
        for component in fields["components"]:
            assert component["name"] == catalogue.components[component["id"]]["name"]
        for sprint in fields["customfield_10020"] or ():
            assert sprint["state"] == catalogue.sprints[sprint["id"]]["state"]
        for link in fields["issuelinks"]:
            other = link.get("inwardIssue") or link["outwardIssue"]
            assert other["key"] == small.world.issues[other["id"]].key
        if fields.get("parent"):
            assert fields["parent"]["key"] == small.world.issues[fields["parent"]["id"]].key


@pytest.mark.parametrize(
    "kind",
    [
        "rename_status",
        "recategorize_status",
        "rename_field",
        "rename_issue_type",
        "rename_priority",
        "rename_resolution",
        "rename_link_type",
        "rename_user",
        "deactivate_user",
        "delete_user",
        "rename_project",
        "rename_sprint",
        "start_sprint",
        "close_sprint",
        "rename_version",
        "release_version",
        "rename_component",
        "rename_board",
        "configure_board",
    ],
)
def test_a_new_name_touches_no_issue(small: Site, kind: str) -> None:
    before = {each.id: each.updated_ms for each in small.world.issues.values()}
    small.mutate(kind)
    assert before == {each.id: each.updated_ms for each in small.world.issues.values()}


def test_a_new_project_key_gives_new_keys_and_the_old_ones_go_on_resolving(small: Site) -> None:
    old = {each.id: each.key for each in small.world.searchable(["10000"])}
    small.mutate("rename_project", project="APOL", key="ZEUS")
    for known, key in old.items():
        issue = small.world.issues[known]
        assert issue.key == key.replace("APOL", "ZEUS")
        assert small.world.find(key) is issue
    assert small.world.project("APOL") is small.world.project("ZEUS")


def test_sub_tasks_go_along_with_a_move_and_references_follow(small: Site) -> None:
    parent = next(each for each in small.world.searchable() if each.fields["subtasks"])
    child = small.world.issues[parent.fields["subtasks"][0]["id"]]
    target = next(p for p in small.world.catalogue.projects.values() if p["id"] != parent.project_id)
    made = small.mutate("move_issue", issue=parent.id, to=target["key"])
    moved = small.world.issues[child.id]
    assert moved.project_id == target["id"]
    assert moved.fields["parent"]["key"] == made["key"]
    assert made["events"].count("jira:issue_updated") == 1 + len(parent.fields["subtasks"])


def test_a_deleted_version_leaves_a_history_and_a_merged_one_its_heir(small: Site) -> None:
    holder = next(each for each in small.world.searchable() if each.fields["fixVersions"])
    gone = holder.fields["fixVersions"][0]["id"]
    project_id = small.world.catalogue.versions[gone]["projectId"]
    heir = next(
        k for k, each in small.world.catalogue.versions.items() if each["projectId"] == project_id and k != gone
    )
    assert small.mutate("merge_version", version=gone, to=heir)["events"] == ["jira:version_deleted"]
    after = small.world.issues[holder.id]
    assert [each["id"] for each in after.fields["fixVersions"]] == [heir]
    assert after.updated_ms > holder.updated_ms
    assert len(after.histories) == len(holder.histories) + 1


def test_issues_of_an_archived_or_trashed_project_leave_the_search_and_come_back(small: Site) -> None:
    members = {each.id for each in small.world.searchable(["10000"])}
    for there, back in (("archive_project", "restore_project"), ("trash_project", "untrash_project")):
        small.mutate(there, project="APOL")
        assert not list(small.world.searchable(["10000"]))
        small.mutate(back, project="APOL")
        assert {each.id for each in small.world.searchable(["10000"])} == members


def test_a_deleted_project_takes_everything_along(small: Site) -> None:
    small.mutate("delete_project", project="APOL")
    catalogue = small.world.catalogue
    assert "10000" not in catalogue.projects
    assert not [each for each in small.world.issues.values() if each.project_id == "10000"]
    assert not [each for each in catalogue.versions.values() if each["projectId"] == 10_000]
    assert not [each for each in catalogue.boards.values() if each.json["location"]["projectId"] == 10_000]


def test_attachments_come_with_both_signals_and_the_event_names_no_issue(small: Site) -> None:
    desk_events = []
    small.webhooks.send = lambda name, body, *_, **__: desk_events.append((name, body)) or []  # type: ignore[method-assign, func-returns-value]
    made = small.mutate("add_attachment", issue="APOL-1", filename="a.txt")
    assert made["events"] == ["attachment_created", "jira:issue_updated"]
    assert set(desk_events[0][1]) == {"attachment"}
    assert small.mutate("delete_attachment", issue="APOL-1", attachment=made["id"])["id"] == made["id"]


def test_an_issue_taken_out_of_its_sprint_is_known_by_its_changelog_only(small: Site) -> None:
    planned = small.mutate("plan_issue")
    small.mutate("unplan_issue", issue=planned["issue_id"])
    issue = small.world.issues[planned["issue_id"]]
    assert all(each["state"] == "closed" for each in issue.fields["customfield_10020"] or ())
    last = issue.histories[-1]["items"][0]
    assert last["field"] == "Sprint"
    assert planned["sprint_id"] in last["from"].split(", ")
    assert planned["sprint_id"] not in (last["to"] or "").split(", ")
