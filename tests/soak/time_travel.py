"""Makes time pass for a tenant: moves stored timestamps into the past and makes periodic jobs due."""

from __future__ import annotations

import psycopg

FRESHNESS_JOBS = ("poll", "worklogs", "failed_webhooks", "refresh", "recent", "issue_ids", "second_look")
"""Every periodic job that keeps rows up to date."""
_OF = "tenant_id = (SELECT tenant_id FROM installations WHERE client_key = %(client_key)s)"
_AGE_LISTS = (
    f"UPDATE chunks SET finished_at = finished_at - %(span)s WHERE {_OF}",
    f"UPDATE cursors SET ended_at = ended_at - %(span)s WHERE {_OF} AND name = 'link types'",
)
_AGE_ROWS = (
    *_AGE_LISTS,
    f"UPDATE absences SET missed_at = missed_at - %(span)s WHERE {_OF} AND settled_at IS NULL",
    f"UPDATE absences SET last_missed_at = last_missed_at - %(span)s WHERE {_OF} AND settled_at IS NULL",
    f"UPDATE jira_issue SET read_at = read_at - %(span)s WHERE {_OF}",
    f"UPDATE cursors SET began = began - 1000 * extract(epoch FROM %(span)s)::bigint WHERE {_OF} AND name = 'ids'",
)
"""Makes lists stale, absences due for a check, rows old enough to count as absent, and ends the week between sweeps."""


def make_due(database_url: str, client_key: str, *jobs: str) -> None:
    """Make these periodic jobs due at the clock's next round."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            f"UPDATE schedules SET due_at = now() - interval '1 second', asked_at = NULL WHERE {_OF}"
            " AND duty = ANY(%(jobs)s)",
            {"client_key": client_key, "jobs": list(jobs)},
        )


def last_starts(database_url: str, client_key: str) -> dict[str, float]:
    """The last start of each periodic job in epoch seconds; 0 before the first."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        rows = connection.execute(
            f"SELECT duty, coalesce(extract(epoch FROM ran_at), 0)::float FROM schedules WHERE {_OF}",
            {"client_key": client_key},
        )
        return dict(rows.fetchall())


def retry_unreadable(database_url: str, client_key: str) -> None:
    """Make the next try of every unreadable part due."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"UPDATE unreadable SET retry_at = now() WHERE {_OF}", {"client_key": client_key})


def age(database_url: str, client_key: str, hours: float) -> None:
    """Move every stored timestamp into the past. No job becomes due by that alone."""
    _execute(database_url, client_key, _AGE_ROWS, hours)


def _execute(database_url: str, client_key: str, statements: tuple[str, ...], hours: float) -> None:
    parameters = {"client_key": client_key, "span": f"{int(hours * 3600)} seconds"}
    with psycopg.connect(database_url) as connection:
        for statement in statements:
            connection.execute(statement.replace("%(span)s", "%(span)s::interval"), parameters)


_LEASES = (
    f"UPDATE inbox SET due_at = now() WHERE {_OF} AND done_at IS NULL",
    f"UPDATE cursors SET leased_until = now() WHERE {_OF} AND lease IS NOT NULL",
    f"UPDATE chunks SET leased_until = now() WHERE {_OF} AND lease IS NOT NULL",
)


def expire_leases(database_url: str, client_key: str) -> None:
    """Release the leases of dead workers at once instead of after half a minute."""
    with psycopg.connect(database_url) as connection:
        for statement in _LEASES:
            connection.execute(statement, {"client_key": client_key})


def make_polls_due(database_url: str, client_key: str) -> None:
    """Make every poll due: issues, worklogs, and lists, which also become stale."""
    _execute(database_url, client_key, _AGE_LISTS, 8 * 24)
    make_due(database_url, client_key, "poll", "worklogs", "refresh")


def advance(database_url: str, client_key: str, turn: int) -> None:
    """Skip a week and make everything due on every third turn; skip two hours and check absences on the others."""
    age(database_url, client_key, 2 if turn % 3 else 8 * 24)
    make_due(database_url, client_key, *(("poll", "second_look") if turn % 3 else FRESHNESS_JOBS))
