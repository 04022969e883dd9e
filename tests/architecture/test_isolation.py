"""Tenants are isolated by construction; exceptions are listed."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from app.catalog.registry import all_entities
from app.store import tables
from app.store.schema import METADATA
from tests.architecture.source import calls, modules, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Table

EXEMPT_FILES = {
    "app/integrations/accounts.py": "an API key is looked up before anybody knows whose it is",
    "app/tenants/keyring.py": "a client key is looked up before anybody knows whose it is; rotation is of all secrets",
    "app/tenants/install_key_cache.py": "install keys are Atlassian's, the same for all",
    "app/web/commands.py": "the operator's command line works for all tenants",
    "app/web/metrics.py": "the operator's metrics count over all tenants",
    "app/web/connect.py": "lifecycle hooks make and change install records themselves",
    "app/web/serve.py": "the bootstrap account is made before there is any",
    "workers/upkeep.py": "the sweep looks for work of all tenants; erasure ends with the record itself",
}
"""Files that may open an unrestricted session, each with its reason."""
NARROWING_FILES = {
    "app/actions/disabled.py": "the hook's token proves the tenant",
    "app/actions/reconnect.py": "the tokens of `installed` and `enabled` prove the tenant",
    "app/actions/uninstalled.py": "the hook's token proves the tenant",
}
"""Files that may narrow an unrestricted session to a tenant, each with its reason."""
TENANTS_OWN_FILES = {
    "app/actions/create.py": "the tenant is new, and its token was just handed over",
    "app/actions/reauthenticate.py": "checks the pairing itself under a lock, and answers with the integration alone",
    "app/actions/sync.py": "checks the pairing itself, and answers with the integration alone",
    "app/web/connect.py": "the token of a webhook proves the tenant",
    "app/web/jira_pages/__init__.py": "the page's token proves the tenant, and Jira the administrator",
    "app/web/jira_pages/page.py": "the page's token proves the tenant, and Jira the administrator",
}
"""Files on the way of a request that may bind a session to a tenant without `ledger.site_session`, each with its reason."""
SHARED_TABLES = {
    "accounts": "SEI accounts are no tenant's",
    "api_keys": "belong to an SEI account",
    "tenants": "the record itself; isolated by its id",
    "integrations": "belong to an SEI account and, once paired, to a tenant as well; isolated by either",
    "spent_tokens": "spent before a tenant is known; holds hashes",
    "install_keys": "Atlassian's public keys",
    **{table.name: "belongs to an SEI account, which it is isolated by" for table in tables.account_owned()},
}
"""Tables without a tenant, each with its reason."""


def _tables() -> dict[str, Table]:
    tables.entity_tables()  # adds them to the metadata
    return dict(METADATA.tables)


def _files_that_name(*names: str, folders: tuple[str, ...]) -> Iterator[str]:
    """The modules with one of these names or attributes, called or passed on."""
    for path in modules(*folders):
        for node in ast.walk(tree_of(path)):
            if (isinstance(node, ast.Attribute) and node.attr in names) or (
                isinstance(node, ast.Name) and node.id in names
            ):
                yield str(path)


def test_unrestricted_sessions_are_opened_only_where_listed() -> None:
    files = {
        str(path) for path in modules("app", "workers") for name, _ in calls(path) if name == "unrestricted_unsafe"
    }
    assert files - set(EXEMPT_FILES) == set(), "bind the session to a tenant, or give a reason in this test"
    assert set(EXEMPT_FILES) - files == set(), "these need no exception any more"


def test_sessions_are_narrowed_only_where_listed() -> None:
    files = {str(path) for path in modules("app", "workers") for name, _ in calls(path) if name == "narrowed_to"}
    assert files - set(NARROWING_FILES) == set(), "give a reason in this test"
    assert set(NARROWING_FILES) - files == set(), "these need no exception any more"


def test_accounts_read_a_site_only_while_it_is_paired() -> None:
    """`ledger.site_session` checks the pairing in the transaction of the reads."""
    files = set(_files_that_name("bound_to", folders=("app/web", "app/actions")))
    assert files - set(TENANTS_OWN_FILES) == set(), (
        "read a site in `ledger.site_session`, or give a reason in this test"
    )
    assert set(TENANTS_OWN_FILES) - files == set(), "these need no exception any more"


def test_nobody_goes_around_the_sessions() -> None:
    """Connections from an engine are bound to no tenant."""
    files = _files_that_name("engine", "create_engine", "make_engine", folders=("app", "workers"))
    assert {path for path in files if not path.startswith("app/store/")} == set()


@pytest.mark.parametrize("table", tables.tenant_owned(), ids=lambda table: table.name)
def test_a_tenants_table_has_the_tenant_first_in_its_key(table: Table) -> None:
    assert [column.name for column in table.primary_key.columns][0] == "tenant_id"  # noqa: RUF015 - says which comes first
    assert not table.c.tenant_id.nullable


@pytest.mark.parametrize("table", tables.account_owned(), ids=lambda table: table.name)
def test_an_accounts_table_has_the_account_first_in_its_key(table: Table) -> None:
    assert table.primary_key.columns[0].name == "account_id"
    assert not table.c.account_id.nullable


def test_every_table_is_a_tenants_or_is_listed_with_its_reason() -> None:
    names = {table.name for table in tables.tenant_owned()}
    assert {name for name in _tables() if name not in names} == set(SHARED_TABLES)


def test_a_table_with_a_tenant_is_a_tenants() -> None:
    names = {table.name for table in tables.tenant_owned()}
    assert {name for name, table in _tables().items() if "tenant_id" in table.c and name not in names} == {
        "integrations"
    }


def test_every_entity_has_a_table_of_its_own() -> None:
    assert set(tables.entity_tables()) == set(all_entities())
    for name, table in tables.entity_tables().items():
        assert [column.name for column in table.primary_key.columns] == ["tenant_id", "id"], name


@pytest.mark.parametrize("table", tables.tenant_owned(), ids=lambda table: table.name)
def test_every_index_of_a_tenants_table_begins_with_the_tenant_or_says_why(table: Table) -> None:
    across = {
        "ix_chunks_due_at": "the sweep looks for work of all tenants",
        "ix_schedules_due_at": "the clock looks for what is due of all tenants",
    }
    for index in table.indexes:
        assert index.expressions[0] is table.c.tenant_id or index.name in across, index.name
