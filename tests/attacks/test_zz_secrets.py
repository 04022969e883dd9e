"""Case 48 after all others (hence the name): no secret of a request is in the app's remains.

It covers two apps: the target of all attacks in this run, and one with workers and its own attacks (`life`).
"""

from __future__ import annotations

import base64
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import requests
from redis import Redis

from app.vault import Vault
from tests import databases
from tests.attacks import life as life_module
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
"""The first two parts of a token: ciphertexts may contain the beginning of one by chance."""
NOBODYS = ("inbox", "chunks", "spent_tokens", "tenants", "poison", "completeness")
"""Tables that must not contain e-mail addresses."""


@pytest.fixture(scope="module")
def shared_life(warm_scene: Scene, attacks_redis_url: str, attacks_database_url: str) -> Life:
    """The target of all attacks, after a few more of each kind with recorded answers."""
    new_life = Life(warm_scene, attacks_redis_url, attacks_database_url)
    with a_ground(warm_scene) as ground:
        ground.pair()
        life_module.bad_tokens(new_life, ground)
        life_module.bad_keys(new_life, ground)
    new_life.metrics = requests.get(f"{warm_scene.app.url}/metrics", timeout=10).content
    return new_life


@pytest.fixture(scope="module")
def own_life(
    server_url: str,
    redis_url: str,
    atlassian: Atlassian,
    key_host: HttpKeyHost,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Life]:
    database_url, own_redis = databases.create(server_url, "leaks"), redis_url.replace("?db=0", "?db=6")
    with (
        running_app(
            is_forked=False,  # a fork has the command line of its parent
            database_url=database_url,
            redis_url=own_redis,
            install_keys_url=key_host.url,
            log=tmp_path_factory.mktemp("leaks") / "app.log",
            base_path="/base",
        ) as app,
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        new_life = Life(Scene(app, Tables(connection), atlassian, key_host), own_redis, database_url)
        with a_ground(new_life.scene, issues=20) as ground:
            life_module.live(new_life, ground)
        new_life.metrics = requests.get(f"{app.url}/metrics", timeout=10).content
        yield new_life


@pytest.fixture(params=[row(48, "shared_life", name="of-all-attacks"), row(48, "own_life", name="of-its-own")])
def life(request: pytest.FixtureRequest) -> Life:
    fixture: Life = request.getfixturevalue(request.param)
    return fixture


# Counter-checks of the search


@case(48)
def test_it_was_a_life_of_all_kinds(own_life: Life) -> None:
    assert {200, 204, 400, 401, 403, 404, 405, 410, 429, 500} <= set(own_life.statuses), own_life.statuses
    assert len(own_life.bodies) > 300
    log = own_life.scene.app.log.read_bytes()
    for word in (b"unexpected", b"refused", b"/jira/pairing", b"Traceback", b"UndefinedTable", b"RaiseException"):
        assert word in log, word


@case(48)
def test_addresses_of_people_went_through_the_app(own_life: Life) -> None:
    """They are in the people's rows, from where they could leak."""
    with psycopg.connect(own_life.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM jira_user WHERE email LIKE %s", (f"%{EMAIL}",)).fetchone()
    assert row is not None
    assert row[0] > 0


def test_the_search_finds_what_is_there(life: Life) -> None:
    samples = (
        *(life.scene.atlassian.context_token("ck", "s" * 40, "a"), "?jwt=abc", API_KEY, EMAIL, "a%40b.example"),
        *(next(iter(life.scene.made_secrets)), "Authorization: JWT abc"),
    )
    for sample in samples:
        assert life.found_in(f"... {sample} ...".encode()), sample
    assert life.found_in(b"Authorization: JWT [redacted] jwt=[redacted] GET /jira/configuration 200") == []


@case(48)
def test_the_search_reads_what_rq_packs(own_life: Life) -> None:
    """A packed traceback is searched unpacked; its base64, with random letters, isn't searched."""
    text = f"Traceback: GET /?jwt=abc {API_KEY}".encode()
    octets = zlib.compress(text)
    for variant in (octets, base64.b64encode(octets)):
        assert [*unpacked(variant)] == [text]
    assert text in unpacked(base64.b64encode(text))
    assert [*unpacked(API_KEY.encode())] == [API_KEY.encode()]
    with Redis.from_url(own_life.redis_url) as redis:
        assert any(value.startswith(b"Traceback") for value in everything_in(redis))


@case(48)
def test_a_sealed_secret_is_where_it_belongs(shared_life: Life) -> None:
    """A sealed secret is present, and the search doesn't find it."""
    row = shared_life.scene.tables.connection.execute(
        "SELECT tenant_id, sealed FROM credentials WHERE sealed IS NOT NULL LIMIT 1"
    ).fetchone()
    assert row is not None
    assert Vault([b"k" * 32]).open(row[1], owner=str(row[0]), purpose="shared_secret")


# The search


def test_no_line_of_any_process_holds_a_secret(life: Life) -> None:
    log = life.scene.app.log.read_bytes()
    assert log.count(b"\n") > 100
    if names := life.found_in(log):
        assert [
            (line[:400], names_in_line) for line in log.splitlines() if (names_in_line := life.found_in(line))
        ] == names


@case(48)
def test_nothing_went_wrong_in_the_app_of_all_attacks(shared_life: Life) -> None:
    log = shared_life.scene.app.log.read_bytes()
    assert b"Traceback" not in log
    assert b"unexpected" not in log


def test_no_error_body_and_no_header_holds_one(life: Life) -> None:
    assert len(life.bodies) > 100
    if names := life.found_in(b"\n".join(body for _, _, body in life.bodies)):
        assert [
            (label, status, body, names_in_body)
            for label, status, body in life.bodies
            if (names_in_body := life.found_in(body))
        ] == names
    for label, status, body in life.bodies:
        for trace in TRACES:
            assert trace not in body, (label, status, body)


def test_what_is_no_http_is_not_read_back(life: Life) -> None:
    """Gunicorn answers such requests itself; its default pages would repeat them."""
    assert len(life.misframed_answers) == 3
    for answer in life.misframed_answers:
        assert life.found_in(answer) == [], answer
        assert b"application/problem+json" in answer


def test_the_metrics_hold_none(life: Life) -> None:
    assert b"sei_integrations" in life.metrics
    assert life.found_in(life.metrics) == []
    for word in (life.scene.app.url, "127.0.0.1", "grounds"):
        assert word.encode() not in life.metrics


def test_valkey_holds_none(life: Life) -> None:
    """Every key and value: rates, password hashes, sessions, jobs and their failures."""
    with Redis.from_url(life.redis_url) as redis:
        values = list(everything_in(redis))
    assert len(values) > 50
    assert any(b"otp-user" in value for value in values)
    if names := life.found_in(b"\n".join(values)):
        assert [(value[:200], names_in_value) for value in values if (names_in_value := life.found_in(value))] == names


@case(48)
def test_valkey_held_jobs_that_failed(own_life: Life) -> None:
    with Redis.from_url(own_life.redis_url) as redis:
        assert any(b"rq:job:" in value for value in everything_in(redis))


def test_no_command_line_holds_one(life: Life) -> None:
    """Command lines are public through `ps`."""
    pids = [process.pid for process in life.scene.app.processes.values()]
    for pid in pids:
        pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    command_lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids]
    assert len(command_lines) >= 3
    assert [(command_line, names) for command_line in command_lines if (names := life.found_in(command_line))] == []


def test_the_database_holds_no_secret_in_the_clear(life: Life) -> None:
    """Every table as text. E-mail addresses may be in people's own rows and in texts of SEI admins."""
    with psycopg.connect(life.database_url, autocommit=True) as connection:
        names = [
            row[0]
            for row in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            ).fetchall()
        ]
        assert len(names) > 20
        secret_octets = [secret.encode() for secret in life.known if secret != EMAIL]
        for name in names:
            rows = connection.execute(f'SELECT t::text FROM "{name}" t').fetchall()  # type: ignore[arg-type]  # our own names
            text = "\n".join(str(row[0]) for row in rows).encode()
            assert [secret[:8] for secret in secret_octets if secret in text] == [], name
            assert TOKEN.search(text) is None, name
            if name in NOBODYS:
                # A site chooses the names of its deliveries, which are stored.
                assert EMAIL.encode() not in text or name == "inbox", name


@case(48)
def test_the_app_is_well_after_all_that(own_life: Life) -> None:
    assert send(own_life.scene.app, "GET", "/readyz").status == 200
    reply = send(own_life.scene.app, "GET", API, [("Authorization", f"Bearer {API_KEY}"), ("Content-Type", JSON)])
    assert reply.status == 200
