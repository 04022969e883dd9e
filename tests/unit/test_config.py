"""Production refuses to start on unsafe settings and names each of them without repeating possible secrets."""

from __future__ import annotations

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import Settings, is_loose, load, unsafe
from app.errors import UnsafeSettings

KEY = base64.b64encode(b"k" * 32).decode()
DEVELOPMENT_KEY = base64.b64encode(b"development only, never in prod!").decode()
SAFE = {
    "BASE_URL": "https://app.example.org",
    "DATABASE_URL": "postgresql://sei:hunter2@db.example.org/sei",
    "REDIS_URL": "rediss://:hunter2@redis.example.org:6380/0",
    "SECRET_KEYS": KEY,
}


class Environment:
    """The environment variables of an operator."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def says(self, **variables: str | None) -> None:
        for name, value in variables.items():
            if value is None:
                self._patch.delenv(name, raising=False)
            else:
                self._patch.setenv(name, value)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Nothing is set."""
    for name in list(os.environ):
        if name.lower() in Settings.model_fields:
            monkeypatch.delenv(name)
    return Environment(monkeypatch)


@pytest.fixture
def safe(bare: Environment) -> Environment:
    """The minimum that production needs is set."""
    bare.says(**SAFE)
    return bare


def problems() -> list[str]:
    with pytest.raises(UnsafeSettings) as refusal:
        load()
    assert str(refusal.value).count("\n") == len(refusal.value.problems), "one line a problem"
    return refusal.value.problems


def named() -> set[str]:
    """Variables that the refusal to start names."""
    return {problem.split(":", 1)[0] for problem in problems()}


@pytest.mark.usefixtures("safe")
def test_safe_settings_start_in_production() -> None:
    settings = load()
    assert settings.is_production
    assert settings.site_hosts == ("*.atlassian.net", "*.jira.com")
    assert settings.keys == (b"k" * 32,)
    assert (settings.otp_ttl_seconds, settings.site_concurrency, settings.host, settings.port) == (
        600,
        8,
        "127.0.0.1",
        8080,
    )


@pytest.mark.usefixtures("bare")
def test_production_is_the_default_and_wants_four_things() -> None:
    assert named() == {"BASE_URL", "DATABASE_URL", "REDIS_URL", "SECRET_KEYS"}


def test_development_starts_with_nothing(bare: Environment) -> None:
    bare.says(ENVIRONMENT="development")
    settings = load()
    assert settings.base_url == "http://127.0.0.1:8080"
    assert (settings.database_url, settings.redis_url) == (None, None)
    assert settings.keys == (base64.b64decode(DEVELOPMENT_KEY),)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BASE_URL", None),
        ("BASE_URL", ""),
        ("BASE_URL", "http://app.example.org"),
        ("BASE_URL", "https://localhost"),
        ("BASE_URL", "https://127.0.0.1:8443"),
        ("BASE_URL", "https://[::1]"),
        ("BASE_URL", "https://"),
        ("BASE_URL", "app.example.org"),
        ("BASE_URL", "https://app.example.org?x=1"),
        ("BASE_URL", "https://app.example.org#x"),
        ("BASE_URL", "https://[app.example.org"),
        ("BASE_URL", "https://app.example.org:99999"),
        ("BASE_URLS", "http://old.example.org"),
        ("BASE_URLS", "https://eu.example.org,old.example.org"),
        ("BASE_URLS", "https://eu.example.org,https://old.example.org?x=1"),
        ("INSTALL_KEYS_URL", "http://keys.example.org"),
        ("INSTALL_KEYS_URL", "ftp://keys.example.org"),
        ("DATABASE_URL", None),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "mysql://u:hunter2@h/d"),
        ("DATABASE_URL", "sqlite:///x.db"),
        ("DATABASE_URL", "postgresql://u:hunter2[@h/d"),
        ("REDIS_URL", None),
        ("REDIS_URL", ""),
        ("REDIS_URL", "http://h"),
        ("REDIS_URL", "redis://h:hunter2"),
        ("SECRET_KEYS", None),
        ("SECRET_KEYS", ""),
        ("SECRET_KEYS", " , "),
        ("SECRET_KEYS", "hunter2"),
        ("SECRET_KEYS", base64.b64encode(b"hunter2" * 2).decode()),
        ("SECRET_KEYS", base64.b64encode(b"h" * 33).decode()),
        ("SECRET_KEYS", f"{KEY},hunter2"),
        ("SECRET_KEYS", DEVELOPMENT_KEY),
        ("SECRET_KEYS", f"{KEY},{DEVELOPMENT_KEY}"),
        ("SITE_HOSTS", ","),
        ("SITE_HOSTS", "*"),
        ("SITE_HOSTS", "*.atlassian.net,http://127.0.0.1:*"),
        ("SITE_HOSTS", "*.net"),
        ("ENVIRONMENT", "staging"),
        ("APP_KEY", "a key"),
        ("APP_KEY", "k" * 65),
        ("OTP_TTL_SECONDS", "0"),
        ("OTP_TTL_SECONDS", "3601"),
        ("OTP_TTL_SECONDS", "ten minutes"),
        ("WORKER_CONCURRENCY", "0"),
        ("SITE_CONCURRENCY", "0"),
        ("SITE_CONCURRENCY", "65"),
        ("PORT", "0"),
        ("PORT", "65536"),
    ],
)
def test_an_unsafe_setting_is_named_alone_and_its_value_is_not_repeated(
    safe: Environment, variable: str, value: str | None
) -> None:
    safe.says(**{variable: value})
    messages = problems()
    assert {problem.split(":", 1)[0] for problem in messages} == {variable}
    assert "hunter2" not in "\n".join(messages)
    assert not value or len(value) < 12 or variable == "SITE_HOSTS" or value not in "\n".join(messages)


