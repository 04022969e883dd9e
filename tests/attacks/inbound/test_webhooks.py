"""Cases 49 to 53 against a stored sandbox site: after every delivery the tables equal the site.

Workers run in this process, which lets each row check the result at once.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from app import clock
from app.ingest.live.drain import Drain
from app.jira.client import Answer
from app.sources.cloud.source import CloudSource
from tests import databases
from tests.attacks.cases import case, row
from tests.attacks.grounds import JSON, Workers, a_ground, a_runtime, check_headers, check_refused, next_second, wire_to
from tests.attacks.scene import Scene, Tables
from tests.fakes.cable import Cable, cable_to_postgres
from tests.soak.truth import differences
from tests.story.processes import running_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.catalog.json_value import Json
    from app.jira.client import Site
    from app.runtime import Runtime
    from tests.attacks.grounds import Ground
    from tests.attacks.scene import Reply
    from tests.fakes.atlassian import Atlassian
    from tests.fakes.key_host import HttpKeyHost

HOOK = "/connect/webhooks/jira.issue_updated"
SEARCH = "POST /rest/api/3/search/jql"


@pytest.fixture(scope="module")
def parts(attacks_database_url: str, attacks_redis_url: str, target: object) -> Iterator[Runtime]:
    with a_runtime(attacks_database_url, attacks_redis_url) as runtime_parts:
        yield runtime_parts


@pytest.fixture
def ground(scene: Scene) -> Iterator[Ground]:
    """A paired site without stored rows."""
    with a_ground(scene) as new_ground:
        new_ground.pair()
        new_ground.wires.clear()
        yield new_ground


@pytest.fixture(scope="module")
def shared_ground(warm_scene: Scene) -> Iterator[Ground]:
    with a_ground(warm_scene) as new_ground:
        new_ground.pair()
        yield new_ground


@pytest.fixture
def paired_ground(scene: Scene, shared_ground: Ground) -> Ground:
    """A paired site with the deliveries of the tests that share it."""
    return shared_ground


@pytest.fixture(scope="module")
def stored_site(warm_scene: Scene, parts: Runtime, attacks_database_url: str) -> Iterator[Workers]:
    """A completely stored site that sends no webhooks by itself."""
    with a_ground(warm_scene, issues=12) as new_ground:
        new_ground.site.options.webhooks = False
        new_ground.pair()
        workers = Workers(parts, new_ground)
        workers.backfill()
        assert differences(attacks_database_url, new_ground.site) == []
        yield workers


@pytest.fixture
def site_workers(scene: Scene, stored_site: Workers) -> Workers:
    """The same, with a check of the app's log after each test."""
    return stored_site


def searches(ground: Ground) -> int:
    return ground.site.traffic.by_template[SEARCH]


def outcomes(ground: Ground) -> list[tuple[bool, str | None]]:
    return ground.scene.tables.connection.execute(
        "SELECT done_at IS NOT NULL, outcome FROM inbox WHERE tenant_id = %s AND origin = 'webhook'",
        (ground.tenant_id,),
    ).fetchall()


def check_taken(reply: Reply) -> None:
    assert (reply.status, reply.body) == (204, b"")
    check_headers(reply, "api")


# 49, 50: deduplication, by site


@case(49)
def test_49_delivered_three_times(ground: Ground, parts: Runtime) -> None:
    """Retries 0, 1 and 2, and a fourth with another body and event: one row, one read."""
    name, issue = secrets.token_hex(8), next(iter(ground.site.world.issues))
    for retry in (0, 1, 2):
        check_taken(ground.deliver("jira.issue_updated", {"issue": {"id": issue}}, name=name, retry=retry))
    check_taken(ground.deliver("jira.issue_deleted", {"issue": {"id": "1"}}, name=name, retry=3))
    assert ground.inbox() == [(name, "jira:issue_updated", {"issues": [issue]})]
    workers = Workers(parts, ground)
    assert (workers.drain(), searches(ground)) == (1, 1)
    check_taken(ground.deliver("jira.issue_updated", {"issue": {"id": issue}}, name=name, retry=4))
    assert (workers.drain(), searches(ground)) == (0, 1)
    assert outcomes(ground) == [(True, "read again")]


