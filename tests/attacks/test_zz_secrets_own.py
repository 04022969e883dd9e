"""Case 48 and what follows from it: after a whole life of attacks on an app of its own, no secret lies about anywhere.

The app has its own log, database and Valkey database, web and workers. What could leak is planted where it would show:
in errors with parameters, in tables that are missing, in failed jobs, in names that people typed. The same search after
all other attacks, on the app that they share, is in test_zz_secrets.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import secrets
import socket
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest
import requests
from redis import Redis

from sandbox import Fault
from tests.attacks.cases import case
from tests.attacks.grounds import API, JSON, PAGE, a_ground, send
from tests.attacks.scene import Scene, Tables
from tests.conftest import KEY
from tests.story.processes import API_KEY, running_app, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.attacks.grounds import Ground
    from tests.attacks.scene import Reply
    from tests.fakes.atlassian import Atlassian
    from tests.fakes.key_host import HttpKeyHost

EMAIL = "eve.plant@victim.example.com"
UPDATED = "/connect/webhooks/jira.issue_updated"
PATTERNS = {
    "a token": re.compile(rb"eyJ[A-Za-z0-9_-]{6,}"),
    "jwt= with a value": re.compile(rb"jwt(=|%3D)(?!\[redacted\])[\w.%-]", re.IGNORECASE),
    "an e-mail address": re.compile(rb"[\w.+-]+(@|%40)[\w-]+\.[a-z]{2,}", re.IGNORECASE),
    "an API key": re.compile(rb"sei_[A-Za-z0-9]{8}_[\w-]{20}"),
    "an authorization": re.compile(rb"authorization\W+(jwt|bearer|basic)\s+(?!\[redacted\])\S", re.IGNORECASE),
}


class Life:
    """The app after the attacks: what is left of them, and every secret that was sent."""

    def __init__(self, scene: Scene, redis_url: str, database_url: str) -> None:
        self.scene, self.redis_url, self.database_url = scene, redis_url, database_url
        self.bodies: list[tuple[str, int, bytes]] = []
        self.statuses: Counter[int] = Counter()
        self.misframed: list[bytes] = []
        self.metrics = b""

    def keep(self, what: str, reply: Reply) -> Reply:
        """Remember an answer and its headers, if it refuses."""
        self.statuses[reply.status] += 1
        if reply.status >= 400:
            self.bodies.append((what, reply.status, str(reply.headers).encode() + reply.body))
        return reply

    @property
    def known(self) -> list[str]:
        """Secrets in every spelling they were sent in."""
        plain = [*self.scene.made_secrets, API_KEY, KEY, "k" * 32, EMAIL]
        return [*plain, *(each.replace("-", "") for each in plain if re.fullmatch(r"(\w{4}-){3}\w{4}", each))]

    def found_in(self, text: bytes) -> list[str]:
        return [
            *(f"{each[:8]}…" for each in self.known if each.encode() in text),
            *(f"{name}: {found[0]!r}" for name, pattern in PATTERNS.items() if (found := pattern.search(text))),
        ]


@pytest.fixture(scope="module")
def life(
    servers: Any,
    redis_url: str,
    atlassian: Atlassian,
    key_host: HttpKeyHost,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Life]:
    url, name = str(servers.database_url), f"leaks_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    database_url, own_redis = url.replace("/sei_connect?", f"/{name}?"), redis_url.replace("?db=0", "?db=6")
    with (
        running_app(
            database_url=database_url,
            redis_url=own_redis,
            install_keys_url=key_host.url,
            log=tmp_path_factory.mktemp("leaks") / "app.log",
            base_path="/base",
        ) as app,
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        scene = Scene(app, Tables(connection), atlassian, key_host)
        made = Life(scene, own_redis, database_url)
        with a_ground(scene, issues=20) as ground:
            live(made, ground)
        made.metrics = requests.get(f"{app.url}/metrics", timeout=10).content
        yield made


def live(life: Life, ground: Ground) -> None:
    plant(ground)
    ordinary_days(life, ground)
    bad_tokens(life, ground)
    bad_keys(life, ground)
    bad_bodies(life, ground)
    broken_tables(life, ground)
    a_site_in_trouble(life, ground)


def plant(ground: Ground) -> None:
    """Addresses on everybody, and everybody's address may be read."""
    ground.site.options.email_approved = True
    for number, user in enumerate(ground.site.world.catalogue.users.values()):
        user["emailAddress"] = f"{number}.{EMAIL}"


