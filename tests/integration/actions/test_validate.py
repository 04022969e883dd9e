"""“Validate connection” over HTTP: every check that can fail is made to fail, and each says its own next step."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app import actions, runtime
from app.conditions import Code
from app.integrations import accounts, ledger
from app.integrations.model import State
from app.integrations.validate import CHECKS
from app.jira.client import Timeouts
from app.web import create_app
from app.web.words import sentences, terms
from app.web.words.checks import CHECKS as CHECKS_IN_WORDS
from app.web.words.language import LANGUAGES
from sandbox import Options, Site, serve
from sandbox.connect.descriptor import Descriptor
from sandbox.connect.installation import Installation
from sandbox.oddities import LOGIN_PAGE, Oddity
from tests import words
from tests.architecture.source import ROOT
from tests.conftest import a_settings
from tests.factories import an_account, an_installed_site, an_integration
from tests.fakes.dripping import dripping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask.testing import FlaskClient

    from app.runtime import Runtime

EMAIL, TOKEN = "ann@acme.example", "ATATT3xFfGF0-checks"
SERVER_INFO = "GET /rest/api/3/serverInfo"
MOST_REQUESTS = 16
HOSTS = ("http://127.0.0.1:*", "https://127.0.0.1:*", "http://no-such-site.invalid:*")
BRIEF = Timeouts(0.4, 0.4, 0.4)
OFF_ALLOW_LIST = (
    "The IP address has been rejected because it is not on the allowed list. See your admin for more information."
)
"""Atlassian, "Scope of IP Allowlists in Atlassian Cloud"."""
SUSPENDED = {"errorMessage": "Site temporarily unavailable", "errorCode": "OTHER"}
"""trufflesecurity/trufflehog, issue 3674."""

Checks = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Office:
    """An SEI admin with an API key."""

    parts: Runtime
    client: FlaskClient
    key: str

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.client.post(f"/api/v1/integrations{path}", json=body or {}, headers=headers).get_json()

    def connect(self, url: str, token: str = TOKEN) -> str:
        """The id of an integration by API token, stored whatever its checks say."""
        credentials = {"url": url, "email": EMAIL, "token": token}
        body = {"name": "Acme", "product": "jira_cloud", "method": "api_token", "credentials": credentials}
        return str(self.post("", {**body, "unchecked": True})["id"])

    def validate(self, integration_id: str) -> Checks:
        """The checks by name."""
        answer = self.post(f"/{integration_id}/validate")
        checks = {check["name"]: check for check in answer["checks"]}
        assert len(checks) == len(answer["checks"])
        assert answer["ok"] is all(check["ok"] for check in checks.values() if check["is_required"])
        return checks


@pytest.fixture(scope="module")
def office(database_url: str, redis_url: str) -> Iterator[Office]:
    parts = runtime.assemble(a_settings(site_hosts=HOSTS), database_url=database_url, redis_url=redis_url)
    _, key = an_account(parts)
    yield Office(parts, create_app(parts).test_client(), key)
    parts.store.engine.dispose()
    parts.redis.close()


@pytest.fixture
def site() -> Iterator[Site]:
    """A good site with a service account's token."""
    new_site = Site(dataset="seeded", issues=3, projects=1, options=Options(api_tokens={EMAIL: TOKEN}))
    new_site.world.catalogue.users[new_site.admin]["emailAddress"] = "sei@serviceaccount.atlassian.com"
    with serve(new_site):
        yield new_site


def an_integration_of_the_app(office: Office, address: str, site: Site | None = None) -> str:
    """An integration by the app; a site has it installed."""
    installed_site = an_installed_site(office.parts, base_url=address)
    if site is not None:
        scopes = ["READ", "ACCESS_EMAIL_ADDRESSES"]
        descriptor = Descriptor({"key": office.parts.settings.app_key, "baseUrl": "https://app.test", "scopes": scopes})
        keys = (installed_site.client_key, installed_site.shared_secret)
        site.lifecycle.state = Installation(*keys, is_installed=True, is_enabled=True, descriptor=descriptor)
    integration = an_integration(office.parts, accounts.authenticate(office.parts.store, office.key))
    with office.parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, integration.id, State.BACKFILLING, tenant_id=installed_site.tenant_id)
    return str(integration.id)


