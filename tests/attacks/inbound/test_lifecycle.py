"""The attack and fault cases of the Connect lifecycle, over HTTP against gunicorn, PostgreSQL and Valkey.

Every case checks the effects as well as the status: the rows before and after, and the requests to the key host. The
cases are in `lifecycle_cases`.
"""

from __future__ import annotations

import json
import statistics
import string
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import pytest
from redis import Redis

from app.web.pace import LIFECYCLE, Pace
from tests.attacks.cases import case, row
from tests.attacks.inbound import lifecycle_cases as rows
from tests.attacks.scene import BASE_PATH, SITE_HOSTS, Customer, Reply, Scene, Tables
from tests.fakes.atlassian import raw_token
from tests.fakes.cable import Cable, cable_to_postgres
from tests.story.processes import running_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from _pytest.mark import ParameterSet

    from tests.attacks.inbound.lifecycle_cases import Case
    from tests.fakes.atlassian import Atlassian
    from tests.fakes.key_host import HttpKeyHost

LOOK_UPS_A_MINUTE = 30
"""The limit of `app.doors.install_keys`, per process."""
IN_TIME = 10.0


def table(*cases: Case) -> list[ParameterSet]:
    return [row(lifecycle_case.number, lifecycle_case, name=lifecycle_case.id) for lifecycle_case in cases]


# The table


@pytest.mark.parametrize("row", table(*rows.REFUSED_INSTALLS))
def test_installed_is_refused(scene: Scene, row: Case) -> None:
    for site in (scene.new_site(), scene.rotated(scene.installed_site())):
        refuse(scene, row, "installed", site)


@pytest.mark.parametrize("row", table(*rows.IN_TROUBLE))
def test_key_host_in_trouble(scene: Scene, row: Case) -> None:
    site, key_count = scene.rotated(scene.installed_site()), scene.tables.install_key_count()
    reply = refuse(scene, row, "installed", site)
    assert reply.seconds < IN_TIME
    assert scene.tables.install_key_count() == key_count, "a key is kept once a signature verified with it"


@pytest.mark.parametrize("row", table(*rows.ACCEPTED_INSTALLS))
def test_installed_is_taken(scene: Scene, row: Case) -> None:
    installed_site = scene.installed_site()
    for site, previous in ((scene.new_site(), None), (scene.rotated(installed_site), installed_site.secret)):
        letter, before, look_ups = row.letter(scene, site), scene.tables.rows(), scene.key_host.total
        held_before = scene.tables.of(site.client_key)
        reply = scene.deliver("installed", letter)
        assert reply.status == 204, reply.body
        assert reply.body == b""
        scene.check_plain(reply, site.secret)
        record = scene.tables.of(site.client_key)
        assert record is not None
        assert (record.secret, record.base_url, record.state) == (site.secret, site.base_url, "active")
        assert record.previous == previous
        assert record.sealed_secret is not None
        assert site.secret not in record.sealed_secret
        assert held_before is None or held_before.tenant_id == record.tenant_id
        after = scene.tables.rows(besides=record.tenant_id)
        assert after["tenants"] <= before["tenants"]
        assert rows_of_others(after) == rows_of_others(before, besides=record.tenant_id)
        assert len(after["spent_tokens"]) == len(before["spent_tokens"]) + 1
        assert row.looks[0] <= scene.key_host.total - look_ups <= row.looks[1]


@pytest.mark.parametrize("row", table(*rows.REFUSED_UNINSTALLS))
def test_uninstalled_is_refused(scene: Scene, row: Case) -> None:
    site = scene.installed_site()
    refuse(scene, row, "uninstalled", site)
    assert scene.switch("enabled", site).status == 204


@pytest.mark.parametrize("row", table(*rows.switch_refused("enabled")))
def test_enabled_is_refused(scene: Scene, row: Case) -> None:
    site = scene.installed_site()
    assert scene.switch("disabled", site).status == 204
    refuse(scene, row, "enabled", site)
    assert stored_site(scene, site).state == "disabled"


@pytest.mark.parametrize("row", table(*rows.switch_refused("disabled")))
def test_disabled_is_refused(scene: Scene, row: Case) -> None:
    site = scene.installed_site()
    refuse(scene, row, "disabled", site)
    assert stored_site(scene, site).state == "active"


