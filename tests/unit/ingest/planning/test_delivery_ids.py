"""Ids in delivery bodies, in every captured shape; no other content is taken from a body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from app.ingest.planning.delivery_ids import happened_at, hints_of
from app.ingest.planning.events import IGNORED

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import FrozenClock

LINK = {
    "id": 10150,
    "sourceIssueId": 10036,
    "destinationIssueId": 10000,
    "issueLinkType": {"id": 10000, "name": "Blocks"},
}
SPRINT = {"id": 34, "self": "https://x/rest/agile/1.0/sprint/34", "state": "active", "originBoardId": 2}
VERSION = {"id": "10007", "name": "1.0", "archived": False, "released": False, "projectId": 10003}


@pytest.mark.parametrize(
    ("event", "body", "hints"),
    [
        ("jira:issue_updated", {"issue": {"id": "10001", "key": "EE-1"}}, {"issues": ["10001"]}),
        ("jira:issue_deleted", {"issue": {"id": 10001}}, {"issues": ["10001"]}),
        ("comment_created", {"comment": {"id": "7"}, "issue": {"id": "10002"}}, {"issues": ["10002"]}),
        (
            "comment_updated",
            {"comment": {"id": "7", "self": "http://jira.example/rest/api/2/issue/10005/comment/7"}},
            {"issues": ["10005"]},
        ),
        ("comment_deleted", {"comment": {"id": "7"}}, {"issues": [], "comment": ["7"]}),
        ("worklog_created", {"worklog": {"id": "9", "issueId": "10004"}}, {"issues": ["10004"]}),
        ("worklog_deleted", {"worklog": {"id": "9"}}, {"issues": [], "worklog": ["9"]}),
        ("attachment_created", {"attachment": {"id": "5"}}, {"issues": [], "attachment": ["5"]}),
        ("attachment_created", {"attachment": {"id": "5"}, "issue": {"id": "10001"}}, {"issues": ["10001"]}),
        ("issuelink_created", {"issueLink": LINK}, {"issues": ["10000", "10036"]}),
        ("sprint_updated", {"sprint": SPRINT, "oldValue": {"state": "future"}}, {"issues": [], "sprint": ["34"]}),
        ("board_created", {"board": {"id": 2, "name": "EE"}}, {"issues": [], "board": ["2"]}),
        ("board_configuration_changed", {"board": {"id": 2}}, {"issues": [], "board_configuration": ["2"]}),
        ("project_archived", {"project": {"id": 10003, "key": "EE"}}, {"issues": [], "project": ["10003"]}),
        ("jira:version_released", {"version": VERSION}, {"issues": [], "version": ["10003"]}),
        (
            "jira:version_deleted",
            {"version": VERSION, "mergedTo": {"id": "10008", "projectId": 10004}},
            {"issues": [], "version": ["10003", "10004"]},
        ),
        ("jira:version_merged", {"version": VERSION}, {"issues": [], "version": ["10003"]}),
        ("issuetype_updated", {"issueType": {"id": "10001"}}, {"issues": [], "issue_type": []}),
        ("user_updated", {"user": {"accountId": "557058:4a1b"}}, {"issues": [], "user": ["557058:4a1b"]}),
        ("user_deleted", {"user": {"key": "JIRAUSER10100", "name": "ana"}}, {"issues": [], "user": ["JIRAUSER10100"]}),
        ("app_access_to_objects_blocked", {"anything": 1}, {"issues": [], "access": True}),
        (
            "jira:issue_updated",
            {"issue": {"id": "1"}, "changelog": {"items": [{"field": "security", "from": None, "to": "10001"}]}},
            {"issues": ["1"], "security": True},
        ),
        (
            "jira:issue_updated",
            {"issue": {"id": "1"}, "changelog": {"items": [{"field": "project", "from": "10000", "to": "10001"}]}},
            {"issues": ["1"], "moved_to": "10001"},
        ),
        ("jira:issue_created", None, {"issues": []}),
        ("sprint_started", {"sprint": {"id": {"id": 1}}}, {"issues": []}),
        ("sprint_started", {"sprint": {"id": True}}, {"issues": []}),
        ("user_updated", {"user": {"accountId": "a b"}}, {"issues": []}),
    ],
    ids=str,
)
def test_captured_shapes(event: str, body: Any, hints: dict[str, Any]) -> None:
    assert hints_of(event, body) == hints


@pytest.mark.parametrize("event", sorted(IGNORED))
def test_events_that_are_let_pass_name_nothing(event: str) -> None:
    assert hints_of(event, {"filter": {"id": 7}, "user": {"accountId": "a"}}) == {"issues": []}


def test_every_recorded_body_about_an_issue_names_it_and_no_person(recordings: Path) -> None:
    for path in sorted((recordings / "webhooks").glob("*.json")):
        body = json.loads(path.read_text())
        hints = hints_of(body.get("webhookEvent") or "jira:issue_updated", body)
        assert hints["issues"], path.name
        assert set(hints) <= {"issues", "security", "moved_to"}


def test_when_it_happened_is_believed_within_reason(frozen_clock: FrozenClock) -> None:
    now = int(frozen_clock.at.timestamp() * 1000)
    assert happened_at({"timestamp": now - 31_000}) is not None
    for stamp in (None, "x", True, -1, 0, now + 3_600_000, now - 30 * 86_400_000, 2**60):
        assert happened_at({"timestamp": stamp}) is None
