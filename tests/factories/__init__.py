"""Tenants, accounts and integrations, made through the product's use cases."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app import clock, ids
from app.catalog.extract import Row
from app.catalog.registry import entity
from app.integrations import accounts, ledger
from app.integrations.ledger import Draft
from app.integrations.model import State
from app.sources import Method, Product
from app.tenants import arrive
from app.tenants.model import Install

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.accounts import Account
    from app.integrations.model import Integration
    from app.runtime import Runtime


@dataclass(frozen=True)
class InstalledSite:
    """A site with the app installed."""

    tenant_id: UUID
    client_key: str
    shared_secret: str
    base_url: str


def an_install(**overrides: object) -> Install:
    values: dict[str, object] = {
        "client_key": str(ids.new()),
        "shared_secret": secrets.token_urlsafe(48),
        "base_url": f"https://{secrets.token_hex(6)}.atlassian.net",
        "display_url": None,
        "installation_id": None,
        "account_id": "admin-1",
        "issued_at": clock.epoch(),
    }
    return Install(**(values | overrides))  # type: ignore[arg-type]  # the test names real fields


def an_installed_site(parts: Runtime, **overrides: object) -> InstalledSite:
    install = an_install(**overrides)
    with parts.store.unrestricted_unsafe() as session:
        tenant_id = arrive.arrive(session, parts.keyring, install)
    assert tenant_id is not None
    return InstalledSite(tenant_id, install.client_key, install.shared_secret, install.base_url)


def an_account(parts: Runtime) -> tuple[Account, str]:
    """Return an SEI account and its API key."""
    with parts.store.unrestricted_unsafe() as session:
        key = accounts.create(session, f"account-{secrets.token_hex(6)}")
    return accounts.authenticate(parts.store, key), key


def an_integration(parts: Runtime, account: Account, name: str = "Acme Jira") -> Integration:
    draft = Draft(name, "", [], Product.CLOUD, Method.CONNECT_APP, {})
    with parts.store.bound_to_account(account.id) as session:
        return ledger.create(session, account.id, draft)


def a_paired_site(parts: Runtime, **overrides: object) -> tuple[InstalledSite, Integration]:
    """Return a paired site and its integration, without the way through Redis."""
    site = an_installed_site(parts, **overrides)
    account, _ = an_account(parts)
    integration = an_integration(parts, account)
    with parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, integration.id, State.BACKFILLING, tenant_id=site.tenant_id, paired_at=clock.now())
        return site, ledger.get(session, integration.id)


def a_row(entity_name: str, row_id: str, **values: object) -> Row:
    """A row of the catalogue with these values; its other columns are empty."""
    row_entity = entity(entity_name)
    return Row(row_entity, row_id, dict.fromkeys((column.name for column in row_entity.columns), None) | values)