@dataclass(frozen=True)
class Case:
    """A fault of a site, and the check that tells it."""

    check: str
    code: Code
    oddity: Oddity | None = None
    prepare: Callable[[Site], object] | None = None
    token: str = TOKEN
    is_by_app: bool = False


def refused_permission(name: str) -> Oddity:
    def refuse(body: dict[str, Any]) -> dict[str, Any]:
        body["permissions"][name]["havePermission"] = False
        return body

    line = "GET /rest/api/3/mypermissions"
    return Oddity(line, edit=refuse, concerns=lambda call, _: name in call.query)


def with_headers(**headers: str) -> Oddity:
    return Oddity(
        SERVER_INFO, edit=lambda body: body, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


def give_person_the_token(site: Site) -> None:
    site.world.catalogue.users[site.admin]["emailAddress"] = EMAIL


def disable_app(site: Site) -> None:
    site.lifecycle.state = replace(site.lifecycle.state, is_enabled=False)


def put_clock_back(site: Site) -> None:
    site.clock = lambda: round(time.time() * 1000) - 90_000


MYSELF, COUNT = "GET /rest/api/3/myself", "POST /rest/api/3/search/approximate-count"
PROJECTS, CONFIGURATION = "GET /rest/api/3/project/search", "GET /rest/api/3/configuration"
BOARDS, BULK = "GET /rest/agile/1.0/board", "POST /rest/api/3/issue/bulkfetch"
NO_SCOPE = {"code": 401, "message": "Unauthorized; scope does not match"}
SCARCE = {"RateLimit_Policy": '"tenant-app-quota";q=65000;w=3600', "RateLimit": '"tenant-app-quota";r=900;t=600'}
CASES = {
    "a login": Case(
        "reachable",
        Code.REDIRECTED,
        Oddity(SERVER_INFO, 302, LOGIN_PAGE, headers={"Location": "https://id.atlassian.com/login"}),
    ),
    "an allow-list": Case(
        "reachable",
        Code.ADDRESS_REJECTED,
        Oddity("GET|POST /rest/*", 403, {"errorMessages": [OFF_ALLOW_LIST], "errors": {}}),
    ),
    "a suspended site": Case("reachable", Code.SITE_SUSPENDED, Oddity("GET|POST /rest/*", 404, SUSPENDED)),
    "a page": Case("reachable", Code.SITE_NOT_JIRA, Oddity(SERVER_INFO, 200, LOGIN_PAGE)),
    "no such page": Case("reachable", Code.SITE_NOT_JIRA, Oddity(SERVER_INFO, 404, "<html>Page unavailable</html>")),
    "an outage": Case("reachable", Code.SITE_UNREACHABLE, Oddity(SERVER_INFO, 502, {})),
    "a pause": Case("reachable", Code.NOT_ASKED, Oddity(SERVER_INFO, 429, {}, headers={"Retry-After": "60"})),
    "a wrong token": Case("credential", Code.TOKEN_NOT_TAKEN, token="wrong"),
    "a missing scope": Case("credential", Code.TOKEN_UNSCOPED, Oddity("GET|POST /rest/*", 401, NO_SCOPE)),
    "a failing profile": Case("credential", Code.NOT_ASKED, Oddity(MYSELF, 500, {})),
    "a disabled app": Case("credential", Code.SITE_REFUSES, prepare=disable_app, is_by_app=True),
    "a person's token": Case("account", Code.PERSONAL_ACCOUNT, prepare=give_person_the_token),
    "no project": Case("projects", Code.SEES_NO_PROJECT, Oddity(PROJECTS, edit=lambda body: {**body, "total": 0})),
    "refused projects": Case("projects", Code.CANNOT_BROWSE, Oddity(PROJECTS, 403, {})),
    "failing projects": Case("projects", Code.NOT_ASKED, Oddity(PROJECTS, 500, {})),
    "hidden people": Case("users", Code.SEES_NO_USERS, refused_permission("USER_PICKER")),
    "hidden aggregates": Case("aggregates", Code.SEES_NO_AGGREGATES, refused_permission("VIEW_AGGREGATED_DATA")),
    "no approval": Case("emails", Code.NO_EMAILS, is_by_app=True),
    "no Jira Software": Case("boards", Code.NO_JIRA_SOFTWARE, Oddity(BOARDS, 404, {})),
    "refused boards": Case("boards", Code.NO_JIRA_SOFTWARE, Oddity(BOARDS, 403, {})),
    "no board": Case(
        "boards", Code.SEES_NO_BOARD, Oddity(BOARDS, edit=lambda body: {**body, "total": 0, "values": []})
    ),
    "no count": Case("issues", Code.COUNTS_NO_ISSUES, Oddity(COUNT, 403, {})),
    "no bulk": Case("bulk", Code.READS_BY_SEARCH, Oddity(BULK, 403, {})),
    "no time tracking": Case(
        "time_tracking",
        Code.TRACKS_NO_TIME,
        Oddity(CONFIGURATION, edit=lambda body: {**body, "timeTrackingEnabled": False}),
    ),
    "a refused configuration": Case("time_tracking", Code.NOT_ASKED, Oddity(CONFIGURATION, 403, {})),
    "no time zone": Case("time_zone", Code.NO_TIME_ZONE, Oddity(MYSELF, edit=lambda body: {**body, "timeZone": None})),
    "a wrong clock": Case("clock", Code.CLOCK_OFF, prepare=put_clock_back),
    "few points": Case("points", Code.POINTS_SCARCE, with_headers(**SCARCE), is_by_app=True),
}
ALONE = {"reachable", "credential"}
"""Checks that end the validation where they fail."""


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_told_by_its_own_check(office: Office, site: Site, name: str) -> None:
    case = CASES[name]
    if case.is_by_app:
        integration_id = an_integration_of_the_app(office, site.base_url, site)
        site.options.email_approved = case.check != "emails"
    else:
        integration_id = office.connect(site.base_url, case.token)
    if case.prepare:
        case.prepare(site)
    site.options.oddities = [case.oddity] if case.oddity else []
    checks = office.validate(integration_id)
    assert {name: check["detail_code"] for name, check in checks.items() if not check["ok"]} == {case.check: case.code}
    assert checks[case.check]["remedy"]
    assert ("clock" in checks) is (case.check not in ALONE)


def test_a_good_site_passes_every_check(office: Office, site: Site) -> None:
    by_token = office.validate(office.connect(site.base_url))
    site.options.email_approved, site.options.points_per_hour = True, 65_000
    by_app = office.validate(an_integration_of_the_app(office, site.base_url, site))
    assert [*by_token] == ["paired", "reachable", "credential", *(name for name in CHECKS if name != "points")]
    assert [*by_app] == [
        "paired",
        "reachable",
        "credential",
        *(name for name in CHECKS if name not in {"account", "bulk"}),
    ]
    for check in [*by_token.values(), *by_app.values()]:
        assert (check["ok"], check["remedy"]) == (True, ""), check
    assert by_app["points"]["detail"] == "At least 13000 of this hour's 65000 points are left."
    assert by_token["projects"]["detail"].startswith("1 projects")


def test_a_validation_is_a_handful_of_requests(office: Office, site: Site) -> None:
    for integration_id in (office.connect(site.base_url), an_integration_of_the_app(office, site.base_url, site)):
        site.traffic.reset()
        office.validate(integration_id)
        assert 5 < site.traffic.requests <= MOST_REQUESTS, site.traffic.by_template


def test_a_question_that_hangs_holds_nobody_up(office: Office, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    integration_id = office.connect(site.base_url)
    release = threading.Event()
    site.options.oddities = [Oddity(CONFIGURATION, concerns=lambda *_: not release.wait(20))]
    monkeypatch.setattr("app.integrations.validate._PATIENCE", 1.0)
    start = time.monotonic()
    checks = office.validate(integration_id)
    assert time.monotonic() - start < 5
    release.set()
    assert {name: check["detail_code"] for name, check in checks.items() if not check["ok"]} == {
        "time_tracking": "not_asked"
    }
    assert [*checks][-2:] != ["time_tracking"]


# The network


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def behind_a_strange_certificate(folder: Path) -> Iterator[str]:
    """A server whose certificate nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated_builder = builder.serial_number(1).not_valid_before(day).not_valid_after(day + dt.timedelta(days=3650))
    certificate = dated_builder.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    plain_key = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(plain_key + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def nowhere(_folder: Path) -> Iterator[str]:
    yield "http://no-such-site.invalid:80"


@contextmanager
def closed_port(_folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


NETWORK = {
    Code.NAME_UNKNOWN: nowhere,
    Code.TLS_FAILED: behind_a_strange_certificate,
    Code.TIMED_OUT: lambda _folder: dripping("headers"),
    Code.SITE_UNREACHABLE: closed_port,
}


@pytest.mark.parametrize("code", NETWORK)
def test_a_fault_of_the_network_is_told_apart(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: Code
) -> None:
    monkeypatch.setattr(sys.modules["app.actions.check_connection"], "INTERACTIVE", BRIEF)
    with NETWORK[code](tmp_path) as address:
        checks = office.validate(an_integration_of_the_app(office, address))
    assert [*checks] == ["paired", "reachable"]
    assert (checks["reachable"]["detail_code"], bool(checks["reachable"]["remedy"])) == (code, True)


def test_a_site_that_is_not_paired_or_not_active_is_told_first(office: Office) -> None:
    account = accounts.authenticate(office.parts.store, office.key)
    pending = an_integration(office.parts, account)
    assert office.validate(str(pending.id))["paired"]["detail_code"] == Code.NOT_PAIRED_YET
    left_integration = an_integration_of_the_app(office, "http://127.0.0.1:9")
    with office.parts.store.unrestricted_unsafe() as session:
        tenant_id = ledger.get(session, UUID(left_integration)).tenant_id
        assert tenant_id is not None
        actions.disabled(session, tenant_id, issued_at=4_000_000_000)
    assert office.validate(left_integration)["paired"]["detail_code"] == Code.SITE_INACTIVE


# Words


FAULTS = {(case.check, case.code) for case in CASES.values()} | {("reachable", code) for code in NETWORK}
FAULTS |= {("paired", Code.NOT_PAIRED_YET), ("paired", Code.SITE_INACTIVE)}


def test_every_check_has_a_fault_and_no_two_share_a_remedy() -> None:
    assert {check for check, _ in FAULTS} == set(terms.CHECKS) - {"chosen_projects", "query", "fields"}
    checks_by_remedy: dict[str, set[str]] = {}
    for check, code in FAULTS:
        if code is not Code.NOT_ASKED:
            checks_by_remedy.setdefault(sentences.CATALOGUE[code].remedy, set()).add(check)
    assert [checks for remedy, checks in checks_by_remedy.items() if len(checks) != 1 or not remedy] == []


def test_every_check_is_documented() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    assert [name for name in terms.CHECKS if f"| `{name}` |" not in text] == []


def test_every_code_with_a_remedy_is_made_to_appear() -> None:
    codes = {code for code, entry in CHECKS_IN_WORDS.items() if entry.remedy}
    codes_of_settings = {
        Code.FIELDS_SEVERAL,
        Code.FIELD_ABSENT,
        Code.FIELD_GONE,
        Code.JQL_REFUSED,
        Code.PROJECTS_UNSEEN,
    }
    assert codes - codes_of_settings - {Code.TOKEN_ENDS} <= {code for _, code in FAULTS}


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_remedy_is_translated(language: str) -> None:
    translations = {str(message.id): str(message.string) for message in words.load(language)}
    for _, code in FAULTS:
        remedy = sentences.CATALOGUE[code].remedy
        assert translations[remedy] not in {"", remedy}