def refuse(scene: Scene, row: Case, hook: str, site: Customer) -> Reply:
    """Send a letter that must be refused without effects, leaks or requests."""
    letter, before, look_ups = row.letter(scene, site), scene.tables.fingerprints(), scene.key_host.total
    reply = scene.deliver(hook, letter)
    assert reply.status in row.status, (reply.status, reply.body)
    scene.check_plain(reply, site.secret, site.client_key)
    after = scene.tables.fingerprints()
    if reply.status in {204, 400}:
        # A refused letter may use up its right token, which helps no attacker.
        assert after.pop("spent_tokens")[0] - before.pop("spent_tokens")[0] <= 1
    assert after == before
    assert row.looks[0] <= scene.key_host.total - look_ups <= row.looks[1], scene.key_host.counts
    return reply


def rows_of_others(
    rows: dict[str, set[tuple[Any, ...]]], besides: str | None = None
) -> dict[str, set[tuple[Any, ...]]]:
    """Rows of all tenants but one."""
    names = ("tenants", "installations", "credentials")
    return {name: {row for row in rows[name] if str(row[0]) != besides} for name in names}


def stored_site(scene: Scene, site: Customer) -> Any:
    record = scene.tables.of(site.client_key)
    assert record is not None
    return record


# Keys


@case(10)
def test_case_10_host_down_and_kid_cached(scene: Scene) -> None:
    site = scene.new_site()
    scene.key_host.stop()
    try:
        assert scene.lifecycle("installed", site).status == 204
    finally:
        scene.key_host.start()
    assert stored_site(scene, site).secret == site.secret


@case(10)
def test_case_10_host_down_and_kid_unknown_then_up(scene: Scene) -> None:
    site, kid = scene.rotated(scene.installed_site()), str(uuid.uuid4())
    scene.key_host.keys[kid] = scene.atlassian.pem
    payload = rows.right_claims(scene, site, "installed")
    letter = scene.letter(
        "installed", site, token=raw_token({"alg": "RS256", "kid": kid}, payload, scene.atlassian.private_key)
    )
    before = scene.tables.fingerprints()
    scene.key_host.stop()
    try:
        reply = scene.deliver("installed", letter)
    finally:
        scene.key_host.start()
    assert reply.status == 503
    assert reply.seconds < IN_TIME
    scene.check_plain(reply, site.secret)
    assert scene.tables.fingerprints() == before
    assert scene.deliver("installed", letter).status == 204
    assert stored_site(scene, site).secret == site.secret


@case(10)
def test_case_10_host_down_and_the_process_new(
    own_app: Callable[..., Any], warm_scene: Scene, attacks_database_url: str
) -> None:
    """All processes share a fetched key, which outlives them."""
    warm_scene.key_host.stop()
    try:
        with own_app(attacks_database_url) as app:
            scene = Scene(app, warm_scene.tables, warm_scene.atlassian, warm_scene.key_host)
            site = scene.installed_site()
            assert stored_site(scene, site).secret == site.secret
            scene.check_log()
    finally:
        warm_scene.key_host.start()


