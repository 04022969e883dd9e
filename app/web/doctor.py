"""Checks this deployment and reports problems with their remedies, one sentence a finding, without secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from app import config, embedded, runtime
from app.errors import Unavailable, UnsafeSettings
from app.jira import reach
from app.store.migrations import runner
from app.store.schema import APP_ROLE
from app.web.words.sentences import english

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config import Settings

_SECONDS = 30


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    name: str
    ok: bool
    detail: str


def examine() -> list[Finding]:
    """Run every possible check; settings first, since nothing else works without them."""
    try:
        settings = config.load()
    except UnsafeSettings as error:
        return [Finding("settings", ok=False, detail=problem) for problem in error.problems]
    findings = [Finding("settings", ok=True, detail=f"{settings.environment}, serving {settings.base_url}")]
    try:
        with runtime.servers(settings) as (database_url, redis_url):
            findings += _database(database_url)
            findings += _redis(redis_url)
    except embedded.EmbeddedError as error:
        findings.append(Finding("embedded servers", ok=False, detail=str(error)))
    return [*findings, *_reach(settings)]


def _database(database_url: str) -> Iterator[Finding]:
    try:
        state = runner.examine(database_url)
    except Unavailable as error:
        yield Finding(
            "database", ok=False, detail=f"{english(error.condition)} Check DATABASE_URL and that the server is up."
        )
        return
    yield Finding("database", ok=True, detail=f"PostgreSQL {state.server_version}")
    yield Finding("clock", ok=abs(state.clock_difference) < _SECONDS, detail=_clock_words(state.clock_difference))
    is_current = state.applied_revision == state.newest_revision
    todo = "" if is_current else "; run: python -m app release"
    yield Finding(
        "schema",
        ok=is_current,
        detail=f"at {state.applied_revision or 'nothing'}, newest {state.newest_revision}{todo}",
    )
    if state.poison_count:
        yield Finding(
            "parked records",
            ok=True,
            detail=f"{state.poison_count} records of Jira's could not be read and were left out; GET …/progress lists them by"
            " integration with reason and hash: report the reasons to the maintainers of this app",
        )
    if state.is_exempt:
        yield Finding(
            "row-level security",
            ok=True,
            detail=f"the database user is exempt, sessions work under {APP_ROLE}; a plain owner is better",
        )


def _clock_words(difference: float) -> str:
    if abs(difference) < _SECONDS:
        return "agrees with the database's"
    return f"differs from the database's by {difference:.0f} s; tokens will be refused: set up time synchronisation"


def _redis(redis_url: str) -> Iterator[Finding]:
    try:
        info = runtime.connect_redis(redis_url).info("server")
    except RedisError:
        yield Finding("redis", ok=False, detail="does not answer. Check REDIS_URL and that the server is up.")
        return
    version = info.get("valkey_version") or info.get("redis_version")
    yield Finding("redis", ok=True, detail=f"answers, version {version}")


def _reach(settings: Settings) -> Iterator[Finding]:
    for name, url in (("install keys", settings.install_keys_url), ("base url", f"{settings.base_url}/livez")):
        problem = reach.problem_with(url)
        todo = "allow it through the firewall or proxy" if name == "install keys" else "start web, check the proxy"
        yield Finding(
            name, ok=problem is None, detail=f"{url} answers" if problem is None else f"{url}: {problem}; {todo}"
        )
