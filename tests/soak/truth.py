"""Compares what is stored for a sandbox site with the site's own truth: ids, times of edit, and field by field for issues."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox import Site

_TIMED = {"issue": "updated", "changelog": "created", "comment": "updated", "worklog": "updated"}


def differences(database_url: str, site: Site) -> list[str]:
    """What is stored and what is true, where the two differ; empty when an ingest was complete."""
    truth = site.truth()
    found: list[str] = []
    with psycopg.connect(database_url) as connection:
        for entity, known in truth["entities"].items():
            stored = _stored(connection, site, entity)
            true = _true_times(site, entity) if entity in _TIMED else {str(each): None for each in known["ids"]}
            if _checksum(stored.items()) != _checksum(true.items()):
                found.append(_explain(entity, stored, true))
        found += _issue_facts(connection, site, truth["issues"])
    return found


def _stored(connection: psycopg.Connection[Any], site: Site, entity: str) -> dict[str, datetime | None]:
    time = _TIMED.get(entity)
    rows = connection.execute(
        f"SELECT id, {time or 'NULL'} FROM jira_{entity} JOIN installations USING (tenant_id)"
        " WHERE client_key = %s AND deleted_at IS NULL",
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
        times |= {str(each["id"]): _moment(each[_TIMED[entity]]) for each in lists[entity]}
    return times


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _checksum(rows: Iterable[tuple[str, datetime | None]]) -> str:
    lines = sorted(f"{known} {at.isoformat(timespec='milliseconds') if at else ''}" for known, at in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _explain(entity: str, stored: dict[str, Any], true: dict[str, Any]) -> str:
    missing, extra = sorted(true.keys() - stored.keys()), sorted(stored.keys() - true.keys())
    other = [known for known in true.keys() & stored.keys() if true[known] != stored[known]]
    return (
        f"{entity}: missing {missing[:5]} of {len(missing)}, extra {extra[:5]} of {len(extra)}, other times {other[:5]}"
    )


def _issue_facts(connection: psycopg.Connection[Any], site: Site, facts: dict[str, dict[str, Any]]) -> list[str]:
    rows = connection.execute(
        "SELECT id, key, project_id, status_id, assignee_id, changelog_total, comment_total, worklog_total, attachment_total"
        " FROM jira_issue JOIN installations USING (tenant_id) WHERE client_key = %s AND deleted_at IS NULL",
        (site.client_key,),
    )
    names = ("key", "project_id", "status_id", "assignee", "changelogs", "comments", "worklogs", "attachments")
    return [
        f"issue {known}: stored {values}, true {wanted}"
        for known, *values in rows
        if values != (wanted := [facts[known][name] for name in names])
    ][:5]
