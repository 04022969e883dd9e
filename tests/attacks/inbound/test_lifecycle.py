"""The attack and fault cases of the Connect lifecycle, over HTTP against gunicorn, PostgreSQL and Valkey.

Every case looks at the effect as well as at the status: the rows of the tables before and after, and what reached the
key host. The rows themselves are in `lifecycle_cases`.
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

from app.web.pace import LIFECYCLE
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
"""By process; what `app.doors.install_keys` allows."""
IN_TIME = 10.0


def table(*cases: Case) -> list[ParameterSet]:
    return [row(each.number, each, name=each.id) for each in cases]


# The table


@pytest.mark.parametrize("row", table(*rows.REFUSED))
def test_installed_is_refused(scene: Scene, row: Case) -> None:
    for site in (scene.new_site(), scene.rotated(scene.installed_site())):
        refuse(scene, row, "installed", site)


@pytest.mark.parametrize("row", table(*rows.IN_TROUBLE))
def test_key_host_in_trouble(scene: Scene, row: Case) -> None:
    site, shelved = scene.rotated(scene.installed_site()), scene.tables.shelved()
    reply = refuse(scene, row, "installed", site)
    assert reply.seconds < IN_TIME
    is_a_key = row.name == "host-gives-another-key"
    assert scene.tables.shelved() == shelved + is_a_key


@pytest.mark.parametrize("row", table(*rows.TAKEN))
def test_installed_is_taken(scene: Scene, row: Case) -> None:
    known = scene.installed_site()
    for site, previous in ((scene.new_site(), None), (scene.rotated(known), known.secret)):
        letter, before, looked = row.letter(scene, site), scene.tables.rows(), scene.key_host.total
        held_before = scene.tables.of(site.client_key)
        reply = scene.deliver("installed", letter)
        assert reply.status == 204, reply.body
        assert reply.body == b""
        scene.check_plain(reply, site.secret)
        held = scene.tables.of(site.client_key)
        assert held is not None
        assert (held.secret, held.base_url, held.state) == (site.secret, site.base_url, "active")
        assert held.previous == previous
        assert held.sealed is not None
        assert site.secret not in held.sealed
        assert held_before is None or held_before.tenant_id == held.tenant_id
        after = scene.tables.rows(besides=held.tenant_id)
        assert after["tenants"] <= before["tenants"]
        assert others(after) == others(before, besides=held.tenant_id)
        assert len(after["spent_tokens"]) == len(before["spent_tokens"]) + 1
        assert row.looks[0] <= scene.key_host.total - looked <= row.looks[1]


@pytest.mark.parametrize("row", table(*rows.UNINSTALL_REFUSED))
def test_uninstalled_is_refused(scene: Scene, row: Case) -> None:
    site = scene.installed_site()
    refuse(scene, row, "uninstalled", site)
    assert scene.switch("enabled", site).status == 204


@pytest.mark.parametrize("row", table(*rows.switch_refused("enabled")))
def test_enabled_is_refused(scene: Scene, row: Case) -> None:
    site = scene.installed_site()
    assert scene.switch("disabled", site).status == 204
    refuse(scene, row, "enabled", site)
    assert held(scene, site).state == "disabled"


@pytest.mark.parametrize("row", table(*rows.switch_refused("disabled")))
def test_disabled_is_refused(scene: Scene, row: Case) -> None:
    site = scene.installed_site()
    refuse(scene, row, "disabled", site)
    assert held(scene, site).state == "active"


def refuse(scene: Scene, row: Case, hook: str, site: Customer) -> Reply:
    """Send a row's letter; nothing is changed, nothing is told, nobody is asked."""
    letter, before, looked = row.letter(scene, site), scene.tables.rows(), scene.key_host.total
    reply = scene.deliver(hook, letter)
    assert reply.status in row.status, (reply.status, reply.body)
    scene.check_plain(reply, site.secret, site.client_key)
    after = scene.tables.rows()
    if reply.status in {204, 400}:
        # A right token may be used up by what is refused; that it is, is no effect that helps anybody.
        assert len(after.pop("spent_tokens") - before.pop("spent_tokens")) <= 1
    assert after == before
    assert row.looks[0] <= scene.key_host.total - looked <= row.looks[1], scene.key_host.asked
    return reply


