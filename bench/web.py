"""Throughput of the web process: gunicorn as in production, real PostgreSQL and Valkey, the sandbox as Jira.

All processes share this machine with the load; the ratios to `GET /livez` are more reliable than the figures.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import uuid
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from app import embedded
from bench import jira, load
from bench.figure import Figure, p99
from tests.story.processes import ROOT, running_app

if TYPE_CHECKING:
    from bench.jira import Customer
    from bench.load import Load
    from tests.story.processes import RunningApp

SITES = 20
LIVEZ, PAGES, WEBHOOKS, PASSWORDS = 4000, 2000, 4000, 200
PASSWORDS_PER_ACCOUNT = 50
"""Passwords per SEI account; the app refuses more than 60 in a quarter of an hour."""
_PAGE = "/jira/configuration?xdm_e=https%3A%2F%2Facme.atlassian.net&xdm_c=channel&cp=&lic=none&cv=1001.0.0"
_HOOK = "/connect/webhooks/jira.issue_updated"
_UNIT = "requests/s"


def run() -> list[Figure]:
    """Measure the page with token check, OTP redemption and accepted webhooks, each relative to /livez."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = stack.enter_context(embedded.running(folder / "servers", postgres=True, valkey=True))
        sites = stack.enter_context(jira.sites(SITES))
        app = stack.enter_context(
            running_app(
                is_forked=False,
                database_url=str(servers.database_url),
                redis_url=str(servers.redis_url),
                install_keys_url=sites.install_keys_url,
                log=folder / "app.log",
                roles=("web",),
            )
        )
        return _measure(app, sites.install(app.url))


def _measure(app: RunningApp, customers: list[Customer]) -> list[Figure]:
    turns = cycle(customers)
    for target in (["/livez"] * 400, [_page(customer) for customer in islice(turns, 2 * SITES)]):
        load.send(app.port, [load.request("GET", path) for path in target], expected_status=200)
    before = _livez(app)
    pages = load.send(
        app.port, [load.request("GET", _page(customer)) for customer in islice(turns, PAGES)], expected_status=200
    )
    passwords = _mint(app, PASSWORDS)
    redemptions = load.send(app.port, [_redemption(*pair) for pair in zip(turns, passwords)], expected_status=200)  # noqa: B905 - the cycle is endless
    # The sites are paired now, hence a delivery is stored and queued.
    hooks = load.send(app.port, [_webhook(customer) for customer in islice(turns, WEBHOOKS)], expected_status=204)
    after = _livez(app)
    livez = (len(before.latencies) + len(after.latencies)) / (before.seconds + after.seconds)
    note = f"{_workers(app)} workers, {load.THREADS} connections"
    return [
        Figure("GET /livez", livez, _UNIT, 2 * LIVEZ, p99([*before.latencies, *after.latencies]), 1.0, note),
        _figure("page with token check", pages, livez, "asks Jira whether it is an administrator"),
        _figure("accepted webhook", hooks, livez, "paired site: stored in the inbox, job queued"),
        _figure(
            "OTP redemption", redemptions, livez, f"{PASSWORDS} integrations on {SITES} sites, most replace a pairing"
        ),
    ]


def _figure(name: str, result: Load, livez: float, note: str) -> Figure:
    return Figure(
        name, result.per_second, _UNIT, len(result.latencies), p99(result.latencies), result.per_second / livez, note
    )


def _livez(app: RunningApp) -> Load:
    return load.send(app.port, [load.request("GET", "/livez")] * LIVEZ, expected_status=200)


def _page(customer: Customer) -> str:
    return f"{_PAGE}&jwt={customer.page_token(_PAGE)}"


def _webhook(customer: Customer) -> str:
    body = {
        "timestamp": 1,
        "webhookEvent": "jira:issue_updated",
        "issue": {"id": "10001", "fields": {"summary": "x" * 2000}},
    }
    headers = {
        "Authorization": f"JWT {customer.server_token(_HOOK)}",
        "Content-Type": "application/json",
        "X-Atlassian-Webhook-Identifier": str(uuid.uuid4()),
    }
    return load.request("POST", _HOOK, headers, json.dumps(body).encode())


def _redemption(customer: Customer, password: str) -> str:
    headers = {"Authorization": f"JWT {customer.context_token()}", "Content-Type": "application/json"}
    return load.request("POST", "/jira/pairing", headers, json.dumps({"otp": password, "replace": True}).encode())


def _mint(app: RunningApp, number: int) -> list[str]:
    """Create integrations of several accounts and return one password for each."""
    passwords = []
    keys = [_account(app, f"bench-{at}") for at in range(-(-number // PASSWORDS_PER_ACCOUNT))]
    with requests.Session() as session:
        for at, key in enumerate(islice(cycle(keys), number)):
            session.headers["Authorization"] = f"Bearer {key}"
            draft = {"name": f"Bench {at}", "product": "jira_cloud", "method": "connect_app"}
            integration = session.post(f"{app.url}/api/v1/integrations", json=draft, timeout=30).json()["id"]
            passwords.append(session.post(f"{app.url}/api/v1/integrations/{integration}/otp", timeout=30).json()["otp"])
    return passwords


def _account(app: RunningApp, name: str) -> str:
    """Create an account with the operators' command and return its key."""
    command = [sys.executable, "-m", "app", "accounts", "create", name]
    process = subprocess.run(command, cwd=ROOT, env=app.env, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    return process.stdout.split()[-1]


def _workers(app: RunningApp) -> int:
    pid = app.processes["web"].pid
    return len(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())