@case(8)
def test_case_08_a_thousand_unknown_kids(
    own_app: Callable[..., Any],
    attacks_database_url: str,
    atlassian: Atlassian,
    key_host: HttpKeyHost,
    tables: Tables,
    is_at_scale: bool,
) -> None:
    """On a separate app, since its look-ups are used up afterwards. A hundred and fifty exceed them too."""
    with own_app(attacks_database_url) as app:
        scene = Scene(app, tables, atlassian, key_host)
        scene.warm_up()
        site = scene.new_site()
        before, look_ups = tables.fingerprints(), key_host.total
        letters = [rows.of_kid(None)(scene, site) for _ in range(1000 if is_at_scale else 150)]
        start = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(lambda letter: scene.deliver("installed", letter), letters))
        minutes = int((time.monotonic() - start) // 60) + 1
        assert {reply.status for reply in replies} == {401}
        limit = LOOK_UPS_A_MINUTE * scene.web_processes() * minutes
        assert 0 < key_host.total - look_ups <= limit
        assert limit < len(letters) or minutes > 1
        assert max(key_host.counts.values()) == 1
        assert tables.fingerprints() == before
        # Sites with a known key still get in during the flood.
        scene.must("installed", site)
        scene.check_log()


@case(8)
def test_case_08_one_unknown_kid_again_and_again(scene: Scene) -> None:
    kid, site = str(uuid.uuid4()), scene.new_site()
    payload = rows.right_claims(scene, site, "installed")
    token = raw_token({"alg": "RS256", "kid": kid}, payload, scene.atlassian.private_key)
    letter, before = scene.letter("installed", site, token=token), scene.tables.fingerprints()
    assert {scene.deliver("installed", letter).status for _ in range(100)} == {401}
    assert 1 <= scene.key_host.count(kid) <= scene.web_processes()
    assert scene.tables.fingerprints() == before


@case(14)
def test_case_14_expired_within_the_leeway(scene: Scene) -> None:
    site, now = scene.new_site(), int(time.time())
    scene.must("installed", site, claims={"iat": now - 200, "exp": now - 20})
    assert stored_site(scene, site).secret == site.secret


# Tokens are valid once


@case(16)
def test_case_16_replay_with_another_secret(scene: Scene) -> None:
    site = scene.new_site()
    letter = scene.letter("installed", site)
    assert scene.deliver("installed", letter).status == 204
    attacker = scene.rotated(site)
    replay = {**letter, "body": json.dumps(scene.body("installed", attacker)).encode()}
    before = scene.tables.fingerprints()
    reply = scene.deliver("installed", replay)
    assert reply.status == 401
    scene.check_plain(reply, attacker.secret)
    assert scene.tables.fingerprints() == before
    assert stored_site(scene, site).secret == site.secret


@case(16)
def test_case_16_replay_with_the_signature_spelled_otherwise(scene: Scene) -> None:
    """The last character of a signature has unused bits: another text is the same token."""
    site = scene.new_site()
    token = scene.atlassian.lifecycle_token("/connect/installed", site.client_key, scene.app.url)
    assert scene.lifecycle("installed", site, token=token).status == 204
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    other_spelling = token[:-1] + alphabet[alphabet.index(token[-1]) + 1]
    attacker, before = scene.rotated(site), scene.tables.fingerprints()
    for spelling in (other_spelling, f"{token}=", f" {token}", f"{token} "):
        assert scene.lifecycle("installed", attacker, token=spelling).status == 401
    assert scene.tables.fingerprints() == before


@case(16)
def test_case_16_a_token_refused_for_its_address_brings_no_other_body(scene: Scene) -> None:
    """A captured token carries no second body, regardless of the first."""
    site = scene.installed_site()
    letter = scene.letter("installed", site, body={"baseUrl": "https://evil.com"})
    assert scene.deliver("installed", letter).status == 400
    assert scene.deliver("installed", letter).status == 400
    attacker, before = scene.rotated(site), scene.tables.fingerprints()
    replay = {**letter, "body": json.dumps(scene.body("installed", attacker)).encode()}
    assert scene.deliver("installed", replay).status == 401
    assert scene.tables.fingerprints() == before


@case(16)
def test_case_16_replay_after_uninstall_does_not_come_back(scene: Scene) -> None:
    site = scene.new_site()
    letter = scene.letter("installed", site)
    assert scene.deliver("installed", letter).status == 204
    scene.must("uninstalled", site)
    before = scene.tables.fingerprints()
    assert scene.deliver("installed", letter).status == 204
    assert scene.tables.fingerprints() == before
    assert stored_site(scene, site).state == "uninstalled"
    assert stored_site(scene, site).secret is None


@case(16)
def test_case_16_one_token_with_twenty_bodies_at_once(scene: Scene) -> None:
    site = scene.new_site()
    token = scene.atlassian.lifecycle_token("/connect/installed", site.client_key, scene.app.url)
    bids = [scene.rotated(site) for _ in range(20)]
    replies = at_once(lambda bid: scene.lifecycle("installed", bid, token=token), bids)
    assert sorted(reply.status for reply in replies) == [204] + [401] * 19
    winner = next(bid for bid, reply in zip(bids, replies, strict=True) if reply.status == 204)
    assert (stored_site(scene, site).secret, stored_site(scene, site).previous) == (winner.secret, None)


@case(17)
def test_case_17_replay_with_the_same_body(scene: Scene) -> None:
    site = scene.new_site()
    letter = scene.letter("installed", site)
    assert scene.deliver("installed", letter).status == 204
    before = scene.tables.fingerprints()
    assert scene.deliver("installed", letter).status == 204
    assert scene.tables.fingerprints() == before


@case(17)
def test_case_17_the_same_call_twenty_times_at_once(scene: Scene) -> None:
    site = scene.new_site()
    letter = scene.letter("installed", site)
    tenants = scene.tables.count("tenants")
    assert {reply.status for reply in at_once(lambda _: scene.deliver("installed", letter), range(20))} == {204}
    assert scene.tables.count("tenants") == tenants + 1
    assert stored_site(scene, site).secret == site.secret


# Secrets and addresses change


@case(23)
def test_case_23_rotation_overlap(scene: Scene, jira: SmallJira) -> None:
    old = scene.installed_site(base_url=jira.url)
    new, in_flight = scene.rotated(old), int(time.time())
    assert scene.page(old).status == 200
    scene.must("installed", new)
    assert [scene.page(new).status, scene.page(old, iat=in_flight).status] == [200, 200]
    assert scene.pairing(old, iat=in_flight).status == 200
    assert scene.switch("enabled", old, iat=in_flight).status == 204
    shift_overlap(scene, new, "previous_until = now() - interval '1 second'")
    before = scene.tables.fingerprints()
    reply = scene.page(old, iat=in_flight)
    assert reply.status == 401
    assert old.secret.encode() not in reply.body
    assert scene.switch("disabled", old, iat=in_flight).status == 401
    assert scene.tables.fingerprints() == before
    assert scene.page(new).status == 200


@case(23)
def test_case_23_the_old_secret_signs_nothing_new(scene: Scene, jira: SmallJira) -> None:
    old = scene.installed_site(base_url=jira.url)
    new = scene.rotated(old)
    scene.must("installed", new)
    before = scene.tables.fingerprints()
    # The next second is the first that is certainly after the rotation.
    for issued_at in (int(time.time()) + 1, int(time.time()) + 20):
        replies = [
            scene.page(old, iat=issued_at),
            scene.pairing(old, iat=issued_at),
            scene.switch("disabled", old, iat=issued_at),
        ]
        assert [reply.status for reply in replies] == [401, 401, 401]
    assert scene.tables.fingerprints() == before
    assert scene.page(new).status == 200


@case(23)
def test_case_23_overlap_lasts_fifteen_minutes_and_ends_by_itself(scene: Scene) -> None:
    site = scene.rotated(scene.installed_site())
    scene.must("installed", site)
    row = scene.tables.connection.execute(
        "SELECT extract(epoch FROM previous_until - now()) FROM credentials WHERE tenant_id = %s",
        (stored_site(scene, site).tenant_id,),
    ).fetchone()
    assert row is not None
    assert 850 < row[0] <= 900


@case(23)
def test_case_23_the_secret_before_the_previous_is_dead(scene: Scene) -> None:
    first = scene.installed_site()
    second, third = scene.rotated(first), scene.rotated(first)
    scene.must("installed", second)
    in_flight = int(time.time())
    scene.must("installed", third)
    statuses = [scene.switch("enabled", site, iat=in_flight).status for site in (first, second, third)]
    assert statuses == [401, 204, 204]


@case(23)
def test_case_23_the_same_secret_again_keeps_the_overlap(scene: Scene) -> None:
    first = scene.installed_site()
    second = scene.rotated(first)
    scene.must("installed", second)
    scene.must("installed", second)
    assert stored_site(scene, second).previous == first.secret


@case(23)
def test_case_23_an_older_call_that_comes_late_changes_nothing(scene: Scene) -> None:
    site = scene.installed_site()
    late = scene.rotated(site)
    now = int(time.time())
    before = scene.tables.rows()
    scene.must("installed", late, claims={"iat": now - 60, "exp": now + 120})
    after = scene.tables.rows()
    assert rows_of_others(after) == rows_of_others(before)


@case(24)
def test_case_24_site_import(scene: Scene, jira: SmallJira) -> None:
    old = scene.installed_site(base_url=jira.url)
    integration = paired(scene, old)
    tenants = scene.tables.count("tenants")
    imported_site = scene.installed_site(base_url=jira.url)
    assert scene.tables.count("tenants") == tenants + 1
    assert stored_site(scene, imported_site).tenant_id != stored_site(scene, old).tenant_id
    assert stored_site(scene, old).secret == old.secret
    reply = scene.pairing(imported_site)
    assert (reply.status, reply.json()["integration"]) == (200, None)
    assert integration.encode() not in reply.body
    assert scene.pairing(old).json()["integration"]["id"] == integration
    assert scene.switch("enabled", old, secret=imported_site.secret).status == 401
    assert scene.switch("enabled", imported_site, secret=old.secret).status == 401


@case(25)
def test_case_25_site_rename(scene: Scene, jira: SmallJira, another_jira: SmallJira) -> None:
    before = scene.installed_site(base_url=jira.url)
    assert scene.page(before).status == 200
    tenant_id, request_count = stored_site(scene, before).tenant_id, jira.request_count
    renamed_site = Customer(before.client_key, before.secret, another_jira.url)
    scene.must("installed", renamed_site)
    assert (stored_site(scene, renamed_site).tenant_id, stored_site(scene, renamed_site).base_url) == (
        tenant_id,
        another_jira.url,
    )
    # Every web process has used the old address; enough requests reach all of them.
    assert {scene.page(renamed_site).status for _ in range(20)} == {200}
    assert (jira.request_count, another_jira.request_count) == (request_count, 20)


@case(18)
def test_case_18_a_refused_address_is_never_contacted(scene: Scene, jira: SmallJira) -> None:
    site = scene.new_site()
    port = jira.url.rpartition(":")[2]
    before = scene.tables.rows()
    spellings = ("https://127.0.0.1:{}", "http://localhost:{}", "http://127.1:{}", "http://x@127.0.0.1:{}")
    for spelling in spellings:
        reply = scene.lifecycle("installed", site, body={"baseUrl": spelling.format(port)})
        assert reply.status == 400, spelling
    assert jira.connections == 0
    after = scene.tables.rows()
    assert rows_of_others(after) == rows_of_others(before)


# Faults


@case(26)
@pytest.mark.parametrize("hook", ["installed", "uninstalled"])
def test_case_26_database_down(app_on_cable: AppOnCable, hook: str) -> None:
    scene = app_on_cable.scene
    site = scene.installed_site() if hook == "uninstalled" else scene.new_site()
    letter, before = scene.letter(hook, site), scene.tables.fingerprints()
    app_on_cable.cable.cut()
    try:
        replies = at_once(lambda _: scene.deliver(hook, letter), range(4))
    finally:
        app_on_cable.cable.mend()
    for reply in replies:
        assert reply.status == 503, reply.body
        assert reply.seconds < IN_TIME * 2
        scene.check_plain(reply, site.secret)
    assert scene.tables.fingerprints() == before
    retry = scene.deliver(hook, letter)
    assert retry.status == 204, retry.body
    assert stored_site(scene, site).state == ("uninstalled" if hook == "uninstalled" else "active")
    assert stored_site(scene, site).secret == (None if hook == "uninstalled" else site.secret)


@case(26)
def test_case_26_database_down_for_a_switch(app_on_cable: AppOnCable) -> None:
    scene = app_on_cable.scene
    site = scene.installed_site()
    app_on_cable.cable.cut()
    try:
        reply = scene.switch("disabled", site)
    finally:
        app_on_cable.cable.mend()
    assert reply.status == 503
    assert stored_site(scene, site).state == "active"
    assert scene.switch("disabled", site).status == 204
    assert stored_site(scene, site).state == "disabled"


# Order


@case(27)
@pytest.mark.parametrize("order", ["disabled-first", "uninstalled-first"])
def test_case_27_disabled_and_uninstalled_at_once(scene: Scene, order: str, is_at_scale: bool) -> None:
    """Many rounds of two calls 5 ms apart, both signed in advance."""

    def round_of(_: int) -> tuple[Customer, list[int]]:
        site = scene.installed_site()
        first, second = ("disabled", "uninstalled") if order == "disabled-first" else ("uninstalled", "disabled")
        return site, race(scene, site, first, second)

    with ThreadPoolExecutor(4) as pool:
        rounds = list(pool.map(round_of, range(100 if is_at_scale else 25)))
    for site, (first, second) in rounds:
        disable_status, uninstall_status = (first, second) if order == "disabled-first" else (second, first)
        assert uninstall_status == 204
        # After `uninstalled` the secret is worthless.
        assert disable_status in {204, 401}
        record = stored_site(scene, site)
        assert (record.state, record.secret, record.previous) == ("uninstalled", None, None)
        assert record.purge_after is not None


@case(27)
@pytest.mark.parametrize("first", ["disabled", "uninstalled"])
@pytest.mark.parametrize("ahead", ["disabled", "uninstalled"])
def test_case_27_signed_across_the_turn_of_a_second(scene: Scene, first: str, ahead: str) -> None:
    """Calls 5 ms apart may differ by two seconds in `iat`, in either order, and arrive in either order."""
    site = scene.installed_site()
    now = int(time.time())
    issued_at = {hook: now + (1 if hook == ahead else 0) for hook in ("disabled", "uninstalled")}
    second = "uninstalled" if first == "disabled" else "disabled"
    for hook in (first, second):
        letter = switch_or_leave(scene, hook, site, issued_at[hook])
        assert scene.deliver(hook, letter).status in {204, 401}
    record = stored_site(scene, site)
    assert (record.state, record.secret) == ("uninstalled", None)


@case(27)
@pytest.mark.parametrize("hook", ["enabled", "disabled"])
def test_case_27_a_switch_that_comes_late_changes_nothing(scene: Scene, hook: str) -> None:
    site = scene.installed_site()
    if hook == "enabled":
        assert scene.switch("disabled", site).status == 204
    now, before = int(time.time()), scene.tables.fingerprints()
    assert scene.switch(hook, site, iat=now - 60, exp=now + 120).status == 204
    assert scene.tables.fingerprints() == before


@case(27)
def test_case_27_late_uninstalled_after_reinstall(scene: Scene) -> None:
    """Jira retries hooks: a repeated old `uninstalled` doesn't end the new install."""
    site = scene.installed_site()
    now = int(time.time())
    late = scene.letter("uninstalled", site, claims={"iat": now - 3, "exp": now + 120})
    scene.must("uninstalled", site, claims={"iat": now, "exp": now + 150})
    scene.must("installed", site)
    assert scene.switch("enabled", site, iat=now + 1, exp=now + 150).status == 204
    assert scene.deliver("uninstalled", late).status == 204
    assert (stored_site(scene, site).state, stored_site(scene, site).secret) == ("active", site.secret)


def switch_or_leave(scene: Scene, hook: str, site: Customer, issued_at: int) -> dict[str, Any]:
    """The letter of a hook with Jira's kind of signature for it."""
    times = {"iat": issued_at, "exp": issued_at + 180}
    if hook == "uninstalled":
        return scene.letter(hook, site, claims=times)
    token = scene.atlassian.shared_secret_token("POST", f"/connect/{hook}", site.client_key, site.secret, **times)
    return scene.letter(hook, site, token=token)


def race(scene: Scene, site: Customer, first: str, second: str) -> list[int]:
    """Send two hooks 5 ms apart. Returns their statuses."""
    issued_at = int(time.time())
    letters = {hook: switch_or_leave(scene, hook, site, issued_at) for hook in (first, second)}

    def send(hook: str, wait: float) -> int:
        time.sleep(wait)
        return scene.deliver(hook, letters[hook]).status

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(send, first, 0.0), pool.submit(send, second, 0.005)]
        return [future.result() for future in futures]


