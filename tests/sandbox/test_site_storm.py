"""Random changes, downtime, restarts, and a killed process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import requests

from sandbox import Site
from sandbox.changes import KINDS
from sandbox.shapes import JiraError, NotNowError
from sandbox.storm import ISSUE_KINDS, OTHER_KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.app_client import AppClient
    from tests.sandbox.fake_app import FakeApp

JQL = "/rest/api/3/search/jql"


def a_site(seed: int = 5, **options: object) -> Site:
    return Site(dataset="seeded", seed=seed, issues=200, projects=4, **options)  # type: ignore[arg-type]  # the test names real options


def test_every_kind_of_storm_is_a_kind_of_change() -> None:
    assert set(ISSUE_KINDS) | set(OTHER_KINDS) <= set(KINDS)


def test_a_storm_keeps_its_rate_and_changes_each_issue_once() -> None:
    site = a_site()
    start = time.monotonic()
    storm = site.storm(changes=150, rate=100.0, others=0.1, seed=2)
    with pytest.raises(NotNowError):
        site.storm()
    assert storm.wait(30)
    assert time.monotonic() - start == pytest.approx(1.5, abs=0.4)
    progress = storm.progress()
    assert (progress["isOver"], progress["problems"]) == (True, [])
    of_issues = [note for note in storm.notes if note.kind in ISSUE_KINDS]
    assert len(of_issues) == 150
    assert len(storm.notes) - len(of_issues) in range(10, 16)
    targets = Counter(note.issue_id for note in of_issues if note.kind not in {"create_issue", "unlink_issues"})
    assert max(targets.values()) == 1
    assert len({note.kind for note in of_issues}) > 12


def test_one_seed_one_storm() -> None:
    def kinds(seed: int) -> list[tuple[str, str]]:
        storm = a_site().storm(changes=60, rate=1000.0, others=0.2, seed=seed)
        assert storm.wait(30)
        return [(note.kind, note.id) for note in storm.notes]

    assert kinds(3) == kinds(3)
    assert kinds(3) != kinds(4)


def test_a_storm_can_be_stopped_and_asked_for_wrongly() -> None:
    site = a_site()
    site.storm(changes=1000, rate=20.0).stop()
    assert len(site.last_storm.notes) < 100  # type: ignore[union-attr]  # there was one
    with pytest.raises(JiraError):
        site.storm(colour="red")


def test_a_storm_by_its_control_route(app: FakeApp, site: Site) -> None:
    url = f"{site.base_url}/sandbox/storm"
    assert requests.post(url, json={"changes": 30, "rate": 200, "seed": 4}, timeout=5).json()["wanted"] == 30
    assert site.last_storm is not None
    assert site.last_storm.wait(10)
    progress = requests.get(url, params={"since": 10}, timeout=5).json()
    assert (progress["isOver"], len(progress["notes"])) == (True, progress["made"] - 10)
    assert {"at", "kind", "entity", "id", "issue_id", "updated", "events"} == set(progress["notes"][0])
    assert site.webhooks.queue.wait_until_idle(20)
    assert app.problems == []
    assert len(app.of("/webhooks")) == len(site.webhooks.deliveries)
    assert requests.delete(url, timeout=5).status_code == 204


def test_a_restart_closes_connections_and_forgets_page_tokens(site: Site, client: AppClient) -> None:
    first = client.get(JQL, jql="project = APOL", maxResults=10).json()
    site.restart(0.3)
    with pytest.raises(requests.ConnectionError):
        client.get(JQL, jql="project = APOL")
    assert requests.get(f"{site.base_url}/sandbox/counts", timeout=5).status_code == 200
    time.sleep(0.4)
    late_answer = client.get(JQL, jql="project = APOL", maxResults=10, nextPageToken=first["nextPageToken"])
    assert late_answer.status_code == 400
    assert client.get(JQL, jql="project = APOL", maxResults=10).json()["issues"] == first["issues"]


def test_webhooks_wait_while_the_site_is_down(app: FakeApp, site: Site) -> None:
    site.restart(0.5)
    site.change("assign_issue")
    time.sleep(0.25)
    assert app.of("/webhooks") == []
    assert site.webhooks.queue.wait_until_idle(5)
    assert len(app.of("/webhooks")) == 1


def test_a_state_file_brings_the_same_site_back(tmp_path: Path) -> None:
    state = tmp_path / "site.journal"
    site = a_site(state=state)
    storm = site.storm(changes=200, rate=2000.0, others=0.5, seed=7)
    assert storm.wait(60)
    site.mutate("lose_project", project="CITA")
    site.change_options({"latency_ms": 3})
    back = a_site(seed=99, state=state)
    assert json.dumps(back.truth(), sort_keys=True) == json.dumps(site.truth(), sort_keys=True)
    assert back.world.issues == site.world.issues
    assert back.world.catalogue == site.world.catalogue
    assert back.world.deleted_worklogs == site.world.deleted_worklogs
    assert back.world.audit == site.world.audit
    assert back.options.latency_ms == 3
    assert int(back.world.new_id()) > int(site.world.new_id()), "an id that is gone may have been given again"


def test_half_a_line_at_the_end_is_a_write_that_was_not_made(tmp_path: Path) -> None:
    state = tmp_path / "site.journal"
    a_site(state=state).mutate("update_issue", issue="APOL-1", fields={"summary": "kept"})
    with state.open("ab") as file:
        file.write(b'{"gone": "100')
    assert a_site(state=state).world.find("APOL-1").fields["summary"] == "kept"  # type: ignore[union-attr]  # it is there


def test_a_killed_process_comes_back_installed_and_with_every_change(app: FakeApp, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "--dataset", "seeded", "--issues", "60", "--app-url", app.base_url]
    command += ["--state", str(tmp_path / "site.journal"), "--key-file", str(tmp_path / "key"), "--port"]

    def started(port: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen([*command, port], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        assert process.stdout is not None
        with process.stdout as output:
            return process, output.readline().strip().rsplit(" ", 1)[1]

    first, url = started("0")
    app._keys_url = f"{url}/install-keys"
    try:
        requests.post(f"{url}/sandbox/install", timeout=10).raise_for_status()
        client_key = requests.get(f"{url}/sandbox/state", timeout=5).json()["clientKey"]
        change = requests.post(f"{url}/sandbox/mutate", json={"kind": "create_issue"}, timeout=5).json()
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    second, second_url = started(url.rsplit(":", 1)[1])
    try:
        assert second_url == url
        state = requests.get(f"{url}/sandbox/state", timeout=5).json()
        assert (state["clientKey"], state["installed"]) == (client_key, True)
        assert change["id"] in requests.get(f"{url}/sandbox/truth", timeout=5).json()["entities"]["issue"]["ids"]
        requests.post(f"{url}/sandbox/mutate", json={"kind": "assign_issue"}, timeout=5).raise_for_status()
        assert len(app.of("/webhooks")) == 2
        assert app.problems == []
    finally:
        second.kill()
        second.wait()