@case(50)
def test_50_one_name_on_two_sites(scene: Scene, parts: Runtime) -> None:
    name = secrets.token_hex(8)
    with a_ground(scene) as first, a_ground(scene) as two:
        for ground in (first, two):
            ground.pair()
            issue = next(iter(ground.site.world.issues))
            check_taken(ground.deliver("jira.issue_updated", {"issue": {"id": issue}}, name=name))
            assert ground.inbox() == [(name, "jira:issue_updated", {"issues": [issue]})]
        # One site's delivery is read, the other's still waits.
        assert (Workers(parts, first).drain(), searches(first), searches(two)) == (1, 1, 0)
        assert (outcomes(first), outcomes(two)) == ([(True, "read again")], [(False, None)])
        assert (Workers(parts, two).drain(), searches(first), searches(two)) == (1, 1, 1)


@case(50)
def test_50_ids_of_another_site_bring_nothing_of_it(scene: Scene, parts: Runtime) -> None:
    """A delivery may name any id; only its own site's issues are read."""
    with a_ground(scene) as mine, a_ground(scene, issues=3) as neighbour:
        mine.pair()
        foreign = [issue_id for issue_id in neighbour.site.world.issues if issue_id not in mine.site.world.issues]
        assert foreign
        for issue in foreign:
            check_taken(mine.deliver("jira.issue_updated", {"issue": {"id": issue, "self": neighbour.site.base_url}}))
        before = neighbour.site.traffic.requests
        assert Workers(parts, mine).drain() == len(foreign)
        assert neighbour.site.traffic.requests == before
        row = scene.tables.connection.execute(
            "SELECT count(*) FROM jira_issue WHERE tenant_id = %s", (mine.tenant_id,)
        ).fetchone()
        assert row == (0,)


# 51: the tables equal the site after any delivery


def _of(change: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"issue": {"id": change["issue_id"], **fields}}


def out_of_order(ground: Ground) -> None:
    """The newer delivery arrives before the older one, which has an outdated state."""
    first = ground.site.mutate("update_issue")
    second = ground.site.mutate("update_issue", issue=first["issue_id"])
    ground.deliver("jira.issue_updated", {**_of(second), "timestamp": 2})
    ground.deliver("jira.issue_updated", {**_of(first, fields={"summary": "long ago"}), "timestamp": 1})


def a_lie(ground: Ground) -> None:
    """The body, which no signature covers, reports a change that never happened."""
    change = ground.site.mutate("update_issue")
    fields = {"summary": "forged", "status": {"name": "Done"}, "assignee": {"accountId": "557058:0b0d"}}
    changelog = {"items": [{"field": "summary", "toString": "forged"}]}
    ground.deliver("jira.issue_updated", {**_of(change, key="EVIL-1", fields=fields), "changelog": changelog})


def deleted_before_created(ground: Ground) -> None:
    change = ground.site.mutate("create_issue")
    ground.deliver("jira.issue_deleted", _of(change))
    ground.deliver("jira.issue_created", _of(change))


def deleted_and_then_updated(ground: Ground) -> None:
    change = ground.site.mutate("delete_issue")
    issue = {"issue": {"id": change["issue_id"] or change["id"], "fields": {"summary": "still here"}}}
    ground.deliver("jira.issue_deleted", issue)
    ground.deliver("jira.issue_updated", issue)
    ground.deliver("jira.issue_created", issue)


def said_to_be_deleted(ground: Ground) -> None:
    """The issue still exists: the site is asked before the row is deleted."""
    issue = next(candidate.id for candidate in ground.site.world.searchable())
    ground.deliver("jira.issue_deleted", {"issue": {"id": issue}})