# Leaving and coming back


@case(28)
def test_case_28_uninstalled_by_an_unknown_site(scene: Scene) -> None:
    before = scene.tables.rows()
    scene.must("uninstalled", scene.new_site())
    after = scene.tables.rows()
    assert rows_of_others(after) == rows_of_others(before)


@case(28)
def test_case_28_uninstalled_twice(scene: Scene) -> None:
    site = scene.installed_site()
    scene.must("uninstalled", site)
    before = scene.tables.rows()
    scene.must("uninstalled", site, claims={"jti": "again"})
    assert rows_of_others(scene.tables.rows()) == rows_of_others(before)


@case(28)
def test_case_28_uninstalled_replayed_after_a_reinstall(scene: Scene) -> None:
    site = scene.installed_site()
    letter = scene.letter("uninstalled", site)
    assert scene.deliver("uninstalled", letter).status == 204
    new_install = scene.rotated(site)
    scene.must("installed", new_install)
    before = scene.tables.fingerprints()
    assert scene.deliver("uninstalled", letter).status == 204
    assert scene.tables.fingerprints() == before
    assert stored_site(scene, new_install).secret == new_install.secret


@case(29)
@pytest.mark.parametrize("hook", ["enabled", "disabled"])
def test_case_29_switch_after_uninstall(scene: Scene, hook: str) -> None:
    site = scene.installed_site()
    scene.must("uninstalled", site)
    before = scene.tables.fingerprints()
    reply = scene.switch(hook, site)
    assert reply.status == 401
    scene.check_plain(reply, site.secret, site.client_key)
    assert scene.tables.fingerprints() == before
    assert stored_site(scene, site).secret is None


