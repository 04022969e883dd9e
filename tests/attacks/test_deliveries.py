"""The contract's attack cases of webhooks and of our own calls (49 to 54): over HTTP, with the inbox in view.

That a site's tables equal the site after lost, doubled and disordered deliveries is shown with workers in tests/story.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.attacks.scene import Customer, Reply, Scene
from tests.fakes.cable import cable_to_postgres
from tests.fakes.listener import Asked, Listener, Says, listening
from tests.story.processes import running_app

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.attacks.scene import Tables
    from tests.fakes.atlassian import Atlassian
    from tests.fakes.key_host import HttpKeyHost

UPDATED = "/connect/webhooks/jira.issue_updated"


def case(number: int) -> pytest.MarkDecorator:
    return pytest.mark.attack(group="webhooks", case=number)


@pytest.fixture
def jira() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.fixture
def site(scene: Scene, jira: Listener) -> Customer:
    return a_paired_site(scene, jira)


def a_paired_site(scene: Scene, jira: Listener) -> Customer:
    made = scene.installed_site(base_url=jira.url)
    integration = scene.app.an_integration(f"delivered {secrets.token_hex(4)}")
    otp = scene.app.an_otp(integration)
    assert scene.pairing(made, "POST", {"otp": otp}).status == 200
    return made


def deliver(
    scene: Scene, site: Customer, body: Any = None, *, name: str = "d-1", retry: int | None = None, to: str = UPDATED
) -> Reply:
    """A webhook as Atlassian sends it."""
    raw = body if isinstance(body, bytes) else json.dumps(body or {"issue": {"id": "10001"}}).encode()
    token = scene.atlassian.shared_secret_token("POST", to, site.client_key, site.secret, jti=secrets.token_hex(8))
    headers = [("Authorization", f"JWT {token}"), ("X-Atlassian-Webhook-Identifier", name)]
    if retry is not None:
        headers.append(("X-Atlassian-Webhook-Retry", str(retry)))
    return scene.send("POST", to, [*headers, ("Content-Type", "application/json")], raw)


def inbox(scene: Scene, site: Customer) -> list[tuple[str, str, Any]]:
    held = scene.tables.of(site.client_key)
    assert held is not None
    return scene.tables.connection.execute(
        "SELECT delivery_id, event, body FROM inbox WHERE tenant_id = %s ORDER BY delivery_id", (held.tenant_id,)
    ).fetchall()


@case(49)
def test_49_delivered_three_times(scene: Scene, site: Customer) -> None:
    assert [deliver(scene, site, retry=number).status for number in (0, 1, 2)] == [204] * 3
    assert inbox(scene, site) == [("d-1", "jira:issue_updated", {"issues": ["10001"]})]


@case(50)
def test_50_one_name_on_two_sites(scene: Scene, jira: Listener) -> None:
    sites = [a_paired_site(scene, jira) for _ in range(2)]
    assert [deliver(scene, each).status for each in sites] == [204] * 2
    assert [len(inbox(scene, each)) for each in sites] == [1, 1]


BODIES: dict[str, tuple[bytes, list[str]]] = {
    "empty": (b"", []),
    "no-json": (b"{", []),
    "array": (b'["issue"]', []),
    "null": (b"null", []),
    "no-utf-8": (b'{"issue": {"id": "\xff"}}', []),
    "nul": (b'{"issue": {"id": "1\\u0000"}}', []),
    "half-a-pair": (b'{"issue": {"id": "\\ud800"}}', []),
    "id-is-sql": (b'{"issue": {"id": "1) OR 1=1"}}', []),
    "id-is-path": (b'{"issue": {"id": "../../admin"}}', []),
    "id-is-object": (b'{"issue": {"id": {"id": "1"}}}', []),
    "id-beyond-reason": (b'{"issue": {"id": "99999999999999999999999"}}', []),
    "comment-without-issue": (b'{"comment": {"self": "x/issue/y/comment/7"}}', []),
    "delete-before-create": (b'{"webhookEvent": "jira:issue_deleted", "issue": {"id": "77"}}', ["77"]),
    "deep": (b'{"a":' * 5000 + b"1" + b"}" * 5000, []),
    "24-megabytes": (b'{"issue": {"id": "10001"}, "x": "' + b"x" * 24_000_000 + b'"}', ["10001"]),
}


@case(51)
@pytest.mark.parametrize("name", BODIES)
def test_51_whatever_the_body_says(scene: Scene, site: Customer, name: str) -> None:
    """The delivery is kept, with the ids that can be ids and nothing else; the answer is the same."""
    body, issues = BODIES[name]
    assert deliver(scene, site, body).status == 204
    assert inbox(scene, site) == [("d-1", "jira:issue_updated", {"issues": issues})]


@case(51)
@pytest.mark.parametrize("event", ["jira.version_merged", "a_new_event", "issue%20updated", "comment_deleted"])
def test_51_whatever_the_event(scene: Scene, site: Customer, event: str) -> None:
    assert deliver(scene, site, to=f"/connect/webhooks/{event}").status == 204
    assert len(inbox(scene, site)) == 1


@case(51)
def test_51_what_was_said_of_people_is_not_kept(scene: Scene, site: Customer) -> None:
    body = {"issue": {"id": "5", "fields": {"summary": "secret plan"}}, "user": {"emailAddress": "eve@example.com"}}
    assert deliver(scene, site, body).status == 204
    assert json.dumps(inbox(scene, site)).count("secret plan") + json.dumps(inbox(scene, site)).count("eve") == 0


@case(51)
def test_51_more_than_atlassian_sends_is_too_much(scene: Scene, site: Customer) -> None:
    with contextlib.suppress(OSError):  # it may be closed while we are still sending
        assert deliver(scene, site, b'{"x": "' + b"x" * (27 * 1024 * 1024) + b'"}').status == 413
    assert inbox(scene, site) == []


@case(51)
def test_51_too_much_in_chunks_is_too_much_as_well(scene: Scene, site: Customer) -> None:
    """No length is told in advance; what was cut at the limit is not what was sent."""
    token = scene.atlassian.shared_secret_token("POST", UPDATED, site.client_key, site.secret)
    headers = {"Authorization": f"JWT {token}", "X-Atlassian-Webhook-Identifier": "d-1"}
    with contextlib.suppress(requests.ConnectionError):  # it may be closed while we are still sending
        pieces = (b" " * 1024 * 1024 for _ in range(27))
        assert requests.post(f"{scene.app.url}{UPDATED}", data=pieces, headers=headers, timeout=60).status_code == 413
    assert inbox(scene, site) == []


@case(52)
def test_52_not_from_this_site(scene: Scene, jira: Listener, site: Customer) -> None:
    other = a_paired_site(scene, jira)

    def token(target: str = UPDATED, secret: str | None = None, method: str = "POST", **claims: Any) -> str:
        return scene.atlassian.shared_secret_token(method, target, site.client_key, secret or site.secret, **claims)

    body = b'{"issue": {"id": "10001"}}'
    headers = {
        "unsigned": [],
        "wrong-secret": [("Authorization", f"JWT {token(secret=other.secret)}")],
        "other-path": [("Authorization", f"JWT {token('/connect/webhooks/comment_created')}")],
        "other-method": [("Authorization", f"JWT {token(method='PUT')}")],
        "other-query": [("Authorization", f"JWT {token(UPDATED + '?a=b')}")],
        "no-hash": [("Authorization", f"JWT {token(qsh=None)}")],
        "context": [("Authorization", f"JWT {token(qsh='context-qsh')}")],
        "expired": [("Authorization", f"JWT {token(iat=1, exp=2)}")],
        "bearer": [("Authorization", f"Bearer {token()}")],
        "by-atlassian": [
            ("Authorization", f"JWT {scene.atlassian.lifecycle_token(UPDATED, site.client_key, scene.app.url)}")
        ],
    }
    for name, given in headers.items():
        reply = scene.send("POST", UPDATED, given, body)
        assert reply.status == 401, (name, reply.body)
        scene.check_plain(reply)
    assert scene.send("POST", f"{UPDATED}?jwt={token()}", (), body).status == 401
    assert scene.send("POST", f"{UPDATED}?a=b", [("Authorization", f"JWT {token()}")], body).status == 401
    assert inbox(scene, site) == inbox(scene, other) == []


@case(53)
def test_53_a_database_that_is_away_loses_nothing(
    attacks_database_url: str,
    attacks_redis_url: str,
    atlassian: Atlassian,
    key_host: HttpKeyHost,
    tables: Tables,
    tmp_path: Path,
) -> None:
    """Jira retries a 503, so what we could not keep comes again."""
    cable, address = cable_to_postgres(attacks_database_url)
    with (
        listening() as jira,
        running_app(
            database_url=address,
            redis_url=attacks_redis_url,
            install_keys_url=key_host.url,
            log=tmp_path / "app.log",
            roles=("web",),
            base_path="/base",
            site_hosts="http://127.0.0.1:*",
        ) as app,
    ):
        scene = Scene(app, tables, atlassian, key_host)
        site = a_paired_site(scene, jira)
        cable.cut()
        try:
            reply = deliver(scene, site)
        finally:
            cable.mend()
        assert reply.status == 503
        scene.check_plain(reply)
        assert inbox(scene, site) == []
        assert deliver(scene, site, retry=1).status == 204
        assert len(inbox(scene, site)) == 1
    cable.cut()


@case(54)
@pytest.mark.parametrize(
    ("says", "waits"),
    [
        pytest.param(Says(429, headers=(("Retry-After", "40"),)), True, id="429"),
        pytest.param(Says(503, headers=(("Retry-After", "40"),)), True, id="503"),
        pytest.param(Says(401), False, id="401"),
    ],
)
def test_54_jira_says_no_to_our_calls(scene: Scene, jira: Listener, says: Says, *, waits: bool) -> None:
    """A check answers in plain words; after a time that Jira named, nothing is asked before it is over."""
    made = scene.installed_site(base_url=jira.url)
    integration = scene.app.an_integration(f"checked {secrets.token_hex(4)}")
    assert scene.pairing(made, "POST", {"otp": scene.app.an_otp(integration)}).status == 200
    jira.says, begin = lambda _: says, len(jira.asked)
    check(scene, integration)
    asked = len(jira.asked)
    assert asked > begin
    check(scene, integration)
    assert (len(jira.asked) == asked) == waits


@case(54)
def test_54_a_redirect_takes_no_token_along(scene: Scene, jira: Listener) -> None:
    made = scene.installed_site(base_url=jira.url)
    integration = scene.app.an_integration(f"redirected {secrets.token_hex(4)}")
    assert scene.pairing(made, "POST", {"otp": scene.app.an_otp(integration)}).status == 200
    with listening() as elsewhere:

        def away(asked: Asked) -> Says:
            return Says(302, headers=(("Location", f"{elsewhere.url}{asked.target}"),))

        jira.says = away
        check(scene, integration)
        assert elsewhere.asked == []


def check(scene: Scene, integration: str) -> Sequence[Any]:
    """The SEI admin's "check connection"."""
    answer = scene.app.api("POST", f"/integrations/{integration}/validate")
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["checks"]
    assert any(not each["ok"] for each in found)
    return found