def test_all_that_is_wrong_is_named_at_once(safe: Environment) -> None:
    safe.says(BASE_URL="http://x", DATABASE_URL=None, REDIS_URL="http://x", SECRET_KEYS="x,y", SITE_HOSTS="*")
    messages = problems()
    assert {problem.split(":", 1)[0] for problem in messages} == {
        *("BASE_URL", "DATABASE_URL", "REDIS_URL", "SECRET_KEYS", "SITE_HOSTS")
    }
    assert sum(problem.startswith("SECRET_KEYS") for problem in messages) == 2, "each bad key by its position"


def test_all_values_of_a_wrong_kind_are_named_at_once(safe: Environment) -> None:
    safe.says(PORT="x", OTP_TTL_SECONDS="x", ENVIRONMENT="x")
    assert named() == {"PORT", "OTP_TTL_SECONDS", "ENVIRONMENT"}


@pytest.mark.parametrize("variable", ["SECRET_KEYS", "BASE_URL", "DATABASE_URL"])
def test_malformed_values_stop_development_too(bare: Environment, variable: str) -> None:
    bare.says(ENVIRONMENT="development", **{variable: "nonsense"})
    assert named() == {variable}


@pytest.mark.parametrize("variable", ["DATABASE_URL", "REDIS_URL", "BASE_URL", "SITE_HOSTS", "PORT", "APP_KEY"])
def test_an_empty_variable_is_an_unset_one(bare: Environment, variable: str) -> None:
    bare.says(ENVIRONMENT="development")
    unset = load()
    bare.says(**{variable: ""})
    assert load() == unset


@pytest.mark.parametrize(
    ("pattern", "loose"),
    [
        ("*.atlassian.net", False),
        ("acme.atlassian.net", False),
        ("https://acme.atlassian.net", False),
        ("acme.atlassian.net:443", False),
        ("jira.example.co.uk", False),
        ("http://acme.atlassian.net", True),
        ("acme.atlassian.net:8443", True),
        ("acme.atlassian.net:*", True),
        ("*", True),
        ("*.net", True),
        ("example.org", True),
        ("*.*.org", True),
        ("acme.*.net", True),
        ("a*.atlassian.*", True),
        ("localhost", True),
        ("127.0.0.1", True),
        ("10.0.0.1", True),
        ("*.0.0.1", True),
        ("[::1]", True),
        ("https://[::1]", True),
        ("https://[2001:db8::1]:443", True),
        ("", True),
    ],
)
def test_a_loose_pattern_is_one_that_names_no_owner(pattern: str, loose: bool) -> None:
    assert is_loose(pattern) is loose


@given(st.text(max_size=30))
def test_no_pattern_makes_the_check_fail(pattern: str) -> None:
    assert is_loose(pattern) in {True, False}


@pytest.mark.parametrize(
    ("base_url", "spelling", "path"),
    [
        ("https://app.test", "https://app.test", ""),
        ("https://app.test/", "https://app.test", ""),
        ("https://app.test/base", "https://app.test/base", "/base"),
        ("https://app.test/base/", "https://app.test/base", "/base"),
        ("https://app.test/a/b", "https://app.test/a/b", "/a/b"),
    ],
)
def test_a_base_url_has_one_spelling(base_url: str, spelling: str, path: str) -> None:
    settings = Settings(environment="development", base_url=base_url)
    assert (settings.base_url, settings.base_path) == (spelling, path)


def test_further_bases_stand_behind_the_base_url(safe: Environment) -> None:
    assert load().bases == ("https://app.example.org",)
    safe.says(BASE_URL="https://app.example.org/app/", BASE_URLS="https://eu.example.org/, https://old.example.org/a")
    settings = load()
    assert settings.bases == ("https://app.example.org/app", "https://eu.example.org", "https://old.example.org/a")
    assert (settings.base_path, settings.base_paths) == ("/app", {"/app", "", "/a"})


def test_lists_are_comma_separated(safe: Environment) -> None:
    second_key = base64.b64encode(b"o" * 32).decode()
    safe.says(SECRET_KEYS=f" {KEY} , {second_key},", SITE_HOSTS="a.example.org, b.example.org")
    settings = load()
    assert settings.keys == (b"k" * 32, b"o" * 32)
    assert settings.site_hosts == ("a.example.org", "b.example.org")


def test_settings_do_not_change_once_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings(environment="development").port = 1


def test_development_has_no_complaint_about_a_laptop() -> None:
    laptop = Settings(
        environment="development", site_hosts=("http://127.0.0.1:*",), install_keys_url="http://127.0.0.1:1"
    )
    assert unsafe(laptop) == []