@case(29)
@pytest.mark.parametrize("hook", ["enabled", "disabled"])
def test_case_29_switch_of_an_unknown_site_looks_alike(scene: Scene, hook: str) -> None:
    installed_site, before = scene.installed_site(), scene.tables.fingerprints()
    unknown_reply = scene.switch(hook, scene.new_site())
    wrong = scene.switch(hook, installed_site, secret="w" * 64)
    assert (unknown_reply.status, unknown_reply.body) == (wrong.status, wrong.body)
    names = ("WWW-Authenticate", "Content-Type", "Cache-Control")
    assert [unknown_reply.headers[name] for name in names] == [wrong.headers[name] for name in names]
    assert unknown_reply.status == 401
    assert scene.tables.fingerprints() == before


@case(29)
def test_case_29_time_does_not_tell_which_sites_are_known(scene: Scene, is_at_scale: bool) -> None:
    """The ratio of answer times for unknown sites and bad signatures, measured alternately."""
    installed_site, unknown_site = scene.installed_site(), scene.new_site()
    durations: dict[str, list[float]] = {"known": [], "unknown": []}
    for _ in range(200 if is_at_scale else 60):
        durations["known"].append(scene.switch("enabled", installed_site, secret="w" * 64).seconds)
        durations["unknown"].append(scene.switch("enabled", unknown_site).seconds)
    ratio = statistics.median(durations["unknown"]) / statistics.median(durations["known"])
    assert 0.5 < ratio < 2, ratio