def others(found: dict[str, set[tuple[Any, ...]]], besides: str | None = None) -> dict[str, set[tuple[Any, ...]]]:
    """Rows of tenants but one."""
    watched = ("tenants", "installations", "credentials")
    return {name: {row for row in found[name] if str(row[0]) != besides} for name in watched}


def held(scene: Scene, site: Customer) -> Any:
    found = scene.tables.of(site.client_key)
    assert found is not None
    return found


# Keys


@case(10)
def test_case_10_host_down_and_kid_cached(scene: Scene) -> None:
    site = scene.new_site()
    scene.key_host.stop()
    try:
        assert scene.lifecycle("installed", site).status == 204
    finally:
        scene.key_host.start()
    assert held(scene, site).secret == site.secret


@case(10)
def test_case_10_host_down_and_kid_unknown_then_up(scene: Scene) -> None:
    site, kid = scene.rotated(scene.installed_site()), str(uuid.uuid4())
    scene.key_host.keys[kid] = scene.atlassian.pem
    payload = rows.right_claims(scene, site, "installed")
    letter = scene.letter(
        "installed", site, token=raw_token({"alg": "RS256", "kid": kid}, payload, scene.atlassian.private_key)
    )
    before = scene.tables.rows()
    scene.key_host.stop()
    try:
        reply = scene.deliver("installed", letter)
    finally:
        scene.key_host.start()
    assert reply.status == 503
    assert reply.seconds < IN_TIME
    scene.check_plain(reply, site.secret)
    assert scene.tables.rows() == before
    assert scene.deliver("installed", letter).status == 204
    assert held(scene, site).secret == site.secret


@case(10)
def test_case_10_host_down_and_the_process_new(
    own_app: Callable[..., Any], warm_scene: Scene, attacks_database_url: str
) -> None:
    """A key that one process fetched is known to all, and outlives them."""
    warm_scene.key_host.stop()
    try:
        with own_app(attacks_database_url) as app:
            scene = Scene(app, warm_scene.tables, warm_scene.atlassian, warm_scene.key_host)
            site = scene.installed_site()
            assert held(scene, site).secret == site.secret
            scene.check_log()
    finally:
        warm_scene.key_host.start()


