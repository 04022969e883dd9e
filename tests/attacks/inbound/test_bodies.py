"""Hostile bodies under valid tokens. Signatures don't cover bodies; none may do harm."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from app import runtime
from tests.attacks.scene import ABSENT, BASE_PATH, SITE_HOSTS, Customer
from tests.conftest import a_settings
from tests.factories import a_paired_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.attacks.scene import Reply, Scene

EXAMPLES, EXAMPLES_AT_SCALE = 15, 400
FIELDS = (
    *("key", "clientKey", "sharedSecret", "baseUrl", "displayUrl", "eventType", "installationId", "accountId"),
    *("description", "productType", "publicKey", "oauthClientId", "unknown"),
)
_TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["\u0000", "\ud800", "x" * 32, "x" * 255, "x" * 256, "x" * 5000, "https://a.atlassian.net", "http://[::1"]
    ),
    st.text("\u0000\ud800\udfff\n\u202e'\"\\", max_size=40),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.integers(10**300, 10**310) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=10,
)
_RAW = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [b"", b"[" * 100_000, b'{"a":' * 50_000, b'{"n":' + b"9" * 100_000 + b"}", b"\xff\xfe{}", b"NaN", b"{}" * 2]
    ),
)


@pytest.fixture
def limits(is_at_scale: bool) -> settings:
    """Deterministic and bounded: every run has the same examples, `make soak` has more."""
    return settings(
        max_examples=EXAMPLES_AT_SCALE if is_at_scale else EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )


# installed


def test_a_body_of_installed_is_taken_whole_and_once_or_not_at_all(scene: Scene, limits: settings) -> None:
    @limits
    @given(odd=st.dictionaries(st.sampled_from(FIELDS), _JSON | st.just(ABSENT), max_size=3))
    @example(odd={})
    @example(odd={"sharedSecret": "\u0000" * 40})
    @example(odd={"installationId": "x" * 255, "accountId": "\ud800"})
    def send(odd: dict[str, Any]) -> None:
        site = scene.new_site()
        letter = scene.letter("installed", site, body=odd)
        before = scene.tables.fingerprints()
        reply = scene.deliver("installed", letter)
        assert reply.status in {204, 400, 401}, (reply.status, reply.body)
        scene.check_plain(reply)
        if reply.status == 204:
            _check_taken_once(scene, site, letter)
        else:
            assert _without_spent(scene.tables.fingerprints()) == _without_spent(before)

    send()


def _check_taken_once(scene: Scene, site: Customer, letter: dict[str, Any]) -> None:
    record = scene.tables.of(site.client_key)
    assert record is not None
    assert (record.state, record.secret, record.previous) == (
        "active",
        json.loads(letter["body"])["sharedSecret"],
        None,
    )
    after = scene.tables.fingerprints()
    assert scene.deliver("installed", letter).status == 204
    second_letter = {**letter, "body": letter["body"].replace(b"}", b" }", 1)}
    assert scene.deliver("installed", second_letter).status == 401
    assert scene.tables.fingerprints() == after


def _without_spent(fingerprints: dict[str, Any]) -> dict[str, Any]:
    """Fingerprints without that of the used tokens: a refused body may use up its token."""
    return {table: fingerprint for table, fingerprint in fingerprints.items() if table != "spent_tokens"}


@pytest.mark.parametrize("hook", ["installed", "uninstalled"])
def test_octets_under_a_lifecycle_token_have_no_effect(scene: Scene, hook: str, limits: settings) -> None:
    site = scene.installed_site()

    @limits
    @given(raw=_RAW)
    def send(raw: bytes) -> None:
        before = scene.tables.fingerprints()
        reply = scene.deliver(hook, scene.letter(hook, site, body=raw))
        assert reply.status == 400, (reply.status, reply.body)
        scene.check_plain(reply)
        assert scene.tables.fingerprints() == before

    send()
    assert scene.tables.of(site.client_key).state == "active"  # type: ignore[union-attr]  # it was installed


# webhooks


@pytest.fixture(scope="module")
def paired_site(attacks_database_url: str, attacks_redis_url: str, target: object) -> Iterator[Customer]:
    """A site with stored deliveries."""
    given_settings = a_settings(base_url=f"http://127.0.0.1{BASE_PATH}", site_hosts=tuple(SITE_HOSTS.split(",")))
    parts = runtime.assemble(given_settings, database_url=attacks_database_url, redis_url=attacks_redis_url)
    site, _ = a_paired_site(parts)
    yield Customer(site.client_key, site.shared_secret, site.base_url)
    parts.store.engine.dispose()
    parts.redis.close()


def _deliver(scene: Scene, site: Customer, event: str, body: bytes, delivery: bytes) -> Reply:
    token = scene.atlassian.shared_secret_token("POST", f"/connect/webhooks/{event}", site.client_key, site.secret)
    headers = [("Authorization", f"JWT {token}"), ("X-Atlassian-Webhook-Identifier", delivery.decode("latin-1"))]
    return scene.send("POST", f"/connect/webhooks/{event}", headers=headers, body=body)


def _kept(scene: Scene, site: Customer) -> list[tuple[str, str, Any]]:
    return scene.tables.connection.execute(
        "SELECT i.delivery_id, i.event, i.body FROM inbox i JOIN installations n USING (tenant_id)"
        " WHERE n.client_key = %s ORDER BY i.received_at",
        (site.client_key,),
    ).fetchall()


_IDS = st.one_of(
    _JSON, st.integers(-5, 10**19), st.integers(1, 10**6).map(str), st.sampled_from(["٣", "1;DROP", "0", "01", "1 "])
)
_HINTS = st.fixed_dictionaries(
    {},
    optional={
        "issue": st.fixed_dictionaries({"id": _IDS}) | _JSON,
        "worklog": st.fixed_dictionaries({"issueId": _IDS}) | _JSON,
        "issueLink": st.fixed_dictionaries({"sourceIssueId": _IDS, "destinationIssueId": _IDS}) | _JSON,
        "comment": st.fixed_dictionaries(
            {"self": _TEXTS | st.integers(1, 9).map("https://x/rest/api/2/issue/{}/comment/1".format)}
        ),
        "timestamp": _JSON,
        "webhookEvent": _JSON,
    },
)


@pytest.mark.parametrize("event", ["jira.issue_updated", "comment_created", "issuelink_created", "no_such_event"])
def test_a_delivery_is_kept_once_as_plain_ids_whatever_it_brings(
    scene: Scene, paired_site: Customer, event: str, limits: settings
) -> None:
    @limits
    @given(body=_HINTS.map(lambda hints: json.dumps(hints).encode()) | _RAW, octets=st.binary(max_size=300))
    def send(body: bytes, octets: bytes) -> None:
        delivery = secrets.token_hex(4).encode() + bytes(octet for octet in octets if octet > 32 and octet != 127)
        before = len(_kept(scene, paired_site))
        for _ in range(2):
            reply = _deliver(scene, paired_site, event, body, delivery)
            assert (reply.status, reply.body) == (204, b"")
        deliveries = _kept(scene, paired_site)
        assert len(deliveries) == before + 1
        _, event_name, hints = deliveries[-1]
        assert event_name == event.replace("jira.", "jira:")
        assert set(hints) == {"issues"}
        assert all(
            issue_id.isascii() and issue_id.isdigit() and 0 < int(issue_id) < 10**18 for issue_id in hints["issues"]
        )

    send()


def test_a_site_that_is_not_paired_leaves_nothing(scene: Scene) -> None:
    site = scene.installed_site()
    for body in (b"", b"null", b'{"issue":{"id":"1"}}', b"[" * 100_000, b"x" * 1_000_000):
        assert _deliver(scene, site, "jira.issue_updated", body, secrets.token_hex(4).encode()).status == 204
    assert _kept(scene, site) == []
