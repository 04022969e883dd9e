"""Makes time pass for a tenant: what is done by the clock is due now, what has to wait for hours has waited."""

from __future__ import annotations

import psycopg

KEEPING = ("poll", "worklogs", "failed_webhooks", "refresh", "recent", "issue_ids", "second_look")
"""Every duty that keeps rows true."""
_OF = "tenant_id = (SELECT tenant_id FROM installations WHERE client_key = %(client_key)s)"
_LISTS_AGED = (
    f"UPDATE chunks SET finished_at = finished_at - %(span)s WHERE {_OF}",
    f"UPDATE cursors SET ended_at = ended_at - %(span)s WHERE {_OF} AND name = 'link types'",
)
_AGED = (
    *_LISTS_AGED,
    f"UPDATE absences SET missed_at = missed_at - %(span)s WHERE {_OF} AND settled_at IS NULL",
    f"UPDATE absences SET last_missed_at = last_missed_at - %(span)s WHERE {_OF} AND settled_at IS NULL",
    f"UPDATE jira_issue SET read_at = read_at - %(span)s WHERE {_OF}",
    f"UPDATE cursors SET began = began - 1000 * extract(epoch FROM %(span)s)::bigint WHERE {_OF} AND name = 'ids'",
)
"""Lists become stale, absences old enough for a second look, rows old enough to be missed, the week of sweeps is over."""


def have_due(database_url: str, client_key: str, *duties: str) -> None:
    """Have these duties done at the next round."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            f"UPDATE schedules SET due_at = now() - interval '1 second', asked_at = NULL WHERE {_OF}"
            " AND duty = ANY(%(duties)s)",
            {"client_key": client_key, "duties": list(duties)},
        )


def begun(database_url: str, client_key: str) -> dict[str, float]:
    """When each duty last began, epoch seconds; 0 where it never did."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        rows = connection.execute(
            f"SELECT duty, coalesce(extract(epoch FROM ran_at), 0)::float FROM schedules WHERE {_OF}",
            {"client_key": client_key},
        )
        return dict(rows.fetchall())


def let_pass(database_url: str, client_key: str, hours: float) -> None:
    """As if it were so many hours later for all that waits; nothing is asked for by that."""
    _age(database_url, client_key, _AGED, hours)


def _age(database_url: str, client_key: str, statements: tuple[str, ...], hours: float) -> None:
    given = {"client_key": client_key, "span": f"{int(hours * 3600)} seconds"}
    with psycopg.connect(database_url) as connection:
        for statement in statements:
            connection.execute(statement.replace("%(span)s", "%(span)s::interval"), given)


_LEASES = (
    f"UPDATE inbox SET due_at = now() WHERE {_OF} AND done_at IS NULL",
    f"UPDATE cursors SET leased_until = now() WHERE {_OF} AND lease IS NOT NULL",
    f"UPDATE chunks SET leased_until = now() WHERE {_OF} AND lease IS NOT NULL",
)


def let_leases_end(database_url: str, client_key: str) -> None:
    """As if half a minute had gone since somebody died: what he held is anybody's."""
    with psycopg.connect(database_url) as connection:
        for statement in _LEASES:
            connection.execute(statement, {"client_key": client_key})


def have_polled(database_url: str, client_key: str) -> None:
    """Every poll is due: of issues, of worklogs, and of every list, each old enough to be read again."""
    _age(database_url, client_key, _LISTS_AGED, 8 * 24)
    have_due(database_url, client_key, "poll", "worklogs", "refresh")


def let_a_week_pass(database_url: str, client_key: str, turn: int) -> None:
    """Every third turn it is next week and everything is due, in between hours pass and second looks are taken."""
    let_pass(database_url, client_key, 2 if turn % 3 else 8 * 24)
    have_due(database_url, client_key, *(("poll", "second_look") if turn % 3 else KEEPING))
