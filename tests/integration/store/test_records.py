"""Rows are stored once, the newer version wins, and versions are ordered by visibility."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from app.catalog.extract import Row
from app.catalog.registry import entity
from app.handoff import feed
from app.store import records
from app.store.tables import table_of
from tests.factories import a_paired_site, an_installed_site

if TYPE_CHECKING:
    from uuid import UUID

    from app.runtime import Runtime

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER_EDIT = NOON + timedelta(minutes=1)
ISSUE, COMMENT, USER = entity("issue"), entity("comment"), entity("user")


@pytest.fixture
def tenant_id(parts: Runtime) -> UUID:
    return an_installed_site(parts).tenant_id


def an_issue(issue_id: str, *, edit: datetime = NOON, **values: object) -> Row:
    blank: dict[str, object] = dict.fromkeys(column.name for column in ISSUE.columns)
    return Row(ISSUE, issue_id, {**blank, "key": f"EE-{issue_id}", "updated": edit, **values})


def a_comment(comment_id: str, issue_id: str, **values: object) -> Row:
    blank: dict[str, object] = dict.fromkeys(column.name for column in COMMENT.columns)
    return Row(COMMENT, comment_id, {**blank, "issue_id": issue_id, "updated": NOON, **values})


def a_user(account_id: str, **values: object) -> Row:
    return Row(USER, account_id, {**dict.fromkeys(column.name for column in USER.columns), **values})


def put(
    parts: Runtime, tenant_id: UUID, *rows: Row, at: datetime = NOON, is_from_index: bool = False
) -> dict[str, records.Applied]:
    with parts.store.bound_to(tenant_id) as session:
        return records.apply(session, rows, read_at=at, is_from_index=is_from_index)


def stored_row(parts: Runtime, tenant_id: UUID, row: Row) -> Any:
    table = table_of(row.entity)
    with parts.store.bound_to(tenant_id) as session:
        return session.execute(select(table).where(table.c.id == row.id)).one()


def test_a_row_that_is_read_again_unchanged_keeps_its_version(parts: Runtime, tenant_id: UUID) -> None:
    row = an_issue("1", summary="First", labels=["a", "b"], custom='{"customfield_1": [1, 2]}', story_points=3.5)
    assert put(parts, tenant_id, row)["issue"] == records.Applied(offered=1, changed=1, added=1)
    version = stored_row(parts, tenant_id, row).version
    assert put(parts, tenant_id, row, at=NOON + timedelta(hours=1))["issue"].changed == 0
    assert stored_row(parts, tenant_id, row).version == version


def test_an_older_edit_in_an_index_overwrites_nothing(parts: Runtime, tenant_id: UUID) -> None:
    newer = an_issue("1", edit=LATER_EDIT, summary="Newer")
    put(parts, tenant_id, newer)
    put(parts, tenant_id, an_issue("1", summary="Older"), at=NOON + timedelta(hours=1), is_from_index=True)
    assert stored_row(parts, tenant_id, newer).summary == "Newer"


def test_an_older_edit_that_a_later_read_brings_is_the_truth(parts: Runtime, tenant_id: UUID) -> None:
    put(parts, tenant_id, an_issue("1", edit=LATER_EDIT, summary="After"))
    put(parts, tenant_id, an_issue("1", summary="Before"), at=NOON + timedelta(hours=1))
    row = stored_row(parts, tenant_id, an_issue("1"))
    assert (row.summary, row.updated, row.stepped_back_at) == ("Before", NOON, NOON + timedelta(hours=1))


def test_an_older_edit_that_was_read_earlier_loses(parts: Runtime, tenant_id: UUID) -> None:
    put(parts, tenant_id, an_issue("1", edit=LATER_EDIT, summary="Newer"), at=NOON + timedelta(seconds=5))
    put(parts, tenant_id, an_issue("1", summary="Late"), at=NOON)
    assert stored_row(parts, tenant_id, an_issue("1")).summary == "Newer"


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_two_reads_of_one_moment_the_later_edit_stands(
    parts: Runtime, tenant_id: UUID, *, is_reversed: bool
) -> None:
    rows = [an_issue("1", summary="Older"), an_issue("1", edit=LATER_EDIT, summary="Newer")]
    for row in reversed(rows) if is_reversed else rows:
        put(parts, tenant_id, row)
    assert stored_row(parts, tenant_id, an_issue("1")).summary == "Newer"


def test_a_later_edit_overtakes_a_later_answer_of_an_index(parts: Runtime, tenant_id: UUID) -> None:
    put(parts, tenant_id, an_issue("1", summary="Older"), at=NOON + timedelta(seconds=5), is_from_index=True)
    put(parts, tenant_id, an_issue("1", edit=LATER_EDIT, summary="Newer"), at=NOON)
    assert stored_row(parts, tenant_id, an_issue("1")).summary == "Newer"


@pytest.mark.parametrize("is_from_index", [False, True])
def test_a_page_from_before_a_restore_that_comes_late_loses(
    parts: Runtime, tenant_id: UUID, *, is_from_index: bool
) -> None:
    put(parts, tenant_id, an_issue("1", edit=LATER_EDIT, summary="After"))
    put(parts, tenant_id, an_issue("1", summary="Before"), at=NOON + timedelta(seconds=9))
    late_row = an_issue("1", edit=LATER_EDIT, summary="Late")
    put(parts, tenant_id, late_row, at=NOON + timedelta(seconds=5), is_from_index=is_from_index)
    assert stored_row(parts, tenant_id, late_row).summary == "Before"
    put(parts, tenant_id, an_issue("1", edit=LATER_EDIT, summary="Edited again"), at=NOON + timedelta(seconds=15))
    assert stored_row(parts, tenant_id, late_row).summary == "Edited again"


def test_of_two_reads_of_one_edit_the_later_read_stands(parts: Runtime, tenant_id: UUID) -> None:
    put(parts, tenant_id, an_issue("1", status_name="Done"), at=NOON + timedelta(seconds=5))
    put(parts, tenant_id, an_issue("1", status_name="Renamed"), at=NOON + timedelta(seconds=9))
    put(parts, tenant_id, an_issue("1", status_name="Late"), at=NOON)
    assert stored_row(parts, tenant_id, an_issue("1")).status_name == "Renamed"


def test_one_page_may_name_an_object_twice(parts: Runtime, tenant_id: UUID) -> None:
    older, newer = an_issue("1", summary="Old"), an_issue("1", edit=NOON + timedelta(seconds=1), summary="New")
    put(parts, tenant_id, newer, older)
    assert stored_row(parts, tenant_id, newer).summary == "New"


def test_fragments_of_a_person_complete_each_other(parts: Runtime, tenant_id: UUID) -> None:
    put(parts, tenant_id, a_user("u1", display_name="Casey", time_zone="Asia/Shanghai"))
    put(parts, tenant_id, a_user("u1", email="c@acme.example"), a_user("u1", is_active=True), at=NOON)
    row = stored_row(parts, tenant_id, a_user("u1"))
    assert (row.display_name, row.time_zone, row.email, row.is_active) == (
        "Casey",
        "Asia/Shanghai",
        "c@acme.example",
        True,
    )


def test_a_buried_issue_takes_its_children_along_and_can_come_back(parts: Runtime, tenant_id: UUID) -> None:
    issue, comment = an_issue("1"), a_comment("c1", "1")
    put(parts, tenant_id, issue, comment)
    with parts.store.bound_to(tenant_id) as session:
        records.bury(session, ISSUE, ["1"], at=NOON + timedelta(minutes=1), because="deleted")
    assert stored_row(parts, tenant_id, comment).deleted_because == "deleted"
    put(parts, tenant_id, issue, at=NOON)  # read before the deletion: the row stays deleted
    assert stored_row(parts, tenant_id, issue).deleted_at is not None
    put(parts, tenant_id, issue, comment, at=NOON + timedelta(minutes=2))
    assert stored_row(parts, tenant_id, issue).deleted_at is None
    assert stored_row(parts, tenant_id, comment).deleted_at is None


def test_a_child_that_a_complete_list_no_longer_holds_is_buried(parts: Runtime, tenant_id: UUID) -> None:
    put(parts, tenant_id, an_issue("1"), a_comment("c1", "1"), a_comment("c2", "1"))
    edit = NOON + timedelta(minutes=1)
    put(parts, tenant_id, an_issue("1", edit=edit), at=edit)
    with parts.store.bound_to(tenant_id) as session:
        count = records.bury_missing(session, COMMENT, {"1": ["c2"]}, parent=ISSUE, updated={"1": edit}, at=edit)
    assert count == 1
    assert stored_row(parts, tenant_id, a_comment("c1", "1")).deleted_at is not None
    assert stored_row(parts, tenant_id, a_comment("c2", "1")).deleted_at is None


def test_a_lagging_read_buries_nothing(parts: Runtime, tenant_id: UUID) -> None:
    fresh = NOON + timedelta(minutes=5)
    put(parts, tenant_id, an_issue("1", edit=fresh), a_comment("c1", "1"))
    with parts.store.bound_to(tenant_id) as session:
        count = records.bury_missing(
            session, COMMENT, {"1": []}, parent=ISSUE, updated={"1": NOON}, at=fresh + timedelta(minutes=1)
        )
    assert count == 0


def test_a_reader_never_misses_a_version_below_one_it_has_seen(parts: Runtime) -> None:
    """Eight concurrent writers, and a reader that follows the feed and must end with every row."""
    site, integration = a_paired_site(parts)
    tenant_id = site.tenant_id
    stop = threading.Event()
    versions: dict[str, int] = {}

    def write(number: int) -> None:
        for step in range(15):
            put(parts, tenant_id, *(an_issue(f"{number}-{step}-{part}") for part in range(7)))

    def read() -> None:
        cursor: str | None = None
        while True:
            is_last = stop.is_set()
            with parts.store.bound_to(tenant_id) as session:
                page = feed.changes(session, integration.id, cursor=cursor, limit=50, entity_names=["issue"])
            versions.update((line["id"], line["version"]) for line in page.lines)
            cursor = str(page.cursor)
            if is_last and not page.has_more:
                return

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in (reader, *writers):
        thread.start()
    for writer in writers:
        writer.join()
    stop.set()
    reader.join()
    assert len(versions) == 8 * 15 * 7
