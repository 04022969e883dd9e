"""Excluded text is in no table, no log, no key and no line of the feed; excluded later, it is removed and fed on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from structlog.testing import capture_logs

from app import actions, clock
from app.actions import Changes
from app.catalog.registry import entity
from app.handoff import feed
from app.ingest.planning import exclusions, field_policy
from app.ingest.writing import remove_excluded
from app.ingest.writing.page import parse_page, write_page
from app.integrations.settings import IntegrationSettings
from app.jira.client import Site as Jira
from app.web import create_app
from app.web.jira_pages.page import page_of
from tests.factories import an_account, an_integration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from redis import Redis

    from tests.integration.ingest.conftest import Town

MARK = "planted-"
SECRET = "customfield_10777"
TEXTS = ["summary", "description", "comment", "worklog_comment", SECRET]


def exclude(town: Town, fields: Iterable[str]) -> None:
    settings = IntegrationSettings(excluded_fields=[*fields])
    with town.parts.store.unrestricted_unsafe() as session:
        actions.change_settings(session, town.integration_id, Changes(settings=settings))


def plant(town: Town) -> int:
    """Fifty strings over summaries, descriptions, comments, worklogs, histories and one custom field."""
    world, number = town.site.world, 0

    def text() -> str:
        nonlocal number
        number += 1
        return f"{MARK}{number:02}"

    town.site.world.catalogue.fields[SECRET] = {
        **world.catalogue.fields["customfield_10024"],
        "id": SECRET,
        "key": SECRET,
        "name": "Geheimnis",
        "untranslatedName": "Secret",
        "schema": {"type": "string", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:textfield"},
    }
    issues = [world.issues[issue_id] for issue_id in sorted(world.issues)][:5]
    for issue in issues:
        items = [
            _item("summary", text(), "summary"),
            _item("description", text(), "description"),
            # As Jira writes the deletion of a comment, and as servers do without ids.
            {"field": "Comment", "fieldtype": "jira", "from": "1", "fromString": text(), "to": None, "toString": None},
            _item("Geheimnis", text(), SECRET),
            {"field": "Secret", "fieldtype": "custom", "from": None, "fromString": text(), "toString": None},
            {"field": "Former name", "fieldtype": "custom", "fromString": text(), "toString": None},
        ]
        history = {"id": world.new_id(), "created": issue.fields["updated"], "items": items}
        parent = {"id": "1", "key": "X-1", "fields": {"summary": f"{MARK}of a parent", "issuetype": {}}}
        parent_link = {"data": {"key": "X-1", "summary": f"{MARK}embedded"}}
        fields = {**issue.fields, "summary": text(), "description": text(), SECRET: text(), "parent": parent}
        fields["customfield_10778"] = parent_link
        fields["issuelinks"] = [
            {
                "id": world.new_id(),
                "type": {"id": "1", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"},
                "outwardIssue": {"id": "2", "key": "X-2", "fields": {"summary": f"{MARK}linked"}},
            }
        ]
        world.put(replace(issue, fields=fields, histories=(*issue.histories, history)))
    for issue in issues:
        town.site.mutate("add_worklog", issue=issue.key, comment=text())
    town.site.mutate("add_comment", issue=issues[0].key, body=f"{MARK}comment")
    town.site.mutate("add_remote_link", issue=issues[0].key)
    return number


def _item(name: str, text: str, field_id: str) -> dict[str, Any]:
    field_type = "custom" if field_id == SECRET else "jira"
    return {"field": name, "fieldId": field_id, "fieldtype": field_type, "fromString": text, "toString": f"{text} too"}


def tables_with(town: Town, needle: str = MARK) -> list[str]:
    """The tables with a text in their dump; only rows of the town, where a table has tenants."""
    with psycopg.connect(town.database_url) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename), EXISTS (SELECT FROM pg_attribute WHERE attname = 'tenant_id'"
            " AND attrelid = format('%I.%I', schemaname, tablename)::regclass) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND schemaname NOT LIKE 'pg_temp%'"
        ).fetchall()
        names = []
        for name, is_tenants in tables:
            condition = "tenant_id = %(tenant)s AND " if is_tenants else ""
            query = f"SELECT 1 FROM {name} AS row WHERE {condition} row::text LIKE %(needle)s LIMIT 1"
            values = {"tenant": town.tenant_id, "needle": f"%{needle}%"}
            if connection.execute(query, values).fetchone():  # type: ignore[arg-type]  # our own names
                names.append(name)
        return names


def keys_with(redis: Redis, needle: str = MARK) -> list[bytes]:
    """The keys of Valkey with a text in name or value."""
    return [key for key in redis.scan_iter() if needle.encode() in key or needle.encode() in (redis.dump(key) or b"")]


def lines(town: Town, cursor: str | None = None) -> tuple[list[dict[str, Any]], str]:
    """Every line of the feed after a cursor, and the next cursor."""
    feed_lines: list[dict[str, Any]] = []
    while True:
        with town.parts.store.bound_to(town.tenant_id) as session:
            batch = feed.changes(session, town.integration_id, cursor=cursor, limit=5000)
        feed_lines += batch.lines
        cursor = str(batch.cursor)
        if not batch.has_more:
            return feed_lines, cursor


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every question that the product asks of Jira."""
    questions: list[str] = []
    for verb in ("get", "post"):
        ask = getattr(Jira, verb)

        def record(site: Jira, path: str, *arguments: Any, _ask: Any = ask, **options: Any) -> Any:
            questions.append(f"{path} {arguments} {options}")
            return _ask(site, path, *arguments, **options)

        monkeypatch.setattr(Jira, verb, record)
    return questions