def ordinary_days(life: Life, ground: Ground) -> None:
    integration = ground.pair()
    named = ground.api("PATCH", f"{API}/{integration}", {"description": f"ask {EMAIL}", "tags": [EMAIL]})
    assert named.status == 200
    wait_for(lambda: ground.state_of(integration) == "healthy", 60, life.scene.app.tail)
    for _ in range(3):
        ground.site.mutate("random")
    assert life.keep("page", ground.load()).status == 200
    life.keep("uninstalled", life.scene.lifecycle("uninstalled", life.scene.new_site()))
    life.keep("search", ground.api("GET", f"{API}?search={quote(EMAIL)}"))


def bad_tokens(life: Life, ground: Ground) -> None:
    page, context, hook = ground.page(), ground.context(), ground.site.webhook_token(UPDATED)
    for token in (page, context, hook, ground.site.lifecycle_token("/connect/installed")):
        for method, target in (
            *(("GET", "/jira/configuration"), ("GET", "/jira/pairing"), ("POST", "/jira/pairing")),
            *(("POST", UPDATED), ("POST", "/connect/installed"), ("POST", "/connect/disabled"), ("GET", API)),
            *(("GET", f"/nowhere/{token}"), ("GET", "/livez/x"), ("GET", f"/connect/webhooks/{token}")),
            *(("POST", f"/console/{EMAIL}"), ("GET", f"/static/{token}"), ("BREW", PAGE)),
        ):
            joint = "&" if "?" in target else "?"
            life.keep(target, ground.send(method, f"{target}{joint}jwt={token}x"))
            life.keep(target, ground.send(method, f"{target}{joint}%6Awt={token}&user={EMAIL}"))
            for scheme in ("JWT", "Bearer", "Basic"):
                headers = [("Authorization", f"{scheme} {token}x"), ("Cookie", f"jwt={token}"), ("Referer", token)]
                life.keep(target, ground.send(method, target, headers))
    for claims in ({"iss": EMAIL}, {"qsh": EMAIL}, {"exp": EMAIL}, {"iss": context}):
        life.keep("claims", ground.ask(token=ground.context(**claims)))
    long = f"{API}?x=" + context * 40
    with contextlib.suppress(ConnectionError):
        life.keep("long", ground.send("GET", long, [("Authorization", f"JWT {context}")]))
    for line in (f"GET /base/x?jwt={context} y HTTP/1.1", f"GET /?jwt={context} HTTP/9.9", f"jwt={context}"):
        misframed(life, f"{line}\r\nBad Header: {context}\r\nAuthorization: JWT {context}\r\n\r\n")


def misframed(life: Life, raw: str) -> None:
    """Gunicorn itself refuses these, and says so in words of its own."""
    with socket.create_connection(("127.0.0.1", life.scene.app.port), 10) as wire:
        wire.sendall(raw.encode())
        wire.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := wire.recv(65536):
                answer += piece
    assert b" 400 " in answer or b" 505 " in answer, answer
    life.misframed.append(answer)


def bad_keys(life: Life, ground: Ground) -> None:
    for key in (f"{ground.key}x", ground.key[:-1], API_KEY.lower(), f"{EMAIL}"):
        life.keep("key", ground.send("GET", API, [("Authorization", f"Bearer {key}")]))
    form = ground.send("GET", "/console/sign-in")
    csrf = re.search(rb'name="csrf" value="([^"]+)"', form.body)
    cookie = form.headers["Set-Cookie"].partition(";")[0]
    assert csrf is not None
    headers = [("Cookie", cookie), ("Content-Type", "application/x-www-form-urlencoded")]
    for key in (f"{ground.key}x", f"{ground.key}%00", EMAIL):
        life.keep(
            "sign-in", ground.send("POST", "/console/sign-in", headers, b"csrf=" + csrf[1] + f"&key={key}".encode())
        )
    life.keep("no csrf", ground.send("POST", "/console/sign-in", headers[1:], f"key={ground.key}".encode()))