@case(29)
def test_case_29_switches_work_for_those_who_may(scene: Scene) -> None:
    """Counter-check: the requests above are refused for no other reason."""
    site = scene.installed_site()
    assert scene.switch("disabled", site).status == 204
    assert stored_site(scene, site).state == "disabled"
    now = int(time.time()) + 1
    assert scene.switch("enabled", site, iat=now, exp=now + 180).status == 204
    assert stored_site(scene, site).state == "active"


@case(30)
def test_case_30_reinstall_by_another_administrator(scene: Scene, jira: SmallJira) -> None:
    first = scene.installed_site(base_url=jira.url)
    tenant_id = stored_site(scene, first).tenant_id
    scene.must("uninstalled", first)
    assert stored_site(scene, first).secret is None
    second = scene.rotated(first)
    scene.must("installed", second, body={"accountId": "admin-2"})
    record = stored_site(scene, second)
    assert (record.tenant_id, record.state, record.secret) == (tenant_id, "active", second.secret)
    assert (record.previous, record.account_id) == (None, "admin-2")
    assert scene.switch("enabled", first).status == 401
    assert scene.page(first).status == 401
    assert scene.page(second).status == 200


@case(30)
def test_case_30_another_client_key_gets_nothing_of_the_old_tenant(scene: Scene, jira: SmallJira) -> None:
    old = scene.installed_site(base_url=jira.url)
    integration = paired(scene, old)
    scene.must("uninstalled", old)
    new = scene.installed_site(base_url=jira.url, secret=old.secret)
    assert stored_site(scene, new).tenant_id != stored_site(scene, old).tenant_id
    reply = scene.pairing(new)
    assert reply.json()["integration"] is None
    assert integration.encode() not in reply.body
    assert scene.pairing(old).status == 401