def moved(ground: Ground) -> None:
    change = ground.site.mutate("update_issue")
    for event in ("jira.issue_updated", "issue_moved", "jira.issue_created"):
        ground.deliver(event, _of(change))


def comment_without_its_issue(ground: Ground) -> None:
    change = ground.site.mutate("add_comment")
    address = f"{ground.site.base_url}/rest/api/2/issue/{change['issue_id']}/comment/{change['id']}"
    ground.deliver("comment_created", {"comment": {"id": change["id"], "self": address, "body": "forged"}})


def comment_deleted(ground: Ground) -> None:
    """On an issue with all comments in its body."""
    issue = min(ground.site.world.searchable(), key=lambda candidate: len(candidate.comments))
    comment = ground.site.mutate("add_comment", issue=issue.id)
    change = ground.site.mutate("delete_comment", issue=comment["issue_id"])
    ground.deliver("comment_deleted", {"comment": {"id": change["id"]}, **_of(change)})


def worklog_with_its_issues_id(ground: Ground) -> None:
    change = ground.site.mutate("add_worklog")
    ground.deliver("worklog_created", {"worklog": {"id": change["id"], "issueId": change["issue_id"]}})


def linked(ground: Ground) -> None:
    first, two = [candidate.id for candidate in ground.site.world.searchable()][:2]
    ground.site.mutate("link_issues")
    ids = {candidate.id for candidate in ground.site.world.searchable()}
    for issue_id in [*sorted(ids - {first, two}), first, two]:
        ground.deliver(
            "issuelink_created", {"issueLink": {"sourceIssueId": int(issue_id), "destinationIssueId": int(first)}}
        )


def _always(event: str, body: bytes) -> Callable[[Ground], None]:
    def send(ground: Ground) -> None:
        ground.deliver(event, body)

    return send


NEWS: dict[str, Callable[[Ground], None]] = {
    "out-of-order": out_of_order,
    "a-lie": a_lie,
    "deleted-before-created": deleted_before_created,
    "deleted-and-then-updated": deleted_and_then_updated,
    "said-to-be-deleted": said_to_be_deleted,
    "event-we-do-not-know": moved,
    "comment-without-its-issue": comment_without_its_issue,
    "comment-deleted": comment_deleted,
    "worklog-with-its-issues-id": worklog_with_its_issues_id,
    "linked": linked,
    "comment-without-anything": _always("comment_created", b'{"comment": {"id": "7"}}'),
    "version-merged": _always("jira.version_merged", b'{"version": {"id": "1"}, "mergedTo": {"id": "2"}}'),
    "version-merged-as-deleted": _always("jira.version_deleted", b'{"version": {"id": "1"}, "mergedTo": {"id": "2"}}'),
    "sprint-without-a-board": _always("sprint_closed", b'{"sprint": {"id": 1}}'),
    "user-deleted": _always("user_deleted", b'{"user": {"accountId": "557058:gone", "displayName": "mallory"}}'),
    "escaped": _always("issue%20updated", b'{"issue": {"id": "10001"}}'),
    "unheard-of": _always("a_new_event", b'{"issue": {"id": "10001"}}'),
    "empty": _always("jira.issue_updated", b""),
    "no-json": _always("jira.issue_updated", b"{"),
    "html": _always("jira.issue_updated", b"<html>"),
    "array": _always("jira.issue_updated", b'[{"issue": {"id": "1"}}]'),
    "null": _always("jira.issue_deleted", b"null"),
    "id-that-nobody-has": _always("jira.issue_deleted", b'{"issue": {"id": "999999999"}}'),
    "id-with-jql": _always("jira.issue_deleted", b'{"issue": {"id": "1) OR project is not EMPTY --"}}'),
    "id-with-path": _always("jira.issue_deleted", b'{"issue": {"id": "1/../../../myself"}}'),
    "ids-by-the-thousand": _always(
        "jira.issue_updated", json.dumps({"issue": [{"id": n} for n in range(999)]}).encode()
    ),
    "24-megabytes": _always("jira.issue_updated", b'{"issue": {"id": "10001"}, "x": "' + b"x" * 24_000_000 + b'"}'),
}


