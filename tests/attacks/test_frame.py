"""The contract's attack cases of pages and API (32 to 48): each over HTTP, each looking at the effect as well as the status."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests

from tests.attacks.scene import Customer, Reply, Scene
from tests.fakes.atlassian import computed_hash, raw_token
from tests.fakes.listener import Listener, Says, listening
from tests.story.processes import ROOT
from tests.unit.doors.test_query_hash import vectors

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "/jira/configuration?xdm_e=x&lic=none"
PAIRING = "/jira/pairing"
HS256 = {"alg": "HS256", "typ": "JWT"}


def case(number: int) -> pytest.MarkDecorator:
    return pytest.mark.attack(group="pages", case=number)


@pytest.fixture
def jira() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.fixture
def site(scene: Scene, jira: Listener) -> Customer:
    """A site that has the app and answers for its administrators."""
    return scene.installed_site(base_url=jira.url)


def page_token(scene: Scene, site: Customer, target: str = PAGE, **claims: Any) -> str:
    return scene.atlassian.shared_secret_token(
        "GET", target, site.client_key, site.secret, **{"sub": "admin-1", **claims}
    )


def context(scene: Scene, site: Customer, person: str | None = "admin-1", **claims: Any) -> str:
    return scene.atlassian.context_token(site.client_key, site.secret, person, **claims)


def load(scene: Scene, target: str, token: str) -> Reply:
    return scene.send("GET", f"{target}{'&' if '?' in target else '?'}jwt={token}")


def ask(scene: Scene, token: str, method: str = "GET", payload: Any = None, kind: str = "application/json") -> Reply:
    """The page's script."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode() if payload else b""
    return scene.send(method, PAIRING, [("Authorization", f"JWT {token}"), ("Content-Type", kind)], body)


def paste(scene: Scene, site: Customer, otp: str, person: str = "admin-1", **more: Any) -> Reply:
    return ask(scene, context(scene, site, person), "POST", {"otp": otp, **more})


def refused(scene: Scene, reply: Reply, *statuses: int) -> None:
    """A person in the frame is told in a page, a program in JSON; neither is told anything else."""
    assert reply.status in statuses, (reply.status, reply.body)
    if reply.headers["Content-Type"].startswith("text/html"):
        for trace in (b"Traceback", b'File "', b"sqlalchemy", b"jwt"):
            assert trace not in reply.body
        assert {"Location", "Set-Cookie"}.isdisjoint(reply.headers)
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    else:
        scene.check_plain(reply)


def an_otp(scene: Scene) -> tuple[str, str]:
    integration = scene.app.an_integration(f"attacked {secrets.token_hex(4)}")
    otp = scene.app.an_otp(integration)
    scene.made_secrets.add(otp)
    return integration, otp


def state_of(scene: Scene, integration: str) -> Any:
    return scene.app.api("GET", f"/integrations/{integration}").json()["state"]


@case(32)
def test_32_an_administrator_sees_the_page(scene: Scene, site: Customer) -> None:
    token = page_token(scene, site)
    reply = load(scene, PAGE, token)
    assert reply.status == 200, reply.body
    policy = reply.headers["Content-Security-Policy"]
    assert f"frame-ancestors {site.base_url};" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "X-Frame-Options" not in reply.headers
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in reply.headers["Cache-Control"]
    assert "Set-Cookie" not in reply.headers
    assert token.encode() not in reply.body
    assert site.secret.encode() not in reply.body


@case(33)
@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/jira/configuration?xdm_e=y&lic=none", 401),
        ("/jira/configuration?xdm_e=x&lic=none&cp=", 401),
        ("/jira/configuration?xdm_e=x", 401),
        ("/jira/configuration?lic=none&xdm_e=x", 200),
    ],
    ids=["changed", "added", "removed", "order"],
)
def test_33_a_token_is_for_one_address(scene: Scene, site: Customer, address: str, status: int) -> None:
    refused(scene, load(scene, address, page_token(scene, site)), status)


