"""Stored secrets and data of a site: rotation of keys without a pause, erasure after the grace period."""

from __future__ import annotations

import base64
from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update

from app import clock, runtime
from app.ingest.proof import lost_jobs
from app.privacy import erase
from app.store.schema import CREDENTIALS, TENANTS
from app.store.tables import tenant_owned
from app.tenants import depart, keyring
from app.vault import Vault
from app.web import commands
from tests.conftest import KEY, a_settings
from tests.factories import a_paired_site, an_install, an_installed_site
from tests.integration.store.test_records import a_comment, an_issue, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from app.runtime import Runtime

NEW_KEY = base64.b64encode(b"n" * 32).decode()


@pytest.fixture
def with_keys(database_url: str, redis_url: str) -> Iterator[Callable[..., Runtime]]:
    """Creates runtimes with these SECRET_KEYS."""
    runtimes = []

    def make(*keys: str) -> Runtime:
        settings = a_settings(secret_keys=keys)
        runtimes.append(runtime.assemble(settings, database_url=database_url, redis_url=redis_url))
        return runtimes[-1]

    yield make
    for process in runtimes:
        process.store.engine.dispose()
        process.redis.close()


def test_keys_rotate_while_everything_runs(parts: Runtime, with_keys: Callable[..., Runtime]) -> None:
    sites = [an_installed_site(parts) for _ in range(5)]
    rotation = with_keys(NEW_KEY, KEY)
    assert rotation.keyring.rotate().resealed_count >= 5
    assert rotation.keyring.rotate() == (0, [])
    only_new = with_keys(NEW_KEY)
    for site in sites:
        for process in (rotation, only_new):
            entry = process.keyring.find(site.client_key)
            assert entry is not None
            assert entry[1].current == site.shared_secret
    # Back to the first key, which the runtime of the other tests has.
    assert with_keys(KEY, NEW_KEY).keyring.rotate().resealed_count >= 5


