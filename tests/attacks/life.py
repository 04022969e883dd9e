"""A life of attacks on an app: what could leak is planted where it would show, and all that is answered is remembered.

Errors with parameters, tables that are missing, failed jobs, names that people typed. `test_zz_secrets` looks at what is left.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import re
import secrets
import socket
import time
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from redis import Redis

from sandbox import Fault
from tests.attacks.grounds import API, PAGE
from tests.conftest import KEY
from tests.story.processes import API_KEY, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.attacks.grounds import Ground
    from tests.attacks.scene import Reply, Scene

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
    """An app under attack: what it answered, and every secret that was sent to it."""

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
        """Names of all that must not be there."""
        return [
            *(f"{each[:8]}…" for each in self.known if each.encode() in text),
            *(f"{name}: {found[0]!r}" for name, pattern in PATTERNS.items() if (found := pattern.search(text))),
        ]


def everything_in(redis: Redis) -> Iterator[bytes]:
    """Every key and every value, packed ones unpacked as well."""
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
                yield from unpacked(value)


def unpacked(value: bytes) -> Iterator[bytes]:
    """A value as RQ was given it: it keeps tracebacks as zlib, results in base64, tracebacks of results as both.

    What was compressed stands for itself no longer: by chance its base64 looks like a token, and no secret can be read in it.
    """
    readings = [value]
    with contextlib.suppress(ValueError):
        readings.append(base64.b64decode(value, validate=True))
    for each in readings:
        with contextlib.suppress(zlib.error):
            yield zlib.decompress(each)
            return
    yield from readings


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
    somebody_by_address(life, ground)
    long = f"{API}?x=" + context * 40
    with contextlib.suppress(ConnectionError):
        life.keep("long", ground.send("GET", long, [("Authorization", f"JWT {context}")]))
    for line in (f"GET /base/x?jwt={context} y HTTP/1.1", f"GET /?jwt={context} HTTP/9.9", f"jwt={context}"):
        misframed(life, f"{line}\r\nBad Header: {context}\r\nAuthorization: JWT {context}\r\n\r\n")


def somebody_by_address(life: Life, ground: Ground) -> None:
    """A person whose account is an e-mail address: looks, pastes, is limited, and administers."""
    before, users = ground.site.world.catalogue.administrators, ground.site.world.catalogue.users
    users[EMAIL] = {**users[ground.site.admin], "accountId": EMAIL}
    for people in ((), (EMAIL,)):
        ground.administers(*before, *people)
        life.keep("page by address", ground.load(token=ground.page(person=EMAIL)))
        life.keep("state by address", ground.ask(token=ground.context(EMAIL)))
        for _ in range(6):
            life.keep("paste by address", ground.paste("AAAA-AAAA-AAAA-AAAA", ground.context(EMAIL)))
    assert life.statuses[429] > 0
    ground.administers(*before)
    del users[EMAIL]


def misframed(life: Life, raw: str) -> None:
    """No HTTP: refused before the app is reached."""
    with socket.create_connection(("127.0.0.1", life.scene.app.port), 10) as wire:
        wire.sendall(raw.encode())
        wire.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := wire.recv(65536):
                answer += piece
    assert answer.startswith(b"HTTP/1.1 400 "), answer
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
            life.keep("sync", ground.api("POST", f"{API}/{each['id']}/sync", {"full": True}))
            life.keep("validate", ground.api("POST", f"{API}/{each['id']}/validate"))
        ground.site.options.fault_hook = ground.note
        for table in ("jira_user", "jira_issue", "chunks"):
            failed = len(list(redis.scan_iter("rq:results:*")))
            with without(life.database_url, table), contextlib.suppress(AssertionError):
                for each in ground.api("GET", API).json()["records"]:
                    life.keep("sync", ground.api("POST", f"{API}/{each['id']}/sync", {"full": True}))
                life.keep("webhook", ground.deliver("jira.issue_updated", {"issue": {"id": "10001"}}))
                wait_for(lambda failed=failed: len(list(redis.scan_iter("rq:results:*"))) > failed, 4)  # type: ignore[misc]  # bound
    time.sleep(0.5)
