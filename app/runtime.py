"""Composition root: the one place where settings become objects, once a process."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from redis import Redis

from app import config, embedded, logs
from app.doors.connect import ConnectDoor
from app.doors.direct import DirectDoor
from app.doors.install_keys import InstallKeys
from app.ingest.backfill import PageSizer
from app.jira.limits import Limiter
from app.pairing.attempts import Attempts
from app.pairing.mint import Mint
from app.pairing.otp_store import OtpStore
from app.pairing.redeem import Redemption
from app.store.session import Store
from app.tenants.install_key_cache import InstallKeyCache
from app.tenants.keyring import Keyring
from app.tenants.sites import Sites
from app.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config import Settings


@dataclass(frozen=True)
class Runtime:
    """Parts of the product, for web, workers, clock and commands."""

    settings: Settings
    redis: Redis
    store: Store
    keyring: Keyring
    sites: Sites
    limiter: Limiter
    page_sizer: PageSizer
    connect_door: ConnectDoor
    direct_door: DirectDoor
    mint: Mint
    redemption: Redemption
    otp_store: OtpStore
    attempts: Attempts
    session_keys: tuple[str, ...] = field(repr=False)
    """Sign the console's cookie, newest first."""


def assemble(settings: Settings, *, database_url: str, redis_url: str, pool_size: int = 10) -> Runtime:
    """The parts, wired to two servers that are up or will be."""
    redis = connect_redis(redis_url)
    store = Store(database_url, redis, pool_size=pool_size)
    vault = Vault(settings.keys)
    keyring = Keyring(store, vault)
    otp_store, attempts = OtpStore(redis), Attempts(redis)
    limiter = Limiter(
        redis, site_concurrency=settings.site_concurrency, app_points_per_hour=settings.app_points_per_hour
    )
    sites = Sites(settings, store, keyring, limiter)
    return Runtime(
        settings=settings,
        redis=redis,
        store=store,
        keyring=keyring,
        sites=sites,
        limiter=limiter,
        page_sizer=PageSizer(),
        connect_door=ConnectDoor(
            settings, keyring, InstallKeys(settings.install_key_hosts, key_cache=InstallKeyCache(store))
        ),
        direct_door=DirectDoor(settings, sites),
        mint=Mint(store, vault, otp_store, attempts, ttl_seconds=settings.otp_ttl_seconds),
        redemption=Redemption(store, vault, otp_store, attempts),
        otp_store=otp_store,
        attempts=attempts,
        session_keys=vault.fingerprints("console", purpose="session"),
    )


def connect_redis(redis_url: str) -> Redis:
    """A client with time-outs: a Redis that hangs must not hang us."""
    return Redis.from_url(redis_url, socket_connect_timeout=5, socket_timeout=30, health_check_interval=30)


@contextmanager
def servers(settings: Settings) -> Iterator[tuple[str, str]]:
    """The addresses of PostgreSQL and Redis: the configured ones, or embedded servers in `var/` while this lasts."""
    wants_database, wants_redis = settings.database_url is None, settings.redis_url is None
    if not (wants_database or wants_redis):
        yield str(settings.database_url), str(settings.redis_url)
        return
    with embedded.running(settings.data_dir, postgres=wants_database, valkey=wants_redis) as servers:
        yield settings.database_url or str(servers.database_url), settings.redis_url or str(servers.redis_url)


@contextmanager
def running(*, pool_size: int = 10) -> Iterator[Runtime]:
    """A whole runtime from the environment. Raises UnsafeSettings."""
    settings = config.load()
    logs.configure(is_production=settings.is_production)
    with servers(settings) as (database_url, redis_url):
        yield assemble(settings, database_url=database_url, redis_url=redis_url, pool_size=pool_size)
