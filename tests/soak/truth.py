"""Compares the stored rows of a sandbox site with its truth: ids, edit times, and the fields of issues."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from app.catalog.registry import stub_entities

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sandbox import Site

_WITH_STUBS = {entity.name for entity in stub_entities()}
_TIME_COLUMNS = {"issue": "updated", "changelog": "created", "comment": "updated", "worklog": "updated"}


def differences(
    database_url: str,
    site: Site,
    *,
    without: Mapping[str, Collection[str]] | None = None,
    odd_issues: Collection[str] = (),
) -> list[str]:
    """Differences between stored and true rows; empty after a complete ingest.

    `without` are true rows by entity that must be missing; the fields of `odd_issues` aren't compared.
    """
    truth, absent_ids = site.truth(), without or {}
    problems: list[str] = []
    with psycopg.connect(database_url) as connection:
        for entity, truth_of_entity in truth["entities"].items():
            stored_times = _stored(connection, site, entity)
            true = (
                _true_times(site, entity)
                if entity in _TIME_COLUMNS
                else {str(row_id): None for row_id in truth_of_entity["ids"]}
            )
            true = {row_id: time for row_id, time in true.items() if row_id not in absent_ids.get(entity, ())}
            if _checksum(stored_times.items()) != _checksum(true.items()):
                problems.append(_explain(entity, stored_times, true))
        facts = {issue_id: issue for issue_id, issue in truth["issues"].items() if issue_id not in odd_issues}
        problems += _issue_facts(connection, site, facts)
    return problems


def _stored(connection: psycopg.Connection[Any], site: Site, entity: str) -> dict[str, datetime | None]:
    time, stub = _TIME_COLUMNS.get(entity), " AND NOT is_stub" if entity in _WITH_STUBS else ""
    rows = connection.execute(
        f"SELECT id, {time or 'NULL'} FROM jira_{entity} JOIN installations USING (tenant_id)"
        f" WHERE client_key = %s AND deleted_at IS NULL{stub}",
        (site.client_key,),
    )
    return dict(rows.fetchall())


def _true_times(site: Site, entity: str) -> dict[str, datetime | None]:
    times: dict[str, datetime | None] = {}
    for issue in site.world.searchable():
        if entity == "issue":
            times[issue.id] = datetime.fromtimestamp(issue.updated_ms / 1000, UTC)
            continue
        lists = {"changelog": issue.histories, "comment": issue.comments, "worklog": issue.worklogs}
        times |= {str(body["id"]): _moment(body[_TIME_COLUMNS[entity]]) for body in lists[entity]}
    return times


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _checksum(rows: Iterable[tuple[str, datetime | None]]) -> str:
    lines = sorted(f"{row_id} {at.isoformat(timespec='milliseconds') if at else ''}" for row_id, at in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _explain(entity: str, stored_times: dict[str, Any], true: dict[str, Any]) -> str:
    missing_ids, extra_ids = sorted(true.keys() - stored_times.keys()), sorted(stored_times.keys() - true.keys())
    edited_ids = [row_id for row_id in true.keys() & stored_times.keys() if true[row_id] != stored_times[row_id]]
    return (
        f"{entity}: missing {missing_ids[:5]} of {len(missing_ids)}, extra {extra_ids[:5]} of {len(extra_ids)},"
        f" other times {edited_ids[:5]}"
    )


def _issue_facts(connection: psycopg.Connection[Any], site: Site, facts: dict[str, dict[str, Any]]) -> list[str]:
    rows = connection.execute(
        "SELECT id, key, project_id, status_id, assignee_id, changelog_total, comment_total, worklog_total, attachment_total"
        " FROM jira_issue JOIN installations USING (tenant_id)"
        " WHERE client_key = %s AND deleted_at IS NULL AND NOT is_stub",
        (site.client_key,),
    )
    names = ("key", "project_id", "status_id", "assignee", "changelogs", "comments", "worklogs", "attachments")
    return [
        f"issue {issue_id}: stored {values}, true {true_values}"
        for issue_id, *values in rows
        if issue_id in facts and values != (true_values := [facts[issue_id][name] for name in names])
    ][:5]
