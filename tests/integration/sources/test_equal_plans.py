"""One sandbox site through both plans for Jira Cloud: equal rows of issues and of everything below them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from requests.auth import HTTPBasicAuth

from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import entity
from app.ingest.writing.page import ParsedPage, parse_page
from app.jira.client import Connections, Site
from app.sources import Broken, Page, Scope, follow
from app.sources.cloud.source import CloudSource
from app.sources.cloud_bulk.refusals import Refusals
from app.sources.cloud_bulk.source import CloudBulkSource
from sandbox import Options, SiteKey, serve
from sandbox import Site as Sandbox
from sandbox.oddities import Oddity, broken_issue
from tests.fakes.limiter import OpenLimiter, open_gate
from tests.fakes.site import SITE_HOSTS
from tests.soak.site import PERSON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.sources import Source

ISSUES, LONG_HISTORY, LONG_COMMENTS, LONG_WORKLOGS = 120, 130, 120, 25
POLICY = FieldPolicy()
PLANS = [CloudSource, partial(CloudBulkSource, refusals=Refusals())]


@dataclass
class Reading:
    """The rows of a site, as ingest parses them."""

    rows: dict[tuple[str, str], dict[str, object]] = field(default_factory=dict)
    findings: dict[str, type] = field(default_factory=dict)
    """Kinds of findings about single issues."""
    issue_requests: int = 0
    """Requests for pages of issues."""
    requests: int = 0

    def of(self, name: str) -> dict[str, dict[str, object]]:
        return {row_id: values for (entity_name, row_id), values in self.rows.items() if entity_name == name}

    def add(self, parsed_page: ParsedPage) -> None:
        self.rows |= {(row.entity.name, row.id): row.values for row in parsed_page.rows}


def read(sandbox: Sandbox, make_source: Callable[[Site], Source], size: int = 50) -> Reading:
    """Read all issues by pages, and then the lists that are still cut off."""
    limiter, result, top_ups = OpenLimiter(), Reading(), []
    connections = Connections("sei-connect-jira test", SITE_HOSTS)
    client = Site(sandbox.base_url, HTTPBasicAuth(*PERSON), connections, SITE_HOSTS, open_gate(limiter))
    source = make_source(client)
    for project_id in sandbox.world.catalogue.projects:
        scope = Scope(project_id)
        for page in follow(lambda place, scope=scope: source.issues(scope, place, size)):  # type: ignore[misc]  # a default binds the scope
            assert isinstance(page, Page)
            parsed_page = parse_page(entity("issue"), page.drained(), POLICY, None)
            result.add(parsed_page)
            top_ups += parsed_page.top_ups
            result.findings |= {issue_id: type(finding) for issue_id, finding in page.unreadable_issues.items()}
    result.issue_requests = len(limiter.admissions)
    for top_up in top_ups:
        for page in follow(lambda place, part=top_up: source.children(part.entity, part.parent_id, place)):  # type: ignore[misc]  # a default binds the list
            assert isinstance(page, Page)
            result.add(parse_page(top_up.entity, page.drained(), POLICY, top_up.parent_id))
    result.requests = len(limiter.admissions)
    return result


@pytest.fixture(scope="module")
def sandbox(install_key: SiteKey) -> Iterator[Sandbox]:
    """A site with long lists of every kind, and a moved issue."""
    options = Options(api_tokens=dict([PERSON]), webhooks=False)
    site = Sandbox(dataset="seeded", seed=15, issues=ISSUES, projects=3, key=install_key, options=options)
    first, second, third, fourth = list(site.world.issues)[:4]
    for number in range(LONG_HISTORY):
        site.change("update_issue", issue=first, fields={"summary": f"Version {number}"})
    for number in range(LONG_COMMENTS):
        site.change("add_comment", issue=second, body=f"Comment {number}")
    for _ in range(LONG_WORKLOGS):
        site.change("add_worklog", issue=third)
    site.change("move_issue", issue=fourth)
    site.change("link_issues", issue=first, target=second)
    site.change("add_attachment", issue=third)
    site.change("add_remote_link", issue=second)
    with serve(site):
        yield site


@pytest.fixture(autouse=True)
def _well(sandbox: Sandbox) -> None:
    sandbox.options.oddities, sandbox.options.unfetchable = [], ()


def test_both_plans_give_equal_rows(sandbox: Sandbox) -> None:
    by_search, by_bulk = (read(sandbox, make_source) for make_source in PLANS)
    first, second, third, fourth = list(sandbox.world.issues)[:4]
    for name in ("issue", "changelog", "comment", "worklog", "issue_link", "remote_link", "attachment", "user"):
        assert by_bulk.of(name) == by_search.of(name)
        assert by_bulk.of(name), f"the site has no {name}"
    assert by_bulk.rows == by_search.rows
    assert len(by_bulk.of("issue")) == len(sandbox.world.issues)
    counts = [
        (name, issue_id, sum(row["issue_id"] == issue_id for row in by_bulk.of(name).values()))
        for name, issue_id in (("changelog", first), ("comment", second), ("worklog", third))
    ]
    assert all(count > 20 for _, _, count in counts)
    assert counts[0][2] >= LONG_HISTORY
    assert counts[1][2] >= LONG_COMMENTS
    assert by_bulk.of("issue")[fourth]["key"] == sandbox.world.issues[fourth].key


def test_whole_issues_cost_few_requests(sandbox: Sandbox) -> None:
    by_search, by_bulk = (read(sandbox, make_source) for make_source in PLANS)
    assert by_bulk.issue_requests / ISSUES <= 0.15
    assert by_bulk.requests < by_search.requests


def test_one_issue_that_fails_is_left_out_alone(sandbox: Sandbox) -> None:
    broken_id = list(sandbox.world.issues)[50]
    sandbox.options.oddities = [broken_issue(broken_id)]
    result = read(sandbox, PLANS[1])
    assert set(result.of("issue")) >= set(sandbox.world.issues) - {broken_id}
    assert result.findings == {broken_id: Broken}


def test_issues_that_a_bulk_fetch_fails_on_are_read_directly(sandbox: Sandbox) -> None:
    expected_rows = read(sandbox, PLANS[1]).rows
    sandbox.options.unfetchable = tuple([*sandbox.world.issues][:3])
    result = read(sandbox, PLANS[1])
    assert (result.rows, result.findings) == (expected_rows, {})


@pytest.mark.parametrize("status", [403, 404])
def test_a_site_without_bulk_endpoints_gives_the_same_rows(sandbox: Sandbox, status: int) -> None:
    by_bulk = read(sandbox, PLANS[1])
    refusal: dict[str, Any] = {"errorMessages": ["no"]}
    sandbox.options.oddities = [Oddity("POST /rest/api/3/*/bulkfetch", status, refusal)]
    assert read(sandbox, partial(CloudBulkSource, refusals=Refusals())).rows == by_bulk.rows


def test_a_second_of_lag_between_issues_and_histories_loses_nothing(sandbox: Sandbox) -> None:
    """A change between the two requests of a page: the history is there, and no list is taken for complete without it."""
    first = next(iter(sandbox.world.issues))

    def change_meanwhile(body: Any) -> Any:
        sandbox.change("update_issue", issue=first, fields={"summary": "Meanwhile"})
        return body

    sandbox.options.oddities = [Oddity("POST /rest/api/3/issue/bulkfetch", edit=change_meanwhile)]
    result = read(sandbox, PLANS[1])
    histories = [row for row in result.of("changelog").values() if row["issue_id"] == first]
    assert result.of("issue")[first]["changelog_total"] == len(histories)