def test_excluded_text_is_nowhere(a_town: Callable[..., Town], requests: list[str]) -> None:
    town = a_town(reads=False)
    exclude(town, TEXTS)
    assert plant(town) == 50
    with capture_logs() as logs:
        town.backfill()
        key = town.site.world.issues[min(town.site.world.issues)].key
        town.site.mutate("update_issue", issue=key, fields={"summary": f"{MARK}new", SECRET: f"{MARK}newer"})
        town.site.mutate("update_issue", issue=key, fields={"description": f"{MARK}new"})
        town.site.mutate("edit_comment", issue=key, body=f"{MARK}edited")
        town.site.mutate("edit_worklog", issue=key)
        town.site.mutate("delete_comment", issue=key)
        town.site.mutate("update_issue", issue=key, fields={"duedate": "20222-13-45"})
        town.drain()
        town.catch_up()
        town.refresh("field")
    assert town.live("issue")
    assert not town.rows("comment")
    assert tables_with(town) == []
    assert keys_with(town.parts.redis) == []
    assert MARK not in str(logs)
    assert MARK not in str(lines(town))
    whole_issues = [question for question in requests if "*all" in question]
    assert whole_issues
    for name in ("summary", "description", "comment", SECRET):
        assert all(f"-{name}" in question for question in whole_issues)
    assert not [question for question in requests if "/comment" in question]


def test_text_that_is_excluded_later_is_removed_and_fed_on(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False)
    plant(town)
    town.backfill()
    assert {"public.jira_issue", "public.jira_changelog", "public.jira_worklog"} <= {*tables_with(town)}
    before, cursor = lines(town)
    comments, issues = town.live("comment"), town.live("issue")
    assert comments
    exclude(town, TEXTS)
    assert MARK not in str(lines(town)), "the feed hands nothing on, even before it is removed"
    assert remove_excluded(town.parts.store, town.tenant_id)
    assert tables_with(town) == []
    changes = {(line["entity"], line["id"]): line for line in lines(town, cursor)[0]}
    deleted_comments = {
        row_id for (name, row_id), line in changes.items() if (name, line["op"]) == ("comment", "delete")
    }
    assert deleted_comments == comments
    assert {line["data"]["reason"] for (name, _), line in changes.items() if name == "comment"} == {"excluded"}
    assert {row_id for name, row_id in changes if name == "issue"} == issues
    assert {line["op"] for (name, _), line in changes.items() if name != "comment"} == {"upsert"}
    anew = Counter((line["entity"], line["op"]) for line in lines(town)[0])
    assert anew["comment", "upsert"] == 0
    assert anew["comment", "delete"] == len(comments)
    assert len(before) == anew.total(), "nothing else came or went"


