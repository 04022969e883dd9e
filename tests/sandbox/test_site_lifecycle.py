"""The app's side: install hooks, webhooks, pages in the frame, controls."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import jwt
import pytest
import requests

from sandbox import InstallRefusedError, Site, SiteKey, serve
from sandbox.connect.query_hash import CONTEXT, query_hash
from tests.sandbox.fake_app import APP_KEY, FakeApp


def test_install_then_enabled(app: FakeApp, site: Site) -> None:
    assert app.problems == []
    assert [hook.path for hook in app.requests] == ["/hooks/installed", "/hooks/enabled"]
    body = app.requests[0].body
    assert body["clientKey"] == site.client_key
    assert body["baseUrl"] == site.base_url
    assert len(body["sharedSecret"]) >= 32
    assert not {"serverVersion", "pluginsVersion"} & set(body)
    assert "sharedSecret" not in app.requests[1].body


def test_uninstall_and_again(app: FakeApp, site: Site) -> None:
    before = (site.client_key, site.shared_secret)
    site.uninstall()
    assert {hook.path for hook in app.requests[-2:]} == {"/hooks/disabled", "/hooks/uninstalled"}
    assert not site.is_installed
    site.install()
    assert site.client_key == before[0]
    assert site.shared_secret != before[1]
    assert app.problems == []


@pytest.mark.parametrize("status", [201, 202, 302, 401, 500])
def test_only_200_and_204_count(app: FakeApp, site: Site, status: int) -> None:
    secret = site.shared_secret
    app.answers["/hooks/installed"] = [status]
    with pytest.raises(InstallRefusedError, match=str(status)):
        site.reinstall()
    assert site.shared_secret == secret


@pytest.mark.parametrize(
    "changes",
    [
        {"baseUrl": "http://elsewhere.example"},
        {"authentication": {"type": "none"}},
        {"scopes": ["NONE"]},
        {"scopes": ["EVERYTHING"]},
        {"lifecycle": {}},
        {"lifecycle": {"installed": "http://elsewhere.example/hook"}},
        {"key": "not ok!"},
    ],
    ids=str,
)
def test_descriptor_is_checked(app: FakeApp, changes: dict[str, object]) -> None:
    app.changes = changes
    with pytest.raises(InstallRefusedError):
        Site(dataset="seeded", issues=20, app_url=app.base_url).install()


def test_webhooks_are_signed_over_their_exact_url(app: FakeApp, site: Site) -> None:
    change = site.mutate("create_issue", project="APOL", summary="Ünïcode")
    webhook = app.of("/webhooks")[-1]
    assert webhook.path == f"/webhooks?issue={change['key']}&z=1"
    assert webhook.body["issue"]["fields"]["summary"] == "Ünïcode"
    assert webhook.body["issue"]["self"].startswith(site.base_url)
    assert webhook.headers["X-Atlassian-Webhook-Flow"] == "Primary"
    assert webhook.headers["User-Agent"] == "Atlassian Webhook HTTP Client"
    assert app.problems == []


def test_webhooks_are_repeated_with_one_identifier(app: FakeApp, site: Site) -> None:
    app.answers["/webhooks"] = [503, 429, 204]
    site.send_webhook("comment_created", {"comment": {}})
    deadline = time.monotonic() + 5
    while len(app.of("/webhooks")) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    webhooks = app.of("/webhooks")
    assert [webhook.headers.get("X-Atlassian-Webhook-Retry") for webhook in webhooks] == [None, "1", "2"]
    assert len({webhook.headers["X-Atlassian-Webhook-Identifier"] for webhook in webhooks}) == 1


def test_comment_raises_two_events_and_worklog_knows_no_issue(app: FakeApp, site: Site) -> None:
    site.mutate("add_comment", issue="APOL-1", body="hello")
    comment, update = (webhook.body for webhook in app.of("/webhooks"))
    assert comment["webhookEvent"] == "comment_created"
    assert "user" not in comment
    assert set(comment["issue"]["fields"]) == {"summary", "issuetype", "project", "assignee", "priority", "status"}
    assert update["issue_event_type_name"] == "issue_commented"
    site.mutate("add_worklog", issue="APOL-1")
    worklog = next(webhook.body for webhook in app.of("/webhooks") if webhook.body["webhookEvent"] == "worklog_created")
    assert not {"issue", "user"} & set(worklog)
    site.mutate("link_issues", issue="APOL-1", target="APOL-2")
    link = next(webhook.body for webhook in app.of("/webhooks") if webhook.body["webhookEvent"] == "issuelink_created")[
        "issueLink"
    ]
    assert isinstance(link["sourceIssueId"], int)


def test_page_url_is_signed(site: Site) -> None:
    url = site.frame_url("config", site.admin)
    assert url is not None
    parts = urlsplit(url)
    claims = jwt.decode(parts.query.rsplit("jwt=", 1)[1], site.shared_secret, algorithms=["HS256"])
    assert claims["sub"] == site.admin
    assert claims["exp"] - claims["iat"] == 180
    assert claims["qsh"] == query_hash("GET", parts.path, parts.query, "/base")
    for name in ("xdm_e", "xdm_c", "cp", "xdm_deprecated_addon_key_do_not_use", "lic", "cv"):
        assert f"{name}=" in parts.query


def test_conditions_only_hide_menu_entries(site: Site) -> None:
    for account_id, has_entry in ((site.admin, True), (site.non_admin, False)):
        browser = requests.Session()
        home = browser.get(site.base_url, params={"as": account_id}, timeout=5).text
        assert ("Test page" in home) is has_entry
        assert "Open page" in home
        page = browser.get(f"{site.base_url}/plugins/servlet/ac/{APP_KEY}/config", timeout=5)
        assert page.status_code == 200
        assert 'referrerpolicy="origin"' in page.text
        token = browser.get(f"{site.base_url}/sandbox/context-token", timeout=5).json()["token"]
        claims = jwt.decode(token, site.shared_secret, algorithms=["HS256"])
        assert (claims["qsh"], claims["sub"], claims["exp"] - claims["iat"]) == (CONTEXT, account_id, 900)
    assert (
        requests.post(
            f"{site.base_url}/plugins/servlet/upm/uninstall", params={"as": site.non_admin}, timeout=5
        ).status_code
        == 403
    )


def test_controls(app: FakeApp, site: Site) -> None:
    url = site.base_url + "/sandbox"
    assert requests.get(f"{url}/state", timeout=5).json()["installed"] is True
    truth = requests.get(f"{url}/truth", timeout=5).json()
    assert truth["entities"]["issue"]["count"] == 150
    assert len(truth["issues"]) == 150
    assert requests.get(f"{url}/counts", timeout=5).json()["issue"] == 150
    change = requests.post(f"{url}/mutate", json={"kind": "delete_issue", "issue": "APOL-3"}, timeout=5).json()
    assert change["events"][0] == "jira:issue_deleted"
    assert requests.get(f"{url}/counts", timeout=5).json()["issue"] == 149
    assert requests.post(f"{url}/mutate", json={"kind": "nonsense"}, timeout=5).status_code == 400
    assert requests.post(f"{url}/options", json={"latency_ms": 1}, timeout=5).json()["latency_ms"] == 1
    assert requests.post(f"{url}/options", json={"nonsense": 1}, timeout=5).status_code == 400
    app.answers["/hooks/installed"] = [500]
    assert requests.post(f"{url}/rotate", timeout=5).status_code == 502
    assert requests.post(f"{url}/uninstall", timeout=5).json()["installed"] is False
    assert requests.delete(f"{url}/requests", timeout=5).status_code == 204


def test_sites_may_share_a_key(app: FakeApp) -> None:
    key = SiteKey.generate()
    first, second = (Site(dataset="seeded", issues=20, seed=seed, app_url=app.base_url, key=key) for seed in (1, 2))
    with serve(first), serve(second):
        app.trust(first)
        first.install()
        second.install()
        assert first.client_key != second.client_key
        assert app.problems == []


def test_key_file_keeps_the_key(tmp_path: object) -> None:
    path = tmp_path / "key.json"  # type: ignore[operator]
    assert SiteKey.at(path).public_pem == SiteKey.at(path).public_pem
    assert path.stat().st_mode & 0o077 == 0
