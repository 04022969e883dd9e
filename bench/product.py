"""The product under an ingest benchmark: servers, worker processes, a paired tenant."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from app import actions, clock, embedded, ids, runtime
from app.config import Settings
from app.integrations import accounts, ledger
from app.integrations.ledger import Draft
from app.integrations.model import State
from app.sources import Method, Product
from app.tenants import arrive
from app.tenants.model import ApiToken, Arrival, Install
from bench import usage
from tests.story.processes import running_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from app.runtime import Runtime
    from tests.story.processes import RunningApp

CORES, WORKERS, IN_FLIGHT = 2, 2, 8
QUOTA = "100000000"
"""Points per hour. The default of 65,000 would delay 20,000 issues into the next hour; points are counted all the same."""


@contextlib.contextmanager
def running_product() -> Iterator[tuple[RunningApp, Runtime, Path]]:
    """Yield the processes, not yet started, the runtime on a migrated database, and the servers' folder."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = stack.enter_context(embedded.running(folder / "servers", postgres=True, valkey=True))
        database, redis = str(servers.database_url), str(servers.redis_url)
        app = stack.enter_context(
            running_app(
                is_forked=False,
                database_url=database,
                redis_url=redis,
                install_keys_url="http://127.0.0.1:9/unreachable",
                log=folder / "app.log",
                roles=(),
            )
        )
        app.env |= {
            "WORKER_CONCURRENCY": str(WORKERS),
            "SITE_CONCURRENCY": str(IN_FLIGHT),
            "APP_POINTS_PER_HOUR": QUOTA,
        }
        settings = Settings(
            environment="development",
            secret_keys=tuple(app.env["SECRET_KEYS"].split(",")),
            site_hosts=("http://127.0.0.1:*",),
        )
        parts = runtime.assemble(settings, database_url=database, redis_url=redis)
        stack.callback(parts.store.engine.dispose)
        yield app, parts, folder / "servers"


def pair_by_token(parts: Runtime, site_url: str) -> UUID:
    """Create an integration that reads the simulator with a token, which it doesn't check. Returns its tenant's id."""
    with parts.store.unrestricted_unsafe() as session:
        key = accounts.create(session, "bench with a token")
    draft = Draft("Bench", "", [], Product.CLOUD, Method.API_TOKEN, {})
    arrival = Arrival(site_url, None, ApiToken("bench@site.example", "token"))
    account = accounts.authenticate(parts.store, key)
    integration = actions.create_with_token(
        parts.store, parts.sites, parts.keyring, account.id, draft, arrival, is_unchecked=True
    )
    if integration.tenant_id is None:
        raise RuntimeError("an integration with a token has no site")
    return integration.tenant_id


def pair(parts: Runtime, site_url: str) -> UUID:
    """Pair a tenant with the simulator through the product's use cases, without Connect. Returns its id."""
    install = Install(
        client_key=str(ids.new()),
        shared_secret="s" * 64,
        base_url=site_url,
        display_url=None,
        installation_id=None,
        account_id="admin-1",
        issued_at=clock.epoch(),
    )
    with parts.store.unrestricted_unsafe() as session:
        tenant_id = arrive.arrive(session, parts.keyring, install)
        key = accounts.create(session, "bench")
    if tenant_id is None:
        raise RuntimeError("a new client key was taken for a late one")
    account = accounts.authenticate(parts.store, key)
    with parts.store.bound_to_account(account.id) as session:
        integration = ledger.create(session, account.id, Draft("Bench", "", [], Product.CLOUD, Method.CONNECT_APP, {}))
    with parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, integration.id, State.BACKFILLING, tenant_id=tenant_id, paired_at=clock.now())
    return tenant_id


def wait_until_idle(app: RunningApp) -> None:
    """Wait until all workers have started and imported their modules."""
    deadline = time.monotonic() + 60
    while len(usage.descendants(app.processes["worker"].pid)) < 1 + WORKERS and time.monotonic() < deadline:
        _pause(0.1)
    _pause(2)


def wait_until_verified(app: RunningApp, deadline: float) -> None:
    """Wait until the integration is verified complete. Raises TimeoutError at `deadline` (monotonic seconds)."""
    with psycopg.connect(app.env["DATABASE_URL"], autocommit=True) as connection:
        query = "SELECT state, verified_at, state_reason FROM integrations"
        while True:
            state, verified_at, reason = connection.execute(query).fetchone() or ("", None, "")
            if state == State.HEALTHY and verified_at:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{state}: {reason}\n{app.tail()}")
            _pause(0.1)


def _pause(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - not a worker


@contextlib.contextmanager
def on_two_cores() -> Iterator[None]:
    """Bind this process and its children to two cores during the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
