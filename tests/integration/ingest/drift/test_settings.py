"""Changed settings: the plan that is shown, the requests that follow, and tables as a fresh backfill leaves them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from app import actions
from app.actions import Changes
from app.catalog.registry import all_entities, entity
from app.errors import Conflicting
from app.ingest.drift import apply_settings, plan_change
from app.ingest.planning import applied, field_policy
from app.ingest.proof import verification
from app.ingest.writing.exclusions import remove_excluded
from app.ingest.writing.page import parse_page, write_page
from app.integrations import ledger
from app.integrations.model import State
from app.integrations.settings import IntegrationSettings
from app.sources.answers import QueryCheck
from app.sources.cloud.source import CloudSource
from app.store.tables import OUT_OF_SCOPE, table_of
from app.web.words.sentences import english

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.ingest.drift import ChangePlan
    from app.sources import Scope
    from tests.integration.ingest.conftest import Town

COLUMNS_OF_OURS = {"tenant_id", "read_at", "version", "deleted_at", "deleted_because", "is_stub"}
BUGS, STORIES = "issuetype = Bug", "issuetype = Story"
POINTS, ESTIMATE, SPRINT, START = (f"customfield_{number}" for number in (10024, 10030, 10020, 10015))
FIRST = "10000"
TEXTS = ["summary", "description"]


def store_settings(town: Town, **settings: Any) -> None:
    with town.parts.store.unrestricted_unsafe() as session:
        actions.change_settings(session, town.integration_id, Changes(settings=IntegrationSettings(**settings)))


def change(town: Town, **settings: Any) -> None:
    """Store settings and do the work that follows."""
    store_settings(town, **settings)
    settle(town)


def settle(town: Town) -> None:
    """Do the jobs that changed settings enqueue, and those that follow from them."""
    town.walk()
    remove_excluded(town.parts.store, town.tenant_id)
    result = apply_settings(town.parts.store, town.jira, town.tenant_id)
    town.drain()
    if result is not None and any(result.params.values()):
        verification.verify(town.parts.store, town.jira, town.tenant_id)
        town.drain()


def content(town: Town) -> dict[str, dict[str, tuple[object, ...]]]:
    """Live rows of all entities, stubs aside, which only other rows bring."""
    rows: dict[str, dict[str, tuple[object, ...]]] = {}
    for name, of in all_entities().items():
        table = table_of(of)
        names = [column.name for column in table.columns if column.name not in COLUMNS_OF_OURS]
        is_live = table.c.deleted_at.is_(None)
        if "is_stub" in table.c:
            is_live &= table.c.is_stub.is_(False)
        with town.parts.store.bound_to(town.tenant_id) as session:
            result = session.execute(select(*(table.c[column] for column in names)).where(is_live)).all()
        rows[name] = {row.id: tuple(str(value).replace(town.site.base_url, "SITE") for value in row) for row in result}
    return rows


def a_site(a_town: Callable[..., Town], settings: dict[str, Any]) -> Town:
    """A site with dates and estimates in custom fields, read for the first time under the settings."""
    town = a_town(reads=False, issues=300, projects=2)
    for number, issue in enumerate(sorted(town.site.world.searchable(), key=lambda issue: int(issue.id))):
        if number % 3 == 0:
            issue.fields[START] = f"2025-03-{number % 28 + 1:02}"
        if number % 4 == 0:
            issue.fields[ESTIMATE] = float(number % 8)
    with town.parts.store.unrestricted_unsafe() as session:
        values = {"settings": IntegrationSettings(**settings).model_dump(mode="json")}
        ledger.change(session, town.integration_id, values)
    town.backfill()
    town.drain()
    return town


def differing(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """The rows in which two contents differ, people aside, since their rows are of the site."""
    return [
        f"{name} {row_id}"
        for name in first
        if name != "user"
        for row_id in sorted(first[name].keys() | second[name].keys())
        if first[name].get(row_id) != second[name].get(row_id)
    ]


def plan_of(town: Town, settings: dict[str, Any]) -> ChangePlan:
    return plan_change(town.parts.store, town.jira, town.integration(), IntegrationSettings(**settings))


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one project": ({}, {"projects": [FIRST]}),
    "all projects again": ({"projects": [FIRST]}, {}),
    "another project": ({"projects": [FIRST]}, {"projects": ["10001"]}),
    "a query": ({}, {"jql": BUGS}),
    "another query": ({"jql": BUGS}, {"jql": f"{STORIES} ORDER BY created"}),
    "no query any more": ({"jql": BUGS}, {}),
    "a first day": ({}, {"backfill_from": "MIDDLE"}),
    "texts excluded": ({}, {"excluded_fields": TEXTS}),
    "texts included again": ({"excluded_fields": TEXTS}, {}),
    "a mapped field excluded": ({}, {"excluded_fields": [POINTS]}),
    "a field included again": ({"excluded_fields": [START]}, {}),
    "few custom fields": ({}, {"custom_fields": [SPRINT]}),
    "one custom field more": ({"custom_fields": [SPRINT]}, {"custom_fields": [SPRINT, START]}),
    "all custom fields again": ({"custom_fields": [SPRINT]}, {}),
    "other points": ({}, {"field_mapping": {"story_points": [ESTIMATE]}}),
    "a mapped due date": ({}, {"field_mapping": {"due_date": START}}),
    "Jira's due date again": ({"field_mapping": {"due_date": START}}, {}),
    "a mapped field that isn't stored": (
        {"custom_fields": [SPRINT]},
        {"custom_fields": [SPRINT], "field_mapping": {"story_points": [ESTIMATE]}},
    ),
    "a time zone": ({}, {"time_zone": "Asia/Kolkata"}),
    "a criterion": ({}, {"hygiene": [{"name": "No due date", "field": "due", "operator": "missing"}]}),
}
NOTHING_IS_READ = {
    *("one project", "texts excluded", "a mapped field excluded", "few custom fields", "other points"),
    *("a time zone", "a criterion"),
}


LISTS = ("changelog", "comment", "worklog", "remotelink")


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_costs_its_own_work_and_ends_as_a_fresh_backfill(a_town: Callable[..., Town], name: str) -> None:
    before, after = CHANGES[name]
    town = a_site(a_town, before)
    if after.get("backfill_from"):
        days = sorted(row[0] for row in town.rows("issue", "updated", "id").values())
        after = {"backfill_from": days[len(days) // 2].date()}
    stored_before, plan = len(content(town)["issue"]), plan_of(town, after)
    town.site.traffic.reset()

    change(town, **after)

    requests = Counter(town.site.traffic.by_template)
    assert differing(content(town), content(a_site(a_town, after))) == []
    assert len(content(town)["issue"]) == stored_before - plan.leave + plan.backfill
    assert town.integration().state_reason is None
    if name in NOTHING_IS_READ:
        assert plan.re_read == plan.backfill == plan.lists == 0
    # The lists of issues that were never read are a guess by the others.
    lists = sum(requests[f"GET /rest/api/3/issue/{{key}}/{name}"] for name in LISTS) if plan.lists else 0
    assert plan.requests - plan.lists == pytest.approx(requests.total() - lists, rel=0.05, abs=2)


def test_an_issue_leaves_and_enters_by_its_own_changes(a_town: Callable[..., Town]) -> None:
    town = a_town()
    change(town, jql="labels = wanted")
    assert town.live("issue") == set()
    issue_id = min(issue.id for issue in town.site.world.searchable())
    town.site.mutate("update_issue", issue=issue_id, fields={"labels": ["wanted"]})
    town.catch_up()
    assert {*content(town)["issue"]} == {issue_id}
    town.site.mutate("update_issue", issue=issue_id, fields={"labels": []})
    town.catch_up()
    assert town.rows("issue")[issue_id] == OUT_OF_SCOPE


def test_a_query_that_jira_refuses_removes_nothing_and_is_told(a_town: Callable[..., Town]) -> None:
    town = a_town()
    stored_ids = town.live("issue")
    change(town, jql="nosuchfield = 1")
    assert town.live("issue") == stored_ids
    town.site.mutate("update_issue", issue=min(stored_ids))
    town.catch_up()
    assert town.live("issue") == stored_ids
    integration = town.integration()
    assert integration.state_reason is not None
    change(town)
    town.refresh()
    assert town.differences() == []
    assert town.integration().state_reason is None


def test_settings_that_are_changed_in_a_pause_hold_after_it(a_town: Callable[..., Town]) -> None:
    town = a_town()
    with town.parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, town.integration_id, State.PAUSED)
    store_settings(town, projects=[FIRST])
    assert apply_settings(town.parts.store, town.jira, town.tenant_id) is None
    with town.parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, town.integration_id, State.HEALTHY)
    settle(town)
    project_ids = town.rows("issue", "project_id")
    assert {project_ids[issue_id] for issue_id in content(town)["issue"]} == {FIRST}


def test_a_project_that_was_chosen_by_its_key_stays_chosen_under_another(a_town: Callable[..., Town]) -> None:
    town = a_town()
    key = town.rows("project", "key")[FIRST]
    change(town, projects=[key])
    assert town.integration().settings["projects"] == [FIRST]


def test_a_page_of_older_settings_is_read_again(a_town: Callable[..., Town]) -> None:
    """A worker holds its field policy for a while: rows that it writes after a change don't stay."""
    town = a_town()
    with town.parts.store.bound_to(town.tenant_id) as session:
        old_policy = field_policy.load(session, town.integration())
    change(town, custom_fields=[SPRINT])
    issue_id = next(row_id for row_id, custom in town.rows("issue", "custom").items() if custom)
    issue_read = town.jira.by_ids([issue_id], old_policy)
    page = parse_page(entity("issue"), issue_read.bodies, old_policy, None)
    with town.parts.store.bound_to(town.tenant_id) as session:
        write_page(session, page, read_at=issue_read.sent_at)
    assert len(town.rows("issue", "custom")[issue_id]) > 1
    town.drain()
    assert {*town.rows("issue", "custom")[issue_id]} <= {SPRINT}


