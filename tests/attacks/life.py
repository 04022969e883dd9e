"""A series of attacks on an app with planted secrets; all answers are recorded.

Errors with parameters, missing tables, failed jobs, typed names. `test_zz_secrets` searches the app's remains.
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
HOOK = "/connect/webhooks/jira.issue_updated"
PATTERNS = {
    "a token": re.compile(rb"eyJ[A-Za-z0-9_-]{6,}"),
    "jwt= with a value": re.compile(rb"jwt(=|%3D)(?!\[redacted\])[\w.%-]", re.IGNORECASE),
    "an e-mail address": re.compile(rb"[\w.+-]+(@|%40)[\w-]+\.[a-z]{2,}", re.IGNORECASE),
    "an API key": re.compile(rb"sei_[A-Za-z0-9]{8}_[\w-]{20}"),
    "an authorization": re.compile(rb"authorization\W+(jwt|bearer|basic)\s+(?!\[redacted\])\S", re.IGNORECASE),
}


class Life:
    """An app under attack: its answers, and every secret in requests."""

    def __init__(self, scene: Scene, redis_url: str, database_url: str) -> None:
        self.scene, self.redis_url, self.database_url = scene, redis_url, database_url
        self.bodies: list[tuple[str, int, bytes]] = []
        self.statuses: Counter[int] = Counter()
        self.misframed_answers: list[bytes] = []
        self.metrics = b""

    def keep(self, label: str, reply: Reply) -> Reply:
        """Record a refusal with its headers."""
        self.statuses[reply.status] += 1
        if reply.status >= 400:
            self.bodies.append((label, reply.status, str(reply.headers).encode() + reply.body))
        return reply

    @property
    def known(self) -> list[str]:
        """Secrets in every spelling of the requests."""
        plain = [*self.scene.made_secrets, API_KEY, KEY, "k" * 32, EMAIL]
        return [*plain, *(secret.replace("-", "") for secret in plain if re.fullmatch(r"(\w{4}-){3}\w{4}", secret))]

    def found_in(self, text: bytes) -> list[str]:
        """Names of all secrets in a text."""
        return [
            *(f"{secret[:8]}…" for secret in self.known if secret.encode() in text),
            *(f"{name}: {match[0]!r}" for name, pattern in PATTERNS.items() if (match := pattern.search(text))),
        ]


def everything_in(redis: Redis) -> Iterator[bytes]:
    """Every key and value, packed values also unpacked."""
    for key in redis.scan_iter(count=1000):
        yield key
        reader_of: dict[bytes, Any] = {
            b"string": lambda k: [redis.get(k)],
            b"hash": lambda k: [part for pair in redis.hgetall(k).items() for part in pair],
            b"list": lambda k: redis.lrange(k, 0, -1),
            b"set": redis.smembers,
            b"zset": lambda k: redis.zrange(k, 0, -1),
            b"stream": lambda k: [part for _, entry in redis.xrange(k) for pair in entry.items() for part in pair],
        }
        for value in reader_of.get(redis.type(key), lambda _: [])(key):
            if value is not None:
                yield from unpacked(value)


def unpacked(value: bytes) -> Iterator[bytes]:
    """The original of a value that RQ packed: tracebacks with zlib, results with base64, tracebacks of results with both.

    The packed form of a compressed value is left out: its base64 looks like a token by chance and reveals no secret.
    """
    readings = [value]
    with contextlib.suppress(ValueError):
        readings.append(base64.b64decode(value, validate=True))
    for reading in readings:
        with contextlib.suppress(zlib.error):
            yield zlib.decompress(reading)
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
    """Give everybody a readable e-mail address."""
    ground.site.options.email_approved = True
    for number, user in enumerate(ground.site.world.catalogue.users.values()):
        user["emailAddress"] = f"{number}.{EMAIL}"


def ordinary_days(life: Life, ground: Ground) -> None:
    integration = ground.pair()
    reply = ground.api("PATCH", f"{API}/{integration}", {"description": f"ask {EMAIL}", "tags": [EMAIL]})
    assert reply.status == 200
    wait_for(lambda: ground.state_of(integration) == "healthy", 60, life.scene.app.tail)
    for _ in range(3):
        ground.site.mutate("random")
    assert life.keep("page", ground.load()).status == 200
    life.keep("uninstalled", life.scene.lifecycle("uninstalled", life.scene.new_site()))
    life.keep("search", ground.api("GET", f"{API}?search={quote(EMAIL)}"))


def bad_tokens(life: Life, ground: Ground) -> None:
    page, context, hook = ground.page(), ground.context(), ground.site.webhook_token(HOOK)
    for token in (page, context, hook, ground.site.lifecycle_token("/connect/installed")):
        for method, target in (
            *(("GET", "/jira/configuration"), ("GET", "/jira/pairing"), ("POST", "/jira/pairing")),
            *(("POST", HOOK), ("POST", "/connect/installed"), ("POST", "/connect/disabled"), ("GET", API)),
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
    """A person with an e-mail address as account id, first without rights, then as administrator."""
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
    """Send something that is not HTTP; gunicorn refuses it before the app."""
    with socket.create_connection(("127.0.0.1", life.scene.app.port), 10) as wire:
        wire.sendall(raw.encode())
        wire.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := wire.recv(65536):
                answer += piece
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    life.misframed_answers.append(answer)


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
    for spelling in (otp, otp.lower(), otp.replace("-", " "), f"{otp} "):
        life.keep("used", ground.paste(spelling))
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
    headers = [("Authorization", f"JWT {ground.site.webhook_token(HOOK)}"), ("Content-Encoding", "gzip")]
    life.keep("packed", ground.send("POST", HOOK, headers, gzip.compress(json.dumps(body).encode())))


@contextlib.contextmanager
def without(url: str, table: str) -> Iterator[None]:
    """Remove a table for a while: every statement on it fails, with its parameters in the error."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        try:
            yield
        finally:
            connection.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