def bad_bodies(life: Life, ground: Ground) -> None:
    integration, otp = ground.otp()
    for body in (
        *(f'{{"otp": "{otp}", "x": 1}}', f'{{"otp": ["{otp}"]}}', f'"{otp}"', f'{{"otp": "{otp}'),
        *(f'{{"otp": "{otp}", "replace": "{EMAIL}"}}', f"otp={otp}"),
    ):
        life.keep("paste", ground.ask("POST", body.encode()))
        life.keep("paste", ground.ask("POST", body.encode(), kind="text/plain"))
    life.keep("paired already", ground.paste(otp))
    life.keep("paired anew", ground.paste(otp, replace=True))
    for again in (otp, otp.lower(), otp.replace("-", " "), f"{otp} "):
        life.keep("used", ground.paste(again))
    secret = ground.site.shared_secret
    for change in (
        {"sharedSecret": f"{secret[:20]}"},
        {"sharedSecret": [secret]},
        {"sharedSecret": f"{secret}\u0000"},
        {"baseUrl": f"https://{EMAIL}"},
        {"baseUrl": f"https://evil.example/?jwt={ground.context()}"},
        {"clientKey": secret},
        {"key": secret},
        {"accountId": {"emailAddress": EMAIL, "secret": secret}},
    ):
        letter = life.scene.letter("installed", ground.customer, body=change)
        life.keep(f"installed {sorted(change)}", life.scene.deliver("installed", letter))
    for payload in (
        {"name": EMAIL * 20},
        {"name": [secret]},
        {"tags": secret},
        {"settings": {"x": EMAIL}},
        {"colour": secret},
    ):
        life.keep("change", ground.api("PATCH", f"{API}/{integration}", payload))
        life.keep("create", ground.api("POST", API, payload))
    for target in (
        f"{API}/{otp}",
        f"{API}/{EMAIL}",
        f"{API}?page={EMAIL}",
        f"{API}/{integration}/changes?cursor={otp}",
    ):
        life.keep(target, ground.api("GET", target))
    body = {"issue": {"id": "10001"}, "user": {"emailAddress": EMAIL}, "comment": {"body": secret}}
    for event in ("jira.issue_updated", "comment_created", "user_updated", EMAIL):
        life.keep(event, ground.deliver(event, body, name=f"{EMAIL} {secrets.token_hex(4)}"))
    headers = [("Authorization", f"JWT {ground.site.webhook_token(UPDATED)}"), ("Content-Encoding", "gzip")]
    life.keep("packed", ground.send("POST", UPDATED, headers, gzip.compress(json.dumps(body).encode())))


@contextlib.contextmanager
def without(url: str, table: str) -> Iterator[None]:
    """A table that is missing for a while: every statement on it fails, with its parameters in the error."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        try:
            yield
        finally:
            connection.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


@contextlib.contextmanager
def a_talkative_trigger(url: str, table: str, what: str) -> Iterator[None]:
    """The database itself says the row in its error, as constraints do."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION 'row % of {what}', NEW::text; END $$"
        )
        connection.execute(
            f"CREATE TRIGGER tell BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION tell()"
        )
        try:
            yield
        finally:
            connection.execute(f"DROP TRIGGER tell ON {table}")
            connection.execute("DROP FUNCTION tell()")