def test_a_query_is_checked_by_the_site(a_town: Callable[..., Town]) -> None:
    town = a_town()
    good = actions.validate_jql(town.parts.store, town.parts.sites, town.integration(), f"{BUGS} ORDER BY created")
    assert (good.ok, good.problem, len(good.sample)) == (True, None, 5)
    assert (good.matches or 0) + (good.left_out or 0) == len(content(town)["issue"])
    bad = actions.validate_jql(town.parts.store, town.parts.sites, town.integration(), "nosuchfield = 1")
    assert (bad.ok, bad.matches, bad.sample) == (False, None, ())
    assert bad.problem is not None
    assert "nosuchfield" in str(bad.problem.params["why"])
    open_bracket = actions.validate_jql(
        town.parts.store, town.parts.sites, town.integration(), "status = Done) OR (project = X"
    )
    assert not open_bracket.ok
    change(town, projects=[FIRST, "NOSUCH"], jql=BUGS)
    checks = {
        check.name: check for check in actions.check_connection(town.parts.store, town.parts.sites, town.integration())
    }
    assert (checks["chosen_projects"].ok, checks["query"].ok) == (False, True)
    assert "NOSUCH" in english(checks["chosen_projects"].condition)


def test_a_change_that_no_job_has_made_is_found(a_town: Callable[..., Town]) -> None:
    town = a_town()

    def unapplied() -> bool:
        with town.parts.store.unrestricted_unsafe() as session:
            return town.tenant_id in applied.find_unapplied(session)

    assert not unapplied()
    store_settings(town, time_zone="Asia/Kolkata")
    assert unapplied()
    settle(town)
    assert not unapplied()
    store_settings(town, excluded_fields=["summary"])
    remove_excluded(town.parts.store, town.tenant_id)
    store_settings(town)
    assert unapplied(), "the text that was removed is missing"
    settle(town)
    assert not unapplied()
    assert content(town) == content(a_town())


def test_a_query_is_not_answered_for_a_site_that_went_meanwhile(
    a_town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    town = a_town()
    integration = town.integration()

    def check_query(_source: CloudSource, _jql: str) -> QueryCheck:
        with town.parts.store.unrestricted_unsafe() as session:
            ledger.move_to(session, integration.id, State.PENDING, tenant_id=None)
        return QueryCheck((), 1, ("SECRET-1",))

    monkeypatch.setattr(CloudSource, "check_query", check_query)
    with pytest.raises(Conflicting):
        actions.validate_jql(town.parts.store, town.parts.sites, integration, BUGS)


def test_no_plan_is_shown_for_a_site_that_went_meanwhile(
    a_town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    town = a_town()
    integration = town.integration()

    def count(_source: CloudSource, _scope: Scope) -> int:
        with town.parts.store.unrestricted_unsafe() as session:
            ledger.move_to(session, integration.id, State.PENDING, tenant_id=None)
        return 7

    monkeypatch.setattr(CloudSource, "count", count)
    with pytest.raises(Conflicting):
        actions.preview_settings(town.parts.store, town.parts.sites, integration, IntegrationSettings(jql=BUGS))
