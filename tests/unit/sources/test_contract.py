"""The contract of a source: each verb over recorded payloads gives the rows of `recordings/expected`.

The examples of Atlassian's API documents stand in where there is no recording. A list that neither has is left to
`test_contract_refusals`, about the answers that give no rows. A new source is tested by being registered.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from app.catalog.conversion import to_moment
from app.catalog.field_policy import FieldPolicy
from app.catalog.json_value import find
from app.catalog.language import Each
from app.catalog.registry import all_entities, entity, walked
from app.conditions import Code
from app.errors import JiraDown
from app.jira.client import whole
from app.sources import Broken, Gone, Page, Place, Scope, follow, require
from app.sources.answers import FailedPage, FeedPage, Matches, Objects, QueryCheck
from tests.fakes.site import URL
from tests.unit.catalog.recorded import assert_all, items_of, parts_of, rows_of
from tests.unit.sources.conftest import verbs

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.catalog.extract import Row, TopUp
    from app.catalog.json_value import Json
    from app.sources import Finding
    from tests.unit.sources.conftest import Subject

PROJECT_IDS = {"EE": "10003", "K5": "10050"}
UNKNOWN_ID = "99999999"
SCOPE_IDS = {Each.SITE: "", Each.PROJECT: PROJECT_IDS["EE"], Each.BOARD: "8"}
FACTS = {"status": "statuses", "issue_type": "issue_types", "project": "projects", "sprint": "sprints"}
"""Tables in `expected` by the list that must give exactly their rows; statuses of single projects come on top."""
SITE_TIME = datetime(2026, 11, 30, 12, tzinfo=UTC)


def all_pages(fetch: Callable[[Place], Page | Finding]) -> list[Page]:
    return [page for page in map(require, follow(fetch)) if isinstance(page, Page)]


def bodies_of(*pages: Page) -> list[Json]:
    return [whole(item) for page in pages for item in page.items]


def issues_of(subject: Subject, key: str) -> list[Row | TopUp]:
    scope = Scope(PROJECT_IDS[key])
    pages = all_pages(lambda place: subject.source.issues(scope, place, 10))
    return parts_of("issue", bodies_of(*pages))


def lines_of(subject: Subject, key: str) -> list[dict[str, str]]:
    return [line for line in subject.facts.expected("issues") if line["project_key"] == key]


def check_capabilities(subject: Subject) -> None:
    assert all(isinstance(ability, bool) for ability in vars(subject.source.capabilities).values())


def check_address(subject: Subject) -> None:
    assert subject.source.address == URL


def check_whoami(subject: Subject) -> None:
    example, account = subject.site.example("GET", "myself"), subject.source.whoami()
    assert (account.id, account.name) == (example["accountId"], example["displayName"])


def check_server(subject: Subject) -> None:
    assert subject.source.server().version == subject.site.example("GET", "serverInfo")["version"]


def check_diagnose(subject: Subject) -> None:
    failure = JiraDown(Code.ANSWERED, status=500, endpoint="")
    assert subject.source.diagnose(failure) == Broken(failure)


def check_email_of(subject: Subject) -> None:
    assert subject.source.email_of("557058:a") == subject.site.example("GET", "user/email")


def check_project_count(subject: Subject) -> None:
    assert subject.source.project_count() == len(subject.facts.expected("projects"))


def check_has_permission(subject: Subject) -> None:
    example = subject.site.example("GET", "mypermissions")["permissions"]
    (name,) = example
    assert subject.source.has_permission(name) is example[name]["havePermission"]


def check_tracks_time(subject: Subject) -> None:
    assert subject.source.tracks_time() is subject.site.example("GET", "configuration")["timeTrackingEnabled"]


def check_board_count(subject: Subject) -> None:
    assert subject.source.board_count() == len(rows_of_list(subject, "board"))


def check_issue_count(subject: Subject) -> None:
    example = subject.site.example("POST", "search/approximate-count")
    assert subject.source.issue_count() == example["count"]


def check_check_query(subject: Subject) -> None:
    good = subject.source.check_query("project = EE")
    assert isinstance(good, QueryCheck)
    assert (good.problems, good.matches) == ((), subject.site.example("POST", "search/approximate-count")["count"])
    bad = subject.source.check_query("summary = test")
    assert isinstance(bad, QueryCheck)
    assert bad.problems == ("The operator '=' is not supported by the 'summary' field.",)


def check_newest_id(subject: Subject) -> None:
    assert subject.source.newest_id() in {line["issue_id"] for line in subject.facts.expected("issues")}


def check_probe_bulk(subject: Subject) -> None:
    """No bulk endpoint refuses; a source without them asks nothing."""
    assert subject.source.probe_bulk("10063") == {}


def check_has_lapsed(subject: Subject) -> None:
    """The app's own record is in no document: one that isn't there is no lapsed licence."""
    subject.site.unknown_ids.add("our-app")
    assert subject.source.has_lapsed("our-app") is False


def check_count(subject: Subject) -> None:
    example = subject.site.example("POST", "search/approximate-count")
    assert subject.source.count(Scope(PROJECT_IDS["EE"])) == example["count"]


def check_first_created(subject: Subject) -> None:
    first_line = min(lines_of(subject, "EE"), key=lambda line: line["created"])
    first_moment = datetime.fromisoformat(first_line["created"])
    assert subject.source.first_created(Scope(PROJECT_IDS["EE"])) == first_moment.timestamp() * 1000


def check_issues(subject: Subject) -> None:
    """All issues, once, to the end of the pages, with every recorded fact."""
    for key in PROJECT_IDS:
        rows = rows_of("issue", issues_of(subject, key))
        lines = lines_of(subject, key)
        assert set(rows) == {line["issue_id"] for line in lines}
        assert_all("issues", lines, rows)
    pairs = {(line["issue_id"], line["label"]) for line in subject.facts.expected("issue_labels")}
    assert pairs <= {
        (row.id, label) for row in rows_of("issue", issues_of(subject, "EE")).values() for label in labels(row)
    }
    scope = Scope(PROJECT_IDS["EE"])
    first_page = subject.source.issues(scope, Place(), 10)
    assert isinstance(first_page, Page)
    assert first_page.next is not None, "the recording has three pages"
    next_page = subject.source.issues(scope, first_page.next, 10)
    assert isinstance(next_page, Page)
    assert next_page.next not in {None, first_page.next}
    assert first_page.size > 0
    assert first_page.site_time == SITE_TIME


def labels(row: Row) -> list[object]:
    values = row.values["labels"]
    return values if isinstance(values, list) else []


def check_by_ids(subject: Subject) -> None:
    """Ids that a search refuses are read directly; those that a direct read refuses are gone."""
    issue_ids = [line["issue_id"] for line in lines_of(subject, "K5")]
    subject.site.unknown_ids.add(UNKNOWN_ID)
    issue_read = subject.source.by_ids([*issue_ids, UNKNOWN_ID], FieldPolicy())
    assert_all("issues", lines_of(subject, "K5"), rows_of("issue", parts_of("issue", issue_read.bodies)))
    assert len(issue_read.bodies) == len(issue_ids)
    assert (issue_read.gone_ids, issue_read.unsearchable) == ({UNKNOWN_ID}, set())
    doubtful_id = str(subject.site.example("GET", "issue/10002")["id"])
    issue_read = subject.source.by_ids([doubtful_id, UNKNOWN_ID], FieldPolicy(), deletion_ids=[doubtful_id, UNKNOWN_ID])
    assert [find(body, "id") for body in issue_read.bodies] == [doubtful_id]
    assert (issue_read.gone_ids, issue_read.unsearchable) == ({UNKNOWN_ID}, {doubtful_id})


def check_changed_since(subject: Subject) -> None:
    """All changes, the ones after a page's token without those before it."""
    updates = {line["issue_id"]: datetime.fromisoformat(line["updated"]) for line in lines_of(subject, "EE")}
    pages = list(subject.source.changed_since(1))
    assert {issue_id: moment for page in pages for issue_id, moment in page.issues.items()} == updates
    assert pages[-1].token is None
    assert {page.site_time for page in pages} == {SITE_TIME}
    later_pages = subject.source.changed_since(1, pages[0].token)
    assert {issue_id for page in later_pages for issue_id in page.issues} == set(updates) - set(pages[0].issues)


