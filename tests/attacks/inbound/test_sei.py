"""SEI's own doors: API keys and console sessions."""

from __future__ import annotations

import html
import re
import secrets
import uuid
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from redis import Redis

from app import runtime
from app.integrations import accounts
from app.web import create_app
from app.web.guard import Door
from tests.attacks.cases import case, row
from tests.attacks.grounds import API, JSON, a_ground, a_runtime, an_account, check_headers, check_refused
from tests.attacks.routes import NOBODYS, guarded
from tests.conftest import a_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.runtime import Runtime
    from tests.attacks.grounds import Ground
    from tests.attacks.scene import Reply, Scene

SIGN_IN = "/console/sign-in"
FORM = "application/x-www-form-urlencoded"
NAMES_AN_INTEGRATION = [
    route for route in guarded() if f"/integrations/{NOBODYS}" in route.path and route.door is Door.SEI_KEY
]


@pytest.fixture
def ground(scene: Scene) -> Iterator[Ground]:
    with a_ground(scene) as new_ground:
        yield new_ground


@pytest.fixture(scope="module")
def shared_ground(warm_scene: Scene) -> Iterator[Ground]:
    with a_ground(warm_scene) as new_ground:
        yield new_ground


@pytest.fixture(scope="module")
def strangers_key(warm_scene: Scene) -> str:
    """The key of an account without integrations."""
    return an_account(warm_scene)


@pytest.fixture(scope="module")
def parts(attacks_database_url: str, attacks_redis_url: str, target: object) -> Iterator[Runtime]:
    with a_runtime(attacks_database_url, attacks_redis_url) as runtime_parts:
        yield runtime_parts


