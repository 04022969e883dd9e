"""Install keys come from one pinned host, by kid; forged tokens cause few fetches and no trust."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
import requests

from app.doors.install_keys import InstallKeys
from app.errors import Unavailable, Unproven
from tests.fakes.atlassian import KeyHost, MemoryCache, elliptic_pem, weak_pem

if TYPE_CHECKING:
    from tests.fakes.atlassian import Atlassian
    from tests.unit.conftest import FrozenClock

HOST = "https://keys.test"
STRANGER = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def host(atlassian: Atlassian) -> KeyHost:
    return atlassian.key_host()


@pytest.fixture
def keys(host: KeyHost) -> InstallKeys:
    return InstallKeys((HOST,), get=host)


def test_a_key_is_fetched_from_the_pinned_host_by_its_kid(
    keys: InstallKeys, host: KeyHost, atlassian: Atlassian
) -> None:
    assert keys.key(atlassian.kid) == atlassian.private_key.public_key()
    assert host.urls == [f"{HOST}/{atlassian.kid}"]


def test_redirects_are_not_followed_and_waiting_is_bounded(
    keys: InstallKeys, host: KeyHost, atlassian: Atlassian
) -> None:
    keys.key(atlassian.kid)
    assert host.options[0]["allow_redirects"] is False
    assert host.options[0]["timeout"] == (3.0, 3.0)
    assert host.options[0]["stream"] is True


def test_a_known_key_is_not_fetched_again_even_when_the_host_is_down(
    keys: InstallKeys, host: KeyHost, atlassian: Atlassian, frozen_clock: FrozenClock
) -> None:
    first = keys.key(atlassian.kid)
    host.fails(requests.ConnectionError())
    frozen_clock.move(30 * 24 * 3600)
    assert keys.key(atlassian.kid) is first
    assert len(host.urls) == 1


@pytest.mark.parametrize(
    "kid",
    [
        None,
        "",
        "../x",
        "http://evil.test/",
        "x" * 10_000,
        f"{STRANGER}?x",
        f"{STRANGER}#x",
        f"{STRANGER}\r\nX: y",
        f"{STRANGER}\n",
        f"{STRANGER}/../{STRANGER}",
        f" {STRANGER}",
        STRANGER.replace("-", ""),
        STRANGER.replace("0", "g"),
        STRANGER.replace("0", "０"),
        f"{{{STRANGER}}}",
    ],
)
def test_a_kid_that_is_no_uuid_is_refused_without_asking(keys: InstallKeys, host: KeyHost, kid: str | None) -> None:
    with pytest.raises(Unproven):
        keys.key(kid)
    assert host.urls == []


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_unknown_kid_is_refused_and_remembered_for_a_minute(
    keys: InstallKeys, host: KeyHost, frozen_clock: FrozenClock, status: int
) -> None:
    host.says(status)
    for _ in range(1000):
        with pytest.raises(Unproven):
            keys.key(STRANGER)
    assert len(host.urls) == 1
    frozen_clock.move(61)
    with pytest.raises(Unproven):
        keys.key(STRANGER)
    assert len(host.urls) == 2


def test_a_kid_that_becomes_known_is_good_after_the_minute(
    keys: InstallKeys, host: KeyHost, atlassian: Atlassian, frozen_clock: FrozenClock
) -> None:
    host.says(404)
    with pytest.raises(Unproven):
        keys.key(atlassian.kid)
    host.recovers()
    frozen_clock.move(61)
    assert keys.key(atlassian.kid) == atlassian.private_key.public_key()


@pytest.mark.usefixtures("frozen_clock")
def test_a_flood_of_kids_asks_thirty_times_a_minute(
    keys: InstallKeys, host: KeyHost, frozen_clock: FrozenClock
) -> None:
    for _ in range(1000):
        with pytest.raises(Unproven):
            keys.key(str(uuid.uuid4()))
    assert len(host.urls) == 30
    frozen_clock.move(61)
    with pytest.raises(Unproven):
        keys.key(str(uuid.uuid4()))
    assert len(host.urls) == 31


@pytest.mark.usefixtures("frozen_clock")
def test_a_flood_does_not_lock_out_a_known_key(keys: InstallKeys, atlassian: Atlassian) -> None:
    keys.key(atlassian.kid)
    for _ in range(100):
        with pytest.raises(Unproven):
            keys.key(str(uuid.uuid4()))
    assert keys.key(atlassian.kid) == atlassian.private_key.public_key()


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 401, 429, 500, 502, 503])
def test_any_other_answer_is_trouble_of_the_host(
    keys: InstallKeys, host: KeyHost, atlassian: Atlassian, status: int
) -> None:
    host.says(status, atlassian.pem, {"Location": f"https://evil.test/{atlassian.kid}"})
    with pytest.raises(Unavailable):
        keys.key(atlassian.kid)
    assert len(host.urls) == 1


@pytest.mark.parametrize(
    "error",
    [requests.ConnectTimeout(), requests.ReadTimeout(), requests.exceptions.SSLError(), requests.ConnectionError()],
    ids=lambda error: type(error).__name__,
)
def test_a_host_that_does_not_answer_is_trouble_and_is_asked_again(
    keys: InstallKeys, host: KeyHost, atlassian: Atlassian, error: requests.RequestException
) -> None:
    host.fails(error)
    with pytest.raises(Unavailable):
        keys.key(atlassian.kid)
    host.recovers()
    assert keys.key(atlassian.kid) == atlassian.private_key.public_key()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Sign in</body></html>",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"\xff\xfe\x00",
        b"-" * 10_000_000,
    ],
    ids=["empty", "HTML", "cut", "binary", "10 MB"],
)
def test_what_is_no_key_is_trouble_of_the_host(keys: InstallKeys, host: KeyHost, body: bytes) -> None:
    host.says(200, body)
    with pytest.raises(Unavailable):
        keys.key(STRANGER)


@pytest.mark.parametrize("pem", [weak_pem(), elliptic_pem()], ids=["1024 bits", "elliptic"])
def test_a_key_too_weak_or_of_another_kind_proves_nothing(keys: InstallKeys, host: KeyHost, pem: bytes) -> None:
    host.says(200, pem)
    with pytest.raises(Unproven):
        keys.key(STRANGER)


def test_a_host_that_drips_is_given_up_on(keys: InstallKeys, host: KeyHost, frozen_clock: FrozenClock) -> None:
    host.drips(lambda: frozen_clock.move(1))
    start = frozen_clock.at
    with pytest.raises(Unavailable):
        keys.key(STRANGER)
    assert (frozen_clock.at - start).total_seconds() < 10


@pytest.mark.parametrize("before", [b"", b"\r\n", b" \n\t"])
@pytest.mark.parametrize("after", [b"", b"\r\n\r\n"])
def test_line_ends_and_blanks_do_not_matter(
    keys: InstallKeys, host: KeyHost, atlassian: Atlassian, before: bytes, after: bytes
) -> None:
    host.says(200, before + atlassian.pem.strip().replace(b"\n", b"\r\n") + after)
    assert keys.key(atlassian.kid) == atlassian.private_key.public_key()


def test_only_a_key_that_verified_a_signature_is_shared(host: KeyHost, atlassian: Atlassian) -> None:
    cache = MemoryCache()
    keys = InstallKeys((HOST,), get=host, key_cache=cache)
    keys.key(atlassian.kid)
    assert cache.pems == {}
    keys.confirm(atlassian.kid)
    assert list(cache.pems) == [atlassian.kid]
    host.fails(requests.ConnectionError())
    assert InstallKeys((HOST,), get=host, key_cache=cache).key(atlassian.kid) == atlassian.private_key.public_key()


def test_a_kid_that_was_never_fetched_is_confirmed_to_nobody(keys: InstallKeys, host: KeyHost) -> None:
    cache = MemoryCache()
    for kid in (STRANGER, None):
        InstallKeys((HOST,), get=host, key_cache=cache).confirm(kid)
        keys.confirm(kid)
    assert (cache.pems, host.urls) == ({}, [])


def test_kept_keys_are_bounded(frozen_clock: FrozenClock, atlassian: Atlassian) -> None:
    kids = [str(uuid.uuid4()) for _ in range(300)]
    host = KeyHost(dict.fromkeys(kids, atlassian.pem))
    keys = InstallKeys((HOST,), get=host)
    for kid in kids:
        frozen_clock.move(3)
        keys.key(kid)
    keys.key(kids[-1])
    assert len(host.urls) == 300, "the newest is kept"
    frozen_clock.move(61)
    keys.key(kids[0])
    assert len(host.urls) == 301, "the oldest made room"
