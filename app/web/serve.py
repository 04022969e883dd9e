"""Starts the processes: web under gunicorn, the release step, and everything together for one machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from honcho.environ import parse_procfile
from honcho.manager import Manager

from app import config, logs, runtime
from app.integrations import accounts
from app.store.migrations import runner
from app.web import create_app, worker
from app.web.commands import plainly

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings

_ROOT = Path(__file__).parents[2]
_THREADS = 8


class Quiet(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Sends gunicorn's messages through our log pipeline, without an access log: page addresses hold tokens."""

    def setup(self, cfg: object) -> None:
        """Remove gunicorn's handlers in favour of the root's redacting one."""
        super().setup(cfg)
        self.error_log.handlers, self.error_log.propagate = [], True


class Web(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Gunicorn with this app's settings; each worker opens connections of its own."""

    def __init__(self, settings: Settings, database_url: str, redis_url: str) -> None:
        self.settings = settings
        self._addresses = (database_url, redis_url)
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options."""
        values: dict[str, Any] = {
            "bind": f"{self.settings.host}:{self.settings.port}",
            "workers": max(2, min(4, os.cpu_count() or 1)),
            # Threads: a call that waits for Jira must not block others. Our own class: slow clients must hold no thread.
            "worker_class": worker.Worker,
            "threads": _THREADS,
            "timeout": 60,
            "graceful_timeout": 20,
            "keepalive": 15,
            "limit_request_line": worker.LONGEST_LINE,
            "limit_request_fields": 60,
            "limit_request_field_size": worker.LONGEST_FIELD,
            "http_parser": "python",
            "accesslog": None,
            # No header changes the app's address or scheme: these come from BASE_URL, behind any proxy.
            "forwarder_headers": "",
            "forwarded_allow_ips": "",
            "proc_name": "sei-connect-web",
            "logger_class": Quiet,
            "control_socket_disable": True,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Create the app of one worker process."""
        logs.configure(is_production=self.settings.is_production)
        database_url, redis_url = self._addresses
        return create_app(runtime.assemble(self.settings, database_url=database_url, redis_url=redis_url))


@click.command("web")
@plainly
def web() -> None:
    """Serve HTTP on HOST and PORT."""
    settings = config.load()
    logs.configure(is_production=settings.is_production)
    with runtime.servers(settings) as (database_url, redis_url):
        Web(settings, database_url, redis_url).run()


@click.command("release")
@plainly
def release() -> None:
    """Migrate the database to the newest schema and create the bootstrap account, if configured."""
    settings = config.load()
    logs.configure(is_production=settings.is_production)
    with runtime.servers(settings) as (database_url, redis_url):
        prepare(settings, database_url, redis_url)
    click.echo("Released.")


def prepare(settings: Settings, database_url: str, redis_url: str) -> None:
    """Prepare the database, once before the processes start."""
    runner.upgrade(database_url)
    if settings.bootstrap_account and settings.bootstrap_api_key:
        parts = runtime.assemble(settings, database_url=database_url, redis_url=redis_url)
        with parts.store.unrestricted_unsafe() as session:
            accounts.ensure(session, settings.bootstrap_account, settings.bootstrap_api_key)


@click.command("run")
@plainly
def run() -> None:
    """Release, then run web, workers and clock together, with embedded servers where none are configured."""
    settings = config.load()
    logs.configure(is_production=settings.is_production)
    with runtime.servers(settings) as (database_url, redis_url):
        prepare(settings, database_url, redis_url)
        manager = Manager()
        env = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url}  # noqa: TID251 - handed on whole
        env["PATH"] = f"{Path(sys.executable).parent}:{env.get('PATH', '')}"
        processes = parse_procfile((_ROOT / "Procfile").read_text()).processes
        for name, line in processes.items():
            if name != "release":
                manager.add_process(name, line, quiet=False, env=env, cwd=str(_ROOT))
        manager.loop()
    sys.exit(manager.returncode or 0)