def test_a_second_removal_changes_nothing(a_town: Callable[..., Town]) -> None:
    town = a_town()
    exclude(town, TEXTS)
    assert remove_excluded(town.parts.store, town.tenant_id)
    versions = town.versions()
    assert remove_excluded(town.parts.store, town.tenant_id) == 0
    assert town.versions() == versions


def test_another_integration_of_the_site_inherits_no_excluded_text(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False)
    plant(town)
    town.backfill()
    account, _ = an_account(town.parts)
    successor = an_integration(town.parts, account)
    town.integration_id, former = successor.id, town.integration_id
    with town.parts.store.unrestricted_unsafe() as session:
        settings = IntegrationSettings(excluded_fields=["comment", "summary"])
        actions.change_settings(session, successor.id, Changes(settings=settings))
        session.connection.exec_driver_sql("UPDATE integrations SET tenant_id = NULL WHERE id = %s", (former,))
        session.connection.exec_driver_sql(
            "UPDATE integrations SET tenant_id = %s, state = 'backfilling' WHERE id = %s",
            (town.tenant_id, successor.id),
        )
        assert town.tenant_id in exclusions.find_unenforced(session)
    assert not [line for line in lines(town)[0] if line["entity"] == "comment" and line["op"] == "upsert"]
    remove_excluded(town.parts.store, town.tenant_id)
    assert tables_with(town, f"{MARK}comment") == []
    with town.parts.store.unrestricted_unsafe() as session:
        assert town.tenant_id not in exclusions.find_unenforced(session)


def test_a_page_of_an_older_policy_brings_no_text_back(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False)
    plant(town)
    with town.parts.store.bound_to(town.tenant_id) as session:
        policy = field_policy.load(session, town.integration())
    ids = sorted(town.site.world.issues)[:5]
    bodies = town.jira.by_ids(ids, policy).bodies
    late_page = parse_page(entity("issue"), bodies, policy, None)
    exclude(town, TEXTS)
    remove_excluded(town.parts.store, town.tenant_id)
    with town.parts.store.bound_to(town.tenant_id) as session:
        write_page(session, late_page, read_at=clock.now())
    assert town.live("issue") >= {*ids}, "and stubs of the issues that they name"
    assert town.live("comment") == set()
    assert tables_with(town) == []


def test_fields_that_are_included_again_are_read_again(a_town: Callable[..., Town]) -> None:
    town = a_town()
    assert town.wrong_fields() == ""
    exclude(town, TEXTS)
    remove_excluded(town.parts.store, town.tenant_id)
    assert town.wrong_fields() != ""
    exclude(town, [])
    town.backfill()
    remove_excluded(town.parts.store, town.tenant_id)
    town.drain()
    assert town.wrong_fields() == ""


def test_the_page_in_jira_names_the_excluded_texts(a_town: Callable[..., Town]) -> None:
    town = a_town()
    exclude(town, ["comment", "customfield_10024"])
    with create_app(town.parts).test_request_context("/"):
        view = page_of(town.parts, town.tenant_id)
        assert view["text"]["shared_texts"] == "titles, descriptions, comments of worklogs"
        assert view["text"]["left_out"] == "comments, Story Points"
        assert view["text"]["custom_fields"] == "all with a value"
        assert view["is"]["removing"]
        remove_excluded(town.parts.store, town.tenant_id)
        assert not page_of(town.parts, town.tenant_id)["is"]["removing"]
    assert not any(town.rows("issue", "story_points").values()), "the column has nothing of the excluded field"