def broken_tables(life: Life, ground: Ground) -> None:
    """What is not foreseen: the app fails, says a number, and writes down what happened without what was sent."""
    integration, otp = ground.otp()
    url = life.database_url
    token = ground.context()
    before = life.statuses[500] + life.statuses[503]

    def try_all() -> None:
        letter = life.scene.letter("installed", ground.customer, body={"accountId": EMAIL})
        life.keep("installed", life.scene.deliver("installed", letter))
        life.keep("page", ground.load())
        life.keep("state", ground.ask(token=token))
        life.keep("paste", ground.paste(otp, replace=True))
        life.keep("webhook", ground.deliver("jira.issue_updated", {"issue": {"id": "10001"}}, name=EMAIL))
        for method, target, payload in (
            ("POST", API, {"name": EMAIL, "product": "jira_cloud", "method": "connect_app", "description": EMAIL}),
            ("PATCH", f"{API}/{integration}", {"name": f"{EMAIL} again", "tags": [EMAIL]}),
            ("GET", f"{API}?search={EMAIL}", None),
            ("POST", f"{API}/{integration}/otp", None),
        ):
            life.keep(target, ground.api(method, target, payload))

    for table in ("integrations", "installations", "credentials", "redemptions", "inbox", "api_keys", "spent_tokens"):
        with without(url, table):
            try_all()
    for table in ("integrations", "tenants", "credentials", "redemptions", "inbox", "spent_tokens"):
        with a_talkative_trigger(url, table, f"{EMAIL} {otp} jwt={token}"):
            try_all()
    assert life.statuses[500] + life.statuses[503] - before > 20


def a_site_in_trouble(life: Life, ground: Ground) -> None:
    """Workers fail too: on the site's side and on ours, with people's addresses under way."""
    faults = iter(["cut", "503", "429", "cut", "503"] * 4)
    noted = ground.note

    def trouble(method: str, template: str, path: str) -> Fault | None:
        noted(method, template, path)
        kind = next(faults, None)
        return Fault(kind, retry_after=1) if kind else None  # type: ignore[arg-type]  # its kinds

    ground.site.options.fault_hook = trouble
    with Redis.from_url(life.redis_url) as redis:
        # Whoever has the integration now: it was paired anew above.
        for each in ground.api("GET", API).json()["records"]:
            life.keep("sync", ground.api("POST", f"{API}/{each['id']}/sync"))
            life.keep("validate", ground.api("POST", f"{API}/{each['id']}/validate"))
        ground.site.options.fault_hook = ground.note
        for table in ("jira_user", "jira_issue", "chunks"):
            failed = len(list(redis.scan_iter("rq:results:*")))
            with without(life.database_url, table), contextlib.suppress(AssertionError):
                for each in ground.api("GET", API).json()["records"]:
                    life.keep("sync", ground.api("POST", f"{API}/{each['id']}/sync"))
                life.keep("webhook", ground.deliver("jira.issue_updated", {"issue": {"id": "10001"}}))
                wait_for(lambda failed=failed: len(list(redis.scan_iter("rq:results:*"))) > failed, 4)  # type: ignore[misc]  # bound
    time.sleep(0.5)


# What is left


@case(48)
def test_it_was_a_life_of_all_kinds(life: Life) -> None:
    assert {200, 204, 400, 401, 403, 404, 405, 410, 429, 500} <= set(life.statuses), life.statuses
    assert len(life.bodies) > 300
    log = life.scene.app.log.read_bytes()
    for word in (b"unexpected", b"refused", b"/jira/pairing", b"Traceback", b"UndefinedTable", b"RaiseException"):
        assert word in log, word


@case(48)
def test_addresses_of_people_went_through_our_hands(life: Life) -> None:
    """They are stored where they belong, so that they could have leaked."""
    with psycopg.connect(life.database_url) as connection:
        found = connection.execute("SELECT count(*) FROM jira_user WHERE email LIKE %s", (f"%{EMAIL}",)).fetchone()
    assert found is not None
    assert found[0] > 0


@case(48)
@pytest.mark.parametrize("number", range(7))
def test_the_search_finds_what_is_there(life: Life, number: int) -> None:
    planted = (
        *(life.scene.atlassian.context_token("ck", "s" * 40, "a"), "?jwt=abc", API_KEY, EMAIL, "a%40b.example"),
        *(next(iter(life.scene.made_secrets)), "Authorization: JWT abc"),
    )[number]
    assert life.found_in(f"... {planted} ...".encode())
    assert life.found_in(b"Authorization: JWT [redacted] jwt=[redacted] GET /jira/configuration 200") == []