@pytest.mark.parametrize("news", [row(51, news, name=name) for name, news in NEWS.items()])
def test_51_the_tables_are_what_the_site_is(
    site_workers: Workers, attacks_database_url: str, monkeypatch: pytest.MonkeyPatch, news: Callable[[Ground], None]
) -> None:
    ground = site_workers.ground
    before, replies = len(ground.inbox()), []
    really = ground.deliver
    monkeypatch.setattr(ground, "deliver", lambda *args, **options: replies.append(really(*args, **options)))
    news(ground)
    for reply in replies:
        check_taken(reply)
    assert len(ground.inbox()) == before + len(replies) > before
    assert site_workers.drain() == len(replies)
    assert differences(attacks_database_url, ground.site) == []
    assert set(outcomes(ground)) == {(True, "read again")}
    rows = ground.scene.tables.connection.execute(
        "SELECT t::text FROM inbox t WHERE tenant_id = %s", (ground.tenant_id,)
    ).fetchall()
    assert not [row for row in rows if "forged" in row[0] or "mallory" in row[0]]


BODIES: dict[str, tuple[bytes, list[str]]] = {
    "not-utf-8": (b'{"issue": {"id": "\xff"}}', []),
    "nul": (b'{"issue": {"id": "1\\u0000"}}', []),
    "half-a-pair": (b'{"issue": {"id": "\\ud800"}}', []),
    "id-is-object": (b'{"issue": {"id": {"id": "1"}}}', []),
    "id-is-list": (b'{"issue": {"id": ["1"]}}', []),
    "id-beyond-reason": (b'{"issue": {"id": "99999999999999999999999"}}', []),
    "id-with-jql": (b'{"issue": {"id": "1) OR 1=1"}}', []),
    "id-with-path": (b'{"issue": {"id": "../../admin"}}', []),
    "deep": (b'{"a":' * 5000 + b"1" + b"}" * 5000, []),
    "deleted": (b'{"webhookEvent": "jira:issue_deleted", "issue": {"id": "77"}}', ["77"]),
    "people": (
        b'{"issue": {"id": "5", "fields": {"summary": "plan"}}, "user": {"emailAddress": "e@v.example"}}',
        ["5"],
    ),
}


@pytest.mark.parametrize(("body", "issues"), [row(51, *values, name=name) for name, values in BODIES.items()])
def test_51_what_is_kept_of_a_body(paired_ground: Ground, body: bytes, issues: list[str]) -> None:
    """Only the address's event and well-formed ids are stored."""
    before, name = paired_ground.inbox(), secrets.token_hex(8)
    check_taken(paired_ground.deliver("jira.issue_updated", body, name=name))
    assert paired_ground.inbox() == [*before, (name, "jira:issue_updated", {"issues": issues})]


class Lagging:
    """A site with a lagging index: searches find nothing, but each issue can be read."""

    def __init__(self, site: Site) -> None:
        self.get = site.get
        self._really = site.post

    def post(self, path: str, body: Json, *, is_page: bool = False) -> Answer:
        if path.endswith("/search/jql"):
            return Answer({"issues": [], "isLast": True}, clock.now())
        return self._really(path, body, is_page=is_page)


