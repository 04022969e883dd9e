"""The Connect door: each class of route accepts its own class of token and no other."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import requests

from app import clock
from app.config import Settings
from app.doors.connect import ConnectDoor, ConnectRequest
from app.doors.install_keys import InstallKeys
from app.errors import Unavailable, Unproven
from app.tenants.keyring import Secrets
from app.tenants.model import State, Tenant
from tests.fakes.atlassian import MemoryCache, raw_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.atlassian import Atlassian, KeyHost

BASE = "https://app.test/base"
SECRET, OTHER_SECRET, OLD_SECRET = "s" * 48, "t" * 48, "o" * 48
ACME = Tenant(UUID(int=1), "jira_cloud", "https://acme.atlassian.net", None, State.ACTIVE, "acme")
RIVAL = Tenant(UUID(int=2), "jira_cloud", "https://rival.atlassian.net", None, State.ACTIVE, "rival")
HOOK = "/connect/installed"
WEBHOOK = "/connect/webhooks/jira.issue_updated"
PAGE = "/jira/configuration?lic=none&xdm_e=https%3A%2F%2Facme.atlassian.net"
CALL = "/jira/pairing"


@dataclass
class StaticKeyring:
    """A fake keyring with sites, their secrets, and a record of lookups."""

    sites: dict[str, tuple[Tenant, Secrets]] = field(default_factory=dict)
    lookups: list[str] = field(default_factory=list)

    def find(self, client_key: str) -> tuple[Tenant, Secrets] | None:
        self.lookups.append(client_key)
        return self.sites.get(client_key)


@pytest.fixture
def ring() -> StaticKeyring:
    return StaticKeyring({"acme": (ACME, Secrets(SECRET, None)), "rival": (RIVAL, Secrets(OTHER_SECRET, None))})


@pytest.fixture
def host(atlassian: Atlassian) -> KeyHost:
    return atlassian.key_host()


@pytest.fixture
def door(ring: StaticKeyring, host: KeyHost) -> ConnectDoor:
    settings = Settings(environment="development", base_url=BASE)
    return ConnectDoor(settings, ring, InstallKeys(("https://keys.test",), get=host))  # type: ignore[arg-type]


def posted(path: str, token: str) -> ConnectRequest:
    """A request with its token in the header, like those of Jira and of our page."""
    return ConnectRequest("POST", f"/base{path}", (f"JWT {token}",), ())


def loaded(target: str, token: str) -> ConnectRequest:
    """A page with the token in its query."""
    return ConnectRequest("GET", f"/base{target}&jwt={token}", (), (token,))


def lifecycle_request(atlassian: Atlassian, **override: Any) -> ConnectRequest:
    return posted(HOOK, atlassian.lifecycle_token(HOOK, "acme", BASE, **override))


# Each class of token is good at its own door


def test_lifecycle_takes_atlassians_signature(door: ConnectDoor, atlassian: Atlassian) -> None:
    token = atlassian.lifecycle_token(HOOK, "acme", BASE)
    claims, raw = door.lifecycle(posted(HOOK, token))
    assert (claims.issuer, raw) == ("acme", token)


def test_lifecycle_shares_a_key_once_a_signature_has_verified(
    ring: StaticKeyring, host: KeyHost, atlassian: Atlassian
) -> None:
    cache = MemoryCache()
    install_keys = InstallKeys(("https://keys.test",), get=host, key_cache=cache)
    door = ConnectDoor(Settings(environment="development", base_url=BASE), ring, install_keys)  # type: ignore[arg-type]
    header, payload, _ = atlassian.lifecycle_token(HOOK, "acme", BASE).split(".")
    forged_token = f"{header}.{payload}.{atlassian.lifecycle_token(HOOK, 'rival', BASE).split('.')[2]}"
    with pytest.raises(Unproven):
        door.lifecycle(posted(HOOK, forged_token))
    assert cache.pems == {}
    for _ in range(2):
        door.lifecycle(lifecycle_request(atlassian))
    assert list(cache.pems) == [atlassian.kid]


def test_lifecycle_asks_no_keyring_since_the_site_may_be_new(
    door: ConnectDoor, ring: StaticKeyring, atlassian: Atlassian
) -> None:
    door.lifecycle(lifecycle_request(atlassian))
    assert ring.lookups == []


def test_server_takes_the_sites_signature(door: ConnectDoor, atlassian: Atlassian) -> None:
    token = atlassian.shared_secret_token("POST", WEBHOOK, "acme", SECRET)
    caller = door.server(posted(WEBHOOK, token))
    assert (caller.tenant, caller.account_id) == (ACME, None)
    assert abs(caller.issued_at - time.time()) < 30


def test_page_takes_the_sites_signature_in_the_query(door: ConnectDoor, atlassian: Atlassian) -> None:
    token = atlassian.shared_secret_token("GET", PAGE, "acme", SECRET, sub="admin-1")
    caller = door.page(loaded(PAGE, token))
    assert (caller.tenant, caller.account_id) == (ACME, "admin-1")


def test_context_takes_a_context_token(door: ConnectDoor, atlassian: Atlassian) -> None:
    caller = door.context(posted(CALL, atlassian.context_token("acme", SECRET, "admin-1")))
    assert (caller.tenant, caller.account_id) == (ACME, "admin-1")


# … and at no other


def _tokens(atlassian: Atlassian) -> dict[str, str]:
    """One good token of each class, all for the same address."""
    return {
        "lifecycle": atlassian.lifecycle_token(CALL, "acme", BASE),
        "server": atlassian.shared_secret_token("POST", CALL, "acme", SECRET),
        "page": atlassian.shared_secret_token("GET", CALL, "acme", SECRET, sub="admin-1"),
        "context": atlassian.context_token("acme", SECRET, "admin-1"),
    }


@pytest.mark.parametrize("at", ["lifecycle", "server", "page", "context"])
@pytest.mark.parametrize("kind", ["lifecycle", "server", "page", "context"])
@pytest.mark.parametrize("place", ["header", "query"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_door_takes_another_doors_token(
    door: ConnectDoor, atlassian: Atlassian, at: str, kind: str, place: str, method: str
) -> None:
    token = _tokens(atlassian)[kind]
    in_header = place == "header"
    connect_request = ConnectRequest(
        method, f"/base{CALL}", (f"JWT {token}",) if in_header else (), () if in_header else (token,)
    )
    # A token for GET of an address is valid in the header of a GET there, regardless of Jira's intention.
    good = {
        "lifecycle": [("lifecycle", "header", "POST")],
        "server": [("server", "header", "POST"), ("page", "header", "GET")],
        "page": [("page", "query", "GET")],
        "context": [("context", "header", "GET"), ("context", "header", "POST")],
    }
    enter: Callable[[ConnectRequest], object] = getattr(door, at)
    if (kind, place, method) in good[at]:
        assert enter(connect_request)
    else:
        with pytest.raises(Unproven):
            enter(connect_request)


# Exactly one token, in one place


@pytest.mark.parametrize(
    "authorizations",
    [
        (),
        ("{token}",),
        ("Bearer {token}",),
        ("JWT",),
        ("JWT ",),
        ("JWT{token}",),
        ("Basic e30=",),
        ("JWT {token}", "JWT {token}"),
        ("JWT {token}", "Basic e30="),
        ("JWT {token}, JWT {token}",),
    ],
)
@pytest.mark.parametrize("at", ["lifecycle", "server", "context"])
def test_header_doors_want_one_header_of_the_jwt_scheme(
    door: ConnectDoor, atlassian: Atlassian, at: str, authorizations: tuple[str, ...]
) -> None:
    token = _tokens(atlassian)[at]
    connect_request = ConnectRequest(
        "POST", f"/base{CALL}", tuple(header.format(token=token) for header in authorizations), ()
    )
    with pytest.raises(Unproven):
        getattr(door, at)(connect_request)


@pytest.mark.parametrize("scheme", ["JWT", "jwt", "Jwt"])
def test_the_schemes_case_does_not_matter(door: ConnectDoor, atlassian: Atlassian, scheme: str) -> None:
    token = atlassian.context_token("acme", SECRET, "admin-1")
    assert door.context(ConnectRequest("GET", f"/base{CALL}", (f"{scheme} {token}",), ())).tenant == ACME


@pytest.mark.parametrize("at", ["lifecycle", "server", "context"])
def test_header_doors_refuse_a_second_token_in_the_query(door: ConnectDoor, atlassian: Atlassian, at: str) -> None:
    token = _tokens(atlassian)[at]
    with pytest.raises(Unproven):
        getattr(door, at)(ConnectRequest("POST", f"/base{CALL}?jwt={token}", (f"JWT {token}",), (token,)))


def test_page_refuses_a_second_token_anywhere(door: ConnectDoor, atlassian: Atlassian) -> None:
    token = atlassian.shared_secret_token("GET", PAGE, "acme", SECRET)
    good = loaded(PAGE, token)
    assert door.page(good)
    with pytest.raises(Unproven):
        door.page(replace(good, authorizations=(f"JWT {token}",)))
    with pytest.raises(Unproven):
        door.page(replace(good, query_tokens=(token, token)))
    with pytest.raises(Unproven):
        door.page(replace(good, query_tokens=()))


# Bound to one address


@pytest.mark.parametrize(
    "target",
    [
        PAGE.replace("none", "active"),
        f"{PAGE}&extra=1",
        "/jira/configuration?lic=none",
        PAGE.replace("/configuration", "/pairing"),
        PAGE.replace("/jira", "//jira"),
        f"/base{PAGE}",
    ],
)
def test_page_is_bound_to_its_address(door: ConnectDoor, atlassian: Atlassian, target: str) -> None:
    token = atlassian.shared_secret_token("GET", PAGE, "acme", SECRET)
    with pytest.raises(Unproven):
        door.page(loaded(target, token))


def test_page_is_not_bound_to_the_order_of_its_parameters(door: ConnectDoor, atlassian: Atlassian) -> None:
    token = atlassian.shared_secret_token("GET", PAGE, "acme", SECRET)
    path, _, query = PAGE.partition("?")
    assert door.page(loaded(f"{path}?{'&'.join(reversed(query.split('&')))}", token))


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "get"])
def test_page_is_loaded_by_get(door: ConnectDoor, atlassian: Atlassian, method: str) -> None:
    token = atlassian.shared_secret_token(method, PAGE, "acme", SECRET)
    with pytest.raises(Unproven):
        door.page(replace(loaded(PAGE, token), method=method))


@pytest.mark.parametrize(
    "query_hash", [None, "", "context-qsh", ["context-qsh"], "F" * 64, "0" * 64, "é", "\ud800"], ids=repr
)
@pytest.mark.parametrize("at", ["lifecycle", "server"])
def test_another_hash_is_refused(door: ConnectDoor, atlassian: Atlassian, at: str, query_hash: object) -> None:
    token = {
        "lifecycle": atlassian.lifecycle_token(HOOK, "acme", BASE, qsh=query_hash),
        "server": atlassian.shared_secret_token("POST", HOOK, "acme", SECRET, qsh=query_hash),
    }[at]
    with pytest.raises(Unproven):
        getattr(door, at)(posted(HOOK, token))


@pytest.mark.parametrize("values", ["a0&f=a%3Ab", "a%3Ab&f=a0"])
@pytest.mark.parametrize(
    "digest",
    [
        "e4d11541d20ec964dcf76d8efd34105354f28f644b7c8109d5eff5eb4b5c1dc5",
        "4a135d5ee3448817bf8ac100d92e4a0b6b9d4e09e51cc670511a6637d8eab156",
    ],
)
def test_both_published_orders_of_repeated_values_are_good(
    door: ConnectDoor, atlassian: Atlassian, values: str, digest: str
) -> None:
    token = atlassian.shared_secret_token("GET", "/s", "acme", SECRET, qsh=digest)  # vector D1
    assert door.page(loaded(f"/s?f={values}", token))


# Issued for us


@pytest.mark.parametrize(
    "audience",
    [BASE, f"{BASE}/", [BASE], [f"{BASE}/"], ["https://other.test", BASE]],
    ids=repr,
)
def test_an_install_for_us_is_good_however_it_is_written(
    door: ConnectDoor, atlassian: Atlassian, audience: object
) -> None:
    assert door.lifecycle(lifecycle_request(atlassian, aud=audience))


@pytest.mark.parametrize(
    "audience",
    [
        None,
        [],
        "",
        "https://other.test",
        "https://app.test",
        "https://app.test/",
        f"{BASE}.evil.com",
        f"{BASE}//",
        f"{BASE}/x",
        BASE.upper(),
        BASE.replace("https", "http"),
        {BASE: 1},
        [[BASE]],
        f"https://evil.test/?{BASE}",
    ],
    ids=repr,
)
def test_an_install_for_somebody_else_is_refused_before_any_key_is_fetched(
    door: ConnectDoor, atlassian: Atlassian, host: KeyHost, audience: object
) -> None:
    with pytest.raises(Unproven):
        door.lifecycle(lifecycle_request(atlassian, aud=audience))
    assert host.urls == []


@pytest.mark.parametrize("audience", ["https://other.test", ["acme"], 7, None], ids=repr)
def test_a_sites_own_token_may_name_any_audience(door: ConnectDoor, atlassian: Atlassian, audience: object) -> None:
    token = atlassian.shared_secret_token("POST", WEBHOOK, "acme", SECRET, aud=audience)
    assert door.server(posted(WEBHOOK, token)).tenant == ACME


# Signed by the right key


def test_an_install_signed_with_the_sites_secret_is_refused(door: ConnectDoor, atlassian: Atlassian) -> None:
    token = atlassian.shared_secret_token("POST", HOOK, "acme", SECRET, aud=BASE)
    with pytest.raises(Unproven):
        door.lifecycle(posted(HOOK, token))


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
def test_an_install_signed_with_the_public_key_as_a_secret_is_refused(
    door: ConnectDoor, atlassian: Atlassian, algorithm: str
) -> None:
    good = atlassian.lifecycle_token(HOOK, "acme", BASE).split(".")[1].encode()
    token = raw_token({"alg": algorithm, "kid": atlassian.kid}, good, atlassian.pem)
    with pytest.raises(Unproven):
        door.lifecycle(posted(HOOK, token))


@pytest.mark.parametrize("algorithm", ["none", "RS384", "PS256", "ES256"])
def test_an_install_under_another_algorithm_is_refused_before_any_key_is_fetched(
    door: ConnectDoor, atlassian: Atlassian, host: KeyHost, algorithm: str
) -> None:
    good = atlassian.lifecycle_token(HOOK, "acme", BASE).split(".")[1].encode()
    token = raw_token({"alg": algorithm, "kid": atlassian.kid}, good, atlassian.private_key)
    with pytest.raises(Unproven):
        door.lifecycle(posted(HOOK, token))
    assert host.urls == []


def test_an_install_while_the_key_host_is_down_is_our_trouble(
    door: ConnectDoor, atlassian: Atlassian, host: KeyHost
) -> None:
    host.fails(requests.ConnectTimeout())
    with pytest.raises(Unavailable):
        door.lifecycle(lifecycle_request(atlassian))
    host.recovers()
    door.lifecycle(lifecycle_request(atlassian))
    host.fails(requests.ConnectTimeout())
    assert door.lifecycle(lifecycle_request(atlassian)), "the key is known by now"


@pytest.mark.parametrize("client_key", ["rival", "nobody"])
def test_a_sites_secret_opens_no_other_site(door: ConnectDoor, atlassian: Atlassian, client_key: str) -> None:
    token = atlassian.shared_secret_token("POST", WEBHOOK, client_key, SECRET)
    with pytest.raises(Unproven):
        door.server(posted(WEBHOOK, token))


def test_one_secret_for_all_sites_still_tells_them_apart(
    door: ConnectDoor, ring: StaticKeyring, atlassian: Atlassian
) -> None:
    ring.sites["rival"] = (RIVAL, Secrets(SECRET, None))
    token = atlassian.shared_secret_token("POST", WEBHOOK, "acme", SECRET)
    assert door.server(posted(WEBHOOK, token)).tenant == ACME
    header, _, signature = token.split(".")
    payload = atlassian.shared_secret_token("POST", WEBHOOK, "rival", SECRET).split(".")[1]
    with pytest.raises(Unproven):
        door.server(posted(WEBHOOK, f"{header}.{payload}.{signature}"))


def test_an_unknown_site_and_a_bad_signature_get_one_answer(door: ConnectDoor, atlassian: Atlassian) -> None:
    answers = []
    for client_key, secret in (("nobody", SECRET), ("acme", OTHER_SECRET)):
        with pytest.raises(Unproven) as refusal:
            door.context(posted(CALL, atlassian.context_token(client_key, secret, "admin-1")))
        answers.append(str(refusal.value))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("at", ["page", "context", "server"])
def test_a_rotated_secret_opens_only_tokens_issued_before_the_rotation(
    door: ConnectDoor, ring: StaticKeyring, atlassian: Atlassian, at: str
) -> None:
    rotated_at = clock.now().replace(microsecond=400_000) - timedelta(seconds=20)
    second = int(rotated_at.timestamp())

    def connect_request(secret: str, issued_at: int) -> ConnectRequest:
        if at == "page":
            return loaded(PAGE, atlassian.shared_secret_token("GET", PAGE, "acme", secret, iat=issued_at))
        if at == "context":
            return posted(CALL, atlassian.context_token("acme", secret, "admin-1", iat=issued_at))
        return posted(WEBHOOK, atlassian.shared_secret_token("POST", WEBHOOK, "acme", secret, iat=issued_at))

    opens = getattr(door, at)
    with pytest.raises(Unproven):
        opens(connect_request(OLD_SECRET, second))
    ring.sites["acme"] = (ACME, Secrets(SECRET, OLD_SECRET, rotated_at))
    for issued_at in (second - 60, second):
        assert opens(connect_request(OLD_SECRET, issued_at)).tenant == ACME
        assert opens(connect_request(SECRET, issued_at)).tenant == ACME
        with pytest.raises(Unproven):
            opens(connect_request(OTHER_SECRET, issued_at))
    for issued_at in (second + 1, second + 20):
        assert opens(connect_request(SECRET, issued_at)).tenant == ACME
        with pytest.raises(Unproven):
            opens(connect_request(OLD_SECRET, issued_at))


# Further bases of the app


@pytest.fixture
def door_with_bases(ring: StaticKeyring, host: KeyHost) -> ConnectDoor:
    settings = Settings(
        environment="development", base_url=BASE, base_urls=("https://old.test", "https://eu.app.test/other/")
    )
    return ConnectDoor(settings, ring, InstallKeys(("https://keys.test",), get=host))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("base", "path"), [(BASE, "/base"), ("https://old.test", ""), ("https://eu.app.test/other/", "/other")]
)
def test_a_further_base_is_accepted_in_audiences_and_hashes(
    door_with_bases: ConnectDoor, door: ConnectDoor, atlassian: Atlassian, base: str, path: str
) -> None:
    token = atlassian.lifecycle_token(HOOK, "acme", base)
    hook = ConnectRequest("POST", f"{path}{HOOK}", (f"JWT {token}",), ())
    webhook_token = atlassian.shared_secret_token("POST", WEBHOOK, "acme", SECRET)
    webhook = ConnectRequest("POST", f"{path}{WEBHOOK}", (f"JWT {webhook_token}",), ())
    assert door_with_bases.lifecycle(hook)[0].issuer == "acme"
    assert door_with_bases.server(webhook).tenant == ACME
    if base != BASE:
        with pytest.raises(Unproven):
            door.lifecycle(hook)


@pytest.mark.parametrize("audience", ["https://old.test.evil", "https://eu.app.test", "https://eu.app.test/othe", ""])
def test_an_address_near_a_further_base_is_refused(
    door_with_bases: ConnectDoor, atlassian: Atlassian, audience: str
) -> None:
    with pytest.raises(Unproven):
        door_with_bases.lifecycle(posted(HOOK, atlassian.lifecycle_token(HOOK, "acme", audience)))


# In time, and from an existing site


@pytest.mark.parametrize(("at", "life"), [("page", 900), ("context", 3600), ("server", 3600), ("lifecycle", 3600)])
def test_each_class_has_a_longest_life(door: ConnectDoor, atlassian: Atlassian, at: str, life: int) -> None:
    now = int(time.time())

    def connect_request(seconds: int) -> ConnectRequest:
        times = {"iat": now, "exp": now + seconds}
        if at == "page":
            return loaded(PAGE, atlassian.shared_secret_token("GET", PAGE, "acme", SECRET, **times))
        if at == "context":
            return posted(CALL, atlassian.context_token("acme", SECRET, "admin-1", **times))
        if at == "server":
            return posted(WEBHOOK, atlassian.shared_secret_token("POST", WEBHOOK, "acme", SECRET, **times))
        return lifecycle_request(atlassian, **times)

    assert getattr(door, at)(connect_request(life))
    with pytest.raises(Unproven):
        getattr(door, at)(connect_request(life + 1))


@pytest.mark.parametrize("at", ["server", "page", "context", "lifecycle"])
def test_an_expired_token_is_refused(door: ConnectDoor, atlassian: Atlassian, at: str) -> None:
    now = int(time.time())
    times = {"iat": now - 200, "exp": now - 40}
    connect_request = {
        "server": posted(WEBHOOK, atlassian.shared_secret_token("POST", WEBHOOK, "acme", SECRET, **times)),
        "page": loaded(PAGE, atlassian.shared_secret_token("GET", PAGE, "acme", SECRET, **times)),
        "context": posted(CALL, atlassian.context_token("acme", SECRET, "admin-1", **times)),
        "lifecycle": lifecycle_request(atlassian, **times),
    }[at]
    with pytest.raises(Unproven):
        getattr(door, at)(connect_request)


@pytest.mark.parametrize("state", [State.DISABLED, State.UNINSTALLED])
def test_a_site_that_is_not_active_opens_no_page(
    door: ConnectDoor, ring: StaticKeyring, atlassian: Atlassian, state: State
) -> None:
    ring.sites["acme"] = (replace(ACME, state=state), Secrets(SECRET, None))
    with pytest.raises(Unproven):
        door.page(loaded(PAGE, atlassian.shared_secret_token("GET", PAGE, "acme", SECRET)))
    with pytest.raises(Unproven):
        door.context(posted(CALL, atlassian.context_token("acme", SECRET, "admin-1")))


def test_a_disabled_site_may_still_say_that_it_is_enabled(
    door: ConnectDoor, ring: StaticKeyring, atlassian: Atlassian
) -> None:
    ring.sites["acme"] = (replace(ACME, state=State.DISABLED), Secrets(SECRET, None))
    token = atlassian.shared_secret_token("POST", "/connect/enabled", "acme", SECRET)
    assert door.server(posted("/connect/enabled", token)).tenant.state is State.DISABLED