@case(48)
def test_no_line_of_any_process_holds_a_secret(life: Life) -> None:
    lines = life.scene.app.log.read_bytes().splitlines()
    assert len(lines) > 500
    assert [(line[:400], found) for line in lines if (found := life.found_in(line))] == []


@case(48)
def test_no_error_body_and_no_header_holds_one(life: Life) -> None:
    assert [(what, status, found) for what, status, body in life.bodies if (found := life.found_in(body))] == []
    for what, status, body in life.bodies:
        for trace in (b"Traceback", b'File "', b"sqlalchemy", b"psycopg", b"UndefinedTable", b"SELECT", b"rows of"):
            assert trace not in body, (what, status, body)


@case(48)
def test_what_gunicorn_refuses_by_itself_repeats_none(life: Life) -> None:
    """Requests that are no HTTP never reach the app: gunicorn's own page must not read them back either."""
    assert len(life.misframed) == 3
    assert [(answer, found) for answer in life.misframed if (found := life.found_in(answer))] == []


@case(48)
def test_the_metrics_hold_none(life: Life) -> None:
    assert b"sei_integrations" in life.metrics
    assert life.found_in(life.metrics) == []
    for word in (life.scene.app.url, "127.0.0.1", "grounds"):
        assert word.encode() not in life.metrics


@case(48)
def test_valkey_holds_none(life: Life) -> None:
    """Every key and value, packed ones unpacked: rates, passwords by their hash, sessions, jobs and why they failed."""
    with Redis.from_url(life.redis_url) as redis:
        seen = list(everything_in(redis))
    assert len(seen) > 50
    assert any(b"rq:job:" in each for each in seen)
    assert [(each[:200], found) for each in seen if (found := life.found_in(each))] == []


def everything_in(redis: Redis) -> Iterator[bytes]:
    for key in redis.scan_iter(count=1000):
        yield key
        read: dict[bytes, Any] = {
            b"string": lambda k: [redis.get(k)],
            b"hash": lambda k: [part for pair in redis.hgetall(k).items() for part in pair],
            b"list": lambda k: redis.lrange(k, 0, -1),
            b"set": redis.smembers,
            b"zset": lambda k: redis.zrange(k, 0, -1),
            b"stream": lambda k: [part for _, each in redis.xrange(k) for pair in each.items() for part in pair],
        }
        for value in read.get(redis.type(key), lambda _: [])(key):
            if value is not None:
                yield value
                with contextlib.suppress(zlib.error):
                    yield zlib.decompress(value)


@case(48)
def test_no_command_line_holds_one(life: Life) -> None:
    """What `ps` shows to everybody on the machine."""
    pids = [process.pid for process in life.scene.app.processes.values()]
    for pid in pids:
        pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    shown = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids]
    assert len(shown) >= 5
    assert [(each, found) for each in shown if (found := life.found_in(each))] == []


@case(48)
def test_the_database_holds_no_secret_in_the_clear(life: Life) -> None:
    """Every table as text. Addresses of people may be in people's own rows, and where an SEI admin typed them."""
    with psycopg.connect(life.database_url, autocommit=True) as connection:
        names = [
            each[0]
            for each in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            ).fetchall()
        ]
        assert len(names) > 20
        known = [each.encode() for each in life.known if each != EMAIL]
        for name in names:
            for (text,) in connection.execute(f'SELECT t::text FROM "{name}" t').fetchall():  # type: ignore[arg-type]  # our own names
                row = str(text).encode()
                assert not [each[:8] for each in known if each in row], (name, row[:200])
                assert b"eyJ" not in row, (name, row[:200])
                if name in {"inbox", "chunks", "spent_tokens", "tenants", "poison", "completeness"}:
                    assert EMAIL.encode() not in row or name == "inbox", (name, row[:200])


@case(48)
def test_the_app_is_well_after_all_that(life: Life) -> None:
    assert send(life.scene.app, "GET", "/readyz").status == 200
    reply = send(life.scene.app, "GET", API, [("Authorization", f"Bearer {API_KEY}"), ("Content-Type", JSON)])
    assert reply.status == 200