def check_ids(subject: Subject) -> None:
    for key, project_id in PROJECT_IDS.items():
        id_pages = list(subject.source.ids(Scope(project_id)))
        issue_ids = [issue_id for page in id_pages for issue_id in page.issues]
        assert sorted(issue_ids) == sorted(line["issue_id"] for line in lines_of(subject, key))
        assert id_pages[-1].token is None


def check_children(subject: Subject) -> None:
    """Each child list, of each issue that has a recorded one."""
    parts = {child.name: children_of_issues(subject, child.name) for child in walked(Each.ISSUE)}
    items = set(items_of(rows_of("changelog", parts["changelog"])))
    for table in ("changelog_items.issues", "changelog_items.changelog_endpoint"):
        assert {tuple(line.values()) for line in subject.facts.expected(table)} <= items
    assert_all("worklogs", subject.facts.expected("worklogs"), rows_of("worklog", parts["worklog"]))
    assert_all("remote_links", subject.facts.expected("remote_links"), rows_of("remote_link", parts["remote_link"]))
    inline_comments = rows_of("comment", issues_of(subject, "EE"))
    comments = rows_of("comment", parts["comment"])
    assert inline_comments
    assert {row.id: row.values for row in comments.values()} == {row.id: row.values for row in inline_comments.values()}