@case(30)
def test_case_30_an_install_signed_before_the_uninstall_comes_late(scene: Scene) -> None:
    site = scene.installed_site()
    now = int(time.time())
    late = scene.letter("installed", scene.rotated(site), claims={"iat": now - 30, "exp": now + 120})
    scene.must("uninstalled", site)
    before = scene.tables.rows()
    assert scene.deliver("installed", late).status == 204
    assert rows_of_others(scene.tables.rows()) == rows_of_others(before)
    assert (stored_site(scene, site).state, stored_site(scene, site).secret) == ("uninstalled", None)


# Many at once


@case(1)
def test_case_01_a_hundred_sites_at_once(scene: Scene) -> None:
    sites = [scene.new_site() for _ in range(100)]
    tenants = scene.tables.count("tenants")
    replies = at_once(lambda site: scene.lifecycle("installed", site), sites)
    assert {reply.status for reply in replies} == {204}
    assert scene.tables.count("tenants") == tenants + 100
    assert [stored_site(scene, site).secret for site in sites] == [site.secret for site in sites]
    assert len({stored_site(scene, site).tenant_id for site in sites}) == 100


@case(1)
def test_case_01_twenty_first_installs_of_one_site_at_once(scene: Scene) -> None:
    site = scene.new_site()
    bids = [scene.rotated(site) for _ in range(20)]
    tenants, installations = scene.tables.count("tenants"), scene.tables.count("installations")
    numbered_bids = list(enumerate(bids))
    replies = at_once(lambda bid: scene.lifecycle("installed", bid[1], claims={"jti": str(bid[0])}), numbered_bids)
    assert {reply.status for reply in replies} == {204}
    assert scene.tables.count("tenants") == tenants + 1
    assert scene.tables.count("installations") == installations + 1
    assert stored_site(scene, site).secret in {bid.secret for bid in bids}


@case(1)
def test_case_01_one_installation_id_claimed_by_twenty_sites_at_once(scene: Scene) -> None:
    """The body is unsigned: only one site may have the id, the others are installed without it."""
    sites = [scene.new_site() for _ in range(20)]
    claim = {"installationId": f"ari:cloud:ecosystem::installation/{uuid.uuid4()}"}
    replies = at_once(lambda site: scene.lifecycle("installed", site, body=claim), sites)
    assert [reply.status for reply in replies] == [204] * 20
    assert [stored_site(scene, site).installation_id for site in sites].count(claim["installationId"]) == 1
    assert [stored_site(scene, site).secret for site in sites] == [site.secret for site in sites]


