"""The test stand of soaks: real servers, the product's processes as operators run them, and sites that count."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from app import clock, embedded, jobs, runtime
from app.integrations import ledger
from app.integrations.model import State
from app.store.tables import tenant_owned
from bench import usage
from tests.conftest import a_settings
from tests.factories import an_account, an_installed_site, an_integration
from tests.integration.embedded.processes import is_alive, pid_of
from tests.story.processes import is_ready, running_app, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from app.integrations.model import Integration
    from app.runtime import Runtime
    from tests.factories import InstalledSite
    from tests.story.processes import RunningApp

QUOTA = 100_000_000
"""Points an hour. These sites have no quota; with 65,000 a large backfill would rightly wait for the next hour."""
WORKERS = 2


@dataclass
class Stand:
    """Servers and processes that tests may kill."""

    folder: Path
    app: RunningApp
    parts: Runtime

    @property
    def database_url(self) -> str:
        return self.app.env["DATABASE_URL"]

    # Sites

    def pair(self, site_url: str) -> tuple[InstalledSite, Integration]:
        """Pair a site with a new integration."""
        site = an_installed_site(self.parts, base_url=site_url)
        integration = an_integration(self.parts, an_account(self.parts)[0])
        with self.parts.store.unrestricted_unsafe() as session:
            ledger.move_to(session, integration.id, State.BACKFILLING, tenant_id=site.tenant_id, paired_at=clock.now())
        return site, integration

    def begin(self, tenant_id: UUID) -> None:
        """Enqueue the plan of the site, as pairing does after its commit."""
        jobs.enqueue(self.parts.redis, jobs.PLAN, str(tenant_id))

    def status(self, integration: Integration) -> tuple[str, bool, str | None]:
        """State, whether it was verified complete, and the state's reason; `unknown` while the database is down."""
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                "SELECT state, verified_at IS NOT NULL, state_reason FROM integrations WHERE id = %s",
                [integration.id],
            ).fetchone()
            return row or ("gone", False, None)
        return "unknown", False, None

    def is_verified(self, integration: Integration) -> bool:
        return self.status(integration)[:2] == ("healthy", True)

    def stored_of(self, tenant_id: UUID, entity: str = "issue") -> int:
        """Stored rows of an entity, from its tally."""
        with psycopg.connect(self.database_url) as connection:
            query = "SELECT live FROM tallies WHERE tenant_id = %s AND entity = %s"
            row = connection.execute(query, [tenant_id, entity]).fetchone()
        return int(row[0]) if row else 0

    def waiting_deliveries(self) -> int:
        """Webhooks that are accepted but not yet handled."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute("SELECT count(*) FROM inbox WHERE done_at IS NULL").fetchone()
        return int(row[0]) if row else 0

    def clear(self) -> None:
        """Delete all tenants and their rows; the limiter keeps its learned rates."""
        tables = ", ".join(["tenants", "accounts", "integrations", *(table.name for table in tenant_owned())])
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            while True:
                with contextlib.suppress(psycopg.errors.DeadlockDetected):
                    connection.execute(f"TRUNCATE {tables} CASCADE".encode())
                    return

    # Failures

    def kill_worker(self, lot: float) -> None:
        """Kill one worker process of the pool, chosen by `lot` in [0, 1); the pool starts another."""
        workers = usage.descendants(self.app.processes["worker"].pid)[1:]
        os.kill(workers[int(lot * len(workers))], signal.SIGKILL)

    def kill_server(self, server: str, *, loses_data: bool = False) -> None:
        """Kill `postgres` or `valkey` and wait for its end."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid_of(self.folder, server), signal.SIGKILL)
        wait_for(lambda: not is_alive(self.folder, server), 30)
        if loses_data:
            shutil.rmtree(self.folder / server)

    def revive_servers(self) -> None:
        with embedded.running(self.folder, postgres=True, valkey=True):
            pass

    def revive(self, role: str) -> None:
        self.app.start(role)

    def dead(self) -> list[str]:
        """Processes that ended by themselves."""
        return [role for role, process in self.app.processes.items() if process.poll() is not None]


@contextlib.contextmanager
def running_stand(*roles: str, **env: object) -> Iterator[Stand]:
    """Run a stand with these processes."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        servers = stack.enter_context(embedded.running(folder, postgres=True, valkey=True))
        database_url, redis_url = str(servers.database_url), str(servers.redis_url)
        app = stack.enter_context(
            running_app(
                database_url=database_url,
                redis_url=redis_url,
                install_keys_url="http://127.0.0.1:9/unreachable",
                log=folder / "app.log",
                roles=(),
            )
        )
        settings = {"APP_POINTS_PER_HOUR": QUOTA, "WORKER_CONCURRENCY": WORKERS} | env
        app.env |= {name: str(value) for name, value in settings.items()}
        parts = runtime.assemble(a_settings(), database_url=database_url, redis_url=redis_url)
        stack.callback(parts.store.engine.dispose)
        app.start(*roles)
        wait_for(lambda: _is_up(app, roles), 60, app.tail)
        yield Stand(folder, app, parts)


def _is_up(app: RunningApp, roles: tuple[str, ...]) -> bool:
    """Whether the web process answers and the pool has its workers."""
    if "worker" in roles and len(usage.descendants(app.processes["worker"].pid)) < 2:
        return False
    return "web" not in roles or is_ready(app.url)


def pause(seconds: float) -> None:
    time.sleep(max(0.0, seconds))