def children_of_issues(subject: Subject, name: str) -> list[Row | TopUp]:
    child = entity(name)
    assert child.walk is not None
    parts: list[Row | TopUp] = []
    for issue_id in subject.site.scopes_of(child.walk.path):
        pages = all_pages(lambda place, issue_id=issue_id: subject.source.children(child, issue_id, place))
        parts += parts_of(name, bodies_of(*pages), issue_id)
    return parts


def check_listing(subject: Subject) -> None:
    """Each list to its end, or the first page of an example."""
    names = {declaration.name for scope in SCOPE_IDS for declaration in walked(scope)} - {"issue"}
    rows = {name: rows_of_list(subject, name) for name in names}
    assert rows.keys() > FACTS.keys()
    for name, table in FACTS.items():
        assert_all(table, subject.facts.expected(table), rows[name])
        assert name == "status" or len(rows[name]) == len(subject.facts.expected(table))


def rows_of_list(subject: Subject, name: str) -> dict[str, Row]:
    """Rows of a list, each once; none where nobody recorded it."""
    walk = entity(name).walk
    if walk is None or not subject.site.has_answer(walk.path):
        return {}
    scope_id = SCOPE_IDS[walk.each]
    pages = follow(lambda place: subject.source.listing(entity(name), scope_id, place))
    is_recorded = bool(subject.site.scopes_of(walk.path))
    bodies = bodies_of(*map(require, pages if is_recorded else islice(pages, 1)))
    rows = rows_of(name, parts_of(name, bodies, scope_id or None))
    assert rows, f"{name} gives no rows"
    assert len(rows) == len(bodies), f"{name} gives a row twice"
    return rows


