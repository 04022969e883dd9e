"""After all attacks of this folder (hence the name): what they sent is nowhere to be found in what the app left behind."""

from __future__ import annotations

import re
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from app.vault import Vault
from tests.conftest import KEY
from tests.story.processes import API_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.attacks.scene import Scene

# A JWT (two parts that begin with `{"`; sealed text may hold one by chance), a parameter with a value, an e-mail address.
PATTERNS = {
    "token": re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.eyJ"),
    "jwt=": re.compile(rb"jwt=[A-Za-z0-9]"),
    "authorization": re.compile(rb"Authorization: *\w", re.IGNORECASE),
    "e-mail": re.compile(rb"[a-z0-9.]+@[a-z0-9-]+\.[a-z]{2,}"),
}


def found_in(scene: Scene, text: bytes) -> list[str]:
    known = [*scene.made_secrets, API_KEY, KEY, "k" * 32]
    return [
        *(f"secret {each[:6]}…" for each in known if each.encode() in text),
        *(name for name, pattern in PATTERNS.items() if pattern.search(text)),
    ]


def everything_in(redis: Redis) -> Iterator[bytes]:
    """Every key and every value; RQ's are compressed."""
    for key in redis.scan_iter(count=1000):
        yield key
        kind = redis.type(key)
        raw = {
            b"string": lambda k: [redis.get(k)],
            b"hash": lambda k: [part for pair in redis.hgetall(k).items() for part in pair],
            b"list": lambda k: redis.lrange(k, 0, -1),
            b"set": redis.smembers,
            b"zset": lambda k: redis.zrange(k, 0, -1),
            b"none": lambda _: [],  # it expired since it was listed
            b"stream": lambda k: [part for _, each in redis.xrange(k) for pair in each.items() for part in pair],
        }[kind](key)
        for value in raw:
            if value is not None:
                yield value
                with suppress(zlib.error):
                    yield zlib.decompress(value)


@pytest.mark.attack(group="secrets", case=48)
def test_the_search_finds_what_is_there(scene: Scene) -> None:
    """A search that finds nothing must be shown to find something."""
    site = scene.new_site()
    token = scene.atlassian.context_token(site.client_key, site.secret, "admin-1")
    for planted in (site.secret, token, f"?jwt={token}", API_KEY, f"Authorization: JWT {token}", "eve@example.com"):
        assert found_in(scene, b"... " + planted.encode() + b" ...")
    assert found_in(scene, b"GET /jira/configuration 200") == []


@pytest.mark.attack(group="secrets", case=48)
def test_no_log_line_holds_one(scene: Scene) -> None:
    log = Path(scene.app.log).read_bytes()
    assert len(log) > 100
    assert found_in(scene, log) == []
    assert b"Traceback" not in log


@pytest.mark.attack(group="secrets", case=48)
def test_no_metric_and_no_error_page_holds_one(scene: Scene) -> None:
    site = scene.installed_site()
    token = scene.atlassian.context_token(site.client_key, "x" * 40, "admin-1")
    metrics = scene.send("GET", "/metrics")
    assert metrics.status == 200
    assert found_in(scene, metrics.body) == []
    for path in (
        "/jira/configuration",
        "/api/v1/integrations",
        "/connect/installed",
        f"/?jwt={token}",
    ):
        reply = scene.send("GET", path, [("Authorization", f"JWT {token}")])
        assert reply.status >= 400
        assert found_in(scene, reply.body) == []


@pytest.mark.attack(group="secrets", case=48)
def test_redis_holds_none(scene: Scene, attacks_redis_url: str) -> None:
    """Rates, spent passwords, jobs and their arguments."""
    with Redis.from_url(attacks_redis_url) as redis:
        seen = list(everything_in(redis))
    assert len(seen) > 1
    assert [(each[:80], found) for each in seen if (found := found_in(scene, each))] == []


@pytest.mark.attack(group="secrets", case=48)
def test_the_database_holds_none_in_the_clear(scene: Scene) -> None:
    """Every table as text; what is sealed opens, so it is there."""
    connection = scene.tables.connection
    names = [
        row[0]
        for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
    ]
    sealed = connection.execute("SELECT tenant_id, sealed FROM credentials WHERE sealed IS NOT NULL LIMIT 1").fetchone()
    assert sealed is not None
    assert Vault([b"k" * 32]).open(sealed[1], owner=str(sealed[0]), purpose="shared_secret")
    for name in names:
        for (row,) in connection.execute(f'SELECT t::text FROM "{name}" t').fetchall():  # type: ignore[arg-type]  # our own names
            assert found_in(scene, row.encode()) == [], (name, row[:200])