@case(17)
def test_case_17_a_site_that_calls_too_often_slows_only_itself(
    scene: Scene, attacks_redis_url: str, is_at_scale: bool
) -> None:
    """One proven call more than the limit of a site per minute. The short form counts most of them without a call."""
    site, other_site = scene.new_site(), scene.installed_site()
    letter = scene.letter("installed", site)
    call_count = LIFECYCLE.amount if is_at_scale else 40
    with Redis.from_url(attacks_redis_url) as redis:
        pace = Pace(redis)
        for _ in range(LIFECYCLE.amount - call_count):
            pace.keep(LIFECYCLE, site.client_key)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: scene.deliver("installed", letter), range(call_count + 5)))
    late = [reply for reply in replies if reply.status == 429]
    assert (len(late), {reply.status for reply in replies}) == (5, {204, 429})
    assert 1 <= int(late[0].headers["Retry-After"]) <= 60
    scene.check_plain(late[0], site.secret)
    assert stored_site(scene, site).secret == site.secret
    scene.must("installed", other_site)


@case(73)
def test_case_73_uninstall_destroys_secrets_and_sets_the_date_of_the_purge(scene: Scene, jira: SmallJira) -> None:
    """The secrets are deleted and the pairing ends at once; other tests cover the purge by workers."""
    site = scene.installed_site(base_url=jira.url)
    integration = paired(scene, site)
    scene.must("installed", scene.rotated(site))
    scene.must("uninstalled", site)
    record = stored_site(scene, site)
    assert (record.state, record.sealed_secret, record.secret, record.previous) == ("uninstalled", None, None, None)
    assert record.purge_after is not None
    record = scene.app.api("GET", f"/integrations/{integration}").json()
    assert record["state"] == "disconnected"


# Helpers


def at_once(send: Callable[[Any], Reply], items: Sequence[Any]) -> list[Reply]:
    """Send all items at the same moment."""
    barrier = threading.Barrier(len(items))

    def each(item: Any) -> Reply:
        barrier.wait(30)
        return send(item)

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(each, items))


def shift_overlap(scene: Scene, site: Customer, assignment: str) -> None:
    record = stored_site(scene, site)
    scene.tables.connection.execute(f"UPDATE credentials SET {assignment} WHERE tenant_id = %s", (record.tenant_id,))


def paired(scene: Scene, site: Customer) -> str:
    """Pair a site over HTTP. Returns the integration's id."""
    integration = scene.app.an_integration()
    reply = scene.pairing(site, "POST", {"otp": scene.app.an_otp(integration)})
    assert reply.status == 200, reply.body
    return integration


class SmallJira:
    """A site that confirms everybody as administrator and counts requests."""

    def __init__(self) -> None:
        self.request_count = 0
        self.connections = 0
        jira = self

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                jira.connections += 1
                super().setup()

            def do_POST(self) -> None:
                jira.request_count += 1
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps(
                    {"globalPermissions": request["globalPermissions"], "projectPermissions": []}
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def jira() -> Iterator[SmallJira]:
    with SmallJira() as small_jira:
        yield small_jira


@pytest.fixture
def another_jira() -> Iterator[SmallJira]:
    with SmallJira() as small_jira:
        yield small_jira


@pytest.fixture(scope="module")
def own_app(
    attacks_redis_url: str, key_host: HttpKeyHost, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Any]:
    """Starts another app, for tests that would disturb the shared one."""
    folder: Path = tmp_path_factory.mktemp("own")

    def start(database_url: str) -> Any:
        return running_app(
            database_url=database_url,
            redis_url=attacks_redis_url,
            install_keys_url=key_host.url,
            log=folder / f"{uuid.uuid4()}.log",
            roles=("web",),
            base_path=BASE_PATH,
            site_hosts=SITE_HOSTS,
        )

    return start


class AppOnCable:
    """An app with a cable to its database that tests may cut."""

    def __init__(self, scene: Scene, cable: Cable) -> None:
        self.scene = scene
        self.cable = cable


@pytest.fixture(scope="module")
def app_on_cable(
    own_app: Callable[..., Any], attacks_database_url: str, atlassian: Atlassian, key_host: HttpKeyHost, tables: Tables
) -> Iterator[AppOnCable]:
    cable, address = cable_to_postgres(attacks_database_url)
    with own_app(address) as app:
        scene = Scene(app, tables, atlassian, key_host)
        scene.warm_up()
        yield AppOnCable(scene, cable)
    cable.cut()
