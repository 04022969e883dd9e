"""Misses on the recorded Cloud site equal those computed from Jira's raw payloads, which know nothing of our tables."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from app import clock
from app.ingest.status import hygiene
from app.integrations.settings import IntegrationSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.ingest.conftest import Town

    IsMiss = Callable[[dict[str, Any]], bool]

IDLE_SINCE, STARTED_BEFORE = date(2022, 1, 1), date(2020, 6, 15)
BLANK: tuple[object, ...] = (None, "", [])


def days_since(day: date) -> int:
    return (clock.now().date() - day).days


def day_of(text: str | None) -> date:
    """The calendar day of a recorded date; the last of all for none."""
    return date.fromisoformat(text[:10]) if text else date.max


def criteria() -> list[tuple[dict[str, Any], IsMiss]]:
    """Criteria, each with its meaning on the `fields` of a raw issue."""
    return [
        ({"name": "No assignee", "field": "assignee_id", "operator": "missing"}, lambda raw: not raw["assignee"]),
        ({"name": "No due date", "field": "due", "operator": "missing"}, lambda raw: not raw["duedate"]),
        (
            {"name": "Idle", "field": "updated", "operator": "older_than", "value": days_since(IDLE_SINCE)},
            lambda raw: datetime.fromisoformat(raw["updated"]).date() < IDLE_SINCE,
        ),
        (
            {"name": "Poor title", "field": "summary", "operator": "length_below", "value": 8},
            lambda raw: len(raw["summary"].replace("\x00", "")) < 8,
        ),
        (
            {"name": "Poor description", "field": "description", "operator": "length_below", "value": 20},
            lambda raw: len(raw["description"] or "") < 20,
        ),
        (
            {"name": "No points", "field": "story_points", "operator": "missing"},
            lambda raw: raw.get("customfield_10024") is None,
        ),
        (
            {"name": "Odd points", "field": "story_points", "operator": "not_in_list", "value": [1, 2, 3, 5, 8]},
            lambda raw: (
                raw.get("customfield_10024") is not None and float(raw["customfield_10024"]) not in {1, 2, 3, 5, 8}
            ),
        ),
        (
            {"name": "No sprint", "field": "sprint_ids", "operator": "empty"},
            lambda raw: raw.get("customfield_10020") in BLANK,
        ),
        ({"name": "No components", "field": "components", "operator": "missing"}, lambda raw: not raw["components"]),
        ({"name": "No labels", "field": "labels", "operator": "missing"}, lambda raw: not raw["labels"]),
        (
            {"name": "Odd labels", "field": "labels", "operator": "not_in_list", "value": ["backend", "ops"]},
            lambda raw: bool(raw["labels"]) and not {*raw["labels"]} & {"backend", "ops"},
        ),
        (
            {"name": "Odd type", "field": "issuetype", "operator": "not_in_list", "value": ["Story", "Epic"]},
            lambda raw: raw["issuetype"]["name"] not in {"Story", "Epic"},
        ),
    ]


def custom_criteria() -> list[tuple[dict[str, Any], IsMiss]]:
    """The same on fields that have no column."""
    return [
        (
            {"name": "No colour", "field": "customfield_10017", "operator": "missing"},
            lambda raw: raw.get("customfield_10017") in BLANK,
        ),
        (
            {
                "name": "Started long ago",
                "field": "customfield_10015",
                "operator": "older_than",
                "value": days_since(STARTED_BEFORE),
            },
            lambda raw: day_of(raw.get("customfield_10015")) < STARTED_BEFORE,
        ),
        (
            {"name": "Short epic name", "field": "customfield_10011", "operator": "length_below", "value": 8},
            lambda raw: len(raw.get("customfield_10011") or "") < 8,
        ),
        (
            {"name": "Odd epic", "field": "customfield_10012", "operator": "not_in_list", "value": ["Done"]},
            lambda raw: (raw.get("customfield_10012") or {"value": "Done"})["value"] != "Done",
        ),
    ]


@pytest.fixture
def open_issues(recordings: Path) -> dict[str, dict[str, Any]]:
    """The fields of the recorded issues that aren't done, by id."""
    paths = [recordings / "cloud/rest/agile/1.0/board" / board / "issue.json" for board in ("8", "93")]
    issues = [issue for path in paths for issue in json.loads(path.read_text("utf-8"))["issues"]]
    return {
        issue["id"]: issue["fields"] for issue in issues if issue["fields"]["status"]["statusCategory"]["key"] != "done"
    }


@pytest.mark.parametrize("pairs", [criteria(), custom_criteria()], ids=["columns", "custom fields"])
def test_misses_are_those_of_the_raw_payloads(
    a_town: Callable[..., Town], open_issues: dict[str, dict[str, Any]], pairs: list[tuple[dict[str, Any], IsMiss]]
) -> None:
    town = a_town(dataset="recordings")
    raw_misses = {
        values["name"]: {issue_id for issue_id, raw in open_issues.items() if is_miss(raw)} for values, is_miss in pairs
    }
    assert len(open_issues) == 8
    for start in range(0, len(pairs), 10):
        settings = IntegrationSettings.model_validate({"hygiene": [values for values, _ in pairs[start : start + 10]]})
        integration = replace(town.integration(), settings=settings.model_dump(mode="json"))
        with town.parts.store.bound_to(town.tenant_id) as session:
            stored_hygiene = hygiene.hygiene_of(session, integration)
            ids = {
                criterion.name: {
                    miss.id for miss in hygiene.misses_of(session, integration, criterion, after="", limit=1000)
                }
                for criterion in settings.hygiene
            }
        assert stored_hygiene.issues == len(open_issues)
        assert [result.skip_reason for result in stored_hygiene.results] == [None] * len(settings.hygiene)
        assert ids == {name: raw_misses[name] for name in ids}
        assert {result.criterion.name: result.misses for result in stored_hygiene.results} == {
            name: len(raw_misses[name]) for name in ids
        }
    sizes = {len(issue_ids) for issue_ids in raw_misses.values()}
    assert sizes - {0, 8}, "criteria that none or all issues miss would prove little"
