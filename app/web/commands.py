"""The command line: `python -m app …`, or `flask --app app.web …`."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click
from redis.exceptions import RedisError

from app import actions, embedded, ids, runtime
from app.conditions import Code
from app.errors import AppError, CodedError, Missing
from app.integrations import accounts, directory, ledger
from app.web.doctor import examine
from app.web.words.sentences import english

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
        except CodedError as error:
            raise click.ClickException(english(error.condition)) from error
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
    """List an account's keys by prefix, with the days of their creation and revocation."""
    with runtime.running() as parts, parts.store.unrestricted_unsafe() as session:
        for prefix, created_at, revoked_at in accounts.keys_of(session, name):
            end = f"revoked {revoked_at:%Y-%m-%d}" if revoked_at else "good"
            click.echo(f"{prefix}  {created_at:%Y-%m-%d}  {end}")


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
    """List sites: id, state, address, day of the installation."""
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
@click.argument("integration_id", metavar="INTEGRATION")
@click.option("--full", "is_full", is_flag=True, help="Walk the whole site again, not only what changed.")
@plainly
def sync(integration_id: str, *, is_full: bool) -> None:
    """Read the latest changes now."""
    with runtime.running() as parts:
        parts.redis.ping()
        actions.sync(parts.store, _find(parts, integration_id), is_full=is_full)
        click.echo("Started. Follow it with: python -m app verify " + integration_id)


@click.command("verify")
@click.argument("integration_id", metavar="INTEGRATION")
@plainly
def verify(integration_id: str) -> None:
    """Compare the stored rows with the site's own counts; exit status 1 where rows are missing."""
    with runtime.running() as parts:
        findings = actions.verify(parts.store, parts.sites, _find(parts, integration_id))
        click.echo(f"{'entity':<16} {'scope':<12} {'stored':>10} {'expected':>10}  method")
        for finding in findings:
            mark = "" if finding.is_complete else "  MISSING"
            click.echo(
                f"{finding.entity:<16} {finding.scope_id or 'site':<12} {finding.stored:>10} {finding.expected:>10}"
                f"  {finding.method}{mark}"
            )
        is_complete = all(finding.is_complete for finding in findings)
        click.echo("Verified complete." if is_complete else "Not complete.")
        sys.exit(0 if is_complete else 1)


@click.group("keys")
def keys_group() -> None:
    """The keys that seal secrets at rest."""


@keys_group.command("rotate")
@plainly
def keys_rotate() -> None:
    """Seal every secret again with the first of SECRET_KEYS; exit status 1 where a site's secret does not open."""
    with runtime.running() as parts:
        rotation = parts.keyring.rotate()
    click.echo(f"{rotation.resealed_count} secrets sealed with the newest key.")
    for tenant_id in rotation.broken_ids:
        click.echo(
            f"{tenant_id}  no key of SECRET_KEYS opens its secret: restore the key, or have the app re-installed"
        )
    sys.exit(1 if rotation.broken_ids else 0)


@click.command("doctor")
def doctor() -> None:
    """Check settings, database, Redis, clock and reachability; name the remedy of each failure."""
    findings = examine()
    for finding in findings:
        click.echo(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name}: {finding.detail}")
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


def _find(parts: Runtime, integration_id: str) -> Integration:
    """An integration of any account. Raises Missing."""
    parsed_id = ids.parse(integration_id)
    if parsed_id is None:
        raise Missing(Code.NOT_AN_ID)
    with parts.store.unrestricted_unsafe() as session:
        return ledger.get(session, parsed_id)


GROUPS = (accounts_group, tenants_group, integrations_group, sync, verify, keys_group, doctor)