@pytest.mark.parametrize("column", ["sealed", "previous_sealed"])
def test_a_secret_that_does_not_open_keeps_no_other_from_its_rotation(
    parts: Runtime, with_keys: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    sites = [an_installed_site(parts) for _ in range(5)]
    broken_id = sites[2].tenant_id
    with parts.store.bound_to(broken_id) as session:
        parts.keyring.keep(session, broken_id, "n" * 40)
        session.execute(update(CREDENTIALS).values({column: "v1.00000000.AAAA"}))
    rotation = with_keys(NEW_KEY, KEY)
    monkeypatch.setattr(commands.runtime, "running", lambda: nullcontext(rotation))
    result = CliRunner().invoke(commands.keys_rotate)
    assert result.exit_code == 1
    assert str(broken_id) in result.output
    assert not any(str(site.tenant_id) in result.output for site in sites if site.tenant_id != broken_id)
    for site in sites:
        entry = with_keys(NEW_KEY).keyring.find(site.client_key)
        assert (entry is None) is (site.tenant_id == broken_id)
    with parts.store.unrestricted_unsafe() as session:
        sealed = {row.tenant_id: row.sealed for row in session.execute(select(CREDENTIALS))}
        parts.keyring.destroy(session, broken_id)
    is_resealed = [not Vault([b"n" * 32]).is_stale(sealed[site.tenant_id]) for site in sites]
    assert is_resealed == [column == "previous_sealed" or site.tenant_id != broken_id for site in sites]
    assert with_keys(KEY, NEW_KEY).keyring.rotate().broken_ids == []
    assert CliRunner().invoke(commands.keys_rotate).exit_code == 0
    # Back to the first key, which the runtime of the other tests has.
    with_keys(KEY, NEW_KEY).keyring.rotate()


def test_a_rotated_secret_stays_good_for_the_overlap_and_is_gone_after(parts: Runtime) -> None:
    site, before_rotation = an_installed_site(parts), clock.now()
    with parts.store.unrestricted_unsafe() as session:
        parts.keyring.keep(session, site.tenant_id, "n" * 40)
    entry = parts.keyring.find(site.client_key)
    assert entry is not None
    assert entry[1][:2] == ("n" * 40, site.shared_secret)
    rotated_at = entry[1].rotated_at
    assert rotated_at is not None
    assert before_rotation <= rotated_at <= clock.now()
    with parts.store.unrestricted_unsafe() as session:
        late = clock.now() - keyring.OVERLAP
        session.execute(
            update(CREDENTIALS).where(CREDENTIALS.c.tenant_id == site.tenant_id).values(previous_until=late)
        )
        lost_jobs.tidy(session)
    entry = parts.keyring.find(site.client_key)
    assert entry is not None
    assert entry[1].previous is None


@pytest.fixture
def site_with_data(parts: Runtime) -> tuple[UUID, str]:
    site, _ = a_paired_site(parts)
    put(parts, site.tenant_id, an_issue("1"), a_comment("c", "1"))
    return site.tenant_id, site.client_key


def rows_of(parts: Runtime, tenant_id: UUID) -> int:
    with parts.store.bound_to(tenant_id) as session:
        tables = [table for table in tenant_owned() if table not in erase.INSTALL_RECORD_TABLES]
        return sum(session.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)


def test_an_uninstalled_site_is_purged_when_its_grace_is_over_and_not_before(
    parts: Runtime, site_with_data: tuple[UUID, str]
) -> None:
    tenant_id, client_key = site_with_data
    with parts.store.unrestricted_unsafe() as session:
        depart.uninstall(session, parts.keyring, client_key, issued_at=clock.epoch() + 1)
        assert tenant_id not in lost_jobs.find_purgeable(session)
    assert erase.erase_tenant_data(parts.store, tenant_id, is_purge=True) == 0
    assert rows_of(parts, tenant_id) > 0
    with parts.store.unrestricted_unsafe() as session:
        over = clock.now() - timedelta(seconds=1)
        session.execute(update(TENANTS).where(TENANTS.c.id == tenant_id).values(purge_after=over))
        assert tenant_id in lost_jobs.find_purgeable(session)
    assert erase.erase_tenant_data(parts.store, tenant_id, is_purge=True) > 0
    assert rows_of(parts, tenant_id) == 0
    with parts.store.unrestricted_unsafe() as session:
        erase.drop_purged_tenant(session, tenant_id)
        assert session.execute(select(TENANTS).where(TENANTS.c.id == tenant_id)).one_or_none() is None


def test_a_reinstall_finds_its_data_under_the_same_client_key_only(
    parts: Runtime, site_with_data: tuple[UUID, str]
) -> None:
    tenant_id, client_key = site_with_data
    with parts.store.unrestricted_unsafe() as session:
        depart.uninstall(session, parts.keyring, client_key, issued_at=clock.epoch() + 1)
    new_install = an_installed_site(parts, client_key=client_key, issued_at=clock.epoch() + 2)
    assert new_install.tenant_id == tenant_id
    stranger = an_installed_site(parts, base_url=new_install.base_url, client_key=an_install().client_key)
    assert stranger.tenant_id != tenant_id
    assert rows_of(parts, stranger.tenant_id) == 0
    assert rows_of(parts, tenant_id) > 0


def test_erasure_that_is_stopped_anywhere_goes_on(parts: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    site, _ = a_paired_site(parts)
    put(parts, site.tenant_id, *(an_issue(str(number)) for number in range(25)))
    monkeypatch.setattr(erase, "BATCH", 10)
    store, batches = parts.store, 0
    bound_to = store.bound_to

    def dies_in_the_third_batch(tenant_id: UUID, **options: object) -> object:
        nonlocal batches
        batches += 1
        if batches == 3:
            raise KeyboardInterrupt
        return bound_to(tenant_id, **options)  # type: ignore[arg-type]  # passed on unchanged

    monkeypatch.setattr(store, "bound_to", dies_in_the_third_batch)
    with pytest.raises(KeyboardInterrupt):
        erase.erase_tenant_data(store, site.tenant_id)
    monkeypatch.setattr(store, "bound_to", bound_to)
    erase.erase_tenant_data(store, site.tenant_id)
    assert rows_of(parts, site.tenant_id) == 0