@case(8)
def test_case_08_a_thousand_unknown_kids(
    own_app: Callable[..., Any], attacks_database_url: str, atlassian: Atlassian, key_host: HttpKeyHost, tables: Tables
) -> None:
    """Against an app of its own, whose look-ups are used up afterwards."""
    with own_app(attacks_database_url) as app:
        scene = Scene(app, tables, atlassian, key_host)
        scene.warm_up()
        site = scene.new_site()
        before, looked = tables.rows(), key_host.total
        letters = [rows.of_kid(None)(scene, site) for _ in range(1000)]
        started = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(lambda letter: scene.deliver("installed", letter), letters))
        minutes = int((time.monotonic() - started) // 60) + 1
        assert {reply.status for reply in replies} == {401}
        assert 0 < key_host.total - looked <= LOOK_UPS_A_MINUTE * scene.web_processes() * minutes
        assert max(key_host.asked.values()) == 1
        assert tables.rows() == before
        # Whoever Atlassian signs with a known key is not kept out by the flood.
        scene.must("installed", site)
        scene.check_log()


@case(8)
def test_case_08_one_unknown_kid_again_and_again(scene: Scene) -> None:
    kid, site = str(uuid.uuid4()), scene.new_site()
    payload = rows.right_claims(scene, site, "installed")
    token = raw_token({"alg": "RS256", "kid": kid}, payload, scene.atlassian.private_key)
    letter, before = scene.letter("installed", site, token=token), scene.tables.rows()
    assert {scene.deliver("installed", letter).status for _ in range(100)} == {401}
    assert 1 <= scene.key_host.count(kid) <= scene.web_processes()
    assert scene.tables.rows() == before


@case(14)
def test_case_14_expired_within_the_leeway(scene: Scene) -> None:
    site, now = scene.new_site(), int(time.time())
    scene.must("installed", site, claims={"iat": now - 200, "exp": now - 20})
    assert held(scene, site).secret == site.secret


# Tokens are good once


@case(16)
def test_case_16_replay_with_another_secret(scene: Scene) -> None:
    site = scene.new_site()
    letter = scene.letter("installed", site)
    assert scene.deliver("installed", letter).status == 204
    attacker = scene.rotated(site)
    replay = {**letter, "body": json.dumps(scene.body("installed", attacker)).encode()}
    before = scene.tables.rows()
    reply = scene.deliver("installed", replay)
    assert reply.status == 401
    scene.check_plain(reply, attacker.secret)
    assert scene.tables.rows() == before
    assert held(scene, site).secret == site.secret


@case(16)
def test_case_16_replay_with_the_signature_spelled_otherwise(scene: Scene) -> None:
    """The last sign of a signature has bits to spare: other text, the same signature, the same token."""
    site = scene.new_site()
    token = scene.atlassian.lifecycle_token("/connect/installed", site.client_key, scene.app.url)
    assert scene.lifecycle("installed", site, token=token).status == 204
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    spelled = token[:-1] + alphabet[alphabet.index(token[-1]) + 1]
    attacker, before = scene.rotated(site), scene.tables.rows()
    for again in (spelled, f"{token}=", f" {token}", f"{token} "):
        assert scene.lifecycle("installed", attacker, token=again).status == 401
    assert scene.tables.rows() == before


@case(16)
def test_case_16_a_token_refused_for_its_address_brings_no_other_body(scene: Scene) -> None:
    """Whatever the first body was, a captured token does not carry a second one."""
    site = scene.installed_site()
    letter = scene.letter("installed", site, body={"baseUrl": "https://evil.com"})
    assert scene.deliver("installed", letter).status == 400
    assert scene.deliver("installed", letter).status == 400
    attacker, before = scene.rotated(site), scene.tables.rows()
    replay = {**letter, "body": json.dumps(scene.body("installed", attacker)).encode()}
    assert scene.deliver("installed", replay).status == 401
    assert scene.tables.rows() == before


@case(16)
def test_case_16_replay_after_uninstall_does_not_come_back(scene: Scene) -> None:
    site = scene.new_site()
    letter = scene.letter("installed", site)
    assert scene.deliver("installed", letter).status == 204
    scene.must("uninstalled", site)
    before = scene.tables.rows()
    assert scene.deliver("installed", letter).status == 204
    assert scene.tables.rows() == before
    assert held(scene, site).state == "uninstalled"
    assert held(scene, site).secret is None


@case(16)
def test_case_16_one_token_with_twenty_bodies_at_once(scene: Scene) -> None:
    site = scene.new_site()
    token = scene.atlassian.lifecycle_token("/connect/installed", site.client_key, scene.app.url)
    bids = [scene.rotated(site) for _ in range(20)]
    replies = at_once(lambda bid: scene.lifecycle("installed", bid, token=token), bids)
    assert sorted(reply.status for reply in replies) == [204] + [401] * 19
    winner = next(bid for bid, reply in zip(bids, replies, strict=True) if reply.status == 204)
    assert (held(scene, site).secret, held(scene, site).previous) == (winner.secret, None)


@case(17)
def test_case_17_replay_with_the_same_body(scene: Scene) -> None:
    site = scene.new_site()
    letter = scene.letter("installed", site)
    assert scene.deliver("installed", letter).status == 204
    before = scene.tables.rows()
    assert scene.deliver("installed", letter).status == 204
    assert scene.tables.rows() == before


@case(17)
def test_case_17_the_same_call_twenty_times_at_once(scene: Scene) -> None:
    site = scene.new_site()
    letter = scene.letter("installed", site)
    tenants = scene.tables.count("tenants")
    assert {reply.status for reply in at_once(lambda _: scene.deliver("installed", letter), range(20))} == {204}
    assert scene.tables.count("tenants") == tenants + 1
    assert held(scene, site).secret == site.secret


# Secrets and addresses change


@case(23)
def test_case_23_rotation_overlap(scene: Scene, jira: SmallJira) -> None:
    old = scene.installed_site(base_url=jira.url)
    new = scene.rotated(old)
    assert scene.page(old).status == 200
    scene.must("installed", new)
    assert [scene.page(new).status, scene.page(old).status] == [200, 200]
    assert scene.switch("enabled", old).status == 204
    shift_overlap(scene, new, "previous_until = now() + interval '20 minutes'")
    assert scene.page(old).status == 200
    shift_overlap(scene, new, "previous_until = now() - interval '1 second'")
    before = scene.tables.rows()
    reply = scene.page(old)
    assert reply.status == 401
    assert old.secret.encode() not in reply.body
    assert scene.switch("disabled", old).status == 401
    assert scene.tables.rows() == before
    assert scene.page(new).status == 200


@case(23)
def test_case_23_overlap_lasts_fifteen_minutes_and_ends_by_itself(scene: Scene) -> None:
    site = scene.rotated(scene.installed_site())
    scene.must("installed", site)
    found = scene.tables.connection.execute(
        "SELECT extract(epoch FROM previous_until - now()) FROM credentials WHERE tenant_id = %s",
        (held(scene, site).tenant_id,),
    ).fetchone()
    assert found is not None
    assert 850 < found[0] <= 900


@case(23)
def test_case_23_the_secret_before_the_previous_is_dead(scene: Scene) -> None:
    first = scene.installed_site()
    second, third = scene.rotated(first), scene.rotated(first)
    scene.must("installed", second)
    scene.must("installed", third)
    assert [scene.switch("enabled", site).status for site in (first, second, third)] == [401, 204, 204]


@case(23)
def test_case_23_the_same_secret_again_keeps_the_overlap(scene: Scene) -> None:
    first = scene.installed_site()
    second = scene.rotated(first)
    scene.must("installed", second)
    scene.must("installed", second)
    assert held(scene, second).previous == first.secret


@case(23)
def test_case_23_an_older_call_that_comes_late_changes_nothing(scene: Scene) -> None:
    site = scene.installed_site()
    late = scene.rotated(site)
    now = int(time.time())
    before = scene.tables.rows()
    scene.must("installed", late, claims={"iat": now - 60, "exp": now + 120})
    after = scene.tables.rows()
    assert others(after) == others(before)


@case(24)
def test_case_24_site_import(scene: Scene, jira: SmallJira) -> None:
    old = scene.installed_site(base_url=jira.url)
    integration = paired(scene, old)
    tenants = scene.tables.count("tenants")
    imported = scene.installed_site(base_url=jira.url)
    assert scene.tables.count("tenants") == tenants + 1
    assert held(scene, imported).tenant_id != held(scene, old).tenant_id
    assert held(scene, old).secret == old.secret
    shown = scene.pairing(imported)
    assert (shown.status, shown.json()["integration"]) == (200, None)
    assert integration.encode() not in shown.body
    assert scene.pairing(old).json()["integration"]["id"] == integration
    assert scene.switch("enabled", old, secret=imported.secret).status == 401
    assert scene.switch("enabled", imported, secret=old.secret).status == 401


@case(25)
def test_case_25_site_rename(scene: Scene, jira: SmallJira, another_jira: SmallJira) -> None:
    before = scene.installed_site(base_url=jira.url)
    assert scene.page(before).status == 200
    tenant_id, asked = held(scene, before).tenant_id, jira.asked
    renamed = Customer(before.client_key, before.secret, another_jira.url)
    scene.must("installed", renamed)
    assert (held(scene, renamed).tenant_id, held(scene, renamed).base_url) == (tenant_id, another_jira.url)
    # Every web process has been at the old address; ask often enough that each is asked again.
    assert {scene.page(renamed).status for _ in range(20)} == {200}
    assert (jira.asked, another_jira.asked) == (asked, 20)


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
    assert others(after) == others(before)


# Faults


@case(26)
@pytest.mark.parametrize("hook", ["installed", "uninstalled"])
def test_case_26_database_down(corded: Corded, hook: str) -> None:
    scene = corded.scene
    site = scene.installed_site() if hook == "uninstalled" else scene.new_site()
    letter, before = scene.letter(hook, site), scene.tables.rows()
    corded.cable.cut()
    try:
        replies = at_once(lambda _: scene.deliver(hook, letter), range(4))
    finally:
        corded.cable.mend()
    for reply in replies:
        assert reply.status == 503, reply.body
        assert reply.seconds < IN_TIME * 2
        scene.check_plain(reply, site.secret)
    assert scene.tables.rows() == before
    again = scene.deliver(hook, letter)
    assert again.status == 204, again.body
    assert held(scene, site).state == ("uninstalled" if hook == "uninstalled" else "active")
    assert held(scene, site).secret == (None if hook == "uninstalled" else site.secret)


@case(26)
def test_case_26_database_down_for_a_switch(corded: Corded) -> None:
    scene = corded.scene
    site = scene.installed_site()
    corded.cable.cut()
    try:
        reply = scene.switch("disabled", site)
    finally:
        corded.cable.mend()
    assert reply.status == 503
    assert held(scene, site).state == "active"
    assert scene.switch("disabled", site).status == 204
    assert held(scene, site).state == "disabled"


# Order


@case(27)
@pytest.mark.parametrize("order", ["disabled-first", "uninstalled-first"])
def test_case_27_disabled_and_uninstalled_at_once(scene: Scene, order: str) -> None:
    """A hundred rounds; both calls are signed in advance, 5 ms lie between them."""

    def round_of(_: int) -> tuple[Customer, list[int]]:
        site = scene.installed_site()
        first, second = ("disabled", "uninstalled") if order == "disabled-first" else ("uninstalled", "disabled")
        return site, race(scene, site, first, second)

    with ThreadPoolExecutor(4) as pool:
        rounds = list(pool.map(round_of, range(100)))
    for site, (first, second) in rounds:
        disabled, uninstalled = (first, second) if order == "disabled-first" else (second, first)
        assert uninstalled == 204
        # Once the site has left, its secret proves nothing any more.
        assert disabled in {204, 401}
        found = held(scene, site)
        assert (found.state, found.secret, found.previous) == ("uninstalled", None, None)
        assert found.purge_after is not None


@case(27)
@pytest.mark.parametrize("first", ["disabled", "uninstalled"])
@pytest.mark.parametrize("ahead", ["disabled", "uninstalled"])
def test_case_27_signed_across_the_turn_of_a_second(scene: Scene, first: str, ahead: str) -> None:
    """5 ms apart may be two seconds by `iat`, in either order, and arrive in either order."""
    site = scene.installed_site()
    now = int(time.time())
    signed = {hook: now + (1 if hook == ahead else 0) for hook in ("disabled", "uninstalled")}
    second = "uninstalled" if first == "disabled" else "disabled"
    for hook in (first, second):
        letter = switch_or_leave(scene, hook, site, signed[hook])
        assert scene.deliver(hook, letter).status in {204, 401}
    found = held(scene, site)
    assert (found.state, found.secret) == ("uninstalled", None)


@case(27)
@pytest.mark.parametrize("hook", ["enabled", "disabled"])
def test_case_27_a_switch_that_comes_late_changes_nothing(scene: Scene, hook: str) -> None:
    site = scene.installed_site()
    if hook == "enabled":
        assert scene.switch("disabled", site).status == 204
    now, before = int(time.time()), scene.tables.rows()
    assert scene.switch(hook, site, iat=now - 60, exp=now + 120).status == 204
    assert scene.tables.rows() == before


@case(27)
def test_case_27_late_uninstalled_after_reinstall(scene: Scene) -> None:
    """Jira retries hooks: the uninstall of before does not end the install of after."""
    site = scene.installed_site()
    now = int(time.time())
    late = scene.letter("uninstalled", site, claims={"iat": now - 3, "exp": now + 120})
    scene.must("uninstalled", site, claims={"iat": now, "exp": now + 150})
    scene.must("installed", site)
    assert scene.switch("enabled", site, iat=now + 1, exp=now + 150).status == 204
    assert scene.deliver("uninstalled", late).status == 204
    assert (held(scene, site).state, held(scene, site).secret) == ("active", site.secret)


def switch_or_leave(scene: Scene, hook: str, site: Customer, issued_at: int) -> dict[str, Any]:
    """The letter of a hook as Jira signs that hook."""
    times = {"iat": issued_at, "exp": issued_at + 180}
    if hook == "uninstalled":
        return scene.letter(hook, site, claims=times)
    token = scene.atlassian.shared_secret_token("POST", f"/connect/{hook}", site.client_key, site.secret, **times)
    return scene.letter(hook, site, token=token)


def race(scene: Scene, site: Customer, first: str, second: str) -> list[int]:
    """The statuses of two hooks that are sent 5 ms apart."""
    issued_at = int(time.time())
    letters = {hook: switch_or_leave(scene, hook, site, issued_at) for hook in (first, second)}

    def send(hook: str, wait: float) -> int:
        time.sleep(wait)
        return scene.deliver(hook, letters[hook]).status

    with ThreadPoolExecutor(2) as pool:
        sent = [pool.submit(send, first, 0.0), pool.submit(send, second, 0.005)]
        return [each.result() for each in sent]


# Leaving and coming back


@case(28)
def test_case_28_uninstalled_by_an_unknown_site(scene: Scene) -> None:
    before = scene.tables.rows()
    scene.must("uninstalled", scene.new_site())
    after = scene.tables.rows()
    assert others(after) == others(before)


@case(28)
def test_case_28_uninstalled_twice(scene: Scene) -> None:
    site = scene.installed_site()
    scene.must("uninstalled", site)
    before = scene.tables.rows()
    scene.must("uninstalled", site, claims={"jti": "again"})
    assert others(scene.tables.rows()) == others(before)


@case(28)
def test_case_28_uninstalled_replayed_after_a_reinstall(scene: Scene) -> None:
    site = scene.installed_site()
    letter = scene.letter("uninstalled", site)
    assert scene.deliver("uninstalled", letter).status == 204
    again = scene.rotated(site)
    scene.must("installed", again)
    before = scene.tables.rows()
    assert scene.deliver("uninstalled", letter).status == 204
    assert scene.tables.rows() == before
    assert held(scene, again).secret == again.secret


@case(29)
@pytest.mark.parametrize("hook", ["enabled", "disabled"])
def test_case_29_switch_after_uninstall(scene: Scene, hook: str) -> None:
    site = scene.installed_site()
    scene.must("uninstalled", site)
    before = scene.tables.rows()
    reply = scene.switch(hook, site)
    assert reply.status == 401
    scene.check_plain(reply, site.secret, site.client_key)
    assert scene.tables.rows() == before
    assert held(scene, site).secret is None


@case(29)
@pytest.mark.parametrize("hook", ["enabled", "disabled"])
def test_case_29_switch_of_an_unknown_site_looks_alike(scene: Scene, hook: str) -> None:
    known, before = scene.installed_site(), scene.tables.rows()
    unknown = scene.switch(hook, scene.new_site())
    wrong = scene.switch(hook, known, secret="w" * 64)
    assert (unknown.status, unknown.body) == (wrong.status, wrong.body)
    same = ("WWW-Authenticate", "Content-Type", "Cache-Control")
    assert [unknown.headers[name] for name in same] == [wrong.headers[name] for name in same]
    assert unknown.status == 401
    assert scene.tables.rows() == before


@case(29)
def test_case_29_time_does_not_tell_which_sites_are_known(scene: Scene) -> None:
    """A ratio, not a duration: unknown site against bad signature, asked in turn."""
    known, unknown = scene.installed_site(), scene.new_site()
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    for _ in range(200):
        took["known"].append(scene.switch("enabled", known, secret="w" * 64).seconds)
        took["unknown"].append(scene.switch("enabled", unknown).seconds)
    ratio = statistics.median(took["unknown"]) / statistics.median(took["known"])
    assert 0.5 < ratio < 2, ratio


@case(29)
def test_case_29_switches_work_for_those_who_may(scene: Scene) -> None:
    """The counterpart: what is refused above is not refused for another reason."""
    site = scene.installed_site()
    assert scene.switch("disabled", site).status == 204
    assert held(scene, site).state == "disabled"
    now = int(time.time()) + 1
    assert scene.switch("enabled", site, iat=now, exp=now + 180).status == 204
    assert held(scene, site).state == "active"


@case(30)
def test_case_30_reinstall_by_another_administrator(scene: Scene, jira: SmallJira) -> None:
    first = scene.installed_site(base_url=jira.url)
    tenant_id = held(scene, first).tenant_id
    scene.must("uninstalled", first)
    assert held(scene, first).secret is None
    second = scene.rotated(first)
    scene.must("installed", second, body={"accountId": "admin-2"})
    found = held(scene, second)
    assert (found.tenant_id, found.state, found.secret) == (tenant_id, "active", second.secret)
    assert (found.previous, found.account_id) == (None, "admin-2")
    assert scene.switch("enabled", first).status == 401
    assert scene.page(first).status == 401
    assert scene.page(second).status == 200


@case(30)
def test_case_30_another_client_key_gets_nothing_of_the_old_tenant(scene: Scene, jira: SmallJira) -> None:
    old = scene.installed_site(base_url=jira.url)
    integration = paired(scene, old)
    scene.must("uninstalled", old)
    new = scene.installed_site(base_url=jira.url, secret=old.secret)
    assert held(scene, new).tenant_id != held(scene, old).tenant_id
    shown = scene.pairing(new)
    assert shown.json()["integration"] is None
    assert integration.encode() not in shown.body
    assert scene.pairing(old).status == 401


@case(30)
def test_case_30_an_install_signed_before_the_uninstall_comes_late(scene: Scene) -> None:
    site = scene.installed_site()
    now = int(time.time())
    late = scene.letter("installed", scene.rotated(site), claims={"iat": now - 30, "exp": now + 120})
    scene.must("uninstalled", site)
    before = scene.tables.rows()
    assert scene.deliver("installed", late).status == 204
    assert others(scene.tables.rows()) == others(before)
    assert (held(scene, site).state, held(scene, site).secret) == ("uninstalled", None)


# Many at once


@case(1)
def test_case_01_a_hundred_sites_at_once(scene: Scene) -> None:
    sites = [scene.new_site() for _ in range(100)]
    tenants = scene.tables.count("tenants")
    replies = at_once(lambda site: scene.lifecycle("installed", site), sites)
    assert {reply.status for reply in replies} == {204}
    assert scene.tables.count("tenants") == tenants + 100
    assert [held(scene, site).secret for site in sites] == [site.secret for site in sites]
    assert len({held(scene, site).tenant_id for site in sites}) == 100


@case(1)
def test_case_01_twenty_first_installs_of_one_site_at_once(scene: Scene) -> None:
    site = scene.new_site()
    bids = [scene.rotated(site) for _ in range(20)]
    tenants, installations = scene.tables.count("tenants"), scene.tables.count("installations")
    numbered = list(enumerate(bids))
    replies = at_once(lambda bid: scene.lifecycle("installed", bid[1], claims={"jti": str(bid[0])}), numbered)
    assert {reply.status for reply in replies} == {204}
    assert scene.tables.count("tenants") == tenants + 1
    assert scene.tables.count("installations") == installations + 1
    assert held(scene, site).secret in {bid.secret for bid in bids}


@case(1)
def test_case_01_one_installation_id_claimed_by_twenty_sites_at_once(scene: Scene) -> None:
    """The body is not signed: only one site may hold the id, and the others are installed without it."""
    sites = [scene.new_site() for _ in range(20)]
    claimed = {"installationId": f"ari:cloud:ecosystem::installation/{uuid.uuid4()}"}
    replies = at_once(lambda site: scene.lifecycle("installed", site, body=claimed), sites)
    assert [reply.status for reply in replies] == [204] * 20
    assert [held(scene, site).installation_id for site in sites].count(claimed["installationId"]) == 1
    assert [held(scene, site).secret for site in sites] == [site.secret for site in sites]


@case(17)
def test_case_17_a_site_that_calls_too_often_slows_only_itself(scene: Scene) -> None:
    """One more proven call of a site than a minute has room for."""
    site, other = scene.new_site(), scene.installed_site()
    letter = scene.letter("installed", site)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: scene.deliver("installed", letter), range(LIFECYCLE.amount + 5)))
    late = [reply for reply in replies if reply.status == 429]
    assert (len(late), {reply.status for reply in replies}) == (5, {204, 429})
    assert 1 <= int(late[0].headers["Retry-After"]) <= 60
    scene.check_plain(late[0], site.secret)
    assert held(scene, site).secret == site.secret
    scene.must("installed", other)