CANONICAL_QUERIES = [
    *(
        (f"{each.id}", each.target.partition("?")[2], each.canonical.split("&", 2)[2])
        for each in vectors()
        if each.target.partition("?")[2] and "jwt=" not in each.target
    ),
    # The prose of Atlassian's page sorts after encoding; its libraries before.
    ("D1-prose", "f=a%3Ab&f=a0", "f=a%3Ab,a0"),
    ("D3-prose", "q=caf%C3%A9&q=%E2%82%AC", "q=%E2%82%AC,caf%C3%A9"),
]


@case(34)
@pytest.mark.parametrize(
    ("query", "line"), [pytest.param(query, line, id=name) for name, query, line in CANONICAL_QUERIES]
)
def test_34_published_canonical_queries_as_requests(scene: Scene, site: Customer, query: str, line: str) -> None:
    """The query of each vector, sent to the page; the hash is over the vector's own canonical text."""
    hashed = hashlib.sha256(f"GET&/jira/configuration&{line}".encode()).hexdigest()
    target = f"/jira/configuration?{query}"
    reply = load(scene, target, page_token(scene, site, target, qsh=hashed))
    assert reply.status == 200, reply.body


@case(35)
def test_35_no_token_opens_another_door(scene: Scene, site: Customer) -> None:
    """A page's token on the API and on the page's calls; a context token everywhere else."""
    for target in ("/api/v1/integrations", PAIRING):
        token = page_token(scene, site, target)
        for scheme in ("JWT", "Bearer"):
            refused(scene, scene.send("GET", target, [("Authorization", f"{scheme} {token}")]), 401)
        refused(scene, load(scene, target, token), 401)
    token = context(scene, site)
    refused(scene, load(scene, PAGE, token), 401)
    for method, target in (
        ("GET", "/api/v1/integrations"),
        ("POST", "/connect/webhooks/jira.issue_updated"),
        ("POST", "/connect/installed"),
        ("POST", "/connect/uninstalled"),
        ("POST", "/connect/enabled"),
        ("POST", "/connect/disabled"),
    ):
        refused(scene, scene.send(method, target, [("Authorization", f"JWT {token}")], b"{}"), 401)
    held = scene.tables.of(site.client_key)
    assert held is not None
    assert held.state == "active"


@case(36)
def test_36_the_signature_covers_the_issuer(scene: Scene, jira: Listener) -> None:
    """Two sites with one secret, which no site of Atlassian's has: even so, each token is for its own."""
    mine = scene.installed_site(base_url=jira.url)
    other = scene.installed_site(base_url=jira.url, secret=mine.secret)
    integration, otp = an_otp(scene)
    assert paste(scene, other, otp).status == 200
    token = context(scene, mine)
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    rewritten = base64.urlsafe_b64encode(json.dumps({**claims, "iss": other.client_key}).encode()).rstrip(b"=")
    refused(scene, ask(scene, f"{header}.{rewritten.decode()}.{signature}"), 401)
    assert ask(scene, token).json() == {"integration": None}
    assert ask(scene, context(scene, other)).json()["integration"]["id"] == integration


@case(37)
def test_37_ids_of_somebody_else(scene: Scene) -> None:
    """Every route of the API that names an integration, by an account that does not own it."""
    done = subprocess.run(
        [sys.executable, "-m", "app", "accounts", "create", f"other-{secrets.token_hex(4)}"],
        cwd=ROOT,
        env=scene.app.env,
        capture_output=True,
        text=True,
        check=True,
    )
    key = next(word for word in done.stdout.split() if word.startswith("sei_"))
    scene.made_secrets.add(key)
    integration, _ = an_otp(scene)
    document = scene.app.api("GET", "/openapi.json").json()
    routes = [
        (method.upper(), path.replace("{integration_id}", integration).replace("{id}", integration))
        for path, methods in document["paths"].items()
        if "{" in path
        for method in methods
    ]
    assert len(routes) >= 10
    for method, path in routes:
        assert "{" not in path, path
        headers = [("Authorization", f"Bearer {key}"), ("Content-Type", "application/json")]
        target = path.removeprefix("/base")
        reply = scene.send(method, target, headers, b'{"name": "mine now"}' if method == "PATCH" else b"{}")
        refused(scene, reply, 403, 404)
    assert state_of(scene, integration) == "pending"
    assert (
        json.loads(scene.send("GET", "/api/v1/integrations", [("Authorization", f"Bearer {key}")]).body)["records"]
        == []
    )


