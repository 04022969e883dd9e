"""Case 48 after all others (hence the name): what was sent is nowhere to be found in what the app left behind.

Twice: of the app that all attacks of this run went to, and of one with workers that has a life of its own (`life`).
"""

from __future__ import annotations

import base64
import re
import secrets
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import requests
from redis import Redis

from app.vault import Vault
from tests.attacks import life as living
from tests.attacks.cases import case, row
from tests.attacks.grounds import API, JSON, a_ground, send
from tests.attacks.life import EMAIL, Life, everything_in, unpacked
from tests.attacks.scene import Scene, Tables
from tests.story.processes import API_KEY, running_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.atlassian import Atlassian
    from tests.fakes.key_host import HttpKeyHost

TRACES = (b"Traceback", b'File "', b"sqlalchemy", b"psycopg", b"UndefinedTable", b"SELECT", b"rows of", b"gunicorn/")
TOKEN = re.compile(rb"eyJ[\w-]{8,}\.eyJ")
"""Its first two parts: what is sealed may hold the beginning of one by chance."""
NOBODYS = ("inbox", "chunks", "spent_tokens", "tenants", "poison", "completeness")
"""Tables in which no person's address has its place."""


@pytest.fixture(scope="module")
def shared(warm_scene: Scene, attacks_redis_url: str, attacks_database_url: str) -> Life:
    """The app of all attacks; a few more of each kind, whose answers are looked at."""
    made = Life(warm_scene, attacks_redis_url, attacks_database_url)
    with a_ground(warm_scene) as ground:
        ground.pair()
        living.bad_tokens(made, ground)
        living.bad_keys(made, ground)
    made.metrics = requests.get(f"{warm_scene.app.url}/metrics", timeout=10).content
    return made


