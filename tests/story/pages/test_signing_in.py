"""Sign-in to the console through an organisation's provider: a real OpenID Connect server and a real browser."""

from __future__ import annotations

import base64
import contextlib
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests
from joserfc.jwk import RSAKey
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from app import runtime
from app.integrations import accounts
from app.web import create_app
from tests.conftest import a_settings
from tests.fakes.provider import CLIENT_ID, CLIENT_SECRET, Provider, serving
from tests.story.conftest import watched
from tests.story.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    from app.runtime import Runtime

NOT_IN = "Signing in through your organisation did not work."


class Scene:
    """The console and its provider."""

    def __init__(self, url: str, parts: Runtime, provider: Provider, account: str) -> None:
        self.url, self.parts, self.provider, self.account = url, parts, provider, account


@contextlib.contextmanager
def console(parts: Runtime, port: int) -> Iterator[None]:
    server = make_server("127.0.0.1", port, create_app(parts), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def scene(database_url: str, redis_url: str) -> Iterator[Scene]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    account = f"Acme {secrets.token_hex(4)}"
    people: dict[str, dict[str, Any]] = {
        "anna": {"sei_account": account, "email": "anna@acme.test"},
        "otto": {"email": "otto@elsewhere.test"},
        "ida": {"sei_account": "an account that is not there"},
        "kim": {"sei_account": [account]},
    }
    with serving(Provider(people, f"{url}/console/sign-in/provider/back")) as provider:
        settings = a_settings(
            base_url=url,
            oidc_issuer=provider.issuer,
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=CLIENT_SECRET,
        )
        parts = runtime.assemble(settings, database_url=database_url, redis_url=redis_url)
        with parts.store.unrestricted_unsafe() as session:
            accounts.create(session, account)
        with console(parts, port):
            yield Scene(url, parts, provider, account)
        parts.store.engine.dispose()
        parts.redis.close()


@pytest.fixture
def page(browser: Browser, scene: Scene) -> Iterator[Page]:
    with watched(browser) as new_page:
        yield new_page
    scene.provider.spoil = None


def go(scene: Scene, page: Page, name: str) -> None:
    page.goto(f"{scene.url}/console")
    page.get_by_role("link", name="Sign in with your organisation").click()
    page.get_by_role("button", name=name).click()


def test_whoever_the_provider_knows_with_an_account_gets_into_that_account(scene: Scene, page: Page) -> None:
    go(scene, page, "anna")
    expect(page.get_by_role("heading", name="Nothing is connected yet")).to_be_visible()
    expect(page.get_by_text(scene.account)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{scene.url}/console")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("name", ["otto", "ida", "kim"])
def test_whoever_has_no_account_is_told_whom_to_ask(scene: Scene, page: Page, name: str) -> None:
    go(scene, page, name)
    expect(page.get_by_role("alert")).to_contain_text("You are signed in, but no SEI account is yours.")
    page.goto(f"{scene.url}/console")
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def _unsigned(header: dict[str, str], claims: dict[str, Any]) -> str:
    parts = [{"alg": "none", "kid": header["kid"]}, claims]
    return ".".join(base64.urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode() for part in parts) + "."


def _by_a_stranger(header: dict[str, str], claims: dict[str, Any]) -> str:
    return Provider({}, "").sign(header, claims, RSAKey.generate_key(2048, {"kid": header["kid"]}))


def _with(**claims_to_set: Any) -> Callable[[dict[str, str], dict[str, Any]], None]:
    return lambda _header, claims: claims.update(claims_to_set)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_unsigned, id="not signed"),
        pytest.param(_by_a_stranger, id="signed by a stranger"),
        pytest.param(_with(nonce="another"), id="another nonce"),
        pytest.param(_with(aud=["somebody-else"]), id="for somebody else"),
        pytest.param(_with(iss="https://evil.example"), id="from another issuer"),
        pytest.param(_with(iat=int(time.time()) - 7200, exp=int(time.time()) - 3600), id="expired"),
        pytest.param(lambda *_: "no.token.atall", id="no token at all"),
    ],
)
def test_an_identity_token_that_proves_nothing_opens_nothing(scene: Scene, page: Page, spoil: Any) -> None:
    scene.provider.spoil = spoil
    go(scene, page, "anna")
    expect(page.get_by_role("alert")).to_contain_text(NOT_IN)
    page.goto(f"{scene.url}/console")
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_a_way_back_that_nobody_began_opens_nothing(scene: Scene) -> None:
    for query in ("", "?code=x&state=y", "?error=access_denied", "?code=&state=", "?state=y"):
        answer = requests.get(f"{scene.url}/console/sign-in/provider/back{query}", timeout=10)
        assert answer.status_code == 401, query
        assert NOT_IN in answer.text


def test_a_way_back_that_somebody_else_began_opens_nothing(scene: Scene) -> None:
    """An attacker's code and state in a victim's browser must not sign the victim in as the attacker."""
    attacker, victim = requests.Session(), requests.Session()
    location = attacker.get(f"{scene.url}/console/sign-in/provider", allow_redirects=False, timeout=10).headers[
        "Location"
    ]
    back = attacker.post(location, data={"user": "anna"}, allow_redirects=False, timeout=10).headers["Location"]
    assert victim.get(back, timeout=10).status_code == 401
    assert attacker.get(back, timeout=10).status_code == 200
    assert attacker.get(back, timeout=10).status_code == 401, "once"


def test_a_provider_that_is_away_is_said(scene: Scene, database_url: str, redis_url: str) -> None:
    port = free_port()
    settings = a_settings(
        base_url=f"http://127.0.0.1:{port}",
        oidc_issuer=f"http://127.0.0.1:{free_port()}",
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=CLIENT_SECRET,
    )
    parts = runtime.assemble(settings, database_url=database_url, redis_url=redis_url)
    answer = create_app(parts).test_client().get("/console/sign-in/provider")
    assert answer.status_code == 503
    assert "Your organisation&#39;s sign-in does not answer." in answer.text
    parts.store.engine.dispose()
    parts.redis.close()