@case(38)
def test_38_a_token_comes_one_way(scene: Scene, site: Customer) -> None:
    token, good = page_token(scene, site), [("Authorization", f"JWT {page_token(scene, site)}")]
    refused(scene, scene.send("GET", f"{PAGE}&jwt={token}", good), 401)
    refused(scene, scene.send("GET", f"{PAGE}&jwt={token}&jwt={token}"), 401)
    refused(scene, scene.send("GET", PAGE, [*good, *good]), 401)
    for name in ("jwt", "token", "session"):
        refused(scene, scene.send("GET", PAGE, [("Cookie", f"{name}={token}")]), 401)
        refused(scene, scene.send("GET", PAGE, (), f"{name}={token}".encode()), 401)
    refused(scene, scene.send("GET", PAGE, [("Authorization", f"Bearer {token}")]), 401)
    refused(scene, scene.send("GET", PAIRING, [("Authorization", f"Bearer {context(scene, site)}")]), 401)


def malformed(site: Customer) -> dict[str, str]:
    now = int(time.time())
    claims = {"iss": site.client_key, "sub": "admin-1", "iat": now, "exp": now + 180, "qsh": "context-qsh"}

    def signed(payload: Any, header: Any = HS256) -> str:
        return raw_token(header, payload, site.secret)

    whole = signed(claims)
    twice = json.dumps(claims)[:-1] + f', "iss": "{site.client_key}"}}'
    return {
        "iss-list": signed({**claims, "iss": [site.client_key]}),
        "iss-object": signed({**claims, "iss": {"key": site.client_key}}),
        "iss-number": signed({**claims, "iss": 7}),
        "iss-empty": signed({**claims, "iss": ""}),
        "iss-missing": signed({name: value for name, value in claims.items() if name != "iss"}),
        "sub-number": signed({**claims, "sub": 7}),
        "sub-list": signed({**claims, "sub": ["admin-1"]}),
        "payload-array": signed([claims]),
        "payload-text": signed('"admin-1"'),
        "payload-no-json": signed("{"),
        "iss-twice": signed(twice),
        "two-segments": whole.rpartition(".")[0],
        "four-segments": f"{whole}.e30",
        "no-base64": whole.replace(".", ".!", 1),
        "padded": f"{whole}=",
        "blank": "",
        "none": raw_token({"alg": "none", "typ": "JWT"}, claims, None),
        "exp-text": signed({**claims, "exp": str(now + 180)}),
        "exp-infinite": signed(json.dumps({**claims, "exp": 0}).replace('"exp": 0', '"exp": Infinity')),
        "exp-missing": signed({name: value for name, value in claims.items() if name != "exp"}),
    }


MALFORMED = tuple(malformed(Customer("", "s" * 40, "")))


@case(39)
@pytest.mark.parametrize("name", MALFORMED)
def test_39_malformed_tokens(scene: Scene, site: Customer, jira: Listener, name: str) -> None:
    refused(scene, ask(scene, malformed(site)[name]), 401)
    assert jira.count() == 0


@case(39)
@pytest.mark.parametrize("size", [1_000_000, 3_000_000])
def test_39_tokens_as_large_as_books(scene: Scene, site: Customer, size: int) -> None:
    """Gunicorn takes no header line and no request line of this size: it says so itself, before the app is reached."""
    token = raw_token(HS256, {"iss": "x" * size, "exp": 1}, site.secret)
    for url, headers in (
        (f"{scene.app.url}{PAIRING}", {"Authorization": f"JWT {token}"}),
        (f"{scene.app.url}{PAGE}&jwt={token}", {}),
    ):
        try:
            status = requests.get(url, headers=headers, timeout=20).status_code
        except requests.ConnectionError:
            continue  # closed while we were still sending
        assert status in {400, 401, 414, 431}


@case(40)
@pytest.mark.parametrize(
    ("person", "asked"), [("somebody", True), ("nobody-at-all", True), (None, False)], ids=["user", "unknown", "absent"]
)
def test_40_nobody_but_an_administrator(
    scene: Scene, site: Customer, jira: Listener, person: str | None, *, asked: bool
) -> None:
    integration, otp = an_otp(scene)
    refused(scene, load(scene, PAGE, page_token(scene, site, sub=person)), 401, 403)
    refused(scene, ask(scene, context(scene, site, person)), 401, 403)
    refused(scene, ask(scene, context(scene, site, person), "POST", {"otp": otp}), 401, 403)
    refused(scene, ask(scene, context(scene, site, person), "DELETE"), 401, 403)
    assert (jira.count() > 0) == asked
    assert all(json.loads(each.body)["accountId"] == person for each in jira.asked)
    assert state_of(scene, integration) == "pending"