def check_one(subject: Subject) -> None:
    """Every recorded person and project, and the examples of the other entities."""
    for table, name in [("users", "user"), ("projects", "project")]:
        lines = subject.facts.expected(table)
        ids = [next(iter(line.values())) for line in lines]
        assert_all(table, lines, rows_of(name, parts_of(name, [one_of(subject, name, object_id) for object_id in ids])))
    for name in {declaration.name for declaration in all_entities().values() if declaration.one} - {"user", "project"}:
        assert rows_of(name, parts_of(name, [one_of(subject, name, "84")]))
    assert isinstance(subject.source.one(entity("project"), UNKNOWN_ID), Gone)


def one_of(subject: Subject, name: str, object_id: str) -> Json:
    return require(subject.source.one(entity(name), object_id))


def check_memberships(subject: Subject) -> None:
    """A board with an unreadable filter is left out of the question."""
    example = subject.site.example("POST", "jql/match")["matches"]
    filters = {str(number): str(1000 + number) for number in range(len(example))}
    matches = subject.source.memberships(filters, ["10000", "10004"])
    assert isinstance(matches, Matches)
    readable_boards = [board_id for board_id, match in zip(filters, example, strict=True) if not match["errors"]]
    assert matches.board_ids == readable_boards
    assert matches.issue_ids == ["10000", "10004"]
    assert [(find(whole(item), "boardId"), find(whole(item), "issueId")) for item in matches.items] == [
        (board_id, str(issue_id))
        for board_id, match in zip(filters, example, strict=True)
        for issue_id in match["matchedIssues"]
    ]


def check_visible_projects(subject: Subject) -> None:
    project_ids = {line["project_id"] for line in subject.facts.expected("projects")}
    assert subject.source.visible_projects([*sorted(project_ids), UNKNOWN_ID]) == project_ids


def check_link_types(subject: Subject) -> None:
    link_types = subject.source.link_types()
    assert isinstance(link_types, Objects)
    assert link_types.items == subject.site.example("GET", "issueLinkType")["issueLinkTypes"]


def check_worklog_changes(subject: Subject) -> None:
    """Both feeds to their ends; their newest minute is left out."""
    for feed in ("updated", "deleted"):
        example = subject.site.example("GET", f"worklog/{feed}")
        pages = list(subject.source.worklog_changes(feed, example["since"]))
        assert pages == [
            FeedPage(
                {str(value["worklogId"]): value["updatedTime"] for value in example["values"]},
                int((SITE_TIME - timedelta(minutes=1)).timestamp() * 1000),
            )
        ]


def check_worklogs(subject: Subject) -> None:
    example = subject.site.example("POST", "worklog/list")
    rows = rows_of("worklog", parts_of("worklog", subject.source.worklogs(["100028"]).items))
    assert {row_id: row.values["updated"] for row_id, row in rows.items()} == {
        worklog["id"]: to_moment(worklog["updated"]) for worklog in example
    }
    assert {row.values["issue_id"] for row in rows.values()} == {worklog["issueId"] for worklog in example}


def check_failed_webhooks(subject: Subject) -> None:
    """The list ends where nothing newer comes."""
    example = subject.site.example("GET", "webhook/failed")["values"]
    pages = [page for page in subject.source.failed_webhooks(0) if isinstance(page, FailedPage)]
    assert pages[0].deliveries == example
    assert {page.reached for page in pages} == {max(failure["failureTime"] for failure in example)}


def check_deleted_keys(subject: Subject) -> None:
    """Only the example's kind of record is known, and that one is no deletion."""
    assert subject.site.example("GET", "auditing/record")["records"]
    assert subject.source.deleted_keys() == set()


CHECKS: dict[str, Callable[[Subject], None]] = {
    name.removeprefix("check_"): check for name, check in globals().items() if name.startswith("check_")
}


@pytest.mark.parametrize("verb", CHECKS)
def test_a_verb_gives_what_was_recorded(subject: Subject, verb: str) -> None:
    CHECKS[verb](subject)
    assert verb in subject.questions


def test_every_verb_is_held_against_recordings() -> None:
    assert set(CHECKS) == verbs()
