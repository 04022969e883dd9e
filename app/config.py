"""Settings, one attribute a variable, and their safety checks. README lists them; a test compares."""

from __future__ import annotations

import base64
import binascii
import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import UnsafeSettings

ATLASSIAN_INSTALL_KEYS = "https://asap-distribution.us-west-2.prod.atl-asap.net"
ATLASSIAN_INSTALL_KEYS_OLD = "https://connect-install-keys.atlassian.com"
"""Atlassian's production key hosts: the current one, and the one in older documents."""
API_KEY_SHAPE = re.compile(r"sei_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{32,128}")
KEY_BYTES = 32
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - names to recognise, nothing binds here
_DEVELOPMENT_KEY = base64.b64encode(b"development only, never in prod!").decode()


class Settings(BaseSettings):
    """One attribute a variable, upper-case in the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    environment: Literal["production", "development"] = "production"
    base_url: str = "http://127.0.0.1:8080"
    base_urls: Annotated[tuple[str, ...], NoDecode] = ()
    # Not in a repr: some hold a password, and a repr ends up in a traceback.
    database_url: str | None = Field(None, repr=False)
    redis_url: str | None = Field(None, repr=False)
    secret_keys: Annotated[tuple[str, ...], NoDecode] = Field((), repr=False)
    app_key: str = Field("io.harness.sei.jira-connect", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    install_keys_url: str = ATLASSIAN_INSTALL_KEYS
    forge_api_host: str = "api.atlassian.com"
    site_hosts: Annotated[tuple[str, ...], NoDecode] = ("*.atlassian.net", "*.jira.com")
    otp_ttl_seconds: int = Field(600, ge=1, le=3600)
    bootstrap_account: str | None = None
    bootstrap_api_key: str | None = Field(None, repr=False)
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = Field(None, repr=False)
    oidc_account_claim: str = Field("sei_account", min_length=1, max_length=100)
    worker_concurrency: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    site_concurrency: int = Field(8, ge=1, le=64)
    app_points_per_hour: int = Field(65_000, ge=1000)
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=1, le=65535)
    data_dir: Path = Path("var")

    @field_validator("base_urls", "secret_keys", "site_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Comma-separated text, as operators write lists in an environment."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("base_url", "install_keys_url", "forge_api_host", "oidc_issuer")
    @classmethod
    def _without_slash(cls, value: str | None) -> str | None:
        """Strip trailing slashes: an address needs one spelling for comparison and joining."""
        return value.rstrip("/") if value else value

    @field_validator("base_urls")
    @classmethod
    def _all_without_slash(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(value.rstrip("/") for value in values)

    @property
    def is_production(self) -> bool:
        """Whether unsafe settings prevent the start."""
        return self.environment == "production"

    @property
    def base_path(self) -> str:
        """The path part of BASE_URL, without a trailing slash; empty when the app owns the host."""
        return _path_of(self.base_url)

    @property
    def bases(self) -> tuple[str, ...]:
        """All addresses of the app: BASE_URL, then the further ones, which callers may use and nobody is shown."""
        return (self.base_url, *self.base_urls)

    @property
    def base_paths(self) -> frozenset[str]:
        """The path parts of all bases."""
        return frozenset(map(_path_of, self.bases))

    @property
    def gateway(self) -> str:
        """Atlassian's API gateway: the address of every site for tokens with scopes."""
        return self.forge_api_host if "://" in self.forge_api_host else f"https://{self.forge_api_host}"

    @property
    def has_oidc(self) -> bool:
        """Whether people may sign in to the console through a provider."""
        return None not in (self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret)

    @property
    def install_key_hosts(self) -> tuple[str, ...]:
        """The hosts of install keys, in order of look-up; a configured host stands alone."""
        if self.install_keys_url == ATLASSIAN_INSTALL_KEYS:
            return (ATLASSIAN_INSTALL_KEYS, ATLASSIAN_INSTALL_KEYS_OLD)
        return (self.install_keys_url,)

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The sealing keys, newest first; a fixed key by default in development."""
        encoded_keys = self.secret_keys or (() if self.is_production else (_DEVELOPMENT_KEY,))
        return tuple(base64.b64decode(key, validate=True) for key in encoded_keys)


def load() -> Settings:
    """Load the process's settings. Raises UnsafeSettings, which names every variable at fault and its remedy."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise UnsafeSettings([_explain(finding) for finding in error.errors()]) from None
    problems = unsafe(settings)
    if problems:
        raise UnsafeSettings(problems)
    return settings


def unsafe(settings: Settings) -> list[str]:
    """Reasons against a start: malformed keys and addresses anywhere, missing or weak settings in production."""
    problems = [*_bad_keys(settings), *_bad_addresses(settings), *_bad_bootstrap(settings), *_bad_oidc(settings)]
    if settings.is_production:
        problems += _not_for_production(settings)
    return problems


def _explain(error: object) -> str:
    """One finding of pydantic without the value: it may be a secret."""
    location = ".".join(str(step) for step in error["loc"]) if isinstance(error, dict) else "?"
    message = error["msg"] if isinstance(error, dict) else str(error)
    return f"{location.upper()}: {message}"