ANSWERS = {
    "empty-list": (Says(200, b"[]"), {403}),
    "nothing-held": (Says(200, b'{"globalPermissions": []}'), {403}),
    "another-permission": (Says(200, b'{"globalPermissions": ["BROWSE"]}'), {403}),
    "text-instead-of-list": (Says(200, b'{"globalPermissions": "ADMINISTER"}'), {403}),
    "forbidden": (Says(403), {403}),
    "no-such-account": (Says(400, b'{"errorMessages": ["The user does not exist."]}'), {403}),
    "too-many": (Says(429, headers=(("Retry-After", "30"),)), {503}),
    "broken": (Says(500), {503}),
    "unavailable": (Says(503), {503}),
    "a-page": (Says(200, b"<html>Log in</html>", "text/html"), {403, 503}),
    "no-json": (Says(200, b"{"), {403, 503}),
    "silence": (Says(hangs=True), {503}),
}


@case(41)
@pytest.mark.parametrize("name", ANSWERS)
def test_41_jira_does_not_say_yes(scene: Scene, site: Customer, jira: Listener, name: str) -> None:
    says, statuses = ANSWERS[name]
    jira.says = lambda _: says
    reply = load(scene, PAGE, page_token(scene, site))
    refused(scene, reply, *statuses)
    assert reply.seconds < 15
    refused(scene, ask(scene, context(scene, site)), *statuses)


@case(41)
def test_41_a_redirect_is_not_followed(scene: Scene, site: Customer, jira: Listener) -> None:
    with listening() as elsewhere:
        jira.says = lambda _: Says(302, headers=(("Location", f"{elsewhere.url}/rest/api/3/permissions/check"),))
        refused(scene, load(scene, PAGE, page_token(scene, site)), 403, 503)
        assert elsewhere.asked == []


@case(42)
def test_42_demoted_between_load_and_paste(scene: Scene, site: Customer, jira: Listener) -> None:
    integration, otp = an_otp(scene)
    assert load(scene, PAGE, page_token(scene, site)).status == 200
    assert ask(scene, context(scene, site)).status == 200
    jira.admins.clear()
    refused(scene, paste(scene, site, otp), 403)
    assert state_of(scene, integration) == "pending"
    jira.admins.add("admin-1")
    assert paste(scene, site, otp).status == 200
    jira.admins.clear()
    refused(scene, ask(scene, context(scene, site), "DELETE"), 403)
    assert state_of(scene, integration) != "pending"


@case(43)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_43_a_form_of_another_site_pairs_nothing(scene: Scene, site: Customer, kind: str) -> None:
    integration, otp = an_otp(scene)
    for payload in (json.dumps({"otp": otp}).encode(), f"otp={otp}".encode()):
        refused(scene, ask(scene, context(scene, site), "POST", payload, kind), 400, 415)
    assert state_of(scene, integration) == "pending"


@case(43)
def test_43_a_password_is_good_once(scene: Scene, jira: Listener) -> None:
    """Fifty at once on two sites: one success, one pairing; then it is spent, for whoever asks."""
    sites = [scene.installed_site(base_url=jira.url) for _ in range(2)]
    jira.admins |= {f"admin-{number}" for number in range(50)}
    integration, otp = an_otp(scene)
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda n: paste(scene, sites[n % 2], otp, f"admin-{n}"), range(50)))
    won = [number for number, reply in enumerate(replies) if reply.status == 200]
    assert len(won) == 1
    for reply in (reply for reply in replies if reply.status != 200):
        refused(scene, reply, 409, 410, 429)
    winner, loser = sites[won[0] % 2], sites[1 - won[0] % 2]
    assert ask(scene, context(scene, winner)).json()["integration"]["id"] == integration
    assert ask(scene, context(scene, loser)).json() == {"integration": None}
    for again in (winner, loser):
        refused(scene, paste(scene, again, otp, "admin-1"), 409, 410, 429)