@case(73)
def test_case_73_uninstall_destroys_secrets_and_sets_the_date_of_the_purge(scene: Scene, jira: SmallJira) -> None:
    """At once: the secrets, and the pairing's work. What the purge erases is the workers' story."""
    site = scene.installed_site(base_url=jira.url)
    integration = paired(scene, site)
    scene.must("installed", scene.rotated(site))
    scene.must("uninstalled", site)
    found = held(scene, site)
    assert (found.state, found.sealed, found.secret, found.previous) == ("uninstalled", None, None, None)
    assert found.purge_after is not None
    shown = scene.app.api("GET", f"/integrations/{integration}").json()
    assert shown["state"] == "disconnected"


# Helpers


def at_once(send: Callable[[Any], Reply], what: Sequence[Any]) -> list[Reply]:
    """All of it at the same moment."""
    barrier = threading.Barrier(len(what))

    def each(one: Any) -> Reply:
        barrier.wait(30)
        return send(one)

    with ThreadPoolExecutor(len(what)) as pool:
        return list(pool.map(each, what))


def shift_overlap(scene: Scene, site: Customer, assignment: str) -> None:
    found = held(scene, site)
    scene.tables.connection.execute(f"UPDATE credentials SET {assignment} WHERE tenant_id = %s", (found.tenant_id,))


