"""Faults of operators and callers: a clear error, the right status, no data lost."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest
import requests

from tests import databases
from tests.story import fork_server
from tests.story.processes import API_KEY, ROOT, running_app, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox import Site
    from tests.story.processes import RunningApp


def run_command(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m app …` with the test's variables only."""
    basics = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "-m", "app", *words],
        cwd=ROOT,
        env={**basics, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("command", ["web", "release", "run", "doctor"])
def test_a_production_without_settings_does_not_start_and_names_each(command: str, tmp_path: Path) -> None:
    log = tmp_path / "output"
    process = fork_server.start("app", command, env={"PATH": os.environ["PATH"]}, output=log)
    assert process.wait(60) == 1
    output = log.read_text()
    for variable in ("BASE_URL", "SECRET_KEYS", "DATABASE_URL", "REDIS_URL"):
        assert variable in output
    assert "Traceback" not in output


def test_workers_without_settings_do_not_start_either() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "workers"], cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    assert process.returncode == 1
    assert "SECRET_KEYS" in process.stderr
    assert "Traceback" not in process.stderr


def test_the_doctor_says_what_is_wrong_and_what_to_do() -> None:
    process = run_command(
        "doctor",
        ENVIRONMENT="development",
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/nowhere",
        REDIS_URL="redis://127.0.0.1:1/0",
        INSTALL_KEYS_URL="http://127.0.0.1:1",
        BASE_URL="http://127.0.0.1:1",
    )
    assert process.returncode == 1
    for words in (
        "FAIL database: The database does not answer",
        "Check DATABASE_URL",
        "FAIL redis: does not answer. Check REDIS_URL",
        "FAIL install keys:",
        "FAIL base url:",
    ):
        assert words in process.stdout
    assert "Traceback" not in process.stdout + process.stderr


def test_the_doctor_is_content_with_a_healthy_deployment(app: RunningApp) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "app", "doctor"], cwd=ROOT, env=app.env, capture_output=True, text=True, timeout=60
    )
    assert (process.returncode, process.stdout.count("FAIL")) == (0, 0), process.stdout


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"not json", "body"),
        (b"[]", "body"),
        (b'{"name": ""}', "name"),
        (b'{"name": "x", "product": "jira_cloud", "method": "connect_app", "colour": "red"}', "colour"),
        (b'{"name": "a\\u0000b", "product": "jira_cloud", "method": "connect_app"}', "name"),
        (b'{"name": "a\\ud800b", "product": "jira_cloud", "method": "connect_app"}', "name"),
        (b'{"name": "x", "product": "jira_server", "method": "connect_app"}', "product"),
    ],
)
def test_a_malformed_body_is_a_400_that_names_the_field(app: RunningApp, body: bytes, field: str) -> None:
    answer = app.api("POST", "/integrations", data=body) if not body else _post(app, body)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert field in answer.json()["detail"]


def _post(app: RunningApp, body: bytes) -> requests.Response:

    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
    return requests.post(f"{app.url}/api/v1/integrations", data=body, headers=headers, timeout=10)


def test_an_unknown_route_is_a_404_without_details(app: RunningApp) -> None:
    answer = requests.get(f"{app.url}/no/such/thing", timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert requests.put(f"{app.url}/api/v1/integrations", timeout=10).status_code == 405


def test_an_unknown_integration_and_another_accounts_are_one_answer(app: RunningApp) -> None:
    answers = {
        (answer.status_code, answer.text)
        for integration_id in ("01a20cc3-3904-7eb0-b427-f6e7183c147e", "00000000-0000-0000-0000-000000000000")
        for answer in [app.api("GET", f"/integrations/{integration_id}")]
    }
    assert {status for status, _ in answers} == {404}
    assert len(answers) == 1


@pytest.fixture
def fragile_app(
    own_database_url: str, redis_url: str, key_host: str, tmp_path: Path
) -> Iterator[tuple[RunningApp, str]]:
    """A web process on a database that the test may close."""
    with running_app(
        database_url=own_database_url,
        redis_url=redis_url.replace("?db=0", "?db=3"),
        install_keys_url=key_host,
        log=tmp_path / "app.log",
        roles=("web",),
    ) as product:
        yield product, own_database_url


def test_with_the_database_down_callers_are_told_to_come_back_and_nothing_is_lost(
    fragile_app: tuple[RunningApp, str], a_site: Callable[..., Site], server_url: str
) -> None:
    app, database_url = fragile_app
    site = a_site(issues=3, projects=1, app_url=app.url)
    site.install()
    integration = app.an_integration()
    otp = app.an_otp(integration)
    name = databases.name_of(database_url)
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            assert requests.get(f"{app.url}/livez", timeout=10).status_code == 200
            assert requests.get(f"{app.url}/readyz", timeout=10).json()["database"] == "does not answer"
            for answer in (app.api("GET", "/integrations"), app.paste(site, otp)):
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) > 0
                assert "Traceback" not in answer.text
        finally:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    wait_for(lambda: requests.get(f"{app.url}/readyz", timeout=10).ok, 30)
    assert app.paste(site, otp).status_code == 200