@case(51)
def test_51_an_absence_from_a_search_is_no_death(site_workers: Workers, attacks_database_url: str) -> None:
    """The issue is reported deleted and missing from the search: it is read by id before its row is deleted."""
    issue = next(candidate.id for candidate in site_workers.ground.site.world.searchable())
    check_taken(site_workers.ground.deliver("jira.issue_deleted", {"issue": {"id": issue}}))
    site = Lagging(wire_to(site_workers.parts, site_workers.tenant_id))
    source = CloudSource(site)  # type: ignore[arg-type]  # implements the part that the drain calls
    drain = Drain(site_workers.parts.store, source, site_workers.tenant_id)
    assert drain.once() == 1
    assert differences(attacks_database_url, site_workers.ground.site) == []


@case(51)
def test_51_nothing_is_asked_for_what_names_nothing(site_workers: Workers) -> None:
    ground = site_workers.ground
    before = searches(ground)
    for body in (b"", b"{", b'{"comment": {"id": "7"}}', b'{"issue": {"id": "-1"}}'):
        check_taken(ground.deliver("comment_updated", body))
    assert site_workers.drain() == 4
    assert searches(ground) == before


@case(51)
def test_51_a_site_that_is_not_paired_leaves_nothing(scene: Scene) -> None:
    with a_ground(scene) as ground, ground.unmoved():
        for body in (b"", b'{"issue": {"id": "1"}}', b"x" * 1_000_000):
            check_taken(ground.deliver("jira.issue_updated", body))


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        row(51, [], 1, name="no-name"),
        row(51, [("X-Atlassian-Webhook-Identifier", "")], 1, name="empty-name"),
        row(51, [("X-Atlassian-Webhook-Identifier", "x" * 5000)], 1, name="long-name"),
        row(51, [("X-Atlassian-Webhook-Identifier", "' OR 1=1 --")], 1, name="sql"),
        row(51, [("X-Atlassian-Webhook-Identifier", "\u00ff\u00e9")], 1, name="latin-1"),
        row(51, [("X-Atlassian-Webhook-Retry", "many"), ("X-Atlassian-Webhook-Flow", "?")], 1, name="odd-retry"),
        row(51, [("Content-Type", "text/plain")], 1, name="another-type"),
        row(51, [("Content-Encoding", "gzip")], 1, name="said-to-be-packed"),
    ],
)
def test_51_whatever_the_headers_say(paired_ground: Ground, headers: list[tuple[str, str]], names: int) -> None:
    before = paired_ground.inbox()
    request_headers = [("Authorization", f"JWT {paired_ground.site.webhook_token(HOOK)}"), *headers]
    check_taken(paired_ground.send("POST", HOOK, request_headers, b'{"issue": {"id": "10001"}}'))
    deliveries = paired_ground.inbox()
    assert deliveries[: len(before)] == before
    deliveries = deliveries[len(before) :]
    assert [delivery[1:] for delivery in deliveries] == [("jira:issue_updated", {"issues": ["10001"]})] * names
    assert all(len(delivery[0]) <= 255 for delivery in deliveries)


@pytest.mark.parametrize("size", [row("too long", 27, name="27-MB"), row("too long", 200, name="200-MB-said")])
def test_51_more_than_atlassian_sends(paired_ground: Ground, size: int) -> None:
    """Refused before it is read, without using memory; a client that sends all of it can read the answer."""
    length = size * 1024 * 1024
    headers = [("Authorization", f"JWT {paired_ground.site.webhook_token(HOOK)}"), ("Content-Type", JSON)]
    with paired_ground.unmoved():
        if size < 100:
            check_refused(paired_ground.send("POST", HOOK, headers, b"x" * length), 413, "api")
        else:
            _promise(paired_ground, headers, length)
    check_taken(paired_ground.deliver("jira.issue_updated"))


