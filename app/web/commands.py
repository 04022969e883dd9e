"""The command line: `python -m app …`, or `flask --app app.web …`."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from uuid import UUID

import click
from redis.exceptions import RedisError

from app import embedded, ids, jobs, runtime
from app.errors import AppError, Missing
from app.ingest.planning import tenant_schedule
from app.ingest.proof import verification
from app.integrations import accounts, directory, ledger
from app.web.doctor import examine

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.integrations.model import Integration
    from app.runtime import Runtime

P = ParamSpec("P")
T = TypeVar("T")


def plainly(command: Callable[P, T]) -> Callable[P, T]:
    """Every failure is a sentence and exit status 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except (AppError, embedded.EmbeddedError) as error:
            raise click.ClickException(str(error)) from error
        except RedisError as error:
            raise click.ClickException("Redis does not answer; check REDIS_URL.") from error

    return run


@click.group("accounts")
def accounts_group() -> None:
    """SEI accounts and their API keys."""


@accounts_group.command("create")
@click.argument("name")
@plainly
def accounts_create(name: str) -> None:
    """Create an account; its API key is printed once."""
    with runtime.running() as parts, parts.store.unrestricted_unsafe() as session:
        click.echo(accounts.create(session, name))


@accounts_group.command("new-key")
@click.argument("name")
@plainly
def accounts_new_key(name: str) -> None:
    """Add an API key to an account; it is printed once."""
    with runtime.running() as parts, parts.store.unrestricted_unsafe() as session:
        click.echo(accounts.add_key(session, name))


@accounts_group.command("keys")
@click.argument("name")
@plainly
def accounts_keys(name: str) -> None:
    """List an account's keys by prefix: since when, and until when they were good."""
    with runtime.running() as parts, parts.store.unrestricted_unsafe() as session:
        for prefix, born, ended in accounts.keys_of(session, name):
            click.echo(f"{prefix}  {born:%Y-%m-%d}  {f'revoked {ended:%Y-%m-%d}' if ended else 'good'}")


@accounts_group.command("revoke")
@click.argument("prefix")
@plainly
def accounts_revoke(prefix: str) -> None:
    """Revoke the API key that begins with PREFIX, and the console sessions it opened."""
    with runtime.running() as parts, parts.store.unrestricted_unsafe() as session:
        accounts.revoke(session, prefix)
    click.echo("Revoked.")


@click.group("tenants")
def tenants_group() -> None:
    """Jira sites that installed the app."""


@tenants_group.command("list")
@plainly
def tenants_list() -> None:
    """List sites: id, state, address, since when."""
    with runtime.running() as parts, parts.store.unrestricted_unsafe() as session:
        for row in directory.tenants(session):
            click.echo(f"{row.id}  {row.state:<12} {row.base_url}  {row.created_at:%Y-%m-%d}")


@click.group("integrations")
def integrations_group() -> None:
    """Integrations of all accounts."""


@integrations_group.command("list")
@plainly
def integrations_list() -> None:
    """List integrations: id, state, account, name, site."""
    with runtime.running() as parts, parts.store.unrestricted_unsafe() as session:
        for row in directory.integrations(session):
            click.echo(f"{row.id}  {row.state:<16} {row.account}  {row.name}  {row.base_url or '–'}")


@click.command("sync")
@click.argument("integration")
@click.option("--full", is_flag=True, help="Walk the whole site again, not only what is due.")
@plainly
def sync(integration: str, *, full: bool) -> None:
    """Start pulling for an integration now."""
    with runtime.running() as parts:
        held = _find(parts, integration)
        if held.tenant_id is None or not held.state.is_working:
            raise click.ClickException("The integration is not connected, or it is paused.")
        if not full:
            with parts.store.bound_to(held.tenant_id) as session:
                tenant_schedule.hasten(
                    session, "poll", "worklogs", "failed_webhooks", "refresh", "second_look", "verify"
                )
        jobs.enqueue(parts.redis, jobs.PLAN if full else jobs.BACKFILL, str(held.tenant_id))
        click.echo("Started. Follow it with: python -m app verify " + integration)


@click.command("verify")
@click.argument("integration")
@plainly
def verify(integration: str) -> None:
    """Compare what is stored with what the site says it has; exit status 1 where rows are missing."""
    with runtime.running() as parts:
        held = _find(parts, integration)
        if held.tenant_id is None:
            raise click.ClickException("The integration is not paired with a site.")
        findings = verification.verify(parts.store, parts.sites.open(held.tenant_id), held.tenant_id)
        click.echo(f"{'entity':<16} {'scope':<12} {'stored':>10} {'expected':>10}  method")
        for each in findings:
            mark = "" if each.is_complete else "  MISSING"
            click.echo(
                f"{each.entity:<16} {each.scope_id or 'site':<12} {each.stored:>10} {each.expected:>10}"
                f"  {each.method}{mark}"
            )
        is_complete = all(each.is_complete for each in findings)
        click.echo("Verified complete." if is_complete else "Not complete.")
        sys.exit(0 if is_complete else 1)


@click.group("keys")
def keys_group() -> None:
    """The keys that seal secrets at rest."""


@keys_group.command("rotate")
@plainly
def keys_rotate() -> None:
    """Seal every secret again with the first of SECRET_KEYS; safe while everything runs."""
    with runtime.running() as parts:
        click.echo(f"{parts.keyring.rotate()} secrets sealed with the newest key.")


@click.command("doctor")
def doctor() -> None:
    """Check settings, database, Redis, clock and reachability; say what to do."""
    findings = examine()
    for each in findings:
        click.echo(f"{'ok  ' if each.ok else 'FAIL'} {each.name}: {each.detail}")
    sys.exit(0 if all(each.ok for each in findings) else 1)


def _find(parts: Runtime, integration: str) -> Integration:
    known = ids.parse(integration)
    if not isinstance(known, UUID):
        raise Missing("That is not an integration's id; list them with: python -m app integrations list")
    with parts.store.unrestricted_unsafe() as session:
        return ledger.get(session, known)


GROUPS = (accounts_group, tenants_group, integrations_group, sync, verify, keys_group, doctor)