def paired(scene: Scene, site: Customer) -> str:
    """Pair a site over HTTP. Returns the integration's id."""
    integration = scene.app.an_integration()
    reply = scene.pairing(site, "POST", {"otp": scene.app.an_otp(integration)})
    assert reply.status == 200, reply.body
    return integration


class SmallJira:
    """A site that says of everybody that he is an administrator, and counts who comes."""

    def __init__(self) -> None:
        self.asked = 0
        self.connections = 0
        jira = self

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                jira.connections += 1
                super().setup()

            def do_POST(self) -> None:
                jira.asked += 1
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps({"globalPermissions": asked["globalPermissions"], "projectPermissions": []}).encode()
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
    with SmallJira() as started:
        yield started


@pytest.fixture
def another_jira() -> Iterator[SmallJira]:
    with SmallJira() as started:
        yield started


@pytest.fixture(scope="module")
def own_app(
    attacks_redis_url: str, key_host: HttpKeyHost, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Any]:
    """Starts a further app, for what would spoil the common one."""
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


class Corded:
    """An app that reaches its database by a cable."""

    def __init__(self, scene: Scene, cable: Cable) -> None:
        self.scene = scene
        self.cable = cable


@pytest.fixture(scope="module")
def corded(
    own_app: Callable[..., Any], attacks_database_url: str, atlassian: Atlassian, key_host: HttpKeyHost, tables: Tables
) -> Iterator[Corded]:
    cable, address = cable_to_postgres(attacks_database_url)
    with own_app(address) as app:
        scene = Scene(app, tables, atlassian, key_host)
        scene.warm_up()
        yield Corded(scene, cable)
    cable.cut()