def _promise(ground: Ground, headers: list[tuple[str, str]], length: int) -> None:
    """Announce more than is sent."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", ground.scene.app.port, timeout=20)) as connection:
        connection.putrequest("POST", f"/base{HOOK}")
        for name, value in [*headers, ("Content-Length", str(length))]:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        answer.read()


@case("too long")
def test_51_a_body_in_pieces_is_bounded_too(paired_ground: Ground) -> None:
    """Chunked, without a length: counted on arrival."""
    headers = {"Authorization": f"JWT {paired_ground.site.webhook_token(HOOK)}", "Transfer-Encoding": "chunked"}
    pieces = (b"x" * 1024 * 1024 for _ in range(40))
    with (
        paired_ground.unmoved(),
        contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", paired_ground.scene.app.port, timeout=30)
        ) as connection,
    ):
        connection.request("POST", f"/base{HOOK}", pieces, headers, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == 413, answer.status
        answer.read()


@pytest.mark.parametrize("in_pieces", [row(51, False, name="of-a-length"), row(51, True, name="in-pieces")])
def test_51_half_a_body_is_no_delivery(paired_ground: Ground, in_pieces: bool) -> None:
    """A broken connection: the delivery's name stays free for its complete repetition."""
    before, name = paired_ground.inbox(), secrets.token_hex(8)
    body = b'{"issue": {"id": "10001"}, "x": "' + b"x" * 100_000 + b'"}'
    length_header = b"Transfer-Encoding: chunked" if in_pieces else b"Content-Length: %d" % len(body)
    head = (
        f"POST /base{HOOK} HTTP/1.1\r\nHost: x\r\nAuthorization: JWT {paired_ground.site.webhook_token(HOOK)}\r\n"
        f"X-Atlassian-Webhook-Identifier: {name}\r\n"
    ).encode()
    first_part = b"186c3\r\n" + body[:70_000] if in_pieces else body[:70_000]
    with paired_ground.unmoved(), socket.create_connection(("127.0.0.1", paired_ground.scene.app.port), 10) as wire:
        wire.sendall(head + length_header + b"\r\n\r\n" + first_part)
        wire.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: wire.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 400 "), answer
    check_taken(paired_ground.deliver("jira.issue_updated", body, name=name, retry=1))
    assert paired_ground.inbox() == [*before, (name, "jira:issue_updated", {"issues": ["10001"]})]


# 52: permitted senders