@pytest.fixture(scope="module")
def own(
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
        made = Life(Scene(app, Tables(connection), atlassian, key_host), own_redis, database_url)
        with a_ground(made.scene, issues=20) as ground:
            living.live(made, ground)
        made.metrics = requests.get(f"{app.url}/metrics", timeout=10).content
        yield made


@pytest.fixture(params=[row(48, "shared", name="of-all-attacks"), row(48, "own", name="of-its-own")])
def life(request: pytest.FixtureRequest) -> Life:
    found: Life = request.getfixturevalue(request.param)
    return found


# The witnesses are awake


@case(48)
def test_it_was_a_life_of_all_kinds(own: Life) -> None:
    assert {200, 204, 400, 401, 403, 404, 405, 410, 429, 500} <= set(own.statuses), own.statuses
    assert len(own.bodies) > 300
    log = own.scene.app.log.read_bytes()
    for word in (b"unexpected", b"refused", b"/jira/pairing", b"Traceback", b"UndefinedTable", b"RaiseException"):
        assert word in log, word


@case(48)
def test_addresses_of_people_went_through_our_hands(own: Life) -> None:
    """They are stored where they belong, so that they could have leaked."""
    with psycopg.connect(own.database_url) as connection:
        found = connection.execute("SELECT count(*) FROM jira_user WHERE email LIKE %s", (f"%{EMAIL}",)).fetchone()
    assert found is not None
    assert found[0] > 0


def test_the_search_finds_what_is_there(life: Life) -> None:
    planted = (
        *(life.scene.atlassian.context_token("ck", "s" * 40, "a"), "?jwt=abc", API_KEY, EMAIL, "a%40b.example"),
        *(next(iter(life.scene.made_secrets)), "Authorization: JWT abc"),
    )
    for each in planted:
        assert life.found_in(f"... {each} ...".encode()), each
    assert life.found_in(b"Authorization: JWT [redacted] jwt=[redacted] GET /jira/configuration 200") == []


@case(48)
def test_the_search_reads_what_rq_packs(own: Life) -> None:
    """A packed traceback is searched unpacked, and its base64, in which any letters may follow each other, is not."""
    told = f"Traceback: GET /?jwt=abc {API_KEY}".encode()
    packed = zlib.compress(told)
    for each in (packed, base64.b64encode(packed)):
        assert [*unpacked(each)] == [told]
    assert told in unpacked(base64.b64encode(told))
    assert [*unpacked(API_KEY.encode())] == [API_KEY.encode()]
    with Redis.from_url(own.redis_url) as redis:
        assert any(each.startswith(b"Traceback") for each in everything_in(redis))


@case(48)
def test_a_sealed_secret_is_where_it_belongs(shared: Life) -> None:
    """What is sealed opens: so it is there, and the search does not see it."""
    sealed = shared.scene.tables.connection.execute(
        "SELECT tenant_id, sealed FROM credentials WHERE sealed IS NOT NULL LIMIT 1"
    ).fetchone()
    assert sealed is not None
    assert Vault([b"k" * 32]).open(sealed[1], owner=str(sealed[0]), purpose="shared_secret")


# The search


def test_no_line_of_any_process_holds_a_secret(life: Life) -> None:
    log = life.scene.app.log.read_bytes()
    assert log.count(b"\n") > 100
    if found := life.found_in(log):
        assert [(line[:400], each) for line in log.splitlines() if (each := life.found_in(line))] == found


@case(48)
def test_nothing_went_wrong_in_the_app_of_all_attacks(shared: Life) -> None:
    log = shared.scene.app.log.read_bytes()
    assert b"Traceback" not in log
    assert b"unexpected" not in log


def test_no_error_body_and_no_header_holds_one(life: Life) -> None:
    assert len(life.bodies) > 100
    for what, status, body in life.bodies:
        assert life.found_in(body) == [], (what, status, body)
        for trace in TRACES:
            assert trace not in body, (what, status, body)


def test_what_is_no_http_is_not_read_back(life: Life) -> None:
    """Such requests never reach the app, and gunicorn's own pages would repeat them."""
    assert len(life.misframed) == 3
    for answer in life.misframed:
        assert life.found_in(answer) == [], answer
        assert b"application/problem+json" in answer


def test_the_metrics_hold_none(life: Life) -> None:
    assert b"sei_integrations" in life.metrics
    assert life.found_in(life.metrics) == []
    for word in (life.scene.app.url, "127.0.0.1", "grounds"):
        assert word.encode() not in life.metrics


def test_valkey_holds_none(life: Life) -> None:
    """Every key and value: rates, passwords by their hash, sessions, jobs and why they failed."""
    with Redis.from_url(life.redis_url) as redis:
        seen = list(everything_in(redis))
    assert len(seen) > 50
    assert any(b"otp-user" in each for each in seen)
    if found := life.found_in(b"\n".join(seen)):
        assert [(each[:200], some) for each in seen if (some := life.found_in(each))] == found


@case(48)
def test_valkey_held_jobs_that_failed(own: Life) -> None:
    with Redis.from_url(own.redis_url) as redis:
        assert any(b"rq:job:" in each for each in everything_in(redis))


def test_no_command_line_holds_one(life: Life) -> None:
    """What `ps` shows to everybody on the machine."""
    pids = [process.pid for process in life.scene.app.processes.values()]
    for pid in pids:
        pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    shown = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids]
    assert len(shown) >= 3
    assert [(each, found) for each in shown if (found := life.found_in(each))] == []


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
            rows = connection.execute(f'SELECT t::text FROM "{name}" t').fetchall()  # type: ignore[arg-type]  # our own names
            text = "\n".join(str(each[0]) for each in rows).encode()
            assert [each[:8] for each in known if each in text] == [], name
            assert TOKEN.search(text) is None, name
            if name in NOBODYS:
                # A site names its deliveries as it likes, and that name is kept.
                assert EMAIL.encode() not in text or name == "inbox", name


@case(48)
def test_the_app_is_well_after_all_that(own: Life) -> None:
    assert send(own.scene.app, "GET", "/readyz").status == 200
    reply = send(own.scene.app, "GET", API, [("Authorization", f"Bearer {API_KEY}"), ("Content-Type", JSON)])
    assert reply.status == 200
