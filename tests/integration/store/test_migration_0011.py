"""Entries of rows that were lost to one bad value get their row, and a reason that has words."""

from __future__ import annotations

import psycopg
from alembic import command

from app.conditions import Code, Condition
from app.store.migrations import runner
from app.store.session import make_engine

REASONS = {
    "bad": '{"code": "bad_value", "entity": "issue", "id": "7", "column": "due", "error": "ValueError"}',
    "refused": '{"code":"row_refused","entity":"comment","id":"8","fault":"DataError"}',
    "no id": '{"code":"no_id","entity":"issue"}',
    "sentence": "issue: no id",
}
TENANT = "00000000-0000-0000-0000-000000000001"


def migrate(database_url: str, revision: str, *, is_down: bool = False) -> None:
    engine = make_engine(database_url)
    with engine.connect() as connection:
        (command.downgrade if is_down else command.upgrade)(runner.alembic_config(connection), revision)
        connection.commit()
    engine.dispose()


def test_entries_get_their_rows(empty_database_url: str) -> None:
    migrate(empty_database_url, "0010")
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO tenants (id, product, base_url, state) VALUES (%s, 'jira_cloud', 'https://a', 'active')",
            [TENANT],
        )
        for digest, reason in REASONS.items():
            connection.execute(
                "INSERT INTO poison (tenant_id, id, entity, reason, digest)"
                " VALUES (%s, gen_random_uuid(), 'issue', %s, %s)",
                (TENANT, reason, digest),
            )
        migrate(empty_database_url, "0011")
        rows = connection.execute("SELECT digest, row_id, reason FROM poison").fetchall()
        assert {digest: row_id for digest, row_id, _ in rows} == {
            "bad": "7",
            "refused": "8",
            "no id": None,
            "sentence": None,
        }
        reasons = {digest: Condition.from_json(reason) for digest, _, reason in rows}
        assert reasons["bad"] == Condition(Code.OTHER, text="issue, 7, due, ValueError")
        assert reasons["refused"].code is Code.ROW_REFUSED
        migrate(empty_database_url, "0010", is_down=True)
        assert connection.execute("SELECT count(*) FROM poison").fetchone() == (4,)