def strangers(ground: Ground, other_ground: Ground) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Targets and headers of deliveries from other sites, or for other addresses."""
    site, now = ground.site, int(time.time())

    def by(token: str, scheme: str = "JWT") -> list[tuple[str, str]]:
        return [("Authorization", f"{scheme} {token}")]

    good = site.webhook_token(HOOK)
    forgery = other_ground.site.webhook_token(HOOK, iss=site.client_key)
    return {
        "unsigned": (HOOK, []),
        "empty": (HOOK, by("")),
        "another-sites-secret": (HOOK, by(forgery)),
        "unknown-site": (HOOK, by(site.webhook_token(HOOK, iss="nobody"))),
        "no-issuer": (HOOK, by(site.webhook_token(HOOK, iss=None))),
        "issuer-is-the-app": (HOOK, by(site.webhook_token(HOOK, iss="io.harness.sei.jira-connect"))),
        "other-event": (HOOK, by(site.webhook_token("/connect/webhooks/comment_created"))),
        "other-hook": (HOOK, by(site.webhook_token("/connect/enabled"))),
        "other-method": (HOOK, by(site.webhook_token(HOOK, "PUT"))),
        "query-added": (f"{HOOK}?a=b", by(good)),
        "query-removed": (HOOK, by(site.webhook_token(f"{HOOK}?a=b"))),
        "token-in-query": (f"{HOOK}?jwt={good}", []),
        "token-in-both": (f"{HOOK}?jwt={good}", by(good)),
        "two-tokens": (HOOK, by(good) * 2),
        "bearer": (HOOK, by(good, "Bearer")),
        "cookie": (HOOK, [("Cookie", f"jwt={good}")]),
        "no-hash": (HOOK, by(site.webhook_token(HOOK, qsh=None))),
        "context": (HOOK, by(ground.context())),
        "context-with-good-times": (HOOK, by(site.webhook_token(HOOK, qsh="context-qsh"))),
        "by-atlassians-key": (HOOK, by(site.lifecycle_token(HOOK))),
        "expired": (HOOK, by(site.webhook_token(HOOK, iat=now - 300, exp=now - 31))),
        "from-tomorrow": (HOOK, by(site.webhook_token(HOOK, iat=now + 60, exp=now + 200))),
        "for-a-day": (HOOK, by(site.webhook_token(HOOK, exp=now + 86400))),
        "hub-signature": (HOOK, [("X-Hub-Signature", "sha256=" + "0" * 64)]),
        "api-key": (HOOK, by(ground.key, "Bearer")),
    }


@case(52)
def test_52_the_good_one_is_taken(paired_ground: Ground) -> None:
    check_taken(
        paired_ground.send("POST", HOOK, [("Authorization", f"JWT {paired_ground.site.webhook_token(HOOK)}")], b"{}")
    )


@case(52)
def test_52_not_from_this_site(ground: Ground, scene: Scene) -> None:
    with a_ground(scene) as other_ground:
        other_ground.pair()
        answers = set()
        for name, (address, headers) in strangers(ground, other_ground).items():
            with ground.unmoved():
                reply = ground.send("POST", address, [*headers, ("Content-Type", JSON)], b'{"issue": {"id": "1"}}')
            assert reply.status == 401, name
            check_refused(reply, 401, "api", "", "eyJ", ground.site.shared_secret)
            answers.add((reply.body, reply.headers["WWW-Authenticate"]))
        assert len(answers) == 1
        assert ground.inbox() == other_ground.inbox() == []


@case(52)
def test_52_a_site_that_left(ground: Ground) -> None:
    token = ground.site.webhook_token(HOOK)
    ground.site.uninstall()
    with ground.unmoved():
        check_refused(ground.send("POST", HOOK, [("Authorization", f"JWT {token}")], b"{}"), 401, "api")


@case(52)
def test_52_a_delivery_under_the_former_secret_counts_while_it_is_in_flight(ground: Ground) -> None:
    token, older = ground.site.webhook_token(HOOK), ground.site.shared_secret
    next_second()  # two installs of one second would be one token with two bodies
    ground.site.rotate_secret()
    ground.scene.made_secrets.add(ground.site.shared_secret)
    assert ground.site.shared_secret != older
    check_taken(ground.send("POST", HOOK, [("Authorization", f"JWT {token}")], b'{"issue": {"id": "1"}}'))
    check_taken(ground.deliver("jira.issue_updated", {"issue": {"id": "2"}}))
    assert len(ground.inbox()) == 2


@pytest.mark.parametrize("method", [row(52, method, name=method) for method in ("GET", "PUT", "DELETE", "PATCH")])
def test_52_hooks_are_posted(paired_ground: Ground, method: str) -> None:
    headers = [("Authorization", f"JWT {paired_ground.site.webhook_token(HOOK, method)}")]
    with paired_ground.unmoved():
        reply = paired_ground.send(method, HOOK, headers)
    assert reply.status == 405
    assert reply.headers["Allow"]
    check_refused(reply, 405, "api")


# 53: outages of our own servers


@pytest.fixture(scope="module")
def own_database(server_url: str) -> str:
    """A database that tests may close."""
    return databases.create(server_url, "closed")


@pytest.fixture(scope="module")
def cable(redis_url: str) -> Iterator[Cable]:
    """A connection to Valkey that tests may cut."""
    new_cable = Cable(urlsplit(redis_url).path)
    yield new_cable
    with contextlib.suppress(OSError):
        new_cable.cut()


@pytest.fixture(scope="module")
def line(own_database: str) -> Iterator[tuple[Cable, str]]:
    """A connection to PostgreSQL that tests may cut, and the database's address through it."""
    new_cable, address = cable_to_postgres(own_database)
    yield new_cable, address
    with contextlib.suppress(OSError):
        new_cable.cut()