def _bad_keys(settings: Settings) -> list[str]:
    remedy = (
        "make one with: python -c 'import secrets,base64; print(base64.b64encode(secrets.token_bytes(32)).decode())'"
    )
    problems = []
    for position, key in enumerate(settings.secret_keys, 1):
        try:
            is_right = len(base64.b64decode(key, validate=True)) == KEY_BYTES
        except (binascii.Error, ValueError):
            is_right = False
        if not is_right:
            problems.append(f"SECRET_KEYS: key {position} is not 32 bytes in base64; {remedy}")
    if settings.is_production and not settings.secret_keys:
        problems.append(f"SECRET_KEYS: required in production; {remedy}")
    if settings.is_production and _DEVELOPMENT_KEY in settings.secret_keys:
        problems.append(f"SECRET_KEYS: the development key is public; {remedy}")
    return problems


def _bad_addresses(settings: Settings) -> list[str]:
    problems = []
    for name, value, schemes in (
        ("BASE_URL", settings.base_url, ("http", "https")),
        *(("BASE_URLS", base_url, ("http", "https")) for base_url in settings.base_urls),
        ("INSTALL_KEYS_URL", settings.install_keys_url, ("http", "https")),
        ("FORGE_API_HOST", settings.gateway, ("http", "https")),
        ("OIDC_ISSUER", settings.oidc_issuer, ("http", "https")),
        ("DATABASE_URL", settings.database_url, ("postgresql", "postgres")),
        ("REDIS_URL", settings.redis_url, ("redis", "rediss", "unix")),
    ):
        parts = _split(value or "")
        if parts is None:
            problems.append(f"{name}: is not an address")
        elif value and parts.scheme not in schemes:
            problems.append(f"{name}: must start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        elif value and parts.scheme in {"http", "https"} and (not parts.hostname or parts.query or parts.fragment):
            problems.append(f"{name}: must be a plain address without query or fragment")
    if not settings.site_hosts:
        problems.append("SITE_HOSTS: empty; no site could install the app")
    return problems


def _bad_bootstrap(settings: Settings) -> list[str]:
    """Problems of the bootstrap account: both variables or neither, and a key of the API's format."""
    account, key = settings.bootstrap_account, settings.bootstrap_api_key
    if (account is None) != (key is None):
        return ["BOOTSTRAP_ACCOUNT and BOOTSTRAP_API_KEY: set both or neither"]
    if key is not None and not API_KEY_SHAPE.fullmatch(key):
        return ["BOOTSTRAP_API_KEY: is not `sei_`, 8 letters or digits, `_`, 32 or more random signs"]
    return []


def _bad_oidc(settings: Settings) -> list[str]:
    """Problems of the sign-in provider: all variables or none."""
    variables = {
        "OIDC_ISSUER": settings.oidc_issuer,
        "OIDC_CLIENT_ID": settings.oidc_client_id,
        "OIDC_CLIENT_SECRET": settings.oidc_client_secret,
    }
    missing_names = [name for name, value in variables.items() if value is None]
    if missing_names and len(missing_names) < len(variables):
        return [f"{', '.join(missing_names)}: set all of {', '.join(variables)} or none"]
    return []


def _split(url: str) -> SplitResult | None:
    """An address in parts; None where it does not parse (an unclosed bracket, a port without digits)."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _path_of(url: str) -> str:
    parts = _split(url)
    return parts.path.rstrip("/") if parts else ""


def _not_for_production(settings: Settings) -> list[str]:
    problems = []
    if "base_url" not in settings.model_fields_set:
        problems.append("BASE_URL: required in production; set it to the app's public https address")
    elif not settings.base_url.startswith("https://"):
        problems.append("BASE_URL: must be https in production; Atlassian calls nothing else")
    elif (parts := _split(settings.base_url)) is not None and parts.hostname in LOCAL_NAMES:
        problems.append("BASE_URL: names this machine; set it to the app's public address")
    if not all(base_url.startswith("https://") for base_url in settings.base_urls):
        problems.append("BASE_URLS: must be https in production; Atlassian calls nothing else")
    for name, address, danger in (
        ("INSTALL_KEYS_URL", settings.install_keys_url, "sign installs"),
        ("FORGE_API_HOST", settings.gateway, "read API tokens"),
        ("OIDC_ISSUER", settings.oidc_issuer, "sign people in"),
    ):
        if address is not None and not address.startswith("https://"):
            problems.append(f"{name}: must be https in production, or anyone on the way could {danger}")
    for name, value in (("DATABASE_URL", settings.database_url), ("REDIS_URL", settings.redis_url)):
        if value is None:
            problems.append(f"{name}: required in production; the embedded server is for one machine")
    loose = [host for host in settings.site_hosts if is_loose(host)]
    if loose:
        problems.append(f"SITE_HOSTS: {', '.join(loose)} would let the app call private or unencrypted addresses")
    return problems


def is_loose(pattern: str) -> bool:
    """Whether a SITE_HOSTS pattern names http, another port, an address or a bare wildcard."""
    scheme, _, address = pattern.rpartition("://")
    host, _, port = address.partition(":")
    labels = host.split(".")
    return (
        scheme not in {"", "https"}
        or port not in {"", "443"}
        or host in LOCAL_NAMES
        or len(labels) < 3  # noqa: PLR2004 - `*.example.org` is the widest pattern that still names an owner
        or labels[-1].isdigit()
        or "*" in "".join(labels[1:])
        or ":" in address.replace(f":{port}", "", 1)
    )
