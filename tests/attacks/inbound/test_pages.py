"""Cases 32 to 48 against a sandbox site. Each row has a request and its expected effects, and checks them.

Beside the status: rows before and after, requests to the site, and the exact headers of the answer's class.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from redis import Redis

from app.web.guard import Door
from app.web.worker import LONGEST_LINE
from sandbox import Fault
from tests.attacks.cases import case, row
from tests.attacks.grounds import (
    CHECK,
    JSON,
    PAGE,
    PAIRING,
    a_ground,
    check_headers,
    check_refused,
    next_second,
    page_policy,
    send,
)
from tests.attacks.routes import CREDENTIALS, guarded
from tests.fakes.atlassian import raw_token
from tests.fakes.listener import CannedAnswer, Listener, listening
from tests.unit.doors.test_query_hash import vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.attacks.grounds import Ground
    from tests.attacks.routes import Credentials, Route
    from tests.attacks.scene import Reply, Scene

HS256 = {"alg": "HS256", "typ": "JWT"}


@pytest.fixture(scope="module")
def shared_ground(warm_scene: Scene) -> Iterator[Ground]:
    with a_ground(warm_scene) as new_ground:
        yield new_ground


@pytest.fixture
def ground(scene: Scene, shared_ground: Ground) -> Ground:
    """A site without a pairing. Tests share it, and leave it and its check for readers as they are."""
    shared_ground.wires.clear()
    return shared_ground


@pytest.fixture
def own_ground(scene: Scene) -> Iterator[Ground]:
    """A site that its test may change."""
    with a_ground(scene) as new_ground:
        yield new_ground


@pytest.fixture
def valkey(attacks_redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(attacks_redis_url) as redis:
        yield redis


# 32, 33, 46: the page and its address


@case(32)
def test_32_an_administrator_in_the_frame(ground: Ground) -> None:
    with ground.unmoved(request_count=1):
        reply = ground.load(token=(token := ground.page()))
    assert reply.status == 200
    assert ground.checks() == [ground.site.admin]
    check_headers(reply, "page", ground.site.base_url)
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    for part in (token, token.split(".")[2], ground.site.shared_secret, ground.site.client_key, ground.site.admin):
        assert part.encode() not in reply.body


@case(32)
def test_32_the_page_that_jira_itself_would_load(ground: Ground) -> None:
    url = ground.site.frame_url("sei-configuration", ground.site.admin) or _any_frame(ground)
    reply = ground.send("GET", url.removeprefix(ground.scene.app.url))
    assert reply.status == 200
    check_headers(reply, "page", ground.site.base_url)


def _any_frame(ground: Ground) -> str:
    modules = ground.send("GET", "/atlassian-connect.json").json()["modules"]
    keys = [module["key"] for kind in ("generalPages", "adminPages") for module in modules.get(kind, [])]
    urls = [url for key in keys if (url := ground.site.frame_url(key, ground.site.admin))]
    assert urls
    return urls[0]


ADDRESSES = [
    row(33, "/jira/configuration?xdm_e=y&lic=none", 401, name="value-changed"),
    row(33, "/jira/configuration?xdm_e=x&lic=None", 401, name="value-in-another-case"),
    row(33, "/jira/configuration?xdm_e=x&lic=none&cp=", 401, name="empty-parameter-added"),
    row(33, "/jira/configuration?xdm_e=x&lic=none&xdm_e=x", 401, name="parameter-doubled"),
    row(33, "/jira/configuration?xdm_e=x&lic=none&JWT=1", 401, name="JWT-is-not-jwt"),
    row(33, "/jira/configuration?xdm_e=x", 401, name="parameter-removed"),
    row(33, "/jira/configuration", 401, name="query-removed"),
    row(33, "/jira/configuration?xdm_e=x;lic=none", 401, name="semicolon"),
    row(33, "/jira/configuration?lic=none&xdm_e=x", 200, name="order"),
    row(33, "/jira/configuration?%78dm_e=%78&lic=n%6Fne", 200, name="same-bytes-escaped"),
    row(33, "/jira/configuration?&xdm_e=x&&lic=none&", 200, name="empty-pieces"),
]


@pytest.mark.parametrize(("address", "status"), ADDRESSES)
def test_33_a_token_is_for_one_address(ground: Ground, address: str, status: int) -> None:
    with ground.unmoved(request_count=int(status == 200)):
        reply = ground.load(address, ground.page(PAGE))
    if status == 200:
        assert reply.status == 200
        check_headers(reply, "page", ground.site.base_url)
    else:
        check_refused(reply, status, "stranger")


@pytest.mark.parametrize(
    ("base", "address"),
    [
        row(33, "/base", "/jira/configuration/?xdm_e=x&lic=none", name="slash-after"),
        row(33, "/base", "//jira/configuration?xdm_e=x&lic=none", name="slash-before"),
        row(33, "/base", "/jira//configuration?xdm_e=x&lic=none", name="slash-inside"),
        row(33, "/base", "/jira/./configuration?xdm_e=x&lic=none", name="dot"),
        row(33, "/base", "/jira/x/../configuration?xdm_e=x&lic=none", name="dot-dot"),
        row(33, "/base", "/jira/%63onfiguration?xdm_e=x&lic=none", name="escaped-path"),
        row(33, "/base", "/jira/Configuration?xdm_e=x&lic=none", name="path-in-another-case"),
        row(33, "", "/jira/configuration?xdm_e=x&lic=none", name="outside-of-the-base"),
        row(33, "/base/base", "/jira/configuration?xdm_e=x&lic=none", name="base-twice"),
    ],
)
def test_33_one_address_has_one_spelling(ground: Ground, base: str, address: str) -> None:
    with ground.unmoved():
        reply = send(ground.scene.app, "GET", f"{address}&jwt={ground.page()}", base=base)
    assert reply.status in {401, 404}, reply.body
    assert "Location" not in reply.headers


# 34: the vectors

QUERIES = [
    *(
        (vector.id, vector.target.partition("?")[2], vector.canonical.split("&", 2)[2])
        for vector in vectors()
        if vector.target.partition("?")[2] and "jwt=" not in vector.target
    ),
    ("D1-spec", "f=a%3Ab&f=a0", "f=a%3Ab,a0"),
    ("D3-spec", "q=caf%C3%A9&q=%E2%82%AC", "q=%E2%82%AC,caf%C3%A9"),
]
WRONG = [
    ("D1-arrival-order-of-three", "f=b&f=c&f=a", "f=b,c,a"),
    ("D2-as-javascript", "a%3A=x&a0=y", "a0=y&a%3A=x"),
    ("C11-as-express", "a[b]=1&a[c]=2", "a=%5Bobject%20Object%5D"),
    ("C12-split-at-semicolon", "x=1;y=2", "x=1&y=2"),
    ("P20-comma-unescaped", "f=a%2Cb&f=c", "f=a,b,c"),
    ("P21-lower-case", "f=%2a", "f=%2a"),
    ("P22-plus-kept", "jql=project+%3D+TEST", "jql=project+%3D+TEST"),
    ("P9-without-empty-values", "a&b=foo&c", "b=foo"),
]


def _hash(canonical_query: str) -> str:
    return hashlib.sha256(f"GET&/jira/configuration&{canonical_query}".encode()).hexdigest()


@pytest.mark.parametrize(("query", "line"), [row(34, query, line, name=name) for name, query, line in QUERIES])
def test_34_published_canonical_queries(ground: Ground, query: str, line: str) -> None:
    target = f"/jira/configuration?{query}"
    with ground.unmoved(request_count=1):
        assert ground.load(target, ground.page(target, qsh=_hash(line))).status == 200


@pytest.mark.parametrize(("query", "line"), [row(34, query, line, name=name) for name, query, line in WRONG])
def test_34_other_peoples_mistakes(ground: Ground, query: str, line: str) -> None:
    target = f"/jira/configuration?{query}"
    with ground.unmoved():
        check_refused(ground.load(target, ground.page(target, qsh=_hash(line))), 401, "stranger")


@pytest.mark.parametrize("query", [row(34, "x=%C3%28", name="no-utf-8"), row(34, "x=%zz&y=%", name="no-hex")])
def test_34_odd_octets_are_no_accident(ground: Ground, query: str) -> None:
    target = f"/jira/configuration?{query}"
    with ground.unmoved():
        check_refused(ground.load(target, ground.page()), 401, "stranger")


@case(34)
def test_34_a_body_is_never_part_of_the_hash(ground: Ground) -> None:
    """A hash that covers the form's fields opens no hook, unlike in Express."""
    form = b"lic=none&xdm_e=x"
    target = "/connect/webhooks/jira.issue_updated"
    digest = hashlib.sha256(f"POST&{target}&{form.decode()}".encode()).hexdigest()
    headers = [
        ("Authorization", f"JWT {ground.site.webhook_token(target, qsh=digest)}"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]
    with ground.unmoved():
        check_refused(ground.send("POST", target, headers, form), 401, "api")


# 35: every credential on every guarded route


@case(35)
def test_35_there_are_routes_behind_every_door() -> None:
    assert len(guarded()) >= 25
    assert {route.door for route in guarded()} == set(Door) - {Door.PUBLIC}


def is_for(credential: str, opens: Door | None, route: Route) -> bool:
    """Whether a credential is for a route. A page's token for any method is indistinguishable on a GET."""
    return opens is route.door and (credential != "page-any-method" or route.method == "GET")


@pytest.mark.parametrize(
    "credential", [row(35, name, name=name) for name, (door, _) in CREDENTIALS.items() if door is not None]
)
def test_35_a_credential_opens_its_own_door(own_ground: Ground, credential: str) -> None:
    door, carry = CREDENTIALS[credential]
    for route in (candidate for candidate in guarded() if is_for(credential, door, candidate)):
        assert ask_route(own_ground, route, carry(own_ground, route)).status not in {401, 303}, route


@pytest.mark.parametrize(
    ("credential", "door"),
    [
        row(35, name, door, name=f"{door.name}-{name}")
        for door in Door
        for name, (opens, _) in CREDENTIALS.items()
        if any(route.door is door and not is_for(name, opens, route) for route in guarded())
    ],
)
def test_35_no_token_opens_another_door(ground: Ground, credential: str, door: Door) -> None:
    """The whole matrix: a credential for one class of routes is refused by all others and changes nothing."""
    opens, carry = CREDENTIALS[credential]
    routes = [route for route in guarded() if route.door is door and not is_for(credential, opens, route)]
    with ground.unmoved():
        replies = [ask_route(ground, route, carry(ground, route)) for route in routes]
    for route, reply in zip(routes, replies, strict=True):
        if door is Door.CONSOLE:
            assert (reply.status, reply.headers["Location"]) == (303, "/base/console/sign-in"), route
            check_headers(reply, "console")
        else:
            check_refused(reply, 401, route.answers)


def ask_route(ground: Ground, route: Route, credentials: Credentials) -> Reply:
    target = f"{route.path}?{credentials.query}" if credentials.query else route.path
    return ground.send(route.method, target, [*credentials.headers, ("Content-Type", JSON)], b"{}")


# 36, 37: other sites' tokens and objects


@case(36)
def test_36_two_sites_with_one_secret(scene: Scene) -> None:
    """Both sites share a secret: the issuer, which the signature covers, identifies the caller."""
    secret = secrets.token_urlsafe(48)
    with a_ground(scene, secret=secret) as mine, a_ground(scene, secret=secret) as neighbour:
        integration = neighbour.pair()
        header, payload, signature = mine.context().split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        claims["iss"] = neighbour.site.client_key
        altered_payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        with mine.unmoved():
            check_refused(mine.ask(token=f"{header}.{altered_payload}.{signature}"), 401, "api")
        assert mine.ask().json() == {"integration": None}
        assert neighbour.ask().json()["integration"]["id"] == integration
        # Neither the origin of a request nor a site in its query changes the caller.
        target = f"{PAIRING}?clientKey={neighbour.site.client_key}&xdm_e={quote(neighbour.site.base_url, safe='')}"
        headers = [("Authorization", f"JWT {mine.context()}"), ("Origin", neighbour.site.base_url)]
        assert mine.send("GET", target, headers).json() == {"integration": None}
        page = mine.load()
        check_headers(page, "page", mine.site.base_url)
        assert set(neighbour.checks()) == {neighbour.site.admin}
        assert mine.ask("DELETE").status == 404
        assert neighbour.ask().json()["integration"]["id"] == integration


@pytest.mark.parametrize(
    "fields",
    [
        row(37, {"integration": "{neighbour}"}, name="integration"),
        row(37, {"integration_id": "{neighbour}"}, name="integration-id"),
        row(37, {"tenant_id": "{tenant}"}, name="tenant"),
        row(37, {"clientKey": "{client}", "iss": "{client}"}, name="client-key"),
        row(37, {"accountId": "{person}", "sub": "{person}"}, name="person"),
    ],
)
def test_37_ids_of_another_site_in_the_pages_call(scene: Scene, fields: dict[str, str]) -> None:
    """The token identifies the caller; extra fields are refused before the password is checked."""
    with a_ground(scene) as mine, a_ground(scene) as neighbour:
        integration_id = neighbour.pair()
        words = {"neighbour": integration_id, "tenant": neighbour.tenant_id, "client": neighbour.site.client_key}
        words["person"] = "557058:eve"
        integration, otp = mine.otp()
        with mine.unmoved():
            check_refused(mine.paste(otp, **{k: v.format(**words) for k, v in fields.items()}), 400, "api", "", otp)
        assert mine.state_of(integration) == "pending"
        for target in (f"{PAIRING}/{integration_id}", f"{PAIRING}?id={integration_id}"):
            reply = mine.send("DELETE", target, [("Authorization", f"JWT {mine.context()}")])
            check_refused(reply, 404, "api")
        assert neighbour.ask().json()["integration"]["id"] == integration_id


# 38: the place of a token

COOKIES = ("jwt", "token", "session", "acpt", "sei_console")
PLACES: dict[str, Callable[[str, str], tuple[str, list[tuple[str, str]], bytes]]] = {
    "header": lambda _target, token: ("", [("Authorization", f"JWT {token}")], b""),
    "query": lambda _target, token: (f"jwt={token}", [], b""),
    "query-and-header": lambda _target, token: (f"jwt={token}", [("Authorization", f"JWT {token}")], b""),
    "query-and-bad-header": lambda _target, token: (f"jwt={token}", [("Authorization", "JWT x")], b""),
    "bad-query-and-header": lambda _target, token: ("jwt=", [("Authorization", f"JWT {token}")], b""),
    "query-twice": lambda _target, token: (f"jwt={token}&jwt={token}", [], b""),
    "query-twice-one-escaped": lambda _target, token: (f"%6Awt={token}&jwt={token}", [], b""),
    "header-twice": lambda _target, token: ("", [("Authorization", f"JWT {token}")] * 2, b""),
    "headers-joined": lambda _target, token: ("", [("Authorization", f"JWT {token}, JWT {token}")], b""),
    "bearer": lambda _target, token: ("", [("Authorization", f"Bearer {token}")], b""),
    "basic": lambda _target, token: ("", [("Authorization", f"Basic {token}")], b""),
    "no-scheme": lambda _target, token: ("", [("Authorization", token)], b""),
    "cookie": lambda _target, token: ("", [("Cookie", "; ".join(f"{name}={token}" for name in COOKIES))], b""),
    "body-form": lambda _target, token: ("", [], f"jwt={token}&token={token}".encode()),
    "body-json": lambda _target, token: ("", [("Content-Type", JSON)], json.dumps({"jwt": token}).encode()),
    "x-acpt": lambda _target, token: ("", [("X-acpt", token), ("X-Authorization", f"JWT {token}")], b""),
    "proxy": lambda _target, token: ("", [("Proxy-Authorization", f"JWT {token}")], b""),
    "capital-JWT": lambda _target, token: (f"JWT={token}", [], b""),
}
GOOD_PLACES = {("page", "query"), ("context", "header")}


@pytest.mark.parametrize("place", [row(38, name, name=name) for name in PLACES])
@pytest.mark.parametrize("kind", ["page", "context"])
def test_38_a_token_comes_one_way(ground: Ground, kind: str, place: str) -> None:
    target = PAGE if kind == "page" else f"{PAIRING}?a=b"
    token = ground.page() if kind == "page" else ground.context()
    query, headers, body = PLACES[place](target, token)
    is_good = (kind, place) in GOOD_PLACES
    with ground.unmoved(request_count=int(is_good)):
        reply = ground.send("GET", f"{target}&{query}" if query else target, headers, body)
    if is_good:
        assert reply.status == 200
    else:
        check_refused(reply, 401, "stranger" if kind == "page" else "api")


# 39: malformed tokens


def crooked(ground: Ground, qsh: str) -> dict[str, str]:
    """Malformed tokens, signed with the right secret if possible."""
    now = int(time.time())
    secret, client = ground.site.shared_secret, ground.site.client_key
    claims: dict[str, Any] = {"iss": client, "sub": ground.site.admin, "iat": now, "exp": now + 170, "qsh": qsh}

    def signed(payload: Any, header: Any = HS256) -> str:
        return raw_token(header, payload, secret)

    def but(**changes: Any) -> str:
        return signed({name: value for name, value in {**claims, **changes}.items() if value is not ...})

    def said(name: str, text: str) -> str:
        return signed(json.dumps({**claims, name: "@@"}).replace('"@@"', text))

    whole = but()
    head, payload, signature = whole.split(".")
    return {
        **{
            f"iss-{name}": but(iss=value)
            for name, value in {
                "list": [client],
                "object": {"key": client},
                "number": 7,
                "empty": "",
                "null": None,
                "missing": ...,
                "true": True,
                "nul": f"{client}\u0000",
                "newline": f"{client}\n",
                "5000-signs": "x" * 5000,
                "with-blank": f" {client}",
                "upper-case": client.upper(),
                "half-a-pair": "\ud800",
            }.items()
        },
        **{
            f"sub-{name}": but(sub=value)
            for name, value in {
                "number": 7,
                "list": [ground.site.admin],
                "object": {},
                "true": True,
                "nul": "\0",
            }.items()
        },
        **{
            f"qsh-{name}": but(qsh=value)
            for name, value in {
                "list": [qsh],
                "object": {"qsh": qsh},
                "null": None,
                "missing": ...,
                "number": 7,
                "empty": "",
                "prefix": qsh[:-1],
                "upper-case": qsh.upper(),
                "blank-after": f"{qsh} ",
                "half-a-pair": "\udfff",
            }.items()
        },
        **{
            f"exp-{name}": but(exp=value)
            for name, value in {
                "text": str(now + 170),
                "missing": ...,
                "null": None,
                "true": True,
                "list": [now + 170],
                "negative": -1,
                "enormous": 10**30,
                "a-day": now + 86400,
                "before-iat": now - 1,
            }.items()
        },
        "exp-NaN": said("exp", "NaN"),
        "exp-Infinity": said("exp", "Infinity"),
        "exp-1e400": said("exp", "1e400"),
        "iat-missing": but(iat=...),
        "iat-future": but(iat=now + 600, exp=now + 700),
        "iat-text": but(iat=str(now)),
        "payload-array": signed([claims]),
        "payload-text": signed('"x"'),
        "payload-null": signed("null"),
        "payload-cut": signed("{"),
        "payload-empty": signed(b""),
        "payload-not-utf-8": signed(base64.urlsafe_b64encode(b'{"iss":"\xff"}').rstrip(b"=")),
        "payload-deep": signed('{"a":' * 900 + "1" + "}" * 900),
        "key-twice": signed(f'{{"iss":"{client}",{json.dumps(claims)[1:]}'),
        "header-array": signed(claims, [HS256]),
        "header-empty": signed(claims, {}),
        "header-kid": signed(claims, {**HS256, "kid": ground.scene.atlassian.kid}),
        "header-jwk": signed(claims, {**HS256, "jwk": {"kty": "oct", "k": "AAAA"}}),
        "header-jku": signed(claims, {**HS256, "jku": ground.site.base_url}),
        "header-crit": signed(claims, {**HS256, "crit": ["exp"]}),
        "header-alg-twice": signed(claims, '{"alg":"none","alg":"HS256"}'),
        **{f"alg-{name}": signed(claims, {**HS256, "alg": name}) for name in ("hs256", "HS384", "HS512", "RS256")},
        **{f"alg-{name}": raw_token({"alg": name}, claims, None) for name in ("none", "None", "nOnE")},
        "alg-list": signed(claims, {**HS256, "alg": ["HS256"]}),
        "signature-empty": f"{head}.{payload}.",
        "signature-of-another": f"{head}.{payload}.{raw_token(HS256, {**claims, 'exp': now + 171}, secret).split('.')[2]}",
        "signature-under-empty-secret": raw_token(HS256, claims, b""),
        "signature-under-client-key": raw_token(HS256, claims, client),
        "signature-under-public-key": raw_token(HS256, claims, ground.scene.atlassian.pem),
        "two-segments": f"{head}.{payload}",
        "four-segments": f"{whole}.e30",
        "five-segments": f"{whole}..",
        "no-base64": f"{head}.!{payload}.{signature}",
        "padded": f"{whole}=",
        "second-spelling": f"{head}.{payload}.{_respelled(signature)}",
        "dots": "..",
        "blank": "",
        "unicode": "\u00e9" * 10,
    }


def _respelled(signature: str) -> str:
    """The same signature with another last character; its four lowest bits carry no information."""
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return signature[:-1] + signs[signs.index(signature[-1]) ^ 1]


class _Nobody:
    """The part of a ground that the names of tokens need."""

    class site:  # noqa: N801 - stands in for an attribute
        shared_secret, client_key, admin, base_url = "s" * 40, "ck", "a", "http://x"

    class scene:  # noqa: N801 - stands in for an attribute
        class atlassian:  # noqa: N801 - stands in for an attribute
            kid, pem = "", b"pem"


@pytest.mark.parametrize("name", [row(39, name, name=name) for name in crooked(_Nobody(), "context-qsh")])  # type: ignore[arg-type]  # for the names
@pytest.mark.parametrize("kind", ["page", "context"])
def test_39_crooked_tokens(ground: Ground, kind: str, name: str) -> None:
    with ground.unmoved():
        if kind == "page":
            token = crooked(ground, _hash("lic=none&xdm_e=x"))[name]
            check_refused(ground.load(token=quote(token, safe="") or "%20"), 401, "stranger", "", "eyJ")
        else:
            token = crooked(ground, "context-qsh")[name]
            check_refused(ground.ask(token=token), 401, "api", "", "eyJ")


@case(39)
def test_39_the_straight_ones_are_taken(own_ground: Ground) -> None:
    """Counter-check: the same tokens are accepted without the malformed part."""
    now = int(time.time())
    claims = {"iss": own_ground.site.client_key, "sub": own_ground.site.admin, "iat": now, "exp": now + 170}
    good_tokens = [
        raw_token(HS256, {**claims, "qsh": qsh}, own_ground.site.shared_secret)
        for qsh in (_hash("lic=none&xdm_e=x"), "context-qsh")
    ]
    assert own_ground.load(token=good_tokens[0]).status == 200
    assert own_ground.ask(token=good_tokens[1]).status == 200


@pytest.mark.parametrize(
    "size",
    [
        row(39, 6_000, name="6-kB"),
        row(39, 15_000, name="15-kB"),
        row(39, 1_000_000, name="1-MB"),
        row(39, 3_000_000, name="3-MB"),
    ],
)
@pytest.mark.parametrize("kind", ["page", "context"])
def test_39_tokens_as_large_as_books(ground: Ground, kind: str, size: int) -> None:
    """The answer comes while the request is being sent: 401, as for any unproven token."""
    token = raw_token(HS256, {"iss": "x" * (size * 3 // 4), "exp": 1}, ground.site.shared_secret)
    with ground.unmoved():
        reply = ground.load(token=token) if kind == "page" else ground.ask(token=token)
    # A request line that is too long is refused before its class is known.
    is_page = kind == "page" and size < LONGEST_LINE
    check_refused(reply, 401, "stranger" if is_page else "api", "", token[:60], "xxxx")
    assert reply.seconds < 5
    assert ground.load().status == 200


# 40, 41, 42: administrators

PEOPLE = [
    row(40, "non-admin", 403, 1, name="user"),
    row(40, "nobody-at-all", 403, 1, name="unknown"),
    row(40, "557058:00000000-5a4d-4b0c-9a7e-sandbox00app", 403, 1, name="the-app-itself"),
    row(40, None, 403, 0, name="absent"),
    row(40, "", 401, 0, name="empty"),
]


@pytest.mark.parametrize(("role", "status", "request_count"), PEOPLE)
@pytest.mark.parametrize("call", ["page", "GET", "POST", "DELETE"])
def test_40_nobody_but_an_administrator(
    ground: Ground, call: str, role: str | None, status: int, request_count: int
) -> None:
    """Jira checks the token's person; a check without a person would check the app."""
    integration, otp = ground.otp()
    person = ground.site.non_admin if role == "non-admin" else role
    claims = {} if person != "" else {"sub": ""}
    with ground.unmoved(request_count=request_count):
        if call == "page":
            token = ground.site.page_token(PAGE, person or None, **claims)
            check_refused(
                ground.load(token=token), status, "page" if status == 403 else "stranger", ground.site.base_url
            )
        else:
            token = ground.site.context_token(person or None, **claims)
            payload = {"otp": otp} if call == "POST" else None
            check_refused(ground.ask(call, payload, token), status, "api", "", otp)
    assert ground.checks() == [person] * len(ground.checks())
    assert None not in ground.checks()
    assert "" not in ground.checks()
    assert ground.state_of(integration) == "pending"


@case(40)
def test_40_a_person_named_in_the_context_claim_is_nobody(ground: Ground) -> None:
    token = ground.context(None, context={"user": {"accountId": ground.site.admin}})
    with ground.unmoved():
        check_refused(ground.ask(token=token), 403, "api")
    assert ground.checks() == []


def _json(body: Any) -> CannedAnswer:
    return CannedAnswer(200, json.dumps(body).encode())


ANSWERS = {
    "empty-list": (_json([]), 403),
    "empty-object": (_json({}), 403),
    "null": (_json(None), 403),
    "nothing-held": (_json({"globalPermissions": [], "projectPermissions": []}), 403),
    "another-permission": (_json({"globalPermissions": ["BROWSE"]}), 403),
    "more-than-asked": (_json({"globalPermissions": ["ADMINISTER", "SYSTEM_ADMIN"]}), 403),
    "text": (_json({"globalPermissions": "ADMINISTER"}), 403),
    "object": (_json({"globalPermissions": {"ADMINISTER": True}}), 403),
    "lower-case": (_json({"globalPermissions": ["administer"]}), 403),
    "in-the-wrong-place": (_json({"projectPermissions": ["ADMINISTER"]}), 403),
    "201-and-right": (CannedAnswer(201, b'{"globalPermissions": ["ADMINISTER"]}'), 403),
    "206-and-right": (CannedAnswer(206, b'{"globalPermissions": ["ADMINISTER"]}'), 403),
    "204": (CannedAnswer(204, b""), 403),
    "unauthorized": (CannedAnswer(401), 403),
    "forbidden": (CannedAnswer(403), 403),
    "gone": (CannedAnswer(404), 503),
    "bad-request": (CannedAnswer(400), 403),
    "too-many": (CannedAnswer(429, headers=(("Retry-After", "30"),)), 503),
    "too-many-unsaid": (CannedAnswer(429), 503),
    "broken": (CannedAnswer(500), 503),
    "gateway": (CannedAnswer(502, b"<html>", "text/html"), 503),
    "unavailable": (CannedAnswer(503), 503),
    "a-page": (CannedAnswer(200, b"<html>Log in to Jira</html>", "text/html"), 503),
    "cut": (CannedAnswer(200, b'{"globalPermissions": ["ADMIN'), 503),
    "not-modified": (CannedAnswer(304, b""), 503),
    "redirect": (CannedAnswer(302, headers=(("Location", "/login"),)), 503),
    "permanent": (CannedAnswer(308, headers=(("Location", CHECK),)), 503),
}


@pytest.fixture(scope="module")
def moved_ground(warm_scene: Scene) -> Iterator[tuple[Ground, Listener]]:
    """A site at a server with scripted answers, for answers that bring no back-off."""
    with listening() as jira, a_ground(warm_scene) as new_ground:
        _move_to(new_ground, jira)
        yield new_ground, jira


@pytest.mark.parametrize(
    "says", [row(41, says, name=name) for name, (says, status) in ANSWERS.items() if status == 403]
)
def test_41_jira_does_not_say_yes(scene: Scene, moved_ground: tuple[Ground, Listener], says: CannedAnswer) -> None:
    ground, jira = moved_ground
    jira.requests.clear()
    _check_not_accepted(ground, jira, says, 403)


@pytest.mark.parametrize(
    "says", [row(41, says, name=name) for name, (says, status) in ANSWERS.items() if status == 503]
)
def test_41_jira_cannot_say_it(scene: Scene, says: CannedAnswer) -> None:
    with listening() as jira, a_ground(scene) as ground:
        _move_to(ground, jira)
        _check_not_accepted(ground, jira, says, 503)


def _check_not_accepted(ground: Ground, jira: Listener, says: CannedAnswer, status: int) -> None:
    """Check that neither the page nor the key is accepted."""
    integration, otp = ground.otp()
    jira.says = lambda _: says
    with ground.unmoved():
        check_refused(ground.load(), status, "page", jira.url)
    with ground.unmoved():
        check_refused(ground.paste(otp), status, "api", "", otp)
    assert 1 <= jira.count() <= 2
    assert jira.count() == len(jira.requests)
    assert ground.state_of(integration) == "pending"


def _move_to(ground: Ground, jira: Listener) -> None:
    """Move the site to a server with scripted answers; its secret stays."""
    ground.scene.must("installed", ground.scene.new_site(**{**vars(ground.customer), "base_url": jira.url}))
    jira.admins.add(ground.site.admin)


@pytest.mark.parametrize(
    "kind", [row(41, "timeout", name="time-out"), row(41, "cut", name="cut"), row(41, "429", name="429")]
)
def test_41_the_site_itself_is_in_trouble(own_ground: Ground, kind: str) -> None:
    own_ground.fault = Fault(kind, retry_after=20)  # type: ignore[arg-type]  # one of its kinds
    own_ground.site.options.fault_timeout_s = 12
    with own_ground.unmoved(request_count=1):
        reply = own_ground.load()
    check_refused(reply, 503, "page", own_ground.site.base_url)
    assert reply.seconds < 10
    if kind == "429":
        # Jira's back-off applies to every caller.
        own_ground.fault = None
        with own_ground.unmoved(request_count=0):
            check_refused(own_ground.ask(), 503, "api")
        assert own_ground.site.traffic.early_retries == 0


@case(41)
def test_41_a_redirect_is_not_followed(scene: Scene) -> None:
    with listening() as jira, listening() as other_server, a_ground(scene) as ground:
        _move_to(ground, jira)
        other_server.admins.add(ground.site.admin)
        for status in (301, 302, 303, 307, 308):
            to = (("Location", f"{other_server.url}{CHECK}"),)
            jira.says = lambda _, status=status, to=to: CannedAnswer(status, headers=to)  # type: ignore[misc]  # bound at once
            check_refused(ground.load(), 503, "page", jira.url)
        assert jira.count() == 5
        assert other_server.requests == []


@case(42)
def test_42_demoted_between_load_and_paste(own_ground: Ground, valkey: Redis) -> None:
    """Every change repeats the check; reading may rely on a check of the last minute."""
    integration, otp = own_ground.otp()
    assert own_ground.load().status == 200
    assert own_ground.ask().status == 200
    admin = own_ground.site.admin
    own_ground.administers("557058:somebody-else")
    tokens = own_ground.page(person=admin), own_ground.context(person=admin)
    for reply in (own_ground.ask("POST", {"otp": otp}, tokens[1]), own_ground.ask("DELETE", None, tokens[1])):
        check_refused(reply, 403, "api", "", otp)
    check_refused(own_ground.load(token=tokens[0]), 403, "page", own_ground.site.base_url)
    assert own_ground.state_of(integration) == "pending"
    assert own_ground.checks() == [admin] * 5
    [key] = [key for key in valkey.scan_iter("administrator:*") if own_ground.tenant_id.encode() in key]
    assert 0 < valkey.ttl(key) <= 60
    own_ground.administers(admin)
    assert own_ground.paste(otp).status == 200
    own_ground.administers("557058:somebody-else")
    with own_ground.unmoved(request_count=1):
        check_refused(own_ground.ask("DELETE", None, tokens[1]), 403, "api")
    assert own_ground.state_of(integration) == "backfilling"


# 43: the one-time password

KINDS = [
    row(43, kind, name=kind or "absent")
    for kind in (
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""),
        *("text/json", "application/jsonx", "text/plain; application/json", "application/json,text/plain"),
    )
]


@pytest.mark.parametrize("kind", KINDS)
def test_43_a_form_of_another_site_pairs_nothing(ground: Ground, kind: str) -> None:
    integration, otp = ground.otp()
    for payload in (json.dumps({"otp": otp}).encode(), f"otp={otp}".encode()):
        with ground.unmoved():
            check_refused(ground.ask("POST", payload, kind=kind), 400, "api", "", otp)
    assert ground.state_of(integration) == "pending"


BODIES = {
    "empty": b"",
    "null": b"null",
    "array": b'["{otp}"]',
    "text": b'"{otp}"',
    "cut": b'{"otp": "{otp}',
    "otp-number": b'{"otp": 7}',
    "otp-list": b'{"otp": ["{otp}"]}',
    "otp-null": b'{"otp": null}',
    "otp-empty": b'{"otp": ""}',
    "replace-text": b'{"otp": "{otp}", "replace": "yes"}',
    "extra": b'{"otp": "{otp}", "admin": true}',
    "not-utf-8": b'{"otp": "\xff"}',
    "deep": b'{"otp":' * 2000,
}


@pytest.mark.parametrize("body", [row(43, body, name=name) for name, body in BODIES.items()])
def test_43_bodies_that_are_no_key(ground: Ground, body: bytes) -> None:
    integration, otp = ground.otp()
    with ground.unmoved():
        reply = ground.ask("POST", body.replace(b"{otp}", otp.encode()))
    assert reply.status in {400, 413}
    check_refused(reply, reply.status, "api", "", otp)
    assert ground.state_of(integration) == "pending"


@case(43)
def test_43_a_body_is_bounded(ground: Ground) -> None:
    with ground.unmoved():
        check_refused(ground.paste("x" * 1_000_000), 413, "api")


@case(43)
def test_43_fifty_at_once(scene: Scene) -> None:
    """Ten people on each of five sites with one password: one pairing, one redemption, one job."""
    with contextlib.ExitStack() as stack:
        grounds = [stack.enter_context(a_ground(scene)) for _ in range(5)]
        for ground in grounds:
            ground.administers(*ground.site.world.catalogue.users)
        calls = [(ground, person) for ground in grounds for person in list(ground.site.world.catalogue.users)[:10]]
        while len(calls) < 50:
            calls.append(calls[len(calls) % len(grounds)])
        integration, otp = grounds[0].otp()
        before = scene.tables.count("redemptions")
        with ThreadPoolExecutor(50) as pool:
            replies = list(pool.map(lambda call: call[0].paste(otp, call[0].context(call[1])), calls))
        successes = [call for call, reply in zip(calls, replies, strict=True) if reply.status == 200]
        assert len(successes) == 1, [reply.status for reply in replies]
        for reply in (reply for reply in replies if reply.status != 200):
            assert reply.status in {409, 410, 429}
            check_refused(reply, reply.status, "api", "", otp)
        assert scene.tables.count("redemptions") == before + 1
        winner, person = successes[0]
        pairings = scene.tables.connection.execute(
            "SELECT tenant_id::text, paired_by FROM integrations WHERE id = %s", (integration,)
        ).fetchall()
        assert pairings == [(winner.tenant_id, person)]
        redemption = scene.tables.connection.execute(
            "SELECT count(*) FROM integrations WHERE tenant_id = ANY(%s::uuid[])",
            ([member.tenant_id for member in grounds],),
        ).fetchone()
        assert redemption == (1,)


@case(43)
def test_43_a_password_is_good_once_and_for_one_site(scene: Scene) -> None:
    with a_ground(scene) as first, a_ground(scene) as second:
        integration, otp = first.otp()
        assert second.paste(otp).status == 200
        fingerprints = first.fingerprints()
        for ground in (first, second):
            check_refused(ground.paste(otp), 410, "api", "", otp)
            check_refused(ground.paste(otp, replace=True), 410, "api", "", otp)
        assert first.fingerprints() == fingerprints
        assert first.ask().json() == {"integration": None}
        assert second.ask().json()["integration"]["id"] == integration


@case(43)
def test_43_a_newer_password_ends_the_older(own_ground: Ground) -> None:
    integration, old = own_ground.otp()
    new = own_ground.otp_of(integration)
    with own_ground.unmoved(request_count=1):
        check_refused(own_ground.paste(old), 410, "api", "", old)
    assert own_ground.paste(new).status == 200


@case(43)
def test_43_wrong_used_and_expired_are_one_answer(own_ground: Ground, valkey: Redis) -> None:
    _, used_otp = own_ground.otp()
    assert own_ground.paste(used_otp).status == 200
    _, expired_otp = own_ground.otp()
    for key in valkey.scan_iter("otp:*"):
        valkey.delete(key)
    bodies = {
        own_ground.paste(value, replace=True).body
        for value in (used_otp, expired_otp, "7K3M-9QXA-0000-ZZZZ", "no key", "☃")
    }
    assert len(bodies) == 1


@case(43)
def test_43_the_sixth_wrong_try_waits(own_ground: Ground) -> None:
    with own_ground.unmoved(request_count=None):
        for _ in range(5):
            check_refused(own_ground.paste("AAAA-AAAA-AAAA-AAAA"), 410, "api")
        check_refused(reply := own_ground.paste("AAAA-AAAA-AAAA-AAAA"), 429, "api")
        assert 0 < int(reply.headers["Retry-After"]) <= 900
    integration, otp = own_ground.otp()
    with own_ground.unmoved(request_count=None):
        check_refused(own_ground.paste(otp), 429, "api", "", otp)
    assert own_ground.state_of(integration) == "pending"


@case(43)
def test_43_one_person_on_many_sites_waits_too(scene: Scene) -> None:
    person, statuses = f"557058:{secrets.token_hex(8)}", []
    for _ in range(3):
        with a_ground(scene) as ground:
            users = ground.site.world.catalogue.users
            users[person] = {**users[ground.site.admin], "accountId": person}
            ground.administers(person)
            statuses += [ground.paste("AAAA-AAAA-AAAA-AAAA", ground.context(person)).status for _ in range(4)]
    assert statuses == [410] * 10 + [429] * 2


# 44, 45: expired tokens and disabled sites


@pytest.mark.parametrize(
    ("ago", "status"), [row(44, -170, 200, name="fresh"), row(44, 29, 200, name="29-s"), row(44, 31, 401, name="31-s")]
)
@pytest.mark.parametrize("kind", ["page", "context", "webhook"])
def test_44_a_token_expires(own_ground: Ground, kind: str, ago: int, status: int) -> None:
    """Sent at the beginning of a second: a difference of one second is exact."""
    next_second()
    now = int(time.time())
    moments = {"iat": now - ago - 180, "exp": now - ago}
    with own_ground.unmoved(request_count=int(status == 200 and kind != "webhook")):
        if kind == "page":
            reply = own_ground.load(token=own_ground.page(**moments))
        elif kind == "context":
            reply = own_ground.ask(token=own_ground.context(**moments))
        else:
            target = "/connect/webhooks/comment_created"
            headers = [("Authorization", f"JWT {own_ground.site.webhook_token(target, **moments)}")]
            reply = own_ground.send("POST", target, headers, b"{}")
    if status == 200:
        assert reply.status in {200, 204}
    else:
        check_refused(reply, 401, "stranger" if kind == "page" else "api")


@pytest.mark.parametrize(
    ("kind", "life", "status"),
    [
        row(44, "page", 900, 200, name="page-15-minutes"),
        row(44, "page", 901, 401, name="page-more"),
        row(44, "context", 3600, 200, name="context-an-hour"),
        row(44, "context", 3601, 401, name="context-more"),
    ],
)
def test_44_a_token_may_not_live_long(own_ground: Ground, kind: str, life: int, status: int) -> None:
    now = int(time.time())
    moments = {"iat": now, "exp": now + life}
    reply = (
        own_ground.load(token=own_ground.page(**moments))
        if kind == "page"
        else own_ground.ask(token=own_ground.context(**moments))
    )
    assert reply.status == status
    assert len(own_ground.checks()) == int(status == 200)


@pytest.mark.parametrize("hook", [row(45, "disable", name="disabled"), row(45, "uninstall", name="uninstalled")])
def test_45_a_site_that_left(own_ground: Ground, hook: str) -> None:
    integration, otp = own_ground.otp()
    page, context = own_ground.page(), own_ground.context()
    calls: list[tuple[Callable[[], Reply], str]] = [
        (lambda: own_ground.load(token=page), "stranger"),
        (lambda: own_ground.ask("GET", None, context), "api"),
        (lambda: own_ground.ask("POST", {"otp": otp}, context), "api"),
        (lambda: own_ground.ask("DELETE", None, context), "api"),
    ]
    assert own_ground.ask().status == 200  # the check is cached for reading
    getattr(own_ground.site, hook)()
    for call, kind in calls:
        with own_ground.unmoved():
            check_refused(call(), 401, kind, "", otp)
    assert own_ground.state_of(integration) == "pending"


@case(45)
def test_45_a_site_that_came_back(own_ground: Ground) -> None:
    """After `enabled` the same token is good. After a new `installed` the old secret expires."""
    token = own_ground.context()
    own_ground.site.disable()
    check_refused(own_ground.ask(token=token), 401, "api")
    next_second()  # within one second, `disabled` wins
    own_ground.site.enable()
    assert own_ground.ask(token=token).status == 200
    own_ground.site.uninstall()
    next_second()
    own_ground.site.install()
    own_ground.scene.made_secrets.add(own_ground.site.shared_secret)
    check_refused(own_ground.ask(token=token), 401, "api")
    assert own_ground.ask().status == 200


# 46, 47, 48: other parts of a request

EVIL = (
    '"><script>alert(1)</script>',
    "'; alert(1)//",
    "{{7*7}}{% raw %}",
    "\r\nX-Evil: 1\r\n\r\n<html>",
    "https://evil.example; script-src *",
    "\u0000\ud7ff\u202e",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("value", [row(46, value, name=f"evil-{number}") for number, value in enumerate(EVIL)])
def test_46_what_the_query_says_changes_nothing(ground: Ground, value: str) -> None:
    """The page is identical, octet for octet, for any parameters."""
    plain = ground.load()
    names = ("xdm_e", "xdm_c", "cp", "lic", "cv", "xdm_deprecated_addon_key_do_not_use", "base", "scripts")
    target = "/jira/configuration?" + "&".join(f"{name}={quote(value, safe='')}" for name in names)
    reply = ground.load(target)
    assert (reply.status, reply.body) == (200, plain.body)
    check_headers(reply, "page", ground.site.base_url)
    assert "X-Evil" not in reply.headers
    check_refused(ground.load(target, ground.page()), 401, "stranger", "", "evil", "<script>alert")


@case(46)
def test_46_a_display_address_is_no_markup_either(scene: Scene) -> None:
    with a_ground(scene) as ground:
        evil = 'https://x.atlassian.net"><script>alert(1)</script>; script-src *'
        for value in (evil, "javascript:alert(1)", "https://evil.example/path", "https://a b"):
            letter = scene.letter("installed", ground.customer, body={"displayUrl": value, "description": evil})
            assert scene.deliver("installed", letter).status == 204
            reply = ground.load()
            assert reply.status == 200
            assert b"<script>alert" not in reply.body
            assert b"javascript:alert" not in reply.body
            assert reply.headers.get_all("Content-Security-Policy") == [page_policy(ground.site.base_url)]


SPOOFS: dict[str, list[tuple[str, str]]] = {
    "host": [("Host", "evil.example")],
    "host-with-port": [("Host", "evil.example:8080")],
    "x-forwarded-host": [("X-Forwarded-Host", "evil.example")],
    "x-forwarded-all": [
        *(("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example")),
        *(("X-Forwarded-Port", "666"), ("X-Forwarded-Prefix", "/evil.example"), ("X-Forwarded-Server", "evil.example")),
    ],
    "forwarded": [("Forwarded", "for=6.6.6.6;host=evil.example;proto=https")],
    "rewrite": [
        ("X-Original-URL", "/evil.example"),
        ("X-Rewrite-URL", "/evil.example"),
        ("X-Original-Host", "evil.example"),
    ],
    "script-name": [("Script-Name", "/evil.example"), ("X-Script-Name", "/evil.example")],
    "method": [("X-HTTP-Method-Override", "DELETE"), ("X-Method-Override", "DELETE")],
}


@pytest.mark.parametrize("headers", [row(47, headers, name=name) for name, headers in SPOOFS.items()])
def test_47_headers_do_not_say_where_we_are(ground: Ground, headers: list[tuple[str, str]]) -> None:
    host = dict(headers).get("Host", f"127.0.0.1:{ground.scene.app.port}")
    other_headers = [header for header in headers if header[0] != "Host"]
    plain = ground.send("GET", "/atlassian-connect.json")
    reply = ground.send("GET", "/atlassian-connect.json", other_headers, host=host)
    assert (reply.status, reply.body) == (200, plain.body)
    assert reply.json()["baseUrl"] == ground.scene.app.url
    check_headers(reply, "api")
    document = ground.send("GET", "/api/v1/openapi.json", other_headers, host=host)
    assert document.json()["servers"] == [{"url": ground.scene.app.url}]
    # The hashed address stays the requested one.
    page = ground.send("GET", f"{PAGE}&jwt={ground.page()}", other_headers, host=host)
    assert page.status == 200
    check_headers(page, "page", ground.site.base_url)
    redirect = ground.send("GET", "/console", other_headers, host=host)
    assert (redirect.status, redirect.headers["Location"]) == (303, "/base/console/sign-in")
    for answer in (reply, document, page, redirect):
        assert b"evil.example" not in answer.body
        assert "evil" not in str(answer.headers)


@case(48)
def test_48_the_log_says_who_came_and_not_with_what(own_ground: Ground) -> None:
    log = Path(own_ground.scene.app.log)
    begin, token, context = log.stat().st_size, own_ground.page(), own_ground.context()
    _, otp = own_ground.otp()
    assert own_ground.load(token=token).status == 200
    assert own_ground.load(token=f"{token}x").status == 401
    assert own_ground.paste(otp, context).status == 200
    assert own_ground.paste(otp, f"{context}x").status == 401
    own_ground.load(f"/jira/nowhere?jwt={token}")
    own_ground.send("POST", f"/connect/webhooks/eyJhbGciOiJIUzI1NiJ9.e30.x?jwt={token}")
    deadline = time.monotonic() + 10
    while b"webhooks" not in (log_part := log.read_bytes()[begin:]) and time.monotonic() < deadline:
        time.sleep(0.05)
    for word in (b"/jira/configuration", b"/jira/pairing", b"/connect/webhooks"):
        assert word in log_part
    secrets_ = (*token.split("."), *context.split("."), otp, otp.replace("-", ""), own_ground.site.shared_secret)
    for secret in (*secrets_, "jwt=ey", "Authorization: ", "eyJ"):
        assert secret.encode() not in log_part, secret