@pytest.fixture(scope="module")
def fragile(
    own_database: str,
    line: tuple[Cable, str],
    cable: Cable,
    key_host: HttpKeyHost,
    atlassian: Atlassian,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    with (
        running_app(
            database_url=line[1],
            redis_url=f"redis://127.0.0.1:{cable.port}/5",
            install_keys_url=key_host.url,
            log=tmp_path_factory.mktemp("fragile") / "app.log",
            roles=("web",),
            base_path="/base",
        ) as app,
        psycopg.connect(own_database, autocommit=True) as connection,
    ):
        # The observing connection belongs to the owner and is opened before the outage; tests open a new one after it.
        yield Scene(app, Tables(connection), atlassian, key_host)


@contextlib.contextmanager
def closed(url: str) -> Iterator[None]:
    """Refuse new connections and end the existing ones."""
    name = databases.name_of(url)
    with psycopg.connect(url.replace(f"/{name}?", "/sei_connect?"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@contextlib.contextmanager
def cut(cable: Cable) -> Iterator[None]:
    """Cut the connection."""
    cable.cut()
    try:
        yield
    finally:
        cable.mend()


@pytest.mark.parametrize("outage", [row(53, "closed", name="closed"), row(53, "cut", name="cut")])
def test_53_a_database_that_is_away_loses_nothing(
    fragile: Scene, own_database: str, line: tuple[Cable, str], outage: str
) -> None:
    with psycopg.connect(own_database, autocommit=True) as connection, a_ground(fragile) as ground:
        fragile.tables.connection = connection
        ground.pair()
        request_count = len(ground.wires)
        with closed(own_database) if outage == "closed" else cut(line[0]):
            for _ in range(3):
                reply = ground.deliver("jira.issue_updated", {"issue": {"id": "7"}}, name="d-1")
                check_refused(reply, 503, "api", "", ground.site.shared_secret, ground.site.client_key)
            check_refused(ground.load(), 503, "stranger")
            check_refused(ground.ask(), 503, "api")
            check_refused(ground.api("GET", "/api/v1/integrations"), 503, "api")
            assert len(ground.wires) == request_count
        with psycopg.connect(own_database, autocommit=True) as new_connection:
            fragile.tables.connection = new_connection
            assert ground.inbox() == []
            check_taken(ground.deliver("jira.issue_updated", {"issue": {"id": "7"}}, name="d-1", retry=3))
            assert ground.inbox() == [("d-1", "jira:issue_updated", {"issues": ["7"]})]
            assert ground.load().status == 200
        log = fragile.app.log.read_text(encoding="utf-8", errors="replace")
        assert "unexpected" not in log
        assert "Traceback" not in log


@case(53)
def test_53_without_redis_a_delivery_is_kept_all_the_same(fragile: Scene, own_database: str, cable: Cable) -> None:
    """The row suffices: a sweep enqueues its job later. Requests that need Redis are refused meanwhile."""
    with (
        psycopg.connect(own_database, autocommit=True) as connection,
        a_ground(fragile) as ground,
    ):
        fragile.tables.connection = connection
        ground.pair()
        _, otp = ground.otp()
        with cut(cable):
            check_taken(ground.deliver("jira.issue_updated", {"issue": {"id": "7"}}, name="d-2"))
            with ground.unmoved(request_count=None):
                check_refused(ground.paste(otp, replace=True), 503, "api", "", otp)
        assert ground.inbox() == [("d-2", "jira:issue_updated", {"issues": ["7"]})]


def test_the_cable_leads_to_valkey(redis_url: str) -> None:
    """A list of all ways to reach the servers; a new way fails this test."""
    assert redis_url.startswith("unix://")
    assert parse_qs(urlsplit(redis_url).query)["db"] == ["0"]