@case(43)
def test_43_the_sixth_wrong_try_waits(scene: Scene, site: Customer) -> None:
    statuses = [paste(scene, site, "AAAA-AAAA-AAAA-AAAA").status for _ in range(6)]
    assert statuses == [410] * 5 + [429]
    _, otp = an_otp(scene)
    reply = paste(scene, site, otp)
    refused(scene, reply, 429)
    assert int(reply.headers["Retry-After"]) > 0


@case(44)
@pytest.mark.parametrize(("ago", "status"), [(28, 200), (32, 401)])
def test_44_a_token_expires(scene: Scene, site: Customer, ago: int, status: int) -> None:
    """29 and 31 s, with a second for the way."""
    now = int(time.time())
    moments = {"iat": now - ago - 180, "exp": now - ago}
    assert load(scene, PAGE, page_token(scene, site, **moments)).status == status
    assert ask(scene, context(scene, site, **moments)).status == status


@case(45)
@pytest.mark.parametrize("hook", ["disabled", "uninstalled"])
def test_45_a_site_that_left(scene: Scene, site: Customer, hook: str) -> None:
    tokens = page_token(scene, site), context(scene, site)
    integration, otp = an_otp(scene)
    if hook == "disabled":
        assert scene.switch("disabled", site).status == 204
    else:
        scene.must("uninstalled", site)
    refused(scene, load(scene, PAGE, tokens[0]), 401, 403)
    refused(scene, ask(scene, tokens[1]), 401, 403)
    refused(scene, ask(scene, tokens[1], "POST", {"otp": otp}), 401, 403)
    assert state_of(scene, integration) == "pending"


@case(46)
def test_46_what_the_query_says_is_not_markup(scene: Scene, site: Customer) -> None:
    evil = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    target = f"/jira/configuration?xdm_e={evil}&lic={evil}&cv={evil}&cp=%0d%0aX-Evil:1"
    reply = load(scene, target, page_token(scene, site, target))
    assert reply.status == 200
    assert b"<script>alert" not in reply.body
    assert "X-Evil" not in reply.headers
    assert f"frame-ancestors {site.base_url};" in reply.headers["Content-Security-Policy"]


@case(47)
@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "Forwarded", "X-Forwarded-Proto", "X-Original-Host"])
def test_47_the_descriptor_says_where_we_are(scene: Scene, name: str) -> None:
    value = "host=evil.example;proto=https" if name == "Forwarded" else "evil.example"
    reply = scene.send("GET", "/atlassian-connect.json", [(name, value)])
    assert reply.status == 200 or (name == "Host" and reply.status == 400)
    assert b"evil.example" not in reply.body
    if reply.status == 200:
        assert reply.json()["baseUrl"] == scene.app.url


@case(48)
def test_48_the_log_says_who_came_and_not_with_what(scene: Scene, site: Customer) -> None:
    """`scene` itself looks for tokens after each test; here the log is also shown to say something."""
    log = Path(scene.app.log)
    begin, token = log.stat().st_size, page_token(scene, site)
    assert load(scene, PAGE, token).status == 200
    assert ask(scene, context(scene, site)).status == 200
    deadline = time.monotonic() + 10
    while b"/jira/configuration" not in (said := log.read_bytes()[begin:]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert b"/jira/configuration" in said
    for secret in (token, token.split(".")[2], "jwt=ey", "Authorization", site.secret):
        assert secret.encode() not in said


@case(55)
def test_55_what_we_sign_ourselves(scene: Scene, site: Customer, jira: Listener) -> None:
    """The permission call as it came over the wire: our key, short-lived, its hash over the very address."""
    assert load(scene, PAGE, page_token(scene, site)).status == 200
    asked = jira.asked[0]
    token = asked.headers["Authorization"].removeprefix("JWT ")
    claims = jwt.decode(token, site.secret, algorithms=["HS256"], options={"verify_aud": False})
    assert claims["iss"] == "io.harness.sei.jira-connect"
    assert 0 < claims["exp"] - claims["iat"] <= 180
    assert claims["qsh"] == computed_hash(asked.method, asked.target)
    assert "Cookie" not in asked.headers