@pytest.fixture
def valkey(attacks_redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(attacks_redis_url) as redis:
        yield redis


def revoke(parts: Runtime, key: str) -> None:
    with parts.store.unrestricted_unsafe() as session:
        accounts.revoke(session, accounts.prefix_of(key))


# API keys


def bad_keys(ground: Ground, parts: Runtime) -> dict[str, list[tuple[str, str]]]:
    revoked_key = an_account(ground.scene)
    revoke(parts, revoked_key)
    key = ground.key
    unknown_key = f"sei_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"
    bearer = {
        "empty": "",
        "malformed": "sei_x",
        "unknown": unknown_key,
        "revoked": revoked_key,
        "twice": f"{key} {key}",
        "prefix-only": key[:12],
        "wrong-rest": key[:13] + "A" * (len(key) - 13),
        "cut": key[:-1],
        "longer": f"{key}A",
        "upper-case": key.upper(),
        "sql": "sei_' OR 1=1--_" + "x" * 40,
        "nul": f"{key}%00",
        "long": "sei_" + "a" * 9000,
        "context-token": ground.context(),
        "half-escaped": key.replace("_", "%5F"),
    }
    return {
        **{name: [("Authorization", f"Bearer {value}")] for name, value in bearer.items()},
        "nothing": [],
        "no-scheme": [("Authorization", key)],
        "basic": [("Authorization", f"Basic {key}")],
        "jwt": [("Authorization", f"JWT {key}")],
        "two-headers": [("Authorization", f"Bearer {key}")] * 2,
        "good-and-bad": [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {unknown_key}")],
        "other-header": [("X-API-Key", key), ("Api-Key", key), ("Proxy-Authorization", f"Bearer {key}")],
        "cookie": [("Cookie", f"sei_console={key}; api_key={key}")],
    }


@case(35)
def test_bad_keys_are_one_answer(ground: Ground, parts: Runtime) -> None:
    """Malformed, unknown, revoked and missing keys get the same octets and have no effect."""
    body = b'{"name": "x", "product": "jira_cloud", "method": "connect_app"}'
    bodies, headers = set(), set()
    for name, key_headers in bad_keys(ground, parts).items():
        with ground.unmoved():
            reply = ground.send("POST", API, [*key_headers, ("Content-Type", JSON)], body)
        assert reply.status == 401, (name, reply.body)
        check_refused(reply, 401, "api", "", ground.key)
        bodies.add(reply.body)
        headers.add(tuple(sorted((k, v) for k, v in reply.headers.items() if k != "Date")))
    assert len(bodies) == len(headers) == 1
    for query in (f"api_key={ground.key}", f"key={ground.key}", f"access_token={ground.key}", f"jwt={ground.key}"):
        check_refused(ground.send("GET", f"{API}?{query}"), 401, "api", "", ground.key)
    assert ground.api("GET", API).status == 200


@pytest.mark.parametrize(
    "route", [row(37, route, name=f"{route.method}-{route.path[-12:]}") for route in NAMES_AN_INTEGRATION]
)
def test_37_an_integration_of_another_account(
    scene: Scene, shared_ground: Ground, strangers_key: str, valkey: Redis, route: Any
) -> None:
    """Unknown ids and those of others get one answer, malformed ones a refusal; the owner's integration stays unchanged."""
    ground = shared_ground
    # A site may redeem twenty passwords in a quarter of an hour, right ones included.
    for counter in valkey.scan_iter("*otp-site*"):
        valkey.delete(counter)
    integration, otp = ground.otp()
    headers = [("Authorization", f"Bearer {strangers_key}"), ("Content-Type", JSON)]
    body = b'{"name": "mine now"}' if route.method == "PATCH" else b"{}"
    body = b'{"method": "connect_app"}' if route.path.endswith("/reauthenticate") else body
    body = b'{"jql": "status = Done"}' if route.path.endswith("/jql") else body
    answers = set()
    with ground.unmoved():
        for integration_id in (integration, str(uuid.uuid4()), NOBODYS):
            reply = ground.send(route.method, route.path.replace(NOBODYS, integration_id), headers, body)
            check_refused(reply, 404, "api", "", integration)
            answers.add(reply.body)
    assert len(answers) == 1
    for odd in ("x", "%00", "..%2f", "' OR 1=1--".replace(" ", "%20"), "\u0661".encode().hex(), f"{integration}x"):
        reply = ground.send(route.method, route.path.replace(NOBODYS, odd), headers, body)
        assert reply.status in {400, 404}, (odd, reply.body)
        check_refused(reply, reply.status, "api")
    assert ground.paste(otp).status == 200
    assert ground.state_of(integration) == "backfilling"
    assert ground.ask("DELETE").status == 204


@case(37)
def test_37_a_list_is_of_ones_own(ground: Ground) -> None:
    integration, _ = ground.otp()
    stranger = [("Authorization", f"Bearer {an_account(ground.scene)}")]
    for query in ("", "?search=grounds", "?page=1&page_size=200", f"?search={integration}", "?search=%25"):
        assert ground.send("GET", f"{API}{query}", stranger).json()["records"] == []
    assert [record["id"] for record in ground.api("GET", API).json()["records"]] == [integration]


@case(35)
def test_a_key_that_is_revoked_ends_at_once(ground: Ground, parts: Runtime) -> None:
    assert ground.api("GET", API).status == 200
    revoke(parts, ground.key)
    with ground.unmoved():
        for method, target in (("GET", API), ("POST", API)):
            check_refused(ground.api(method, target, {}), 401, "api")


# The console


@dataclass
class Browser:
    """The parts of a browser that a session needs: a cookie jar and the last form's token."""

    ground: Ground
    jar: dict[str, str] = field(default_factory=dict)
    csrf: str = ""
    last_cookie: str = ""

    def get(self, target: str) -> Reply:
        return self._kept(self.ground.send("GET", target, self._headers()))

    def post(self, target: str, csrf: str | None = None, **fields: str) -> Reply:
        body = urlencode({**fields, "csrf": self.csrf if csrf is None else csrf}).encode()
        return self._kept(self.ground.send("POST", target, [*self._headers(), ("Content-Type", FORM)], body))

    def sign_in(self, key: str | None = None) -> Reply:
        self.get(SIGN_IN)
        reply = self.post(SIGN_IN, key=self.ground.key if key is None else key)
        if reply.status == 303:
            self.get("/console")
        return reply

    def is_in(self) -> bool:
        return self.get("/console").status == 200

    def _headers(self) -> list[tuple[str, str]]:
        return [("Cookie", "; ".join(f"{name}={value}" for name, value in self.jar.items()))] if self.jar else []

    def _kept(self, reply: Reply) -> Reply:
        check_headers(reply, "console")
        for line in reply.headers.get_all("Set-Cookie") or []:
            self.last_cookie = line
            for name, morsel in SimpleCookie(line).items():
                if morsel.value:
                    self.jar[name] = morsel.value
                else:
                    self.jar.pop(name, None)
        match = re.search(rb'name="csrf" value="([^"]+)"|name="csrf" content="([^"]+)"|data-csrf="([^"]+)"', reply.body)
        if match:
            self.csrf = html.unescape(next(group for group in match.groups() if group).decode())
        return reply


@pytest.fixture
def browser(ground: Ground) -> Browser:
    return Browser(ground)


@case("console")
def test_a_cookie_is_for_the_console_alone(browser: Browser) -> None:
    """HttpOnly, Strict and limited to /console, without any part of the key; other pages set no cookie."""
    assert browser.sign_in().status == 303
    parts = [part.strip() for part in browser.last_cookie.split(";")]
    name, _, value = parts[0].partition("=")
    assert name == "sei_console"
    assert {"HttpOnly", "SameSite=Strict", "Path=/base/console"} <= set(parts)
    assert not [part for part in parts if part.startswith("Domain")]
    assert browser.ground.key[12:] not in value
    assert browser.is_in()
    cookie = browser._headers()
    for target in ("/atlassian-connect.json", "/livez", "/api/v1/openapi.json", "/static/jira.css", "/nowhere"):
        assert "Set-Cookie" not in browser.ground.send("GET", target, cookie).headers
    # It opens neither the API nor a page.
    check_refused(browser.ground.send("GET", API, cookie), 401, "api")
    check_refused(browser.ground.send("GET", "/jira/pairing", cookie), 401, "api")


@case("console")
def test_a_cookie_is_secure_where_the_app_is() -> None:
    settings = a_settings()
    assert settings.base_url.startswith("https://")
    app = create_app(
        runtime.assemble(settings, database_url="postgresql://nobody@127.0.0.1:1/x", redis_url="redis://127.0.0.1:1/0")
    )
    cookie = app.test_client().get("/console/sign-in").headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/console"} <= {part.strip() for part in cookie.split(";")}


CREATE = "/console/available/jira/connect-app"
WRONG_CSRF = ("missing", "wrong", "cut", "of-another-session", "unicode")


def _csrf(name: str, mine: str, other_csrf: str) -> str:
    wrong = {
        "missing": "",
        "wrong": "A" * 43,
        "cut": mine[:-1],
        "of-another-session": other_csrf,
        "unicode": "\u00e9" * 43,
    }
    return wrong[name]


@pytest.mark.parametrize("name", [row("console", name, name=name) for name in WRONG_CSRF])
def test_a_form_of_another_site_does_nothing(ground: Ground, valkey: Redis, name: str) -> None:
    browser, other_browser = Browser(ground), Browser(ground)
    assert browser.sign_in().status == other_browser.sign_in().status == 303
    integration, _ = ground.otp()
    csrf = _csrf(name, browser.csrf, other_browser.csrf)
    assert csrf != browser.csrf
    pointers = {key: valkey.get(key) for key in valkey.scan_iter("otp-of:*")}
    with ground.unmoved():
        for target in (
            *(
                "/console/available/jira/connect-app",
                f"/console/integrations/{integration}/otp",
                f"/console/integrations/{integration}/validate",
            ),
            "/console/sign-out",
        ):
            check_refused(browser.post(target, csrf, name="planted"), 403, "console")
    assert {key: valkey.get(key) for key in valkey.scan_iter("otp-of:*")} == pointers
    assert browser.is_in()
    fresh = Browser(ground)
    fresh.get(SIGN_IN)
    check_refused(fresh.post(SIGN_IN, csrf if name != "cut" else fresh.csrf[:-1], key=ground.key), 403, "console")
    assert not fresh.is_in()


@case("console")
def test_forms_of_the_console_itself_work(browser: Browser) -> None:
    """Counter-check: the same requests are accepted with the right token."""
    assert browser.sign_in().status == 303
    reply = browser.post(CREATE, name="by hand", tags="a, b")
    assert reply.status == 303
    detail = reply.headers["Location"].removeprefix("/base").removesuffix("/connect")
    assert browser.get(detail).status == 200
    reply = browser.post(f"{detail}/otp")
    assert reply.status == 200
    browser.ground.scene.made_secrets.add(str(reply.json()["otp"]))


@pytest.mark.parametrize(
    "call",
    [
        row(37, call, name=call or "page")
        for call in ("", "/shown", "/connect", "/data", "/activity", "/settings", "/otp", "/validate")
    ],
)
def test_37_the_console_shows_ones_own(scene: Scene, shared_ground: Ground, call: str) -> None:
    ground = shared_ground
    integration, _ = ground.otp()
    stranger = Browser(ground)
    assert stranger.sign_in(an_account(ground.scene)).status == 303
    method = stranger.post if call in {"/otp", "/validate"} else stranger.get
    with ground.unmoved():
        for integration_id in (integration, NOBODYS, "x"):
            check_refused(method(f"/console/integrations/{integration_id}{call}"), 404, "console", "", integration)


@case("console")
def test_signing_in_is_limited(ground: Ground) -> None:
    """Ten attempts with a key, right or wrong; the eleventh is refused unread, from any browser."""
    wrong = ground.key[:13] + "A" * (len(ground.key) - 13)
    with ground.unmoved():
        statuses = [Browser(ground).sign_in(wrong).status for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    late = Browser(ground)
    reply = late.sign_in()
    check_refused(reply, 429, "console", "", ground.key)
    assert int(reply.headers["Retry-After"]) <= 300
    assert not late.is_in()


@case("console")
def test_a_wrong_key_is_one_answer(ground: Ground, parts: Runtime) -> None:
    revoked_key = an_account(ground.scene)
    revoke(parts, revoked_key)
    bodies = set()
    for key in (
        "",
        "sei_x",
        revoked_key,
        f"sei_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}",
        "x" * 9000,
        "\u0000",
    ):
        browser = Browser(ground)
        reply = browser.sign_in(key)
        assert reply.status == 401
        assert not browser.is_in()
        bodies.add(reply.body.replace(browser.csrf.encode(), b""))
        assert not key or key.encode() not in reply.body
    assert len(bodies) == 1


@case(45)
def test_a_session_ends_with_its_key(ground: Ground, parts: Runtime) -> None:
    browser = Browser(ground)
    assert browser.sign_in().status == 303
    assert browser.is_in()
    revoke(parts, ground.key)
    csrf = browser.csrf
    with ground.unmoved():
        assert not browser.is_in()
        reply = browser.post(CREATE, csrf, name="too late")
    assert (reply.status, reply.headers["Location"]) == (303, "/base/console/sign-in")


@case(45)
def test_a_copied_cookie_ends_with_the_sign_out(ground: Ground) -> None:
    browser = Browser(ground)
    assert browser.sign_in().status == 303
    thief = Browser(ground, dict(browser.jar))
    assert thief.is_in()
    assert browser.post("/console/sign-out").status == 303
    assert not browser.is_in()
    assert not Browser(ground, dict(thief.jar)).is_in()


@case("console")
def test_a_planted_session_does_not_become_anybodys(ground: Ground) -> None:
    """Fixation: a victim signs in with a planted cookie; the thief's copy stays signed out."""
    thief = Browser(ground)
    thief.get(SIGN_IN)
    cookies = dict(thief.jar)
    victim = Browser(ground, dict(cookies))
    assert victim.sign_in().status == 303
    assert victim.jar != cookies
    assert victim.csrf != thief.csrf
    assert not Browser(ground, cookies).is_in()
    with ground.unmoved():
        check_refused(victim.post(CREATE, thief.csrf, name="planted"), 403, "console")


@pytest.mark.parametrize("number", [row("console", number, name=f"part-{number}") for number in range(3)])
def test_a_cookie_cannot_be_forged(ground: Ground, number: int) -> None:
    browser = Browser(ground)
    assert browser.sign_in().status == 303
    pieces = browser.jar["sei_console"].lstrip(".").split(".")
    piece = pieces[number - 3]
    pieces[number - 3] = ("A" if piece[0] != "A" else "B") + piece[1:]
    with ground.unmoved():
        assert not Browser(ground, {"sei_console": ".".join(pieces)}).is_in()
