"""Effects of each kind of change: names copied to issues, an unchanged `updated`, events in Jira's shapes."""

from __future__ import annotations

import contextlib

import pytest

from sandbox import Site
from sandbox.changes import KINDS
from sandbox.shapes import NotNowError


@pytest.fixture
def small() -> Site:
    return Site(dataset="seeded", seed=5, issues=160, projects=4)


def apply_every_kind(site: Site) -> None:
    """Apply every kind three times, in an order from the seed; skip kinds that are impossible at the time."""
    kinds = sorted(KINDS) * 3
    site.chance.shuffle(kinds)
    for kind in kinds:
        with contextlib.suppress(NotNowError):
            site.mutate(kind)


def test_copies_on_issues_are_what_the_catalogue_says(small: Site) -> None:
    apply_every_kind(small)
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
            target = link.get("inwardIssue") or link["outwardIssue"]
            assert target["key"] == small.world.issues[target["id"]].key
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
    before = {issue.id: issue.updated_ms for issue in small.world.issues.values()}
    small.mutate(kind)
    assert before == {issue.id: issue.updated_ms for issue in small.world.issues.values()}


def test_a_new_project_key_gives_new_keys_and_the_old_ones_go_on_resolving(small: Site) -> None:
    old = {issue.id: issue.key for issue in small.world.searchable(["10000"])}
    small.mutate("rename_project", project="APOL", key="ZEUS")
    for issue_id, key in old.items():
        issue = small.world.issues[issue_id]
        assert issue.key == key.replace("APOL", "ZEUS")
        assert small.world.find(key) is issue
    assert small.world.project("APOL") is small.world.project("ZEUS")


def test_sub_tasks_go_along_with_a_move_and_references_follow(small: Site) -> None:
    parent = next(issue for issue in small.world.searchable() if issue.fields["subtasks"])
    child = small.world.issues[parent.fields["subtasks"][0]["id"]]
    target = next(p for p in small.world.catalogue.projects.values() if p["id"] != parent.project_id)
    move = small.mutate("move_issue", issue=parent.id, to=target["key"])
    moved_child = small.world.issues[child.id]
    assert moved_child.project_id == target["id"]
    assert moved_child.fields["parent"]["key"] == move["key"]
    assert move["events"].count("jira:issue_updated") == 1 + len(parent.fields["subtasks"])


def test_a_deleted_version_leaves_a_history_and_a_merged_one_its_heir(small: Site) -> None:
    holder = next(issue for issue in small.world.searchable() if issue.fields["fixVersions"])
    version_id = holder.fields["fixVersions"][0]["id"]
    project_id = small.world.catalogue.versions[version_id]["projectId"]
    heir = next(
        k
        for k, version in small.world.catalogue.versions.items()
        if version["projectId"] == project_id and k != version_id
    )
    assert small.mutate("merge_version", version=version_id, to=heir)["events"] == ["jira:version_deleted"]
    after = small.world.issues[holder.id]
    assert [fixVersion["id"] for fixVersion in after.fields["fixVersions"]] == [heir]
    assert after.updated_ms > holder.updated_ms
    assert len(after.histories) == len(holder.histories) + 1


def test_issues_of_an_archived_or_trashed_project_leave_the_search_and_come_back(small: Site) -> None:
    members = {issue.id for issue in small.world.searchable(["10000"])}
    for kind, back in (("archive_project", "restore_project"), ("trash_project", "untrash_project")):
        small.mutate(kind, project="APOL")
        assert not list(small.world.searchable(["10000"]))
        small.mutate(back, project="APOL")
        assert {issue.id for issue in small.world.searchable(["10000"])} == members


def test_a_deleted_project_takes_everything_along(small: Site) -> None:
    small.mutate("delete_project", project="APOL")
    catalogue = small.world.catalogue
    assert "10000" not in catalogue.projects
    assert not [issue for issue in small.world.issues.values() if issue.project_id == "10000"]
    assert not [version for version in catalogue.versions.values() if version["projectId"] == 10_000]
    assert not [board for board in catalogue.boards.values() if board.json["location"]["projectId"] == 10_000]


def test_attachments_come_with_both_signals_and_the_event_names_no_issue(small: Site) -> None:
    events = []
    small.webhooks.send = lambda name, body, *_, **__: events.append((name, body)) or []  # type: ignore[method-assign, func-returns-value]
    change = small.mutate("add_attachment", issue="APOL-1", filename="a.txt")
    assert change["events"] == ["attachment_created", "jira:issue_updated"]
    assert set(events[0][1]) == {"attachment"}
    assert small.mutate("delete_attachment", issue="APOL-1", attachment=change["id"])["id"] == change["id"]


def test_an_issue_taken_out_of_its_sprint_is_known_by_its_changelog_only(small: Site) -> None:
    plan = small.mutate("plan_issue")
    small.mutate("unplan_issue", issue=plan["issue_id"])
    issue = small.world.issues[plan["issue_id"]]
    assert all(sprint["state"] == "closed" for sprint in issue.fields["customfield_10020"] or ())
    last = issue.histories[-1]["items"][0]
    assert last["field"] == "Sprint"
    assert plan["sprint_id"] in last["from"].split(", ")
    assert plan["sprint_id"] not in (last["to"] or "").split(", ")