@contextlib.contextmanager
def a_talkative_trigger(url: str, table: str, label: str) -> Iterator[None]:
    """Make the database repeat the row in its error, as constraints do."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION 'row % of {label}', NEW::text; END $$"
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
    """Unexpected errors: the app answers with an incident number and logs the error without the request's content."""
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
    """Failures of workers, by the site and by our tables, with e-mail addresses in the data."""
    faults = iter(["cut", "503", "429", "cut", "503"] * 4)
    record_request = ground.note

    def trouble(method: str, template: str, path: str) -> Fault | None:
        record_request(method, template, path)
        kind = next(faults, None)
        return Fault(kind, retry_after=1) if kind else None  # type: ignore[arg-type]  # its kinds

    ground.site.options.fault_hook = trouble
    with Redis.from_url(life.redis_url) as redis:
        # The integration may belong to another site now: it was paired again above.
        for record in ground.api("GET", API).json()["records"]:
            life.keep("sync", ground.api("POST", f"{API}/{record['id']}/sync", {"full": True}))
            life.keep("validate", ground.api("POST", f"{API}/{record['id']}/validate"))
        ground.site.options.fault_hook = ground.note
        for table in ("jira_user", "jira_issue", "chunks"):
            failure_count = len(list(redis.scan_iter("rq:results:*")))
            with without(life.database_url, table), contextlib.suppress(AssertionError):
                for record in ground.api("GET", API).json()["records"]:
                    life.keep("sync", ground.api("POST", f"{API}/{record['id']}/sync", {"full": True}))
                life.keep("webhook", ground.deliver("jira.issue_updated", {"issue": {"id": "10001"}}))
                wait_for(lambda count=failure_count: len(list(redis.scan_iter("rq:results:*"))) > count, 4)  # type: ignore[misc]  # bound
    time.sleep(0.5)
